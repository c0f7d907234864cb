use crate::{DataDirectory, Error, Extent};
use proptest::prelude::*;
use tempfile::TempDir;

fn directory(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn refusal(files: &[(&str, &str)]) -> Error {
    DataDirectory::read(directory(files).path()).unwrap_err()
}

#[test]
fn without_segments_each_recording_is_an_utterance() {
    let folder = directory(&[
        ("wav.scp", "a wav/one clip.wav\nb /data/b.flac\n"),
        ("text", "b hello  there \na\n"),
        ("utt2spk", "a ann\nb bob\n"),
        ("utt2group", "a dialogue-1\n"),
    ]);
    let data = DataDirectory::read(folder.path()).unwrap();
    assert_eq!(data.recordings[0].path, folder.path().join("wav/one clip.wav"));
    assert_eq!(data.recordings[1].path.to_str(), Some("/data/b.flac"));
    let (a, b) = (&data.utterances[0], &data.utterances[1]);
    assert_eq!((a.id.as_str(), a.recording, a.extent), ("a", 0, Extent::Whole));
    // A line without words is no transcript.
    assert_eq!(
        (a.text.as_deref(), a.speaker.as_deref(), a.group.as_deref()),
        (None, Some("ann"), Some("dialogue-1"))
    );
    assert_eq!((b.text.as_deref(), b.group.as_deref()), (Some("hello  there"), None));
}

#[test]
fn segments_cut_recordings_into_utterances() {
    let folder = directory(&[
        ("wav.scp", "call call.wav\n"),
        ("segments", "call-2 call 3.5 -1\ncall-1 call 0 3.25\n"),
        ("text", "call-1 yes\ncall-9 who\n"),
    ]);
    let data = DataDirectory::read(folder.path()).unwrap();
    assert_eq!(data.utterances[0].extent, Extent::Segment { start: 3_500_000, end: None });
    assert_eq!(data.utterances[1].extent, Extent::Segment { start: 0, end: Some(3_250_000) });
    assert_eq!(data.utterances[1].text.as_deref(), Some("yes"));
    assert_eq!((data.utterances[1].line, data.utterances[1].recording), (2, 0));
    assert_eq!(data.unmatched.keys().collect::<Vec<_>>(), ["text"]);
    assert_eq!(
        (data.unmatched["text"].ids, &data.unmatched["text"].examples[..]),
        (1, &["call-9".to_owned()][..])
    );
}

#[test]
fn a_recording_may_be_a_channel_of_a_file() {
    let scp = ("wav.scp", "call-a call.wav\ncall-b call.wav\nother other.wav\n");
    let table = "call-b call B\ncall-a call 1\nwho what 2\n";
    let data = DataDirectory::read(directory(&[scp, ("reco2file_and_channel", table)]).path()).unwrap();
    let channels: Vec<_> = data.recordings.iter().map(|recording| recording.channel).collect();
    assert_eq!(channels, [Some(1), Some(2), None]);
    assert_eq!(data.unmatched["reco2file_and_channel"].examples, ["who"]);
    for line in ["call-a call\n", "call-a call 0\n", "call-a call left\n", "call-a call 1 2\n"] {
        let error = refusal(&[scp, ("reco2file_and_channel", line)]);
        assert!(matches!(error, Error::Line { line: 1, .. }), "{line}: {error}");
    }
    let twice = refusal(&[scp, ("reco2file_and_channel", "call-a call 1\ncall-a call 2\n")]);
    assert!(matches!(twice, Error::Duplicate { line: 2, .. }), "{twice}");
}

#[test]
fn a_command_pipe_is_refused_with_a_remedy() {
    let error = refusal(&[("wav.scp", "a x.wav\nb sph2pipe -f wav b.sph |\n")]);
    assert!(matches!(&error, Error::Pipe { line: 2, id, .. } if id == "b"), "{error}");
    assert!(error.to_string().contains("write its output as WAV"), "{error}");
}

#[test]
fn each_malformed_table_is_an_error_with_its_line() {
    let scp = ("wav.scp", "a a.wav\n");
    let faults = [
        (refusal(&[]), "cannot read"),
        (refusal(&[("wav.scp", "\n")]), "lists no recordings"),
        (refusal(&[("wav.scp", "a\n")]), "line 1: expected `recording path`"),
        (refusal(&[("wav.scp", "a x.wav\na y.wav")]), "line 2: `a` appears twice"),
        (refusal(&[scp, ("segments", "u z 0 1")]), "line 1: recording `z` is not in wav.scp"),
        (refusal(&[scp, ("segments", "u a 0 1 1")]), "line 1: expected `utterance recording start end`"),
        (refusal(&[scp, ("segments", "u a x 1")]), "line 1: expected `utterance recording start end`"),
        (refusal(&[scp, ("segments", "u a 2 1")]), "line 1: expected an end after the start"),
        (refusal(&[scp, ("segments", "u a 0 1\nu a 1 2")]), "line 2: `u` appears twice"),
        (refusal(&[scp, ("segments", "u a 0 -oops")]), "line 1: expected an end that is a finite number"),
        (refusal(&[scp, ("segments", "u a 0 -2")]), "or -1 for the end of the recording"),
        (refusal(&[scp, ("segments", "u a 0 inf")]), "line 1: expected an end that is a finite number"),
        (refusal(&[scp, ("segments", "")]), "segments lists no utterances"),
        (refusal(&[scp, ("utt2spk", "a ann\nb bob 1")]), "utt2spk, line 2: expected `utterance speaker`"),
        (refusal(&[scp, ("utt2group", "a one two")]), "line 1: expected `utterance group`"),
        (refusal(&[scp, ("text", "a yes\na no")]), "line 2: `a` appears twice"),
    ];
    for (error, words) in faults {
        assert!(error.to_string().contains(words), "{error} does not say `{words}`");
    }
}

#[test]
fn a_byte_order_mark_at_the_head_of_any_table_is_ignored() {
    let folder = directory(&[
        ("wav.scp", "\u{feff}a a.wav\n"),
        ("segments", "\u{feff}u a 0 1\n"),
        ("text", "\u{feff}u hello\n"),
        ("utt2spk", "\u{feff}u ann\n"),
        ("utt2group", "\u{feff}u tea\n"),
    ]);
    let data = DataDirectory::read(folder.path()).unwrap();
    let u = &data.utterances[0];
    assert_eq!((data.recordings[0].id.as_str(), u.id.as_str()), ("a", "u"));
    let columns = [u.text.as_deref(), u.speaker.as_deref(), u.group.as_deref()];
    assert_eq!((columns, data.unmatched.len()), ([Some("hello"), Some("ann"), Some("tea")], 0));
}

#[test]
fn other_encodings_are_refused_and_named() {
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain("a a.wav\n".bytes().flat_map(|b| [b, 0])).collect();
    let cases: [(&[u8], &str); 4] = [
        (&utf16, "line 1: expected UTF-8 text, found UTF-16"),
        (b"\xfe\xff\0a\0 \0b", "line 1: expected UTF-8 text, found UTF-16"),
        (b"a a.wav\nb\0 b.wav\n", "line 2: expected UTF-8 text, found zero bytes"),
        (b"a a.wav\nm\xfcller b.wav\n", "line 2: expected UTF-8 text, found bytes that are not UTF-8"),
    ];
    for (bytes, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("wav.scp"), bytes).unwrap();
        let error = DataDirectory::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("iconv"), "{error} does not say `{words}`");
    }
}

