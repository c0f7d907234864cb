//! Complete runs over a small corpus.

use super::corpus::{Corpus, milliseconds, phones, rows, wav, words};
use super::run::run_ctm;
use crate::{Reason, SplitBy};
use std::collections::BTreeSet;
use stentor_inventory::SenoneId;

#[test]
fn a_corpus_becomes_four_sets_without_a_common_group() {
    let corpus = Corpus::new(80, 16_000);
    let out = corpus.out("out");
    let summary = run_ctm(&corpus, &out, |_| ()).unwrap();
    assert_eq!(summary.split_by, SplitBy::Group);
    assert_eq!((summary.senones, summary.phones), (6, 2));
    let [annotated, dev, test, unannotated] =
        ["annotated", "dev", "test", "unannotated"].map(|set| rows(&out, set));
    let written = annotated.len() + dev.len() + test.len() + unannotated.len();
    assert_eq!(written as u64 + summary.left_out.count(Reason::HeldOutWithoutText), 80);

    for row in annotated.iter().chain(&dev).chain(&test) {
        let ids = row.alignment.as_ref().unwrap();
        // HIGH.0 to HIGH.2 are 0 to 2, LOW.0 to LOW.2 are 3 to 5: LOW comes first, in order within each phone.
        let mut runs = ids.clone();
        runs.dedup();
        assert_eq!(SenoneId::column(&runs), [3, 4, 5, 0, 1, 2], "{}", row.utterance);
        let i: usize = row.utterance[1..].parse().unwrap();
        assert_eq!(ids.len(), ((milliseconds(i) - 15) / 10) / 3, "{}", row.utterance);
        assert_eq!(row.text.as_deref(), Some(format!("LOW HIGH {i}").as_str()));
        // The labels change where the tone changes: bin 8 is near 300 Hz, bin 40 near 2 kHz.
        // The window at the change contains both tones.
        let change = ids.iter().position(|id| id.index() < 3).unwrap();
        for (j, frame) in row.features.chunks_exact(192).enumerate().filter(|(j, _)| j.abs_diff(change) > 1) {
            assert_eq!(frame[64 + 8] > frame[64 + 40], j < change, "{}, frame {j}", row.utterance);
        }
    }
    assert!(unannotated.iter().all(|row| row.alignment.is_none() && row.text.is_none()));
    let groups =
        |rows: &[stentor_shards::FeatureRow]| rows.iter().map(|r| r.group.clone()).collect::<BTreeSet<_>>();
    let training: BTreeSet<String> = groups(&annotated).union(&groups(&unannotated)).cloned().collect();
    assert!(groups(&test).is_disjoint(&training) && groups(&dev).is_disjoint(&training));
    assert!(groups(&test).is_disjoint(&groups(&dev)));
}

#[test]
fn phones_of_aligned_sets_are_stored_even_if_they_are_too_short_for_any_frame() {
    let corpus = Corpus::new(80, 16_000);
    // 12 ms between the two tones, starting in the middle: between the centres of frames in some utterances, but not in
    // all.
    let ctm: String = (0..80)
        .map(|i| {
            let half = milliseconds(i) as f64 / 2_000.0;
            let rest = half - 0.012;
            format!(
                "u{i:03} 1 0 {half} LOW\nu{i:03} 1 {half} 0.012 CLICK\nu{i:03} 1 {} {rest} HIGH\n",
                half + 0.012
            )
        })
        .collect();
    std::fs::write(corpus.ctm(), ctm).unwrap();
    let out = corpus.out("out");
    run_ctm(&corpus, &out, |_| ()).unwrap();
    let mut without = 0;
    for set in ["annotated", "dev", "test"] {
        let phones = phones(&out, set).unwrap();
        for row in rows(&out, set) {
            let said = &phones[&row.utterance];
            let texts: Vec<&str> = said.iter().map(|span| span.text.as_str()).collect();
            assert_eq!(texts, ["LOW", "CLICK", "HIGH"], "{}", row.utterance);
            let ends: Vec<u32> = said.iter().map(|span| span.start_ms + span.duration_ms).collect();
            assert!(said[1..].iter().zip(&ends).all(|(next, end)| next.start_ms == *end), "{said:?}");
            assert_eq!((said[0].start_ms, said[1].duration_ms), (0, 12), "{}", row.utterance);
            // CLICK, HIGH, LOW: senones of the first are below 3, if it labels a frame at all.
            without += u32::from(row.alignment.unwrap().iter().all(|id| id.index() > 2));
        }
    }
    assert!(without > 0, "a frame's centre lies in each of them");
    assert_eq!(phones(&out, "unannotated"), None);
    assert_eq!(words(&out, "annotated"), None, "a CTM file of phones has no words");
    // The same call finds everything in place; a set that lacks a shard is made again.
    let first = run_ctm(&corpus, &out, |_| ()).unwrap();
    let said = phones(&out, "test");
    std::fs::remove_file(out.join("test/part-00000.parquet")).unwrap();
    assert_eq!(run_ctm(&corpus, &out, |_| ()).unwrap().sets, first.sets);
    assert_eq!(phones(&out, "test"), said);
}

