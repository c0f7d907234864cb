//! Reads data that a member says are bad. The coordinator uses no byte of them; it only finds out whether others could.

use stentor_dataset::{Dataset, Error};
use stentor_experiment::Experiment;
use stentor_plan::Lease;
use stentor_rounds::{BadRowGroup, Claim, Found};

/// Reads what a claim is about.
pub(crate) async fn inspect(experiment: &Experiment, dataset: &Dataset, claim: &Claim) -> Found {
    match claim {
        Claim::Bad(row_groups) => look_at(dataset, row_groups).await,
        Claim::Fatal { leases, dev, .. } => match look_for_fault(experiment, leases, *dev).await {
            Ok(()) => Found::default(),
            // The coordinator cannot reach the store, and knows no more than before.
            Err(error) if error.is_unreachable() => Found::default(),
            Err(error) => Found { fault: Some(error.to_string()), ..Found::default() },
        },
    }
}

async fn look_at(dataset: &Dataset, row_groups: &[BadRowGroup]) -> Found {
    let mut found = Found::default();
    for named in row_groups {
        let place = usize::try_from(named.place).unwrap_or(usize::MAX);
        let Some(part) = dataset.part(named.source) else { continue };
        match part.read(place..place.saturating_add(1)).await {
            Ok(rows) => match rows.bad.into_iter().next() {
                Some(bad) => found.bad.push(BadRowGroup { reason: bad.reason, ..named.clone() }),
                None => found.whole.push(named.clone()),
            },
            Err(error) => tracing::warn!(%error, place, "cannot read a row group that a member says is bad"),
        }
    }
    found
}

/// Opens every set as a worker does, and reads the units of `leases`, and the dev data.
async fn look_for_fault(experiment: &Experiment, leases: &[Lease], dev: bool) -> Result<(), Error> {
    let dataset = Dataset::open(experiment).await?;
    for lease in leases {
        let unit = dataset.plan().unit(lease.source, lease.unit)?;
        if let Some(part) = dataset.part(lease.source) {
            part.read(unit.row_groups).await?;
        }
    }
    let Some(set) = dataset.dev().filter(|_| dev) else { return Ok(()) };
    for (shard, info) in set.manifest().shards.iter().enumerate() {
        for group in 0..info.row_groups.len() {
            let at = |source| Error::Shards { location: set.location().to_owned(), source: Box::new(source) };
            set.read(shard, group).await.map_err(at)?;
        }
    }
    Ok(())
}

/// Frames of the dev data.
pub(crate) fn dev_frames(dataset: &Dataset) -> u64 {
    let shards = dataset.dev().into_iter().flat_map(|set| &set.manifest().shards);
    shards.flat_map(|shard| &shard.row_groups).map(|group| group.frames).sum()
}
