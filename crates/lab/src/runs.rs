//! Reads the contents of a run's folder and of a feature set with the crates that write them.

use anyhow::{Context, Result};
use std::path::Path;
use stentor_checkpoint::DeployedModel;
use stentor_runlog::{Event, read_events};
use stentor_shards::FeatureManifest;
use stentor_store::Store;

/// The event log of the run in `folder`; empty if there is none.
pub(crate) fn events(folder: &Path) -> Result<Vec<Event>> {
    wait(async { Ok(read_events(&open(folder)?).await?) })
}

/// The result of the finished run in `folder`, verified.
pub(crate) fn deployed(folder: &Path) -> Result<DeployedModel> {
    wait(async { Ok(DeployedModel::load(&open(folder)?).await?) })
}

/// The manifest of the feature set in `folder`, verified.
pub(crate) fn features(folder: &Path) -> Result<FeatureManifest> {
    wait(async { Ok(FeatureManifest::load(&open(folder)?).await?) })
}

fn open(folder: &Path) -> Result<Store> {
    let name = folder.to_str().with_context(|| format!("{} is not UTF-8", folder.display()))?;
    Ok(Store::open(name)?)
}

fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start a runtime for reading files")?.block_on(work)
}

/// Runs and sets of tests.
#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use stentor_checkpoint::{
        MODEL, Manifest, NamedTensor, Object, TensorFile, checkpoint_name, checkpoint_store, deploy, digest,
        publish,
    };
    use stentor_experiment::{Features, Source};
    use stentor_inventory::Inventory;
    use stentor_runlog::{Encoding, EventLog, Fence};
    use stentor_scores::{FRAME_ERROR, LOSS, Scores};
    use stentor_shards::{FeatureRow, FeatureSetOptions, FeatureWriter, f16};

    /// A round of lineage 1 with dense contributions of two workers.
    pub(crate) fn round(number: u64, source: Source, committed_frames: u64, frames: u64, loss: f64) -> Event {
        Event::Round {
            fence: Fence { lineage: 1, membership_epoch: 1, round: number },
            source,
            contributors: vec![0, 1],
            leases: Vec::new(),
            shares: vec![0, 0],
            frames,
            committed_frames,
            scores: Scores::default().with(LOSS, loss).with(FRAME_ERROR, 50.0),
            by_source: Vec::new(),
            gradient_norm: 1.0,
            values_sent: 0,
            bytes_up: 1,
            compute_s: 0.0,
            encoding: Encoding::Dense { density: 0.0 },
            at_ms: 0,
        }
    }

    /// A score on dev of the checkpoint before a round of lineage 1.
    pub(crate) fn dev(round: u64, committed_frames: u64, frame_error: f64) -> Event {
        let scores = Scores::default().with(LOSS, 1.0).with(FRAME_ERROR, frame_error);
        Event::Dev { checkpoint: checkpoint_name(1, round), committed_frames, scores }
    }

    /// Writes an event log.
    pub(crate) fn write_events(folder: &Path, events: &[Event]) {
        wait(async {
            let mut log = EventLog::new(&open(folder)?, 1);
            events.iter().for_each(|event| log.record(event));
            Ok(log.flush().await?)
        })
        .unwrap();
    }

    /// Deploys a model with these shapes.
    pub(crate) fn write_model(folder: &Path, shapes: &[&[usize]]) {
        wait(async {
            let run = open(folder)?;
            let tensor = |(number, shape): (usize, &&[usize])| {
                let values = vec![0.5; shape.iter().product()];
                (format!("tensor-{number}"), NamedTensor { shape: shape.to_vec(), values })
            };
            let tensors = shapes.iter().enumerate().map(tensor).collect();
            let bytes = TensorFile { tensors, ..TensorFile::default() }.to_bytes()?;
            let name = checkpoint_name(1, 1);
            let object = Object {
                name: MODEL.to_owned(),
                bytes: bytes.len() as u64,
                digest: digest(&bytes),
                blake3: None,
            };
            checkpoint_store(&run, &name).put(MODEL, bytes).await?;
            publish(&run, &Manifest { name: name.clone(), objects: vec![object], ..Manifest::default() })
                .await?;
            Ok(deploy(&run, &name).await?)
        })
        .unwrap();
    }

    /// Writes a feature set: an utterance for each number of frames.
    pub(crate) fn write_features(folder: &Path, frames: &[usize]) {
        wait(async {
            let settings = Features { mel_bins: 8, ..Features::default() };
            let dimension = settings.dimension();
            let options = FeatureSetOptions {
                row_group_frames: 100,
                shard_frames: 200,
                ..FeatureSetOptions::new(settings, Inventory::new(Vec::new())?, 8000.0)
            };
            let mut writer = FeatureWriter::new(open(folder)?, options)?;
            for (number, frames) in frames.iter().enumerate() {
                let row = FeatureRow {
                    utterance: format!("u{number}"),
                    speaker: "s".to_owned(),
                    group: "g".to_owned(),
                    features: vec![f16::ZERO; frames * dimension],
                    text: None,
                    alignment: None,
                };
                writer.push(row).await?;
            }
            writer.finish(None, BTreeMap::new()).await?;
            Ok(())
        })
        .unwrap();
    }
}
