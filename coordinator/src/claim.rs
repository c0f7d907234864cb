//! Ownership of a run: each coordinator process claims the next incarnation, an object that can be created only once.

use crate::Error;
use bytes::Bytes;
use stentor_experiment::Experiment;
use stentor_store::{Put, Store};

/// Number of lineages of each incarnation.
pub(crate) const LINEAGES: u64 = 1000;

/// A name with a larger number is no claim: its lineages would have no number.
const MOST_INCARNATIONS: u64 = u64::MAX / LINEAGES - 1;

/// Folder of the claims.
const INCARNATIONS: &str = "incarnations";

/// Refuses an output folder that already contains a run.
pub(crate) async fn refuse_occupied(run: &Store, experiment: &Experiment) -> Result<(), Error> {
    if run.child(INCARNATIONS).list("").await?.is_empty() {
        return Ok(());
    }
    let output = experiment.run.output.clone();
    let text = run.get("experiment.toml").await.unwrap_or_default();
    let found = Experiment::parse(&String::from_utf8_lossy(&text));
    Err(Error::Occupied { output, run: found.map_or_else(|_| "unknown".into(), |e| e.run.name) })
}

/// The highest incarnation that has claimed the run; 0 if none has.
pub(crate) async fn newest_claim(run: &Store) -> Result<u64, stentor_store::Error> {
    let taken = run.child(INCARNATIONS).list("").await?;
    let numbers = taken.iter().filter_map(|name| name.parse::<u64>().ok());
    Ok(numbers.filter(|incarnation| *incarnation <= MOST_INCARNATIONS).max().unwrap_or(0))
}

/// Makes this process the run's only coordinator. If several processes claim the same incarnation, one of them succeeds.
pub(crate) async fn claim(run: &Store) -> Result<u64, Error> {
    let mut incarnation = newest_claim(run).await? + 1;
    let epochs = run.child(INCARNATIONS);
    loop {
        let claim = Bytes::from(format!("process {}\n", std::process::id()));
        match epochs.put_once(&format!("{incarnation:06}"), claim).await? {
            Put::Created => return Ok(incarnation),
            Put::AlreadyThere => incarnation += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_that_are_no_claims_neither_end_the_coordinator_nor_use_up_its_numbers() {
        let run = Store::in_memory();
        assert_eq!(claim(&run).await.unwrap(), 1);
        for odd in
            [&u64::MAX.to_string(), &(u64::MAX / LINEAGES).to_string(), "notes.txt", "-3", "2.5", ".tmp"]
        {
            run.child(INCARNATIONS).put(odd, Bytes::from_static(b"odd")).await.unwrap();
        }
        assert_eq!(newest_claim(&run).await.unwrap(), 1);
        assert_eq!(claim(&run).await.unwrap(), 2);
        let largest =
            MOST_INCARNATIONS.checked_mul(LINEAGES).and_then(|lineage| lineage.checked_add(LINEAGES));
        assert!(largest.is_some(), "every lineage of the largest incarnation has a number");
    }
}
