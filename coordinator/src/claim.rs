//! Whose run it is: each process that coordinates it claims the next incarnation, an object that is created once.

use crate::Error;
use bytes::Bytes;
use stentor_experiment::Experiment;
use stentor_store::{Put, Store};

/// Folder of the claims on a run.
const INCARNATIONS: &str = "incarnations";

/// A fresh run needs an output of its own.
pub(crate) async fn refuse_occupied(run: &Store, experiment: &Experiment) -> Result<(), Error> {
    if run.child(INCARNATIONS).list("").await?.is_empty() {
        return Ok(());
    }
    let output = experiment.run.output.clone();
    let text = run.get("experiment.toml").await.unwrap_or_default();
    let found = Experiment::parse(&String::from_utf8_lossy(&text));
    Err(Error::Occupied { output, run: found.map_or_else(|_| "unknown".into(), |e| e.run.name) })
}

/// The highest incarnation that has claimed the run; 0: none.
pub(crate) async fn newest_claim(run: &Store) -> Result<u64, stentor_store::Error> {
    let taken = run.child(INCARNATIONS).list("").await?;
    Ok(taken.iter().filter_map(|name| name.parse::<u64>().ok()).max().unwrap_or(0))
}

/// Makes this process the only coordinator of the run: an epoch object is created once, by one of them.
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
