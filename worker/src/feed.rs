use crate::Error;
use crate::unit::UnitData;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use stentor_acoustic::{Batch, Device, ModelShape};
use stentor_dataset::Dataset;
use stentor_experiment::{Experiment, Source};
use stentor_plan::{Chunk, Lease, unit_batches};
use stentor_proto::{MAX_BAD_ROW_GROUPS, v1};
use stentor_runtime::{Retry, Verdict, metrics};
use stentor_shards::Kind;
use tokio::task::JoinHandle;

/// How long a read is repeated if the store does not answer or lacks a file: about six seconds, well within a round's
/// deadline.
const READING: Retry =
    Retry { attempts: 6, first: Duration::from_millis(250), longest: Duration::from_secs(4), seed: 0 };

/// Name of the repeated operation, for logs and metrics.
pub(crate) const READ: &str = "read a unit";

/// Reads work units before they are needed and lays out their batches. Holds only the units of the current leases and
/// of those announced.
#[derive(Debug)]
pub(crate) struct Feed {
    dataset: Arc<Dataset>,
    experiment: Arc<Experiment>,
    units: HashMap<(Source, u64), Loading>,
    /// The batches of the unit in use, with source, pass and number of the unit.
    cut: Option<(Source, u32, u64, Vec<Vec<Chunk>>)>,
}

/// A piece of an utterance that forms a row of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Piece {
    pub(crate) utterance: String,
    /// First frame that counts.
    pub(crate) start: u32,
    /// Number of frames that count.
    pub(crate) frames: u32,
}

#[derive(Debug)]
enum Loading {
    Under(JoinHandle<Result<UnitData, Error>>),
    Done(UnitData),
}

impl Feed {
    pub(crate) fn new(dataset: Arc<Dataset>, experiment: Arc<Experiment>) -> Self {
        Self { dataset, experiment, units: HashMap::new(), cut: None }
    }

    /// Starts reading what `leases` and `ahead` need, and drops everything else.
    pub(crate) fn expect(&mut self, leases: &[Lease], ahead: &[Lease]) {
        let wanted: Vec<_> = leases.iter().chain(ahead).map(|l| (l.source, l.unit)).collect();
        self.units.retain(|key, _| wanted.contains(key));
        for key in wanted {
            let dataset = &self.dataset;
            self.units
                .entry(key)
                .or_insert_with(|| Loading::Under(tokio::spawn(load(Arc::clone(dataset), key.0, key.1))));
        }
        metrics::queue_depth(self.units.len() as u64, "units");
    }

    /// Batch `index` (from 0) of a lease; `None` if it contains no chunk.
    pub(crate) async fn batch(
        &mut self,
        lease: &Lease,
        index: u32,
        shape: &ModelShape,
        device: Device,
    ) -> Result<Option<Batch>, Error> {
        let key = (lease.source, lease.unit);
        let plan = self.dataset.plan();
        let span = plan.unit(lease.source, lease.unit).map_err(stentor_dataset::Error::from)?;
        let data = match self.units.remove(&key) {
            Some(Loading::Done(data)) => data,
            Some(Loading::Under(task)) => {
                task.await.map_err(|e| Error::Protocol(format!("reading {lease} was cut short: {e}")))??
            }
            None => load(Arc::clone(&self.dataset), key.0, key.1).await?,
        };
        let current = self.cut.as_ref().is_some_and(|(source, pass, unit, _)| {
            (*source, *pass, *unit) == (lease.source, lease.pass, lease.unit)
        });
        if !current {
            let (seed, settings) = (self.experiment.run.seed, &self.experiment.batch);
            let Lease { source, pass, unit, .. } = *lease;
            let chunks = unit_batches(seed, source, pass, unit, span.batches, &data.lengths(), settings);
            self.cut = Some((source, pass, unit, chunks));
        }
        let number = (lease.first_batch + index) as usize;
        let chunks = self.cut.as_ref().and_then(|(.., chunks)| chunks.get(number)).cloned();
        let chunks =
            chunks.ok_or_else(|| Error::Protocol(format!("the plan has no batch {number} in {lease}")))?;
        let batch = if chunks.is_empty() { Ok(None) } else { data.batch(&chunks, shape, device).map(Some) };
        self.units.insert(key, Loading::Done(data));
        batch.map_err(|source| Error::BadBatch { lease: lease.to_string(), source })
    }

    /// The content of a batch that [`Feed::batch`] has laid out, in the order of its rows.
    pub(crate) fn pieces(&self, batch: &Lease) -> Vec<Piece> {
        let Some(Loading::Done(data)) = self.units.get(&(batch.source, batch.unit)) else {
            return Vec::new();
        };
        let cut = self.cut.as_ref().filter(|(source, pass, unit, _)| {
            (*source, *pass, *unit) == (batch.source, batch.pass, batch.unit)
        });
        let chunks = cut.and_then(|(.., chunks)| chunks.get(batch.first_batch as usize));
        let piece = |chunk: &Chunk| Piece {
            utterance: data.name(chunk.utterance).to_owned(),
            start: chunk.start,
            frames: chunk.frames,
        };
        chunks.into_iter().flatten().map(piece).collect()
    }

    /// The row groups that were quarantined in the units of `leases`, as far as these have been read.
    pub(crate) fn bad(&self, leases: &[Lease]) -> Vec<v1::BadRowGroup> {
        let mut units: Vec<_> = leases.iter().map(|lease| (lease.source, lease.unit)).collect();
        units.sort_unstable();
        units.dedup();
        let mut bad = Vec::new();
        for key in units {
            let Some(Loading::Done(data)) = self.units.get(&key) else { continue };
            bad.extend(data.bad.iter().map(|group| {
                let set = match group.kind {
                    Kind::Features => v1::SetKind::Features,
                    Kind::Labels => v1::SetKind::Labels,
                };
                v1::BadRowGroup::new(key.0, group.row_group as u64, set, &group.reason)
            }));
        }
        // Row groups that do not fit are reported with another contribution from the same unit, or in the next pass.
        bad.truncate(MAX_BAD_ROW_GROUPS);
        bad
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        for loading in self.units.values() {
            if let Loading::Under(task) = loading {
                task.abort();
            }
        }
    }
}

async fn load(dataset: Arc<Dataset>, source: Source, unit: u64) -> Result<UnitData, Error> {
    let span = dataset.plan().unit(source, unit).map_err(stentor_dataset::Error::from)?;
    let part = dataset.part(source).ok_or_else(|| Error::Protocol(format!("no {} data", source.name())))?;
    let judge = |error: &stentor_dataset::Error| match error.may_pass() {
        true => Verdict::TryAgain,
        false => Verdict::GiveUp,
    };
    let retry = Retry { seed: unit, ..READING };
    let rows = retry.run(READ, judge, || part.read(span.row_groups.clone())).await?;
    for bad in &rows.bad {
        tracing::warn!(source = source.name(), row_group = bad.row_group, reason = bad.reason, "quarantined");
    }
    Ok(UnitData::new(rows, dataset.normalisation()))
}
