use super::*;
use crate::exit;
use stentor_runtime::ExitStatus;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn with(self, name: &str, text: &str) -> Self {
        std::fs::write(self.at(name), text).unwrap();
        self
    }

    fn arguments(&self, reference: &str, hypothesis: &str) -> Args {
        Args {
            reference: self.at(reference),
            hypothesis: self.at(hypothesis),
            baseline: None,
            format: None,
            speakers: None,
            groups: None,
            json: Some(self.at("figures.json")),
            alignments: None,
            trn: None,
        }
    }

    fn figures(&self) -> WordFigures {
        serde_json::from_slice(&std::fs::read(self.at("figures.json")).unwrap()).unwrap()
    }

    fn counts(&self) -> [u64; 4] {
        let words = self.figures().total.words;
        [words.reference, words.substitutions, words.deletions, words.insertions]
    }
}

fn prompts() -> Folder {
    Folder::new()
        .with("ref.trn", "Hold the line. (a-1)\n[cough] Good bye (a-2)\npress the key (b-1)\n")
        .with("hyp.trn", "hold a line (a-1)\ngood (a-2)\npress the the key (b-1)\n")
        .with("base.trn", "hold (a-1)\ngood (a-2)\nthe key (b-1)\n")
        .with("utt2spk", "a-1 ann\na-2 ann\nb-1 bob\n")
}

#[test]
fn a_hypothesis_is_scored_by_speaker_and_against_a_baseline() {
    let folder = prompts();
    let (baseline, speakers) = (Some(folder.at("base.trn")), Some(folder.at("utt2spk")));
    run(&Args { baseline, speakers, ..folder.arguments("ref.trn", "hyp.trn") }).unwrap();
    let figures = folder.figures();
    assert_eq!((folder.counts(), figures.wer), ([8, 1, 1, 1], Some(37.5)));
    assert_eq!(figures.by_speaker.keys().collect::<Vec<_>>(), ["ann", "bob"]);
    assert_eq!(figures.interval.map(|interval| interval.units), Some(2));
    let difference = figures.difference.unwrap();
    assert_eq!((difference.baseline, difference.points), (50.0, -12.5));
    assert_eq!(figures.reference.dropped["[cough]"], 1);
}

#[test]
fn alignments_and_normalised_texts_are_written_where_asked_for() {
    let folder = prompts();
    let (alignments, trn) = (Some(folder.at("alignments.txt")), Some(folder.at("texts")));
    run(&Args { alignments, trn, ..folder.arguments("ref.trn", "hyp.trn") }).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.at(name)).unwrap();
    let printed = read("alignments.txt");
    assert!(
        printed.contains("id: (a-2)\nScores: (#C #S #D #I) 1 0 1 0\nREF:  good bye\nHYP:  good ***\n"),
        "{printed}"
    );
    assert_eq!(read("texts/reference.trn"), "hold the line (a-1)\ngood bye (a-2)\npress the key (b-1)\n");
    assert_eq!(read("texts/hypothesis.trn"), "hold a line (a-1)\ngood (a-2)\npress the the key (b-1)\n");
}

#[test]
fn what_is_read_is_not_written_over_and_nothing_is_written_twice() {
    let folder = prompts();
    std::fs::rename(folder.at("ref.trn"), folder.at("reference.trn")).unwrap();
    let arguments = || folder.arguments("reference.trn", "hyp.trn");
    let at = |name: &str| Some(folder.at(name));
    for (arguments, options) in [
        (Args { json: at("hyp.trn"), ..arguments() }, ["--json", "--hypothesis"]),
        (Args { json: at("a.x"), alignments: at("a.x"), ..arguments() }, ["--alignments", "--json"]),
        (Args { trn: Some(folder.0.path().to_owned()), ..arguments() }, ["--trn", "--reference"]),
        (
            Args { speakers: at("utt2spk"), alignments: at("utt2spk"), ..arguments() },
            ["--alignments", "--speakers"],
        ),
    ] {
        let error = run(&arguments).unwrap_err();
        let words = error.to_string();
        assert!(options.iter().all(|option| words.contains(option)), "{words}");
        assert_eq!(exit::of(&error), ExitStatus::Config, "{words}");
    }
    assert!(!folder.at("figures.json").exists() && !folder.at("a.x").exists());
}

#[test]
fn other_utterances_are_an_error_that_names_them_and_nothing_is_written() {
    let folder = prompts().with("text", "a-1 hold the line\na-2 good bye\nc-1 who\n");
    let error = format!("{:#}", run(&folder.arguments("ref.trn", "text")).unwrap_err());
    assert!(error.contains("(b-1)") && error.contains("(c-1)") && error.contains("ref.trn"), "{error}");
    assert!(!folder.at("figures.json").exists());
}

#[test]
fn words_with_times_are_scored_by_the_segments_of_an_stm_reference() {
    let folder = Folder::new()
        .with(
            "ref.stm",
            "f A ann 0 1 <O> hold the line\nf A x 1 2 ignore_time_segment_in_scoring\nf A bob 2 3 good bye\n",
        )
        .with(
            "hyp.ctm",
            "f A 0.0 0.2 hold\nf A 0.5 0.2 a\nf A 0.8 0.1 line\nf A 1.2 0.3 noise\nf A 2.5 0.2 good\n",
        )
        .with("hyp.stm", "f A s 0 1 hold a line\nf A s 1 2 noise\nf A s 2 3 good\n");
    for hypothesis in ["hyp.ctm", "hyp.stm"] {
        run(&folder.arguments("ref.stm", hypothesis)).unwrap();
        assert_eq!(folder.counts(), [5, 1, 1, 0], "{hypothesis}");
        assert_eq!(folder.figures().by_speaker.keys().collect::<Vec<_>>(), ["ann", "bob"]);
    }
}

#[test]
fn words_with_times_by_utterance_are_scored_against_texts() {
    let folder =
        prompts().with("text", "u hold the line\n").with("hyp.ctm", "u 1 0.5 0.1 line\nu 1 0.1 0.1 hold\n");
    run(&folder.arguments("text", "hyp.ctm")).unwrap();
    assert_eq!(folder.counts(), [3, 0, 1, 0]);
}

#[test]
fn a_file_whose_name_tells_no_format_needs_the_option() {
    let folder = prompts().with("hyp", "hold the line (a-1)\ngood bye (a-2)\npress the key (b-1)\n");
    let error = run(&folder.arguments("ref.trn", "hyp")).unwrap_err();
    assert_eq!(exit::of(&error), ExitStatus::Config);
    assert!(error.to_string().contains("give --format"), "{error}");
    run(&Args { format: Some(Format::Trn), ..folder.arguments("ref.trn", "hyp") }).unwrap();
    assert_eq!(folder.counts(), [8, 0, 0, 0]);
}

#[test]
fn a_line_that_is_not_right_is_named_with_its_file() {
    let folder = prompts().with("hyp.trn", "hold the line (a-1)\ngood bye\n");
    let error = format!("{:#}", run(&folder.arguments("ref.trn", "hyp.trn")).unwrap_err());
    assert!(error.contains("hyp.trn: line 2: expected words and an id in parentheses"), "{error}");
    assert!(error.contains("found `good bye`"), "{error}");
}