#[test]
fn the_output_is_the_same_for_any_number_of_threads() {
    let corpus = Corpus::new(60, 8_000);
    let one = run_ctm(&corpus, &corpus.out("one"), |o| o.threads = 1).unwrap();
    let many = run_ctm(&corpus, &corpus.out("many"), |o| o.threads = 5).unwrap();
    assert_eq!(one.sets, many.sets);
    let other = run_ctm(&corpus, &corpus.out("other"), |o| o.seed = 2).unwrap();
    assert_ne!(one.sets, other.sets);
}

#[test]
fn data_withheld_from_the_unannotated_set_are_not_used_at_all() {
    let corpus = Corpus::new(80, 16_000);
    let before = run_ctm(&corpus, &corpus.out("before"), |_| ()).unwrap();
    let unannotated: BTreeSet<String> =
        rows(&corpus.out("before"), "unannotated").into_iter().map(|row| row.utterance).collect();
    // Different texts, and no alignments, for the unannotated utterances.
    let keep = |line: &&str| line.split(' ').next().is_some_and(|id| !unannotated.contains(id));
    let text = corpus.read("text");
    let garbled: Vec<String> = text
        .lines()
        .map(|line| if keep(&line) { line.to_owned() } else { format!("{} XYZZY", &line[..4]) })
        .collect();
    corpus.write("text", &garbled.join("\n"));
    let ctm = std::fs::read_to_string(corpus.ctm()).unwrap();
    std::fs::write(corpus.ctm(), ctm.lines().filter(keep).collect::<Vec<_>>().join("\n")).unwrap();
    let after = run_ctm(&corpus, &corpus.out("after"), |_| ()).unwrap();
    assert_eq!(before.sets, after.sets);
}

#[test]
fn a_second_run_has_nothing_to_do_and_a_third_with_other_settings_replaces_nothing_without_the_flag() {
    let corpus = Corpus::new(40, 16_000);
    let out = corpus.out("out");
    let first = run_ctm(&corpus, &out, |_| ()).unwrap();
    let shard = out.join("annotated/part-00000.parquet");
    let written = std::fs::metadata(&shard).unwrap().modified().unwrap();
    assert_eq!(run_ctm(&corpus, &out, |_| ()).unwrap(), first);
    assert_eq!(std::fs::metadata(&shard).unwrap().modified().unwrap(), written);

    let refused = run_ctm(&corpus, &out, |o| o.features.mel_bins = 40).unwrap_err().to_string();
    assert!(refused.contains("--replace") && refused.contains(out.to_str().unwrap()), "{refused}");
    assert_eq!(run_ctm(&corpus, &out, |_| ()).unwrap(), first);

    let third = run_ctm(&corpus, &out, |o| {
        o.features.mel_bins = 40;
        o.replace = true;
    })
    .unwrap();
    assert_ne!(third.sets, first.sets);
    assert_eq!(rows(&out, "annotated")[0].features.len() % 120, 0);
}

#[test]
fn an_interrupted_run_can_be_repeated() {
    let corpus = Corpus::new(40, 16_000);
    let out = corpus.out("out");
    let whole = run_ctm(&corpus, &out, |_| ()).unwrap();
    // As a kill would leave it: no summary, one set without its manifest, shards of an older, larger run.
    std::fs::remove_file(out.join("prepare.json")).unwrap();
    std::fs::remove_file(out.join("test/manifest.json")).unwrap();
    std::fs::write(out.join("test/part-00000.parquet"), "half a file").unwrap();
    std::fs::write(out.join("test/part-00007.parquet"), "an old file").unwrap();
    std::fs::write(out.join("test/notes.txt"), "not ours").unwrap();
    let again = run_ctm(&corpus, &out, |_| ()).unwrap();
    assert_eq!(again.sets, whole.sets);
    assert!(!out.join("test/part-00007.parquet").exists());
    assert!(out.join("test/notes.txt").exists());
}

#[test]
fn a_lost_shard_is_noticed_and_made_again() {
    let corpus = Corpus::new(40, 16_000);
    let out = corpus.out("out");
    run_ctm(&corpus, &out, |_| ()).unwrap();
    let before = rows(&out, "dev");
    std::fs::remove_file(out.join("dev/part-00000.parquet")).unwrap();
    run_ctm(&corpus, &out, |_| ()).unwrap();
    assert!(!before.is_empty() && rows(&out, "dev") == before, "{} utterances before", before.len());
}

