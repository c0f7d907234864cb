use crate::Error;
use crate::unit::UnitData;
use std::collections::HashMap;
use std::sync::Arc;
use stentor_acoustic::{Batch, Device, ModelShape};
use stentor_dataset::Dataset;
use stentor_experiment::{Experiment, Source};
use stentor_plan::{Chunk, Lease, unit_batches};
use tokio::task::JoinHandle;

/// Reads work units ahead of their use and lays out their batches. Holds the units of the leases at hand and of those
/// announced, nothing else.
#[derive(Debug)]
pub(crate) struct Feed {
    dataset: Arc<Dataset>,
    experiment: Arc<Experiment>,
    units: HashMap<(Source, u64), Loading>,
    /// The batches of the unit in use.
    cut: Option<(Source, u32, u64, Vec<Vec<Chunk>>)>,
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

    /// Starts to read what `leases` and `ahead` need and forgets the rest.
    pub(crate) fn expect(&mut self, leases: &[Lease], ahead: &[Lease]) {
        let wanted: Vec<_> = leases.iter().chain(ahead).map(|l| (l.source, l.unit)).collect();
        self.units.retain(|key, _| wanted.contains(key));
        for key in wanted {
            let dataset = &self.dataset;
            self.units
                .entry(key)
                .or_insert_with(|| Loading::Under(tokio::spawn(load(Arc::clone(dataset), key.0, key.1))));
        }
    }

    /// Batch `index` (from 0) of a lease; none where no chunk fell into it.
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
    let rows = part.read(span.row_groups).await?;
    let manifest = dataset.manifest();
    Ok(UnitData::new(&rows, manifest.dimension, manifest.normalisation.as_ref()))
}
