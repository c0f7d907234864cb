use crate::{Ctm, CtmKind, Error, StateSpan};
use std::path::PathBuf;
use tempfile::TempDir;

fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ali.ctm");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn span(phone: &str, state: u8, start: i64, end: i64) -> StateSpan {
    StateSpan { phone: phone.to_owned(), state, start, end }
}

#[test]
fn phones_become_three_states_each() {
    let (_folder, path) = file("a 1 0.00 0.30 SIL\na 1 0.30 0.09 AH 0.98\n");
    let spans = Ctm::open(&path, CtmKind::Phones).unwrap().spans("a").unwrap().unwrap();
    assert_eq!(spans[0], span("SIL", 0, 0, 100_000));
    assert_eq!(spans[5], span("AH", 2, 360_000, 390_000));
}

#[test]
fn states_are_taken_as_written() {
    let (_folder, path) = file(";; by hand\na 1 0.1 0.05 AH.1\na 1 0 0.1 AH.0\n\nb 1 0 1.5 +NOISE+.2\n");
    let ctm = Ctm::open(&path, CtmKind::States).unwrap();
    assert_eq!(ctm.len(), 2);
    let in_order = [span("AH", 0, 0, 100_000), span("AH", 1, 100_000, 150_000)];
    assert_eq!(ctm.spans("a").unwrap().unwrap(), in_order);
    assert_eq!(ctm.spans("b").unwrap().unwrap(), [span("+NOISE+", 2, 0, 1_500_000)]);
    assert_eq!(ctm.spans("c").unwrap(), None);
}

#[test]
fn the_lines_of_an_utterance_need_not_be_together() {
    let (_folder, path) = file("a 1 0 1 X.0\nb 1 0 1 Y.0\na 1 1 1 X.1\nb 1 1 1 Y.1");
    let ctm = Ctm::open(&path, CtmKind::States).unwrap();
    assert_eq!(
        ctm.spans("a").unwrap().unwrap(),
        [span("X", 0, 0, 1_000_000), span("X", 1, 1_000_000, 2_000_000)]
    );
    assert_eq!(ctm.spans("b").unwrap().unwrap().len(), 2);
}

#[test]
fn each_malformed_line_is_named() {
    let cases = [
        ("a 1 0 1", CtmKind::Phones, "`utterance channel start duration symbol`"),
        ("a 1 soon 1 AH", CtmKind::Phones, "a start in seconds"),
        ("a 1 -1 1 AH", CtmKind::Phones, "a start in seconds"),
        ("a 1 0 inf AH", CtmKind::Phones, "a duration in seconds"),
        ("a 1 0 1 AH", CtmKind::States, "a state, `PHONE.k`"),
        ("a 1 0 1 AH.x", CtmKind::States, "a state, `PHONE.k` with k from 0 to 255"),
    ];
    for (line, kind, wanted) in cases {
        let (_folder, path) = file(&format!("ok 1 0 1 AH.0\n{line}\n"));
        match Ctm::open(&path, kind).unwrap_err() {
            Error::Line { line: 2, expected, .. } => assert_eq!(expected, wanted),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Ctm::open(&PathBuf::from("no-such.ctm"), CtmKind::Phones).unwrap_err();
    assert!(error.to_string().starts_with("cannot read no-such.ctm"), "{error}");
}
