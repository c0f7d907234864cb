//! Complete runs over corpora with unusual or defective tables.

use super::aligner::{SCRIPT, shell_aligner};
use super::corpus::{Corpus, milliseconds, rows, wav};
use super::run::{run_aligner, run_ctm};
use crate::lock::Lock;
use crate::{Error, Reason, SplitBy};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use stentor_inventory::SenoneId;

const HELD_OUT_OR_NOT: [(&str, &str); 4] =
    [("annotated", "training"), ("unannotated", "training"), ("dev", "dev"), ("test", "test")];

fn speakers(out: &Path, sets: &[&str]) -> BTreeSet<String> {
    sets.iter().flat_map(|set| rows(out, set)).map(|row| row.speaker).collect()
}

fn split_json(out: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(out.join("split.json")).unwrap()).unwrap()
}

#[test]
fn identical_audio_in_two_groups_puts_them_into_the_same_set() {
    let corpus = Corpus::new(80, 16_000);
    for i in (0..40).step_by(4) {
        let [from, to] = [i, i + 40].map(|i| corpus.data().join(format!("u{i:03}.wav")));
        std::fs::copy(from, to).unwrap();
    }
    let out = corpus.out("out");
    let summary = run_ctm(&corpus, &out, |_| ()).unwrap();
    assert_eq!(summary.identical_audio.count, 10);
    assert_eq!(summary.identical_audio.examples[0], "u000 = u040");
    let mut places: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (set, place) in HELD_OUT_OR_NOT {
        for row in rows(&out, set) {
            let group: usize = row.group[1..].parse().unwrap();
            places.entry(format!("g{:02}", group % 10)).or_default().insert(place);
        }
    }
    assert_eq!(places.len(), 10);
    assert!(places.values().all(|places| places.len() == 1), "{places:?}");
}

#[test]
fn the_share_of_test_time_from_training_speakers_is_reported_and_is_zero_with_a_strict_split() {
    let corpus = Corpus::new(60, 16_000);
    let by_group = run_ctm(&corpus, &corpus.out("group"), |_| ()).unwrap();
    assert_eq!(by_group.test_heard_in_training, Some(1.0));
    assert_eq!(split_json(&corpus.out("group"))["test_heard_in_training"], 1.0);

    let two = run_ctm(&corpus, &corpus.out("two"), |o| o.split_by = Some(SplitBy::Speaker))
        .unwrap_err()
        .to_string();
    assert!(two.contains("--split-by speaker") && two.contains("--dev 0"), "{two}");

    let many: String = (0..60).map(|i| format!("u{i:03} s{:02}\n", i / 3)).collect();
    corpus.write("utt2spk", &many);
    let out = corpus.out("strict");
    let strict = run_ctm(&corpus, &out, |o| o.split_by = Some(SplitBy::Speaker)).unwrap();
    assert_eq!((strict.split_by, strict.test_heard_in_training), (SplitBy::Speaker, Some(0.0)));
    let [training, dev, test] =
        [&["annotated", "unannotated"][..], &["dev"], &["test"]].map(|sets| speakers(&out, sets));
    assert!(!dev.is_empty() && !test.is_empty());
    assert!(training.is_disjoint(&dev) && training.is_disjoint(&test) && dev.is_disjoint(&test));
}

#[test]
fn with_missing_speakers_a_split_is_not_reported_as_by_speaker() {
    let corpus = Corpus::new(60, 16_000);
    std::fs::remove_file(corpus.data().join("utt2group")).unwrap();
    let many: String = (0..59).map(|i| format!("u{i:03} s{:02}\n", i / 3)).collect();
    corpus.write("utt2spk", &many);
    let summary = run_ctm(&corpus, &corpus.out("out"), |_| ()).unwrap();
    assert_eq!(summary.split_by, SplitBy::Utterance);
    assert_eq!((summary.alone.count, &summary.alone.examples[..]), (1, &["u059".to_owned()][..]));
    // It may be by a speaker of the test set.
    assert_eq!(summary.test_heard_in_training, None);
    let error = run_ctm(&corpus, &corpus.out("strict"), |o| o.split_by = Some(SplitBy::Speaker))
        .unwrap_err()
        .to_string();
    assert!(error.contains("1 of 60 utterances have no line in utt2spk (u059)"), "{error}");
}

