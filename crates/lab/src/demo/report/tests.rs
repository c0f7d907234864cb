use super::*;
use crate::demo::figures::{Before, figures};
use crate::demo::language::{EstimateFigures, Language, LexiconFigures, TextFigures};
use crate::demo::seed_run::tests::{run, run_of, words};
use crate::journal::Done;
use crate::runs::tests::{round, write_events};
use serde_json::json;
use stentor_evaluate::{
    Difference, FrameErrors, PerplexityFigures, PhoneReference, RecognisedUtterance, RecognitionFigures,
    Score,
};
use stentor_experiment::Source;
use stentor_tasks::options::demo::LexiconFormat;

/// A demo's folder, with the experiment files of its runs.
struct Stage {
    folder: tempfile::TempDir,
    recipe: Recipe,
    words: Words,
}

impl Stage {
    fn new(recipe: Recipe) -> Self {
        let done = Done { seconds: 1.0, token: 1 };
        let language = Language {
            lexicon: "lexicon.dict".into(),
            format: LexiconFormat::Cmu,
            model: "model.arpa".into(),
            done,
            seconds: 3.0,
            text: TextFigures { sentences: 500, words: 4_000, held_out: 60 },
            is_of_corpus: true,
            words: LexiconFigures {
                words: 1_234,
                guessed: [("zork".to_owned(), 2)].into(),
                left_out: [("x9".to_owned(), 1)].into(),
            },
            estimate: EstimateFigures { words: 4_000, unknown: 1, ngrams: vec![1_236, 3_000, 3_500] },
        };
        Self { folder: tempfile::tempdir().unwrap(), recipe, words: Words::Recognised(language) }
    }

    fn data(&self, runs: &[SeedRun]) -> ReportData {
        for run in runs {
            let home = self.folder.path().join(format!("seed-{}", run.seed));
            std::fs::create_dir_all(&home).unwrap();
            for system in System::all(&self.recipe) {
                std::fs::write(home.join(format!("{}.toml", system.name())), "[run]").unwrap();
            }
        }
        let prepared = PrepareSummary::default();
        let before = Before { prepare: 30.0, ..Before::default() };
        data(&Material {
            corpus: "game",
            audio: self.folder.path(),
            recipe: &self.recipe,
            workers: 2,
            sets: &[("annotated", SetSize { utterances: 3, frames: 120_000, frame_ms: 30 })],
            senones: 600,
            words: &self.words,
            runs,
            figures: &figures(runs, before, &prepared),
            prepared: &prepared,
            folder: self.folder.path(),
        })
        .unwrap()
    }
}

fn difference(points: f64) -> Difference {
    let (low, high) = (points - 1.0, points + 1.0);
    Difference {
        baseline: 60.0,
        system: 60.0 + points,
        points,
        low,
        high,
        p_value: 0.001,
        pieces: 40,
        seeds: 1,
    }
}

#[test]
fn a_report_has_the_rows_curves_and_notes_of_its_demo() {
    let stage = Stage::new(Recipe::game());
    write_events(&stage.folder.path().join("seed-1/gtc"), &[round(0, Source::MachineLabeled, 20, 20, 3.0)]);
    let mut runs = [run(1, 50.0)];
    let gtc = &mut runs[0].systems[2];
    gtc.evaluation.phone_reference = Some(PhoneReference::Frames);
    let measured = |measure, points| MeasuredDifference { measure, difference: difference(points) };
    gtc.evaluation.differences.push(measured(Measure::SpeechFrames, -5.0));
    gtc.recognition.as_mut().unwrap().differences.push(measured(Measure::Words, -9.0));
    let data = stage.data(&runs);
    let roles: Vec<_> = data.rows.iter().map(|row| (row.name.as_str(), row.role)).collect();
    assert_eq!(roles[..2], [("teacher", Role::Teacher), ("annotated", Role::AnnotatedOnly)]);
    assert_eq!(data.rows[2].fer().unwrap().mean, 50.0);
    assert_eq!(data.rows[2].bytes_per_frame, Some(100.0));
    assert_eq!(data.curves[0].kind, CurveKind::TrainingLoss("machine-labeled".into()));
    let compared: Vec<_> =
        data.comparisons.iter().map(|c| (c.system.as_str(), c.measure, c.difference.points)).collect();
    assert_eq!(compared, [("gtc", Measure::SpeechFrames, -5.0), ("gtc", Measure::Words, -9.0)]);
    assert_eq!((data.rows[2].density, data.rows[2].dev_fer), (Some(0.1), Some(51.0)));
    assert!(data.paired.is_empty() && data.notes.iter().any(|note| note.contains("left out")));
    assert!(
        data.notes
            .iter()
            .any(|note| note.starts_with("Phones are compared with those of the test set's frames"))
    );
    assert_eq!(data.facts[0].value, "3 utterances, 1.00 h");
    assert!(data.facts[1].name == "senones" && data.facts[1].value.starts_with("600, states of triphones"));
    let stages: Vec<&str> = data.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(stages, ["prepare", "senones", "language model", "teacher", "label", "students", "recognise"]);
    assert_eq!((data.memory.len(), data.settings.len()), (3, 5));
}

