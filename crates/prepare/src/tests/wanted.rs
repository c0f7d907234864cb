//! Complete runs that lack something that was asked for, and what they leave.

use super::aligner::shell_aligner;
use super::corpus::{Corpus, rows, wav};
use super::run::{run, run_aligner, run_ctm, with_aligner};
use crate::{Error, Fractions, Reason, Set, SplitBy};
use stentor_runtime::ProgramError;

#[test]
fn a_call_with_replace_that_cannot_succeed_leaves_the_sets_that_are_there() {
    let corpus = Corpus::new(40, 16_000);
    let out = corpus.out("out");
    run_ctm(&corpus, &out, |_| ()).unwrap();
    let before = rows(&out, "test");

    let mut options = with_aligner(&corpus, &out, "no-such-aligner", 1);
    options.replace = true;
    run(&options).unwrap_err();
    assert_eq!(rows(&out, "test"), before);

    std::fs::write(corpus.ctm(), "nobody 1 0 1 LOW\n").unwrap();
    run_ctm(&corpus, &out, |o| o.replace = true).unwrap_err();
    assert_eq!(rows(&out, "test"), before);
    assert!(out.join("prepare.json").exists() && out.join("split.json").exists());
}

#[test]
fn without_any_alignment_the_error_says_why_for_an_example() {
    let corpus = Corpus::new(40, 16_000);
    std::fs::write(corpus.ctm(), "nobody 1 0 1 LOW\n").unwrap();
    let error = run_ctm(&corpus, &corpus.out("ctm"), |_| ()).unwrap_err();
    assert!(matches!(error, Error::NoAlignments { .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains("annotated utterances has an alignment"), "{message}");
    assert!(message.contains(": the CTM file has no line for it)"), "{message}");

    let text: String = (0..40).map(|i| format!("u{i:03} XYZZY\n")).collect();
    corpus.write("text", &text);
    let command = shell_aligner(corpus.folder.path());
    let error = run_aligner(&corpus, &corpus.out("aligner"), &command).unwrap_err();
    assert_eq!(error.id(), "E1208", "{error}");
    assert!(error.to_string().contains(": unknown word XYZZY)"), "{error}");
}

#[test]
fn if_nothing_is_left_of_the_unannotated_set_the_call_is_refused() {
    let corpus = Corpus::new(40, 16_000);
    // Every tenth has no text, so that it can only be unannotated.
    for i in (9..40).step_by(10) {
        std::fs::write(corpus.data().join(format!("u{i:03}.wav")), wav(16_000, &[i as i16; 200])).unwrap();
    }
    let everything = Fractions { annotated: 1.0, dev: 0.0, test: 0.0, unannotated: None };
    let error = run_ctm(&corpus, &corpus.out("out"), |o| o.fractions = everything).unwrap_err();
    assert!(matches!(error, Error::NothingLeft { set: Set::Unannotated, .. }), "{error}");
    assert!(error.to_string().contains("no unannotated utterance is left: 4 shorter than"), "{error}");
}

#[test]
fn a_share_of_unannotated_speech_that_no_speaker_is_left_for_is_refused() {
    let corpus = Corpus::new(40, 16_000);
    let text: String = (0..40).map(|i| format!("u{i:03} LOW HIGH {i}\n")).collect();
    corpus.write("text", &text);
    let fractions = Fractions { annotated: 0.5, dev: 0.0, test: 0.3, unannotated: Some(0.1) };
    let error = run_ctm(&corpus, &corpus.out("out"), |o| {
        o.fractions = fractions;
        o.split_by = Some(SplitBy::Speaker);
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("they are too few or too large") && error.contains("--unannotated 0"), "{error}");
}

#[test]
fn utterances_of_a_recording_without_a_readable_header_are_counted() {
    let corpus = Corpus::new(60, 16_000);
    let whole = |i: usize| match i {
        5 => "u005 u005 0 0.3\nu005-2 u005 0.3 -1\n".to_owned(),
        i => format!("u{i:03} u{i:03} 0 -1\n"),
    };
    corpus.write("segments", &(0..60).map(whole).collect::<String>());
    std::fs::write(corpus.data().join("u005.wav"), "this is no audio").unwrap();
    let summary = run_ctm(&corpus, &corpus.out("out"), |o| o.max_bad = 0.05).unwrap();
    assert_eq!(summary.left_out.count(Reason::BadRecording), 2);
    assert_eq!(summary.left_out.by_set["unassigned"][&Reason::BadRecording], 2);
    let example = &summary.left_out.by_reason[&Reason::BadRecording].examples[0];
    assert!(example.starts_with("u005: ") && example.contains("expected WAV"), "{example}");
}

#[test]
fn the_share_of_test_time_from_training_speakers_is_that_of_what_was_written() {
    let corpus = Corpus::new(60, 16_000);
    let speakers: String = (0..60).map(|i| format!("u{i:03} s{i:03}\n")).collect();
    corpus.write("utt2spk", &speakers);
    let run = |name: &str| run_ctm(&corpus, &corpus.out(name), |_| ()).unwrap().test_heard_in_training;
    assert_eq!(run("apart"), Some(0.0));
    let [tested, trained] =
        ["test", "annotated"].map(|set| rows(&corpus.out("apart"), set)[0].utterance.clone());
    let both = [&tested, &trained].map(|id| id.replace('u', "s"));
    corpus.write("utt2spk", &speakers.replace(&format!(" {}\n", both[0]), &format!(" {}\n", both[1])));
    assert!(run("heard") > Some(0.0));

    let ctm = std::fs::read_to_string(corpus.ctm()).unwrap();
    let others: String =
        ctm.lines().filter(|line| !line.starts_with(&tested)).map(|line| format!("{line}\n")).collect();
    std::fs::write(corpus.ctm(), others).unwrap();
    assert_eq!(run("left out"), Some(0.0));
}