#[test]
fn audio_replaced_in_place_is_detected_and_the_replace_flag_works() {
    let corpus = Corpus::new(40, 16_000);
    let out = corpus.out("out");
    let first = run_ctm(&corpus, &out, |_| ()).unwrap();
    let clip = corpus.data().join("u000.wav");
    let mut bytes = std::fs::read(&clip).unwrap();
    bytes[44..].iter_mut().for_each(|b| *b ^= 1);
    std::fs::write(&clip, bytes).unwrap();
    let error = run_ctm(&corpus, &out, |_| ()).unwrap_err().to_string();
    assert!(error.contains("an older state of it") && error.contains("--replace"), "{error}");
    let again = run_ctm(&corpus, &out, |o| o.replace = true).unwrap();
    assert_ne!(again.prepared, first.prepared);
    assert_ne!(again.sets, first.sets);

    // Also if nothing has changed.
    let shard = out.join("annotated/part-00000.parquet");
    let modified = || std::fs::metadata(&shard).unwrap().modified().unwrap();
    let before = modified();
    assert_eq!(run_ctm(&corpus, &out, |o| o.replace = true).unwrap().sets, again.sets);
    assert_ne!(modified(), before);
}

#[test]
fn of_two_concurrent_runs_the_second_is_rejected_and_writes_nothing() {
    let corpus = Corpus::new(40, 16_000);
    let out = corpus.out("out");
    let other = Lock::take(&out).unwrap();
    let error = run_ctm(&corpus, &out, |o| o.seed = 2).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    assert!(!out.join("split.json").exists() && !out.join("annotated").exists());
    drop(other);
    run_ctm(&corpus, &out, |_| ()).unwrap();
}

/// The clips of the corpus as segments of one recording, each as `(start, end)` in seconds.
fn as_segments(corpus: &Corpus, utterances: usize) -> Vec<(f64, f64)> {
    let mut samples: Vec<i16> = Vec::new();
    let mut segments = Vec::new();
    for i in 0..utterances {
        let start = samples.len() as f64 / 16_000.0;
        let count = milliseconds(i) * 16;
        samples.extend((0..count).map(|t| ((t % 50) as i16 - 25) * if t < count / 2 { 40 } else { 400 }));
        segments.push((start, samples.len() as f64 / 16_000.0));
    }
    corpus.write("wav.scp", "long long.wav\n");
    std::fs::write(corpus.data().join("long.wav"), wav(16_000, &samples)).unwrap();
    segments
}

fn segments_table(segments: &[(f64, f64)]) -> String {
    segments
        .iter()
        .enumerate()
        .map(|(i, (start, end))| format!("u{i:03} long {start:.6} {end:.6}\n"))
        .collect()
}

#[test]
fn segments_beyond_their_recording_are_named_with_line_and_length() {
    let corpus = Corpus::new(40, 16_000);
    let mut segments = as_segments(&corpus, 39);
    let length = segments[38].1;
    segments[38].1 += 5.0;
    segments.push((length + 3.0, length + 5.0));
    corpus.write("segments", &segments_table(&segments));
    let summary = run_ctm(&corpus, &corpus.out("out"), |_| ()).unwrap();
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["left_out"]["unassigned"]["beyond_recording"], 1);
    let beyond = json["left_out_examples"]["beyond_recording"]["examples"][0].as_str().unwrap();
    let length = format!("`long` is {length} s long");
    assert!(beyond.starts_with("u039: segments, line 40:") && beyond.ends_with(&length), "{beyond}");
    assert_eq!(summary.cut_segments.count, 1);
    let cut = &summary.cut_segments.examples[0];
    assert!(cut.starts_with("u038: segments, line 39:") && cut.ends_with(&length), "{cut}");
}

#[test]
fn a_ctm_file_of_recordings_is_used_through_segments() {
    let corpus = Corpus::new(40, 16_000);
    let segments = as_segments(&corpus, 40);
    corpus.write("segments", &segments_table(&segments));
    let line = |(start, end): &(f64, f64)| {
        let half = (end - start) / 2.0;
        format!("long 1 {start:.6} {half:.6} LOW\nlong 1 {:.6} {half:.6} HIGH\n", start + half)
    };
    std::fs::write(corpus.ctm(), segments.iter().map(line).collect::<String>()).unwrap();
    let out = corpus.out("out");
    let summary = run_ctm(&corpus, &out, |_| ()).unwrap();
    assert!(summary.unmatched.is_empty(), "{:?}", summary.unmatched);
    assert_eq!(summary.left_out.count(Reason::NotAligned) + summary.left_out.count(Reason::Misaligned), 0);
    let aligned: Vec<_> = ["annotated", "dev", "test"].iter().flat_map(|set| rows(&out, set)).collect();
    assert!(aligned.len() > 10);
    for row in aligned {
        let mut labels = row.alignment.unwrap();
        labels.dedup();
        assert_eq!(SenoneId::column(&labels), [3, 4, 5, 0, 1, 2], "{}", row.utterance);
    }
}

