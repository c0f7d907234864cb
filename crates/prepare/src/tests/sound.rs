//! Complete runs over corpora with defective audio.

use super::corpus::Corpus;
use super::run::run_ctm;
use crate::{CutShort, Damage, Sound};
use std::process::Command;
use stentor_audio::DecodeReport;

impl Corpus {
    fn file(&self, recording: &str) -> Vec<u8> {
        std::fs::read(self.data().join(format!("{recording}.wav"))).unwrap()
    }

    fn put(&self, recording: &str, bytes: &[u8]) {
        std::fs::write(self.data().join(format!("{recording}.wav")), bytes).unwrap();
    }
}

/// Writes two channels: first the samples of another clip, then a file's own.
fn stereo(other: &[u8], own: &[u8]) -> Vec<u8> {
    let (header, data) = own.split_at(44);
    let left = other[44..].chunks_exact(2).cycle();
    let sound: Vec<u8> =
        left.zip(data.chunks_exact(2)).flat_map(|(left, right)| [left, right].concat()).collect();
    let mut bytes = header.to_vec();
    let size = sound.len() as u32;
    bytes[4..8].copy_from_slice(&(36 + size).to_le_bytes());
    bytes[22] = 2;
    bytes[32] = 4;
    bytes[40..44].copy_from_slice(&size.to_le_bytes());
    [bytes, sound].concat()
}

#[test]
fn a_named_pipe_in_wav_scp_is_a_bad_recording_and_does_not_block() {
    let corpus = Corpus::new(40, 16_000);
    let pipe = corpus.data().join("u011.wav");
    std::fs::remove_file(&pipe).unwrap();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let refused = run_ctm(&corpus, &corpus.out("strict"), |_| ()).unwrap_err().to_string();
    assert!(refused.contains("u011") && refused.contains("named pipe"), "{refused}");
    let summary = run_ctm(&corpus, &corpus.out("out"), |o| o.max_bad = 0.1).unwrap();
    assert_eq!(summary.bad_files.keys().collect::<Vec<_>>(), ["u011"]);
}

#[test]
fn a_header_that_overstates_the_length_does_not_change_the_split() {
    let corpus = Corpus::new(40, 16_000);
    let right = run_ctm(&corpus, &corpus.out("right"), |_| ()).unwrap();
    for (recording, size) in [("u003", 0x7fff_f000u32), ("u017", u32::MAX), ("u029", 0)] {
        let mut bytes = corpus.file(recording);
        bytes[40..44].copy_from_slice(&size.to_le_bytes());
        corpus.put(recording, &bytes);
    }
    let wrong = run_ctm(&corpus, &corpus.out("wrong"), |_| ()).unwrap();
    assert_eq!((wrong.corpus_hours, &wrong.sets), (right.corpus_hours, &right.sets));
    assert_eq!(wrong.sound, Sound::default());
}

#[test]
fn a_truncated_file_is_listed_with_its_remaining_length() {
    let corpus = Corpus::new(40, 16_000);
    let whole = corpus.file("u012");
    corpus.put("u012", &whole[..44 + (whole.len() - 44) / 4 * 2]);
    let summary = run_ctm(&corpus, &corpus.out("out"), |_| ()).unwrap();
    let samples = (whole.len() - 44) / 2;
    let cut = CutShort { read_s: (samples / 2) as f64 / 16_000.0, stated_s: Some(samples as f64 / 16_000.0) };
    assert_eq!(summary.sound.cut_short.iter().collect::<Vec<_>>(), [(&"u012".to_owned(), &cut)]);
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["cut_short"]["u012"]["read_s"], cut.read_s);
}

#[test]
fn damage_is_listed_with_its_duration() {
    let mut sound = Sound::default();
    let report = DecodeReport {
        rate_hz: 16_000,
        samples: 32_000,
        lost_samples: 800,
        damaged_packets: 2,
        averaged_channels: 1,
        remarks: vec!["two of something".to_owned()],
        ..DecodeReport::default()
    };
    sound.add("rec", &report);
    let damage = Damage { lost_s: 0.05, of_s: 2.0, packets: 2 };
    assert_eq!(sound.damaged.iter().collect::<Vec<_>>(), [(&"rec".to_owned(), &damage)]);
    assert_eq!(damage.to_string(), "0.050 of 2.000 s did not decode (2 packets) and are silence");
    assert_eq!(sound.remarks.examples, ["rec: two of something"]);
}

#[test]
fn averaged_channels_are_reported_and_an_option_or_a_table_selects_a_channel() {
    let corpus = Corpus::new(40, 16_000);
    let mono = run_ctm(&corpus, &corpus.out("mono"), |_| ()).unwrap();
    assert_eq!(mono.sound.averaged_channels.count, 0);
    let two = stereo(&corpus.file("u008"), &corpus.file("u002"));
    corpus.put("u002", &two);
    let mean = run_ctm(&corpus, &corpus.out("mean"), |_| ()).unwrap();
    assert_eq!(mean.sound.averaged_channels.examples, ["u002 (2)"]);
    assert_ne!(mean.sets, mono.sets);

    let option = run_ctm(&corpus, &corpus.out("option"), |o| o.channel = Some(2)).unwrap();
    assert_eq!((&option.sets, &option.sound), (&mono.sets, &Sound::default()));
    corpus.write("reco2file_and_channel", "u002 u002 B\n");
    let table = run_ctm(&corpus, &corpus.out("table"), |o| o.channel = Some(1)).unwrap();
    assert_eq!((&table.sets, &table.sound), (&mono.sets, &Sound::default()));
    corpus.write("reco2file_and_channel", "u002 u002 3\n");
    let refused = run_ctm(&corpus, &corpus.out("third"), |_| ()).unwrap_err().to_string();
    assert!(refused.contains("u002: channel 3 was chosen, and the file has 2"), "{refused}");
}

#[test]
fn the_channels_of_one_file_are_not_identical_recordings() {
    let corpus = Corpus::new(40, 16_000);
    let two = stereo(&corpus.file("u002"), &corpus.file("u008"));
    corpus.put("u002", &two);
    corpus.put("u008", &two);
    let same = run_ctm(&corpus, &corpus.out("same"), |_| ()).unwrap();
    assert_eq!(same.identical_audio.examples, ["u002 = u008"]);
    corpus.write("reco2file_and_channel", "u002 call A\nu008 call B\n");
    let others = run_ctm(&corpus, &corpus.out("others"), |_| ()).unwrap();
    assert_eq!(others.identical_audio.count, 0);
}