#[test]
fn words_have_errors_intervals_and_dev_rates_and_what_they_were_recognised_with() {
    let stage = Stage::new(Recipe::game());
    let mut runs = [run(1, 50.0)];
    let found = runs[0].systems[0].recognition.as_mut().unwrap();
    found.perplexity = Some(PerplexityFigures { known: 81.27, all: Some(95.0), words: 300, unknown: 6 });
    (found.unknown_words, found.no_path) = (6, 2);
    found.settings = json!({ "acoustic_scale": 0.336, "prior_exponent": 0.6, "word_penalty": -0.5 });
    let data = stage.data(&runs);
    let row = &data.rows[2];
    assert_eq!(row.wer().unwrap().mean, 60.0);
    assert_eq!((row.word_errors.unwrap().reference, row.word_errors.unwrap().substitutions), (300, 180));
    let interval = row.wer_interval.unwrap();
    assert_eq!((interval.low, interval.high, interval.units), (60.0, 60.0, 3));
    assert_eq!((row.dev_wer, row.recovery), (Some(61.0), None));
    let facts: Vec<(String, String)> =
        data.recognition.unwrap().facts.into_iter().map(|fact| (fact.name, fact.value)).collect();
    let told: Vec<(&str, &str)> = facts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        told,
        [
            ("text", "4,000 words in 500 sentences, of all groups but those of dev and test"),
            ("lexicon", "1,234 words"),
            ("words whose pronunciation was guessed", "1"),
            ("words of the text without a pronunciation", "1"),
            ("language model", "order 3: 1,236 1-grams, 3,000 2-grams, 3,500 3-grams"),
            ("perplexity on test", "81.3 of known words, 95.0 of all words"),
            ("words of test that cannot be recognised", "6 (2.0 %)"),
        ]
    );
    let note = |start: &str| data.notes.iter().any(|note| note.starts_with(start));
    assert!(note(
        "The language model knows the texts of all groups but those of dev and test, 60 utterances"
    ));
    assert!(note("Lexicon, language model and search are the same for all systems."));
    assert!(note("Acoustic scale, prior exponent and word penalty: teacher 0.34, 0.60, −0.50."));
    assert!(note("In up to 2 utterances the search of a system found no possible path"));
}

#[test]
fn without_words_the_report_has_the_reason_and_frames_alone() {
    let mut stage = Stage::new(Recipe::game());
    stage.words = Words::LeftOut("No words were recognised: no lexicon.".to_owned());
    let mut runs = [run(1, 50.0)];
    for trained in &mut runs[0].systems {
        (trained.recognition, trained.rates.wer, trained.rates.dev_wer) = (None, None, None);
    }
    let data = stage.data(&runs);
    assert!(data.recognition.is_none() && data.notes.iter().any(|note| note.contains("no lexicon")));
    assert!(data.rows.iter().all(|row| row.wer().is_none() && row.word_errors.is_none()));
    assert_eq!(data.stages.len(), 5, "neither a language model nor recognition");
}

