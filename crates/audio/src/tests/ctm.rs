use crate::{Ctm, CtmKind, DataDirectory, Error, StateSpan};
use std::path::PathBuf;
use tempfile::TempDir;

fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ali.ctm");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// Returns the file's spans for an utterance of a corpus of whole recordings.
fn spans(ctm: &Ctm, id: &str) -> Option<Vec<StateSpan>> {
    let data = corpus("a a.wav\nb b.wav\nc c.wav\n", None);
    ctm.spans(data.utterances.iter().find(|u| u.id == id).unwrap(), &data).unwrap()
}

fn corpus(scp: &str, segments: Option<&str>) -> DataDirectory {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wav.scp"), scp).unwrap();
    if let Some(segments) = segments {
        std::fs::write(folder.path().join("segments"), segments).unwrap();
    }
    DataDirectory::read(folder.path()).unwrap()
}

fn span(phone: &str, state: u8, start: i64, end: i64) -> StateSpan {
    StateSpan { phone: phone.to_owned(), state, start, end }
}

#[test]
fn phones_become_three_states_each() {
    let (_folder, path) = file("a 1 0.00 0.30 SIL\na 1 0.30 0.09 AH 0.98\n");
    let spans = spans(&Ctm::open(&path, CtmKind::Phones).unwrap(), "a").unwrap();
    assert_eq!(spans[0], span("SIL", 0, 0, 100_000));
    assert_eq!(spans[5], span("AH", 2, 360_000, 390_000));
}

#[test]
fn states_are_taken_as_written() {
    let (_folder, path) = file(";; by hand\na 1 0.1 0.05 AH.1\na 1 0 0.1 AH.0\n\nb 1 0 1.5 +NOISE+.2\n");
    let ctm = Ctm::open(&path, CtmKind::States).unwrap();
    assert_eq!(ctm.len(), 2);
    let in_order = [span("AH", 0, 0, 100_000), span("AH", 1, 100_000, 150_000)];
    assert_eq!(spans(&ctm, "a").unwrap(), in_order);
    assert_eq!(spans(&ctm, "b").unwrap(), [span("+NOISE+", 2, 0, 1_500_000)]);
    assert_eq!(spans(&ctm, "c"), None);
}

#[test]
fn the_lines_of_an_utterance_need_not_be_together() {
    let (_folder, path) = file("a 1 0 1 X.0\nb 1 0 1 Y.0\na 1 1 1 X.1\nb 1 1 1 Y.1");
    let ctm = Ctm::open(&path, CtmKind::States).unwrap();
    assert_eq!(spans(&ctm, "a").unwrap(), [span("X", 0, 0, 1_000_000), span("X", 1, 1_000_000, 2_000_000)]);
    assert_eq!(spans(&ctm, "b").unwrap().len(), 2);
}

#[test]
fn each_malformed_line_is_named() {
    let cases = [
        ("a 1 0 1", CtmKind::Phones, "`id channel start duration symbol`"),
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

#[test]
fn times_that_count_from_a_recordings_start_are_cut_to_its_segments() {
    let data =
        corpus("call call.wav\n", Some("u1 call 0 1.0\nu2 call 1.0 2.5\nu3 call 8 9\nu4 call 2.5 -1\n"));
    let (_folder, path) = file(
        "call 1 0 0.6 A.0\ncall 1 0.6 0.8 B.0\ncall 1 1.4 1.1 C.0\ncall 1 2.5 0.5 D.1\nstranger 1 0 1 A.0\n",
    );
    let ctm = Ctm::open(&path, CtmKind::States).unwrap();
    let of = |i: usize| ctm.spans(&data.utterances[i], &data).unwrap();
    assert_eq!(of(0).unwrap(), [span("A", 0, 0, 600_000), span("B", 0, 600_000, 1_000_000)]);
    assert_eq!(of(1).unwrap(), [span("B", 0, 0, 400_000), span("C", 0, 400_000, 1_500_000)]);
    assert_eq!(of(2), None);
    assert_eq!(of(3).unwrap(), [span("D", 1, 0, 500_000)]);
    let unmatched = ctm.unmatched(&data);
    assert_eq!((unmatched.ids, unmatched.examples), (1, vec!["stranger".to_owned()]));
}

#[test]
fn a_segment_deep_in_a_long_recording_is_found() {
    let lines: String = (0..5_000).map(|i| format!("call 1 {}.{} 0.1 P{i}.0\n", i / 10, i % 10)).collect();
    let data = corpus("call call.wav\n", Some("u call 400.05 400.25\n"));
    let (_folder, path) = file(&lines);
    let found =
        Ctm::open(&path, CtmKind::States).unwrap().spans(&data.utterances[0], &data).unwrap().unwrap();
    let wanted =
        [span("P4000", 0, 0, 50_000), span("P4001", 0, 50_000, 150_000), span("P4002", 0, 150_000, 200_000)];
    assert_eq!(found, wanted);
}

#[test]
fn phones_without_duration_are_counted_and_skipped() {
    let (_folder, path) = file("a 1 0 0.3 A\na 1 0.3 0.000 X\na 1 0.3 0.3 B\n");
    let ctm = Ctm::open(&path, CtmKind::Phones).unwrap();
    assert_eq!(ctm.empty_spans, 1);
    assert!(spans(&ctm, "a").unwrap().iter().all(|span| span.phone != "X"));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name_and_a_no_break_space_is_refused() {
    let (_folder, path) = file("\u{feff}a 1 0 0.3 A\n");
    assert_eq!(spans(&Ctm::open(&path, CtmKind::Phones).unwrap(), "a").unwrap().len(), 3);
    let (_folder, path) = file("b 1 0 0.3 A\na\u{a0}b 1 0 0.3 A\n");
    let error = Ctm::open(&path, CtmKind::Phones).unwrap_err().to_string();
    assert!(error.contains("line 2: expected an identifier") && error.contains(r"a\u{a0}b"), "{error}");
}
