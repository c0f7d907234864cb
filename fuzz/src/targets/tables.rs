use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use stentor_audio::{Ctm, CtmKind, DataDirectory, Extent, IntegerArk, Recording, Utterance};
use stentor_experiment::Experiment;
use tempfile::TempDir;

/// An experiment file: if it is accepted, it can be written out and reads the same again.
pub(crate) fn experiment(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(experiment) = Experiment::parse(text) {
        let again = Experiment::parse(&experiment.to_toml()).expect("the experiment with its defaults");
        assert_eq!(again, experiment);
        let _ = (experiment.model.architecture.parameter_count(192, 100), experiment.thresholds());
        let _ = experiment.rebased("/base");
    }
}

pub(crate) fn experiment_seeds() -> Vec<Vec<u8>> {
    let short = "[run]\nname = \"r\"\noutput = \"o\"\n[data]\nannotated = \"a\"\n";
    let long = Experiment::parse(&format!(
        "{short}unannotated = \"u\"\nlabels = \"l\"\n[exchange]\nstrategy = \"two-tier\"\n[optimizer]\nkind = \"sgd\"\n"
    ));
    vec![short.into(), long.expect("a valid experiment").to_toml().into_bytes()]
}

/// The only folder that this process writes to. It is in memory if the system has such a folder, because a disk allows
/// only hundreds of inputs a second.
fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<TempDir> = OnceLock::new();
    let make = || tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    SCRATCH.get_or_init(|| make().expect("a folder for scratch files")).path()
}

const TABLES: [&str; 6] = ["wav.scp", "segments", "text", "utt2spk", "utt2group", "reco2file_and_channel"];

/// A data directory: its tables one after the other, separated by lines of `---`.
pub(crate) fn kaldi(data: &[u8]) {
    let mut parts = split(data).into_iter();
    for table in TABLES {
        let path = scratch().join(table);
        match parts.next() {
            Some(part) => std::fs::write(path, part).expect("a scratch file"),
            None => drop(std::fs::remove_file(path)),
        }
    }
    if let Ok(directory) = DataDirectory::read(scratch()) {
        assert!(directory.utterances.iter().all(|u| u.recording < directory.recordings.len()));
    }
}

/// Parts between lines of `---`.
fn split(data: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(4).position(|window| window == b"---\n") {
        parts.push(&rest[..at]);
        rest = &rest[at + 4..];
    }
    parts.push(rest);
    parts
}

pub(crate) fn kaldi_seeds() -> Vec<Vec<u8>> {
    vec![
        b"r1 a.wav\nr2 /b.flac\n---\nu1 r1 0.5 1.25\nu2 r2 0 -1\n---\nu1 some words\n---\nu1 s1\n---\nu2 g\n"
            .to_vec(),
        b"r1 a.wav\n".to_vec(),
    ]
}

/// Kaldi archives of integers, text and binary: what is read of the first utterance is no larger than the file.
pub(crate) fn ark(data: &[u8]) {
    let path = scratch().join("ark");
    std::fs::write(&path, data).expect("a scratch file");
    let Ok(ark) = IntegerArk::open(&path) else { return };
    let first = data.split(|b| b.is_ascii_whitespace()).find(|word| !word.is_empty()).unwrap_or_default();
    let first = std::str::from_utf8(first).unwrap_or_default();
    let numbers = ark.read(first).expect("a file that has not changed");
    assert!(numbers.is_none_or(|numbers| numbers.len() <= data.len()) && ark.len() <= data.len());
}

pub(crate) fn ark_seeds() -> Vec<Vec<u8>> {
    vec![
        b"u1 4 4 17 \nu2 0\n\nu3 \n".to_vec(),
        b"u1 \0B\x04\x02\0\0\0\x04\0\0\0\x11\0\0\0u2 \0B\x04\0\0\0\0".to_vec(),
    ]
}

/// Alignments of phones, of states and of pdfs.
pub(crate) fn ctm(data: &[u8]) {
    let path = scratch().join("ctm");
    std::fs::write(&path, data).expect("a scratch file");
    for kind in [CtmKind::Phones, CtmKind::States, CtmKind::Pdfs] {
        let Ok(ctm) = Ctm::open(&path, kind) else { continue };
        let first = data.split(|b| b.is_ascii_whitespace()).find(|word| !word.is_empty()).unwrap_or_default();
        for name in [std::str::from_utf8(first).unwrap_or_default(), "u1"] {
            // Looked up by its own name, and as a segment of the recording with that name.
            let utterance = |id: &str, extent| Utterance {
                id: id.to_owned(),
                line: 1,
                recording: 0,
                extent,
                text: None,
                speaker: None,
                group: None,
            };
            let recordings = vec![Recording { id: name.to_owned(), path: PathBuf::new(), channel: None }];
            let corpus = DataDirectory { recordings, utterances: Vec::new(), unmatched: BTreeMap::new() };
            let spans = |utterance| ctm.spans(&utterance, &corpus).expect("a file that has not changed");
            let (whole, end) = (spans(utterance(name, Extent::Whole)), Some(200_000));
            assert_eq!(whole.is_some(), ctm.contains(name));
            let part = spans(utterance("no such name", Extent::Segment { start: 100_000, end }));
            assert!(whole.iter().chain(&part).flatten().all(|span| span.start < span.end));
            assert!(part.iter().flatten().all(|span| span.start >= 0 && span.end <= 100_000));
        }
    }
}

pub(crate) fn ctm_seeds() -> Vec<Vec<u8>> {
    vec![
        b"u1 1 0.00 0.12 SIL\nu1 1 0.12 0.08 AH0\nu2 1 0 0.5 T\n".to_vec(),
        b";; states\nu1 1 0.00 0.12 SIL.0\nu1 1 0.12 0.08 AH0.2\nu2 1 0 0.5 T.255\nu1 1 0.3 0 B.1\n".to_vec(),
    ]
}