#[test]
fn a_ceiling_has_a_row_and_the_students_what_they_recover_of_the_way_to_it() {
    let stage = Stage::new(Recipe::full());
    let runs = [run_of(&stage.recipe, 1, 50.0), run_of(&stage.recipe, 2, 51.0)];
    let data = stage.data(&runs);
    let ceiling = data.rows.last().unwrap();
    assert_eq!((ceiling.role, ceiling.wer().unwrap().mean), (Role::Ceiling, 50.0));
    assert!(ceiling.description.ends_with("annotations of all audio"), "{}", ceiling.description);
    let recovered: Vec<_> = data.rows.iter().map(|row| row.recovery.map(|found| found.percent)).collect();
    assert_eq!(recovered, [None, None, Some(50.0), Some(50.0), Some(50.0), None]);
    assert!(data.subtitle.contains("The ceiling is the same student"), "{}", data.subtitle);
    assert_eq!(data.settings.len(), 6);
}

#[test]
fn with_several_seeds_the_interval_is_drawn_from_all_of_them() {
    let stage = Stage::new(Recipe::game());
    let by_group = |errors: u64| {
        let frames = FrameErrors { frames: 100, errors, speech_frames: 0, speech_errors: 0 };
        let mut board = Scoreboard::default();
        for group in ["a", "b"] {
            board.add(group, Score { frames, ..Score::default() });
        }
        board
    };
    let mut runs = [run(1, 50.0), run(2, 52.0)];
    for (run, gain) in runs.iter_mut().zip([4, 10]) {
        for trained in &mut run.systems {
            let gain = if trained.system.is_semi_supervised() { gain } else { 0 };
            trained.evaluation.by_group = by_group(50 - gain);
            trained.recognition.as_mut().unwrap().by_group = words(70 - 2 * gain);
        }
    }
    let data = stage.data(&runs);
    assert!(data.comparisons.is_empty());
    let interval = data.rows[2].wer_interval.unwrap();
    assert_eq!((interval.low, interval.high, interval.units), (50.0, 62.0, 3));
    let data = data.compare_seeds();
    let compared: Vec<_> = data.comparisons.iter().map(|c| (c.system.as_str(), c.measure)).collect();
    let of = |system| [(system, Measure::Frames), (system, Measure::Words)];
    assert_eq!(compared, [of("gtc"), of("bmuf"), of("dense")].concat());
    for (place, ends) in [(0, (-7.0, -10.0, -4.0)), (1, (-14.0, -20.0, -8.0))] {
        let found = data.comparisons[place].difference;
        assert_eq!((found.points, found.low, found.high, found.seeds), (ends.0, ends.1, ends.2, 2));
    }
}

#[test]
fn utterances_can_be_read_and_heard_and_a_missing_recording_costs_only_the_sound() {
    let stage = Stage::new(Recipe::game());
    let audio = stage.folder.path();
    let utterance = |id: &str, hypothesis: &str| RecognisedUtterance {
        id: id.to_owned(),
        group: "a".to_owned(),
        reference: "Please hold the line.".to_owned(),
        hypothesis: hypothesis.to_owned(),
    };
    let mut runs = [run(1, 50.0)];
    let utterances = vec![utterance("u-1", "please hold a line"), utterance("u-2", "")];
    runs[0].systems[0].recognition = Some(RecognitionFigures { utterances, ..RecognitionFigures::default() });
    std::fs::write(audio.join("wav.scp"), "u-1 u-1.wav\nu-2 u-2.wav\n").unwrap();
    std::fs::write(audio.join("u-1.wav"), clips::tests::tone()).unwrap();
    let recognition = stage.data(&runs).recognition.unwrap();
    let [first, second] = &recognition.examples[..] else { panic!("{recognition:?}") };
    assert_eq!((first.utterance.as_str(), first.reference.as_str()), ("u-1", "Please hold the line."));
    assert_eq!(first.hypotheses[0], ("teacher".to_owned(), "please hold a line".to_owned()));
    assert!(first.clip.is_some() && second.clip.is_none());
}
