//! Tied states of another program.

use super::corpus::{Corpus, milliseconds, phones, rows};
use super::run::run;
use crate::{Error, Fractions, Options, PdfFrames, PdfNumbers, Reason, Source, Summary};
use std::path::PathBuf;

const UTTERANCES: usize = 40;

/// Frames of the filter bank in an utterance, as Kaldi counts them.
fn frames(utterance: usize) -> usize {
    1 + (milliseconds(utterance) * 16 - 400) / 160
}

/// A corpus, with a table of 100 pdfs: three states of each of some phones, and one of silence.
struct World(Corpus);

impl World {
    fn new() -> Self {
        let world = Self(Corpus::new(UTTERANCES, 16_000));
        let line = |pdf: usize| match pdf {
            0 => "0 SIL 0\n".to_owned(),
            pdf => format!("{pdf} P{} {}\n", (pdf - 1) / 3, (pdf - 1) % 3),
        };
        world.write("pdf.phones", (0..100).map(line).collect::<String>().as_bytes());
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Writes an archive with these numbers for each utterance.
    fn write_ark(&self, numbers: impl Fn(usize) -> Vec<usize>) {
        let line = |utterance: usize| {
            let numbers: Vec<String> = numbers(utterance).iter().map(usize::to_string).collect();
            format!("u{utterance:03} {} \n", numbers.join(" "))
        };
        self.write("ali.ark", (0..UTTERANCES).map(line).collect::<String>().as_bytes());
    }

    fn prepare(&self, out: &str, numbers: PdfNumbers) -> Result<Summary, Error> {
        let source = Source::Pdfs { numbers, table: self.path("pdf.phones") };
        let fractions = Fractions { annotated: 0.3, dev: 0.3, test: 0.2, unannotated: None };
        run(&Options { fractions, ..Options::new(self.0.data(), self.path(out), source) })
    }

    fn ark(&self, frame_ms: u32) -> PdfNumbers {
        PdfNumbers::Ark(self.path("ali.ark"), frame_ms)
    }

    /// The labels of an utterance, which may be in any set.
    fn labels(&self, out: &str, utterance: &str) -> Option<Vec<usize>> {
        let rows = ["annotated", "dev", "test"].map(|set| rows(&self.path(out), set)).into_iter().flatten();
        let row = rows.into_iter().find(|row| row.utterance == utterance)?;
        Some(row.alignment?.iter().map(|id| id.index()).collect())
    }
}

fn number(utterance: &str) -> usize {
    utterance[1..].parse().unwrap()
}

#[test]
fn each_stacked_frame_has_the_pdf_of_its_middle_frame_and_outputs_are_numbered_as_pdfs() {
    let world = World::new();
    world.write_ark(|utterance| (0..frames(utterance)).collect());
    let summary = world.prepare("out", world.ark(10)).unwrap();
    assert_eq!((summary.senones, summary.phones, summary.silence_phones), (100, 34, 1));
    let mut all = 0;
    for set in ["annotated", "dev", "test"] {
        let rows = rows(&world.path("out"), set);
        assert!(!rows.is_empty());
        for row in rows {
            let labels: Vec<usize> = row.alignment.unwrap().iter().map(|id| id.index()).collect();
            let expected: Vec<usize> =
                (0..frames(number(&row.utterance)) / 3).map(|frame| 3 * frame + 1).collect();
            assert_eq!(labels, expected, "{}", row.utterance);
            all += labels.len() as u64;
        }
    }
    let expected = PdfFrames { from_ms: Some(10), to_ms: 30, frames: all, with_changes: all };
    assert_eq!(summary.pdf_frames, Some(expected));
    // Pdf 0 is silence, and each phone has three states of a frame each.
    let phones = phones(&world.path("out"), "annotated").unwrap();
    for (utterance, said) in phones {
        assert_eq!(said.len(), (frames(number(&utterance)) - 1).div_ceil(3), "{utterance}");
        assert_eq!((said[0].text.as_str(), said[0].start_ms, said[0].duration_ms), ("P0", 10, 30));
    }
}

#[test]
fn a_frame_whose_pdf_stays_the_same_counts_as_no_change_and_a_repeated_phone_as_two() {
    let world = World::new();
    // P0, and P0 once more.
    let pdfs = |utterance: usize| {
        let pdf = |frame: usize| [0, 1, 2, 3, 1, 2, 3, 0][(frame / 9).min(7)];
        (0..frames(utterance)).map(pdf).collect()
    };
    world.write_ark(pdfs);
    let summary = world.prepare("out", world.ark(10)).unwrap();
    assert_eq!(summary.pdf_frames.unwrap().with_changes, 0);
    for said in phones(&world.path("out"), "dev").unwrap().values() {
        let phones: Vec<&str> = said.iter().map(|span| span.text.as_str()).collect();
        assert_eq!(phones, ["P0", "P0"]);
        assert_eq!((said[0].start_ms, said[0].duration_ms), (90, 270));
    }
}

#[test]
fn a_model_that_sees_every_third_frame_gives_each_stacked_frame_its_own() {
    let world = World::new();
    world.write_ark(|utterance| (0..frames(utterance).div_ceil(3)).collect());
    let summary = world.prepare("out", world.ark(30)).unwrap();
    let PdfFrames { from_ms, with_changes, .. } = summary.pdf_frames.unwrap();
    assert_eq!((from_ms, with_changes), (Some(30), 0));
    for row in rows(&world.path("out"), "annotated") {
        let labels: Vec<usize> = row.alignment.unwrap().iter().map(|id| id.index()).collect();
        assert_eq!(labels, (0..frames(number(&row.utterance)) / 3).collect::<Vec<_>>(), "{}", row.utterance);
    }
    // Taken for frames of 10 ms, they are a third of the audio.
    let error = world.prepare("wrong", world.ark(10)).unwrap_err().to_string();
    assert!(error.contains("that does not fit the audio") && error.contains("--pdf-frame-ms"), "{error}");
}

#[test]
fn text_and_binary_archives_and_times_in_a_ctm_file_give_the_same_labels() {
    let world = World::new();
    let pdfs = |utterance: usize| (0..frames(utterance)).map(|frame| frame / 9).collect::<Vec<_>>();
    world.write_ark(pdfs);
    let text = world.prepare("text", world.ark(10)).unwrap();
    let (mut binary, mut ctm) = (Vec::new(), String::new());
    for utterance in 0..UTTERANCES {
        let numbers = pdfs(utterance);
        binary.extend(format!("u{utterance:03} \0B\x04").as_bytes());
        binary.extend((numbers.len() as i32).to_le_bytes());
        numbers.iter().for_each(|number| binary.extend((*number as i32).to_le_bytes()));
        for (frame, pdf) in numbers.iter().enumerate() {
            // Times in the middle of windows, as the archive's frames have them.
            ctm += &format!("u{utterance:03} 1 {:.4} 0.01 {pdf}\n", 0.01 * frame as f64 + 0.0075);
        }
    }
    world.write("ali.ark", &binary);
    let of_binary = world.prepare("binary", world.ark(10)).unwrap();
    let fingerprints = |summary: &Summary| -> Vec<String> {
        summary.sets.values().map(|set| set.fingerprint.clone()).collect()
    };
    assert_eq!(fingerprints(&text), fingerprints(&of_binary));
    world.write("ali.ctm", ctm.as_bytes());
    let of_ctm = world.prepare("ctm", PdfNumbers::Ctm(world.path("ali.ctm"))).unwrap();
    assert_eq!(of_ctm.pdf_frames.unwrap().from_ms, None);
    for row in rows(&world.path("text"), "annotated") {
        assert_eq!(world.labels("ctm", &row.utterance), world.labels("text", &row.utterance));
    }
}

#[test]
fn an_utterance_of_another_length_is_left_out_and_numbers_that_mean_nothing_are_refused() {
    let world = World::new();
    let annotated = {
        world.write_ark(|utterance| vec![1; frames(utterance)]);
        world.prepare("whole", world.ark(10)).unwrap();
        rows(&world.path("whole"), "annotated").into_iter().map(|row| number(&row.utterance)).next().unwrap()
    };
    world.write_ark(|utterance| vec![1; frames(utterance) - if utterance == annotated { 3 } else { 2 }]);
    let summary = world.prepare("short", world.ark(10)).unwrap();
    assert_eq!(summary.left_out.count(Reason::Misaligned), 1);
    let told = summary.left_out.of(crate::Set::Annotated);
    let expected = format!("expected about {} frames of 10 ms", frames(annotated));
    assert!(told.contains(&expected) && told.contains(&format!("found {}", frames(annotated) - 3)), "{told}");

    world.write_ark(|utterance| [vec![1; frames(utterance) - 1], vec![100]].concat());
    let error = world.prepare("unknown", world.ark(10)).unwrap_err();
    assert!(matches!(error, Error::UnknownPdf { pdf: 100, last: 99, .. }), "{error}");
    assert!(error.to_string().contains("different models"), "{error}");
    world.write("pdf.phones", b"0 SIL 0\n2 A 0\n");
    let error = world.prepare("table", world.ark(10)).unwrap_err().to_string();
    assert!(error.contains("pdf.phones: expected every pdf from 0 to 2, found 1 of them missing"), "{error}");
}

#[test]
fn alignments_of_another_corpus_are_no_alignments_and_their_names_are_listed() {
    let world = World::new();
    world.write("ali.ark", b"x1 1 1 1\nx2 1 1\n");
    let error = world.prepare("out", world.ark(10)).unwrap_err();
    assert!(matches!(error, Error::NoAlignments { .. }), "{error}");
    world.write_ark(|utterance| vec![1; frames(utterance)]);
    let mut text = std::fs::read_to_string(world.path("ali.ark")).unwrap();
    text += "x1 1 1 1\n";
    world.write("ali.ark", text.as_bytes());
    let summary = world.prepare("out", world.ark(10)).unwrap();
    assert_eq!(summary.unmatched["alignments"].examples, ["x1"]);
}
