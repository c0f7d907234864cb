//! Prints the cost of shards: bytes per frame, and frames per second read on one core.
//!
//!     cargo run -p stentor-shards --example measure [-- LABEL_SET_FOLDER]
//!
//! Without a folder it generates features that resemble log-mel energies and posteriors as peaked as those of a trained
//! teacher; with a folder it reads the labels in it.

// A development tool; printing is its only output.
#![allow(clippy::print_stdout)]

use stentor_inventory::SenoneId;
use stentor_shards::{
    FeatureLayout, FeatureRow, LabelLayout, LabelRow, LabelSet, decode_feature_shard, decode_label_shard,
    encode_feature_shard, encode_label_shard, examine_shard, f16,
};
use stentor_store::Store;

const FRAMES: usize = 120;
const ROWS: usize = 34;
const GROUPS: usize = 16;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    features()?;
    let labels = match std::env::args().nth(1) {
        Some(folder) => published(&folder).await?,
        None => made_up(),
    };
    let (groups, layout) = labels;
    let frames: usize = groups.iter().flatten().map(LabelRow::frames).sum();
    let started = cpu_seconds();
    let (bytes, _) = encode_label_shard("labels.parquet", &groups, layout)?;
    report("labels", "written", frames, bytes.len(), started);
    let started = cpu_seconds();
    let (read, _) = decode_label_shard("labels.parquet", &bytes, layout)?;
    report("labels", "read", frames, bytes.len(), started);
    assert_eq!(read, groups);
    columns("labels.parquet", &bytes, frames)
}

fn features() -> Result<(), Box<dyn std::error::Error>> {
    let layout = FeatureLayout { dimension: 192, senones: 3000 };
    let mut noise = Noise(7);
    let mut groups = Vec::new();
    for g in 0..GROUPS {
        let row = |r| feature_row(&format!("utterance-{g:03}-{r:03}"), &mut noise);
        groups.push((0..ROWS).map(row).collect::<Vec<_>>());
    }
    let frames = GROUPS * ROWS * FRAMES;
    let started = cpu_seconds();
    let (bytes, _) = encode_feature_shard("features.parquet", &groups, layout)?;
    report("features", "written", frames, bytes.len(), started);
    let started = cpu_seconds();
    let (read, _) = decode_feature_shard("features.parquet", &bytes, layout)?;
    report("features", "read", frames, bytes.len(), started);
    assert_eq!(read, groups);
    columns("features.parquet", &bytes, frames)
}

async fn published(folder: &str) -> Result<(Vec<Vec<LabelRow>>, LabelLayout), Box<dyn std::error::Error>> {
    let set = LabelSet::open(&Store::open(folder)?).await?;
    let mut groups = Vec::new();
    for (shard, info) in set.manifest().shards.iter().enumerate() {
        for row_group in 0..info.row_groups.len() {
            groups.push(set.read(shard, row_group).await?);
        }
    }
    Ok((groups, set.manifest().layout()))
}

/// CPU time, so that other load on the machine does not distort the figures.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e9
}

fn report(what: &str, done: &str, frames: usize, bytes: usize, started: f64) {
    let seconds = cpu_seconds() - started;
    println!(
        "{what:9}{done:8} {frames:7} frames, {:6.1} bytes a frame, {:9.0} frames/s, {:6.0} MB/s in the file",
        bytes as f64 / frames as f64,
        frames as f64 / seconds,
        bytes as f64 / seconds / 1e6,
    );
}

fn columns(file: &str, bytes: &bytes::Bytes, frames: usize) -> Result<(), Box<dyn std::error::Error>> {
    for column in examine_shard(file, bytes)?.columns {
        let stored = column.stored_bytes as f64 / frames as f64;
        println!("    {:10} {stored:7.2} bytes a frame, {}", column.name, column.compression);
    }
    Ok(())
}

/// A small generator of its own, so that figures stay comparable over the years.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }

    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.uniform()).sum::<f32>() - 6.0
    }
}

/// Energies around 10 nats that change slowly over time and mel bins.
fn feature_row(utterance: &str, noise: &mut Noise) -> FeatureRow {
    let mut level = [10.0f32; 64];
    let mut features = Vec::with_capacity(FRAMES * 192);
    for _ in 0..FRAMES * 3 {
        let loudness = noise.normal();
        for value in &mut level {
            *value += 0.2 * (12.0 + loudness - *value) + 0.5 * noise.normal();
            features.push(f16::from_f32(*value));
        }
    }
    FeatureRow {
        utterance: utterance.to_owned(),
        speaker: "speaker-0".to_owned(),
        group: "dialogue".to_owned(),
        features,
        alignment: Some(SenoneId::list((0..FRAMES).map(|t| (t / 4) as u16))),
        text: Some("some spoken words".to_owned()),
    }
}

/// Posteriors of 3,000 senones: a path of senones that last 3 frames each, competitors from the senone's own
/// neighbourhood, and slowly drifting logits.
fn made_up() -> (Vec<Vec<LabelRow>>, LabelLayout) {
    let layout = LabelLayout { top_k: 20, senones: 3000 };
    let mut noise = Noise(3);
    let row = |name: String, noise: &mut Noise| {
        let mut logits = vec![0.0f32; layout.senones];
        let (mut ids, mut log_probs, mut residual) = (Vec::new(), Vec::new(), Vec::new());
        let (mut center, mut left) = (0usize, 0u32);
        for _ in 0..FRAMES {
            if left == 0 {
                center = (noise.uniform() * 2999.0) as usize;
                left = 1 + (noise.uniform() * 5.0) as u32;
            }
            left -= 1;
            for logit in &mut logits {
                *logit = 0.7 * *logit + 1.2 * noise.normal();
            }
            let mut scores: Vec<(f32, u16)> = logits
                .iter()
                .enumerate()
                .map(|(id, logit)| {
                    // Competitors share the phone: the nearest ids, and some distant ones in a fixed pattern.
                    let near = id.abs_diff(center);
                    let bonus = if near == 0 {
                        11.0
                    } else if near < 12 || near.is_multiple_of(97) {
                        6.0
                    } else {
                        0.0
                    };
                    (logit + bonus, id as u16)
                })
                .collect();
            scores.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let all = scores.iter().map(|(s, _)| s.exp()).sum::<f32>().ln();
            let kept = &scores[..layout.top_k];
            residual.push(1.0 - kept.iter().map(|(s, _)| (s - all).exp()).sum::<f32>());
            ids.extend(kept.iter().map(|(_, id)| SenoneId::new(*id)));
            log_probs.extend(kept.iter().map(|(s, _)| s - all));
        }
        LabelRow::quantise(name, ids, &log_probs, &residual)
    };
    let groups = (0..GROUPS / 4)
        .map(|g| (0..ROWS).map(|r| row(format!("utterance-{g:03}-{r:03}"), &mut noise)).collect())
        .collect();
    (groups, layout)
}
