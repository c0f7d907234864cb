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
    assert_eq!(data.unknown_lines, 1);
}

#[test]
fn a_pipe_is_refused_with_a_way_out() {
    let error = refusal(&[("wav.scp", "a x.wav\nb sph2pipe -f wav b.sph |\n")]);
    assert!(matches!(&error, Error::Pipe { line: 2, id, .. } if id == "b"), "{error}");
    assert!(error.to_string().contains("write its output as WAV"), "{error}");
}

#[test]
fn each_other_fault_is_an_error_that_names_the_line() {
    let scp = ("wav.scp", "a a.wav\n");
    let faults = [
        (refusal(&[]), "cannot read"),
        (refusal(&[("wav.scp", "\n")]), "names no recordings"),
        (refusal(&[("wav.scp", "a\n")]), "line 1: expected `recording path`"),
        (refusal(&[("wav.scp", "a x.wav\na y.wav")]), "line 2: `a` is there twice"),
        (refusal(&[scp, ("segments", "u z 0 1")]), "line 1: recording `z` is not in wav.scp"),
        (refusal(&[scp, ("segments", "u a 0 1 1")]), "line 1: expected `utterance recording start end`"),
        (refusal(&[scp, ("segments", "u a x 1")]), "line 1: expected `utterance recording start end`"),
        (refusal(&[scp, ("segments", "u a 2 1")]), "line 1: expected an end after the start"),
        (refusal(&[scp, ("segments", "u a 0 1\nu a 1 2")]), "line 2: `u` is there twice"),
        (refusal(&[scp, ("segments", "")]), "names no recordings"),
        (refusal(&[scp, ("text", "a yes\na no")]), "line 2: `a` is there twice"),
    ];
    for (error, words) in faults {
        assert!(error.to_string().contains(words), "{error} does not say `{words}`");
    }
}

proptest! {
    #[test]
    fn no_table_makes_the_reader_panic(scp in "([ab|\\t .]{0,9}\n){0,4}", segments in "([ab01.-]{0,3} ?){0,5}") {
        let folder = directory(&[("wav.scp", &scp), ("segments", &segments)]);
        let _ = DataDirectory::read(folder.path());
    }
}