#[test]
fn a_few_bad_files_are_counted_and_many_are_an_error_with_a_list() {
    let corpus = Corpus::new(60, 16_000);
    std::fs::write(corpus.data().join("u005.wav"), "this is no audio").unwrap();
    std::fs::remove_file(corpus.data().join("u006.wav")).unwrap();
    let summary = run_ctm(&corpus, &corpus.out("out"), |o| o.max_bad = 0.05).unwrap();
    assert_eq!(summary.bad_files.keys().collect::<Vec<_>>(), ["u005", "u006"]);
    let error = run_ctm(&corpus, &corpus.out("strict"), |_| ()).unwrap_err().to_string();
    assert!(error.contains("2 of 60 recordings") && error.contains("u005: expected WAV"), "{error}");
    assert!(error.contains("u006: cannot read"), "{error}");
}

#[test]
fn clips_too_short_and_alignments_that_do_not_fit_are_counted() {
    let corpus = Corpus::new(60, 16_000);
    for i in 0..60 {
        std::fs::write(corpus.data().join(format!("u{i:03}.wav")), wav(16_000, &[i as i16; 600])).unwrap();
        if i % 2 == 0 {
            std::fs::write(corpus.data().join(format!("u{i:03}.wav")), wav(16_000, &[i as i16; 16_000 * 3]))
                .unwrap();
        }
    }
    let error = run_ctm(&corpus, &corpus.out("out"), |_| ()).unwrap_err().to_string();
    assert!(error.contains("no annotated utterance is left"), "{error}");
    assert!(
        error.contains("shorter than one frame")
            && error.contains("that does not fit the audio")
            && error.contains("it ends early"),
        "{error}"
    );
}

#[test]
fn without_groups_and_with_two_speakers_the_split_is_by_utterance_and_with_many_by_speaker() {
    let corpus = Corpus::new(60, 16_000);
    std::fs::remove_file(corpus.data().join("utt2group")).unwrap();
    assert_eq!(run_ctm(&corpus, &corpus.out("two"), |_| ()).unwrap().split_by, SplitBy::Utterance);
    let many: String = (0..60).map(|i| format!("u{i:03} s{:02}\n", i / 3)).collect();
    corpus.write("utt2spk", &many);
    let out = corpus.out("many");
    assert_eq!(run_ctm(&corpus, &out, |_| ()).unwrap().split_by, SplitBy::Speaker);
    let record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("split.json")).unwrap()).unwrap();
    assert_eq!(record["by"], "speaker");
    assert_eq!(record["seed"], 1);
    assert!(record["sets"]["test"]["groups"].as_array().unwrap().len() > 1);
}

#[test]
fn segments_of_one_recording_are_cut_and_mixed() {
    let corpus = Corpus::new(40, 16_000);
    // The same clips as segments of one long recording at a different rate.
    let mut samples = Vec::new();
    let (mut segments, rate_hz) = (String::new(), 22_050u32);
    for i in 0..40 {
        let start = samples.len() as f64 / f64::from(rate_hz);
        let count = milliseconds(i) * rate_hz as usize / 1_000;
        samples.extend((0..count).map(|t| ((t % 50) as i16 - 25) * if t < count / 2 { 40 } else { 400 }));
        let end = samples.len() as f64 / f64::from(rate_hz);
        segments.push_str(&format!("u{i:03} long {start:.6} {end:.6}\n"));
    }
    corpus.write("segments", &segments);
    corpus.write("wav.scp", "long long.wav\n");
    std::fs::write(corpus.data().join("long.wav"), wav(rate_hz, &samples)).unwrap();
    let out = corpus.out("out");
    let summary = run_ctm(&corpus, &out, |_| ()).unwrap();
    assert_eq!(summary.corpus_nyquist_hz, 8_000.0);
    let unannotated = rows(&out, "unannotated");
    assert!(unannotated.len() > 10);
    assert!(!unannotated.is_sorted_by(|a, b| a.utterance < b.utterance), "the order should be mixed");
    for row in rows(&out, "annotated") {
        let i: usize = row.utterance[1..].parse().unwrap();
        let frames = row.alignment.unwrap().len();
        assert!(
            frames.abs_diff(((milliseconds(i) - 15) / 10) / 3) <= 1,
            "{} has {frames} frames",
            row.utterance
        );
    }
}

#[test]
fn a_phone_that_only_the_test_part_has_leaves_its_utterance_out() {
    let corpus = Corpus::new(80, 16_000);
    run_ctm(&corpus, &corpus.out("before"), |_| ()).unwrap();
    let victim = rows(&corpus.out("before"), "test").remove(0).utterance;
    let ctm = std::fs::read_to_string(corpus.ctm()).unwrap();
    let strange =
        |line: &str| if line.starts_with(&victim) { line.replace("LOW", "ZH") } else { line.to_owned() };
    std::fs::write(corpus.ctm(), ctm.lines().map(strange).collect::<Vec<_>>().join("\n")).unwrap();
    let summary = run_ctm(&corpus, &corpus.out("after"), |_| ()).unwrap();
    assert_eq!(serde_json::to_value(&summary).unwrap()["left_out"]["test"]["unknown_phone"], 1);
    assert!(rows(&corpus.out("after"), "test").iter().all(|row| row.utterance != victim));
}
