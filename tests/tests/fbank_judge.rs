//! The filter bank against an outside judge, `kaldi-native-fbank`, on recorded speech.
//!
//! Needs a Python with `kaldi-native-fbank==1.21.1` and `numpy`, and the two demo corpora; `cargo xtask test` lays both
//! and says where they are in `STENTOR_PYTHON` and `STENTOR_CORPORA`. The judge's version matters: up to 1.21.1 its
//! Fourier transform is in double precision; later ones transform in single precision, and their own rounding moves
//! the faintest bins of a loud frame by up to 8e-3.

// Figures for whoever runs the test.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_audio::{DataDirectory, Fbank, Resampler, decode};
use stentor_experiment::Features;

/// Reads clips as `u32 length, f32 samples` and writes their frames as `u32 frames, f32 values`.
const JUDGE: &str = r#"
import struct, sys
import kaldi_native_fbank as knf
import numpy as np

if tuple(int(n) for n in knf.__version__.split(".")) > (1, 21, 1):
    sys.exit(f"kaldi-native-fbank {knf.__version__} transforms in single precision: install kaldi-native-fbank==1.21.1")
samples_path, frames_path, rate, bins, low, high = sys.argv[1:]
options = knf.FbankOptions()
options.frame_opts.samp_freq = float(rate)
options.frame_opts.dither = 0
options.frame_opts.snip_edges = True
options.mel_opts.num_bins = int(bins)
options.mel_opts.low_freq = float(low)
options.mel_opts.high_freq = float(high)
options.energy_floor = 0
data = open(samples_path, "rb").read()
at = 0
with open(frames_path, "wb") as out:
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        samples = np.frombuffer(data, dtype="<f4", count=length, offset=at + 4)
        at += 4 + 4 * length
        fbank = knf.OnlineFbank(options)
        fbank.accept_waveform(float(rate), samples.tolist())
        fbank.input_finished()
        frames = fbank.num_frames_ready
        out.write(struct.pack("<I", frames))
        for i in range(frames):
            out.write(np.asarray(fbank.get_frame(i), dtype="<f4").tobytes())
"#;

fn from_environment(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    value.map(PathBuf::from).unwrap_or_else(|| {
        panic!("{name} is not set: run `cargo xtask test`, which lays the Python environment and the corpora first")
    })
}

/// Mono clips at `rate_hz`, evenly spread over the corpus, and the corpus's Nyquist frequency.
fn clips(corpus: &str, rate_hz: u32, count: usize) -> (Vec<Vec<f32>>, f32) {
    let data =
        DataDirectory::read(&from_environment("STENTOR_CORPORA").join(corpus)).expect("the corpus is there");
    let step = (data.recordings.len() / count).max(1);
    let mut nyquist_hz = f32::MAX;
    let clips = data.recordings.iter().step_by(step).take(count).map(|recording| {
        let audio =
            decode(std::fs::read(&recording.path).expect("the clip is there")).expect("the clip decodes");
        nyquist_hz = nyquist_hz.min(audio.rate_hz as f32 / 2.0);
        let mut resampler = Resampler::new(audio.rate_hz, rate_hz).expect("a rate of speech");
        resampler.resample(audio.samples).expect("any clip resamples")
    });
    (clips.collect(), nyquist_hz)
}

fn judged(clips: &[Vec<f32>], features: &Features, high_hz: f32, folder: &Path) -> Vec<Vec<f32>> {
    let (samples_path, frames_path) = (folder.join("samples"), folder.join("frames"));
    let mut bytes = Vec::new();
    for clip in clips {
        bytes.extend((clip.len() as u32).to_le_bytes());
        clip.iter().for_each(|sample| bytes.extend(sample.to_le_bytes()));
    }
    std::fs::write(&samples_path, bytes).expect("a temporary folder can be written");
    let status = Command::new(from_environment("STENTOR_PYTHON"))
        .args(["-c", JUDGE])
        .args([&samples_path, &frames_path])
        .arg(features.sample_rate_hz.to_string())
        .arg(features.mel_bins.to_string())
        .arg(features.low_hz.to_string())
        .arg(high_hz.to_string())
        .status()
        .expect("STENTOR_PYTHON runs");
    assert!(
        status.success(),
        "the judge failed: STENTOR_PYTHON needs `kaldi-native-fbank==1.21.1` and numpy"
    );
    let bytes = std::fs::read(&frames_path).expect("the judge wrote its frames");
    let mut words = bytes.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
    std::iter::from_fn(|| {
        let values = u32::from_le_bytes(words.next()?) as usize * features.mel_bins as usize;
        Some(words.by_ref().take(values).map(f32::from_le_bytes).collect())
    })
    .collect()
}

/// The largest difference between ours and the judge's, in natural-log units, over all frames of all clips.
fn worst_difference(corpus: &str, features: &Features, count: usize) -> f32 {
    let (clips, nyquist_hz) = clips(corpus, features.sample_rate_hz, count);
    let mut fbank = Fbank::new(features, nyquist_hz).expect("speech has a band");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let judged = judged(&clips, features, fbank.high_hz(), folder.path());
    assert_eq!(judged.len(), clips.len());
    let (mut worst, mut frames) = (0.0f32, 0);
    for (clip, judged) in clips.iter().zip(judged) {
        let mut ours = Vec::new();
        frames += fbank.compute(clip, &mut ours);
        assert_eq!(ours.len(), judged.len(), "frames of a clip of {} samples", clip.len());
        worst = ours.iter().zip(&judged).map(|(a, b)| (a - b).abs()).fold(worst, f32::max);
    }
    assert!(frames > 1_000, "{frames} frames are too few to judge by");
    println!("{corpus}: {frames} frames of {} bins, worst difference {worst:e}", features.mel_bins);
    worst
}

#[test]
fn on_8_khz_wav_prompts_the_filter_bank_is_within_1e_4_of_kaldi() {
    let worst = worst_difference("asterisk", &Features::default(), 60);
    assert!(worst < 1e-4, "off by {worst}");
}

#[test]
fn on_11_khz_mp3_dialogues_the_filter_bank_is_within_1e_4_of_kaldi() {
    let worst = worst_difference("game", &Features::default(), 60);
    assert!(worst < 1e-4, "off by {worst}");
}

#[test]
fn at_other_rates_and_bin_counts_the_filter_bank_is_within_1e_4_of_kaldi() {
    for (sample_rate_hz, mel_bins, low_hz) in [(8_000, 23, 20.0), (16_000, 40, 64.0), (22_050, 80, 0.0)] {
        let features = Features { sample_rate_hz, mel_bins, low_hz, ..Features::default() };
        let worst = worst_difference("asterisk", &features, 20);
        assert!(worst < 1e-4, "{mel_bins} bins at {sample_rate_hz} Hz: off by {worst}");
    }
}