#[test]
fn an_invisible_character_in_an_identifier_is_shown_with_its_line() {
    let scp = ("wav.scp", "b b.wav\na a.wav\n");
    let faults = [
        (refusal(&[("wav.scp", "b b.wav\ns0\u{a0}u00 a.wav\n")]), r"wav.scp, line 2", r"s0\u{a0}u00"),
        (refusal(&[scp, ("text", "a yes\nb\u{200b} no\n")]), "text, line 2", r"b\u{200b}"),
        (refusal(&[scp, ("utt2spk", "a ann\u{a0}lee\n")]), "utt2spk, line 1", r"ann\u{a0}lee"),
        (refusal(&[scp, ("segments", "u\u{3000}1 a 0 1\n")]), "segments, line 1", r"u\u{3000}1"),
    ];
    for (error, place, found) in faults {
        let error = error.to_string();
        assert!(error.contains(place) && error.contains(found), "{error} does not show {found} in {place}");
    }
}

proptest! {
    #[test]
    fn no_table_makes_the_reader_panic(scp in "([ab|\\t .]{0,9}\n){0,4}", segments in "([ab01.-]{0,3} ?){0,5}") {
        let folder = directory(&[("wav.scp", &scp), ("segments", &segments)]);
        let _ = DataDirectory::read(folder.path());
    }
}

#[test]
fn a_table_that_is_a_link_to_nowhere_is_not_taken_for_one_that_is_absent() {
    for table in ["reco2file_and_channel", "segments", "text", "utt2spk", "utt2group"] {
        for target in ["nowhere", table] {
            let folder = directory(&[("wav.scp", "a a.wav\n")]);
            std::os::unix::fs::symlink(target, folder.path().join(table)).unwrap();
            let error = DataDirectory::read(folder.path()).unwrap_err();
            assert!(matches!(&error, Error::Read { path, .. } if path.ends_with(table)), "{table}: {error}");
        }
    }
}

#[test]
fn a_recording_in_an_archive_is_refused_with_its_line() {
    let error = refusal(&[("wav.scp", "a a.wav\nb /data/wav.ark:1234\n")]);
    assert!(matches!(&error, Error::Archive { line: 2, id, .. } if id == "b"), "{error}");
    for fine in ["/data/a.ark", "b:12.wav", "x.ark:y.wav"] {
        assert!(
            DataDirectory::read(directory(&[("wav.scp", &format!("a {fine}\n"))]).path()).is_ok(),
            "{fine}"
        );
    }
}
