//! What words are recognised with.

use super::*;
use stentor_tasks::options::demo::LexiconFormat;

#[test]
fn all_models_are_trained_and_scored_on_the_tied_sets_and_words_with_the_same_lexicon_and_model() {
    let stage = Stage::new();
    stage.demo().run().unwrap();
    let log = stage.log();
    let toml = std::fs::read_to_string(stage.home.path().join("out/seed-1/gtc.toml")).unwrap();
    assert!(toml.contains("\"../tied/annotated\"") && toml.contains("\"../tied/unannotated\""), "{toml}");
    for line in log.lines().filter(|line| line.starts_with("label") || line.starts_with("evaluate")) {
        assert!(line.contains("/out/tied/") && !line.contains("/out/data/"), "{line}");
    }
    let grow = log.lines().find(|line| line.starts_with("senones grow")).unwrap();
    assert!(
        grow.contains("/out/data/annotated ")
            && grow.contains("--leaves 150 --min-frames 50 --states first-then-rest --context within-words"),
        "{grow}"
    );
    let recognise: Vec<&str> = log.lines().filter(|line| line.starts_with("recognise")).collect();
    for line in &recognise {
        for part in [
            "--lexicon-format cmu",
            "--unknown-phones leave-out",
            "/language/lexicon.dict",
            "/language/model.arpa",
            "/out/tied/dev",
        ] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    let compared = recognise.iter().filter(|line| line.contains("--baseline"));
    assert_eq!((recognise.len(), compared.count()), (5, 3), "students with those of the baseline");
    let text = log.lines().find(|line| line.starts_with("lm text")).unwrap();
    assert!(text.contains("--prepared") && text.ends_with("/language/text.json"), "{text}");
}

/// A user's corpus and lexicon.
fn own(stage: &mut Stage) {
    let corpus = stage.home.path().join("corpus");
    std::fs::create_dir_all(&corpus).unwrap();
    for file in ["wav.scp", "text", "utt2spk"] {
        std::fs::write(corpus.join(file), "").unwrap();
    }
    std::fs::write(stage.home.path().join("lexicon.txt"), "Hold h o l d\n<unk> spn\n").unwrap();
    std::fs::write(stage.home.path().join("phones.ctm"), "u 1 0 0.5 h\n").unwrap();
    stage.options.corpus = Some(corpus);
}

#[test]
fn given_phones_need_a_lexicon_without_which_words_are_left_out() {
    let mut stage = Stage::new();
    own(&mut stage);
    stage.options.phones = Some(stage.home.path().join("phones.ctm"));
    let figures = stage.demo().run().unwrap();
    let without: Vec<&str> = all()
        .into_iter()
        .filter(|command| !["lm", "lexicon.py", "recognise"].contains(&command.split(' ').next().unwrap()))
        .collect();
    assert!(stage.log().contains("--context across-words"), "phones without words");
    assert_eq!(stage.commands(), without);
    assert_eq!(figures.students.gtc.rates.wer, None);
    let report = std::fs::read_to_string(stage.home.path().join("out/report.json")).unwrap();
    assert!(report.contains("No words were recognised"), "{report}");
    stage.options.lexicon = Some(stage.home.path().join("lexicon.txt"));
    stage.options.lexicon_format = LexiconFormat::Kaldi;
    let figures = stage.demo().run().unwrap();
    assert!(figures.students.gtc.rates.wer.is_some());
    let log = stage.log();
    assert!(log.contains("lexicon.txt --lexicon-format kaldi"), "{log}");
    let recognised = MODELS.into_iter().filter(|command| command.starts_with("recognise"));
    let expected: Vec<&str> =
        ["lm text", "lm estimate"].into_iter().chain(recognised).chain(["report"]).collect();
    assert_eq!(stage.commands(), expected, "nothing is trained again");
    let words = std::fs::read_to_string(stage.home.path().join("out/language/words.txt")).unwrap();
    assert_eq!(words, "hold\n");
    std::fs::write(stage.home.path().join("lexicon.txt"), "Hold h o l d\nline l ai n\n").unwrap();
    stage.demo().run().unwrap();
    assert_eq!(stage.commands(), expected[1..], "the lexicon was changed");
}

#[test]
fn a_lexicon_that_has_no_word_of_the_text_is_refused() {
    let mut stage = Stage::new();
    own(&mut stage);
    stage.options.lexicon = Some(stage.home.path().join("lexicon.txt"));
    let estimate = r#"{"words": 3, "unknown": 3, "ngrams": [3, 4, 5]}"#;
    std::fs::write(stage.home.path().join("estimate.json"), estimate).unwrap();
    let error = stage.demo().run().unwrap_err().to_string();
    assert!(error.contains("lexicon.txt, found none of 3") && error.contains("--lexicon-format"), "{error}");
    stage.options.lexicon = Some("nowhere.txt".into());
    let error = stage.demo().run().unwrap_err().to_string();
    assert!(error.contains("--lexicon: expected a file, found none at nowhere.txt"), "{error}");
}

#[test]
fn the_text_of_the_language_model_may_be_the_users_and_the_report_says_so() {
    let mut stage = Stage::new();
    let text = stage.home.path().join("own.txt");
    std::fs::write(&text, "hold the line\n").unwrap();
    stage.options.lm_text = Some(text);
    stage.demo().run().unwrap();
    let log = stage.log();
    let line = log.lines().find(|line| line.starts_with("lm text")).unwrap();
    assert!(line.contains("--text") && !line.contains("--corpus"), "{line}");
    let report = std::fs::read_to_string(stage.home.path().join("out/report.json")).unwrap();
    assert!(report.contains("--lm-text") && !report.contains("all groups but those"), "{report}");
}

/// Tests run in the folder of their package, and the programs of the demo in the checkout.
#[test]
fn files_are_looked_for_in_the_folder_of_the_user_and_not_in_the_checkout() {
    let mut stage = Stage::new();
    own(&mut stage);
    stage.options.phones = Some("phones.ctm".into());
    let error = stage.demo().run().unwrap_err().to_string();
    assert!(error.contains("--phones: expected a file, found none at phones.ctm"), "{error}");
    assert_eq!(stage.commands(), Vec::<String>::new());

    let relative = |path: &Path| -> PathBuf {
        let here = std::env::current_dir().unwrap();
        let up = here.components().skip(1).map(|_| "..");
        up.collect::<PathBuf>().join(path.strip_prefix("/").unwrap())
    };
    let home = stage.home.path().canonicalize().unwrap();
    stage.options.phones = Some(relative(&home.join("phones.ctm")));
    stage.options.lexicon = Some(relative(&home.join("lexicon.txt")));
    stage.demo().run().unwrap();
    for option in [
        format!("--phones {}/phones.ctm", home.display()),
        format!("--lexicon {}/lexicon.txt", home.display()),
    ] {
        assert!(stage.log().contains(&option), "{option}: {}", stage.log());
    }
}