#[test]
fn phones_without_duration_are_not_outputs_and_missing_silence_and_unknown_names_are_reported() {
    let corpus = Corpus::new(40, 16_000);
    let ctm = std::fs::read_to_string(corpus.ctm()).unwrap();
    let with_empty: String = ctm.lines().map(|line| format!("{line}\n")).collect::<String>()
        + &(0..40).map(|i| format!("u{i:03} 1 0.2 0.000 X\n")).collect::<String>()
        + "stranger 1 0 1 LOW\n";
    std::fs::write(corpus.ctm(), with_empty).unwrap();
    corpus.write("text", &(corpus.read("text") + "nobody HIGH\n"));
    let summary = run_ctm(&corpus, &corpus.out("out"), |_| ()).unwrap();
    assert_eq!((summary.senones, summary.phones, summary.empty_phones), (6, 2, 40));
    assert_eq!((summary.silence_phones, summary.unused_senones.len()), (0, 0));
    let unmatched = |table: &str| (summary.unmatched[table].count, summary.unmatched[table].to_string());
    assert_eq!(unmatched("alignments"), (1, "stranger".to_owned()));
    assert_eq!(unmatched("text"), (1, "nobody".to_owned()));
}

#[test]
fn no_mark_of_a_text_reaches_the_aligner() {
    let corpus = Corpus::new(60, 16_000);
    let texts = ["[noise] LOW (door slams) HIGH +BREATH+", "<unk> LOW", "LOW HIGH", ""];
    let text: String = (0..60).map(|i| format!("u{i:03} {}\n", texts[i % 4])).collect();
    corpus.write("text", &text);
    let log = corpus.out("asked");
    let command = shell_aligner(corpus.folder.path());
    let listing = SCRIPT.replace(
        "    case \"$line\" in",
        &format!("    printf '%s\\n' \"$line\" >> '{}'\n    case \"$line\" in", log.display()),
    );
    std::fs::write(corpus.folder.path().join("aligner.sh"), listing).unwrap();
    let summary = run_aligner(&corpus, &corpus.out("out"), &command).unwrap();
    let asked = std::fs::read_to_string(&log).unwrap();
    assert!(asked.contains("\"text\":\"LOW HIGH\""), "{asked}");
    for mark in ["noise", "slams", "BREATH", "unk"] {
        assert!(!asked.contains(mark), "{asked}");
    }
    let marks: Vec<&str> = summary.dropped_marks.keys().map(String::as_str).collect();
    assert_eq!(marks, ["(door slams)", "+BREATH+", "[noise]"]);
    assert!(summary.left_out.count(Reason::NotAligned) > 0);
    let examples = &summary.left_out.by_reason[&Reason::NotAligned].examples;
    assert!(examples[0].contains("`<unk>` stands for speech without words"), "{examples:?}");
}

#[test]
fn an_empty_test_set_is_an_error() {
    let corpus = Corpus::new(80, 16_000);
    run_ctm(&corpus, &corpus.out("before"), |_| ()).unwrap();
    let test: BTreeSet<String> =
        rows(&corpus.out("before"), "test").into_iter().map(|row| row.utterance).collect();
    let ctm = std::fs::read_to_string(corpus.ctm()).unwrap();
    let keep = |line: &&str| line.split(' ').next().is_some_and(|id| !test.contains(id));
    std::fs::write(corpus.ctm(), ctm.lines().filter(keep).collect::<Vec<_>>().join("\n")).unwrap();
    let error = run_ctm(&corpus, &corpus.out("after"), |_| ()).unwrap_err().to_string();
    assert!(error.contains("no test utterance is left"), "{error}");
    assert!(error.contains(&format!("{} not aligned", test.len())), "{error}");
}
