//! Complete runs with an aligner.

use super::aligner::{SCRIPT, shell_aligner};
use super::corpus::{Corpus, rows, words};
use super::run::{run, run_aligner, run_until, with_aligner};
use crate::{Progress, Reason, Set};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};
use stentor_runtime::{ExitStatus, ProgramError, Shutdown};

/// Like the plain aligner, but it logs its requests.
fn listing_aligner(corpus: &Corpus, log: &Path) -> String {
    let command = shell_aligner(corpus.folder.path());
    let listing = SCRIPT.replace(
        "    case \"$line\" in",
        &format!("    echo \"$utterance\" >> '{}'\n    case \"$line\" in", log.display()),
    );
    std::fs::write(corpus.folder.path().join("aligner.sh"), listing).unwrap();
    command
}

#[test]
fn an_aligner_runs_only_on_annotated_dev_and_test_and_only_once() {
    let corpus = Corpus::new(60, 11_025);
    let log = corpus.out("asked");
    let command = listing_aligner(&corpus, &log);
    let text = corpus.read("text");
    corpus.write("text", &text.replace("u003 LOW", "u003 XYZZY").replace("u013 LOW", "u013 XYZZY"));
    let out = corpus.out("out");
    let options = with_aligner(&corpus, &out, &command, 3);
    let summary = run(&options).unwrap();
    let asked: Vec<String> = std::fs::read_to_string(&log).unwrap().lines().map(str::to_owned).collect();
    let distinct: BTreeSet<&String> = asked.iter().collect();
    assert_eq!(distinct.len(), asked.len(), "no utterance is aligned twice");
    let aligned: u64 =
        [Set::Annotated, Set::Dev, Set::Test].iter().map(|set| summary.sets[set].utterances).sum();
    assert_eq!(asked.len() as u64, aligned + summary.left_out.count(Reason::NotAligned));
    let unknown = ["u003", "u013"].iter().filter(|id| asked.iter().any(|a| a == *id)).count() as u64;
    assert_eq!(summary.left_out.count(Reason::NotAligned), unknown);
    assert!(rows(&out, "unannotated").iter().all(|row| !distinct.contains(&row.utterance)));

    // Interrupted after the alignment: the answers are remembered.
    std::fs::remove_file(out.join("prepare.json")).unwrap();
    let again = run(&options).unwrap();
    assert_eq!(again.sets, summary.sets);
    assert_eq!(std::fs::read_to_string(&log).unwrap().lines().count(), asked.len());
}

#[test]
fn times_of_words_are_stored_in_every_aligned_set_if_the_aligner_gives_them() {
    let corpus = Corpus::new(60, 16_000);
    let command = shell_aligner(corpus.folder.path());
    // Of some utterances the aligner knows no words.
    let words_of_some = SCRIPT.replace("$((frames - half))]]}", "$((frames - half))]]$said}").replace(
        "    case \"$line\" in",
        "    case \"$line\" in *HIGH*) said=',\"words\":[[\"high\",3,9]]' ;; *) said='' ;; esac\n    case \"$line\" in",
    );
    assert_eq!(words_of_some.matches("said").count(), 3);
    std::fs::write(corpus.folder.path().join("aligner.sh"), words_of_some).unwrap();
    let text: String =
        (0..60).map(|i| format!("u{i:03} LOW{}\n", if i % 4 == 0 { "" } else { " HIGH" })).collect();
    corpus.write("text", &text);
    let out = corpus.out("out");
    let summary = run_aligner(&corpus, &out, &command).unwrap();
    assert!(summary.word_times);
    for set in ["annotated", "dev", "test"] {
        let (words, rows) = (words(&out, set).unwrap(), rows(&out, set));
        let high = |row: &&stentor_shards::FeatureRow| row.text.as_ref().unwrap().contains("HIGH");
        let expected: BTreeSet<&String> = rows.iter().filter(high).map(|row| &row.utterance).collect();
        assert_eq!(words.keys().collect::<BTreeSet<_>>(), expected, "{set}");
        let high = stentor_shards::Span { text: "high".to_owned(), start_ms: 30, duration_ms: 90 };
        assert!(
            !words.is_empty() && words.values().all(|spans| spans.as_slice() == std::slice::from_ref(&high))
        );
    }
    assert_eq!(words(&out, "unannotated"), None);
}

#[test]
fn a_signal_ends_it_with_8_and_leaves_answers_but_no_incomplete_files() {
    let corpus = Corpus::new(60, 16_000);
    let (log, out) = (corpus.out("asked"), corpus.out("out"));
    let command = listing_aligner(&corpus, &log);
    let options = with_aligner(&corpus, &out, &command, 1);
    let asked = || std::fs::read_to_string(&log).unwrap_or_default().lines().count();
    let (trigger, shutdown) = Shutdown::manual();
    let stopped = std::thread::scope(|scope| {
        scope.spawn(|| {
            let started = Instant::now();
            while asked() < 2 && started.elapsed() < Duration::from_secs(60) {
                std::thread::sleep(Duration::from_millis(2));
            }
            trigger.request();
        });
        run_until(&options, &shutdown, &mut |_| ()).unwrap_err()
    });
    assert_eq!(stopped.exit_status(), ExitStatus::Stopped, "{stopped}");
    let mut left: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, [".prepare.lock", "alignments.jsonl"]);
    for set in Set::ALL {
        let files = std::fs::read_dir(out.join(set.name())).into_iter().flatten().count();
        assert_eq!(files, 0, "{set}");
    }
    run(&options).unwrap();
    let all = std::fs::read_to_string(&log).unwrap();
    let distinct: BTreeSet<&str> = all.lines().collect();
    assert_eq!(distinct.len(), asked(), "no utterance is aligned twice");
}

#[test]
fn a_dying_aligner_ends_the_run() {
    let corpus = Corpus::new(40, 16_000);
    let text: String = (0..40).map(|i| format!("u{i:03} DIE\n")).collect();
    corpus.write("text", &text);
    let command = shell_aligner(corpus.folder.path());
    let error = run_aligner(&corpus, &corpus.out("out"), &command).unwrap_err().to_string();
    assert!(error.contains("died at utterance") && error.contains("out of memory, as it were"), "{error}");
}

/// The error of a run, which must end by itself within a minute.
fn ends_with(options: crate::Options, shutdown: Shutdown) -> crate::Error {
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || ended.send(run_until(&options, &shutdown, &mut |_| ()).unwrap_err()));
    end.recv_timeout(Duration::from_secs(60)).expect("it should end")
}

#[test]
fn an_aligner_that_hangs_ends_the_run_also_when_further_utterances_wait() {
    let corpus = Corpus::new(40, 16_000);
    for command in ["sleep 600", "sh -c 'sleep 600; true'"] {
        let mut options = with_aligner(&corpus, &corpus.out("out"), command, 1);
        options.patience = Duration::from_millis(500);
        let error = ends_with(options, Shutdown::manual().1).to_string();
        assert!(error.contains("has not answered for utterance"), "{error}");
    }
}

#[test]
fn a_signal_ends_a_run_whose_aligner_does_not_answer() {
    let corpus = Corpus::new(40, 16_000);
    let options = with_aligner(&corpus, &corpus.out("out"), "sleep 600", 1);
    let (trigger, shutdown) = Shutdown::manual();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        trigger.request();
    });
    let error = ends_with(options, shutdown);
    assert_eq!(error.exit_status(), ExitStatus::Stopped, "{error}");
}

#[test]
fn progress_increases_to_the_end_of_each_stage() {
    let corpus = Corpus::new(40, 16_000);
    let command = shell_aligner(corpus.folder.path());
    let mut told: Vec<Progress> = Vec::new();
    let options = with_aligner(&corpus, &corpus.out("out"), &command, 3);
    run_until(&options, &Shutdown::manual().1, &mut |progress| told.push(progress)).unwrap();
    let stages: Vec<&[Progress]> = told.chunk_by(|a, b| a.stage == b.stage).collect();
    assert_eq!(
        stages.iter().map(|stage| stage[0].stage.name()).collect::<Vec<_>>(),
        ["aligning", "features"]
    );
    for stage in stages {
        assert!(stage.is_sorted_by_key(|progress| progress.done), "{stage:?}");
        assert_eq!((stage[0].done, stage[stage.len() - 1].done), (0, stage[0].total));
    }
}
