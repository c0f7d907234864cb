//! The strategy that was asked for last is recorded in the run's folder, so that the switch outlives a coordinator that is started again
//! from a checkpoint before it. The record stays: a run may return to an older checkpoint at any time.

use crate::access::Caller;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;
use stentor_experiment::Strategy;
use stentor_store::{Error, Store};

/// The record of the last request, in the run's folder.
const SWITCH: &str = "switch.json";

/// Who asks for a strategy if the experiment file does.
pub(crate) const THE_FILE: &str = "the experiment file";

/// A request for a strategy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The strategy.
    pub(crate) to: Strategy,
    /// That of the experiment file at the time: if the file names another one later, the file is newer.
    pub(crate) file: Strategy,
    /// The name in a certificate, a kind of token, or [`THE_FILE`].
    pub(crate) by: String,
    /// The caller's address, if it is known.
    pub(crate) address: Option<String>,
    /// Seconds since 1970.
    pub(crate) since: u64,
}

impl Record {
    /// An operator asks for a strategy. `file`: that of the experiment file.
    pub(crate) fn of(caller: &Caller, to: Strategy, file: Strategy) -> Self {
        Self { to, file, by: caller.name().to_owned(), address: caller.address(), since: now() }
    }

    /// The last request in a run, if there is one. One that cannot be read is lost.
    pub(crate) async fn read(run: &Store) -> Result<Option<Self>, Error> {
        match run.get(SWITCH).await {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)
                .inspect_err(|error| tracing::warn!(%error, "{SWITCH} cannot be read; see `stentor status`"))
                .ok()),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a coordinator that is started again has to ask for: the newer of the last request and of a change of the file. `file`:
    /// the strategy of the experiment file; `is_changed`: whether the checkpoint was written with another one in the file.
    pub(crate) fn newer(last: Option<Self>, file: Strategy, is_changed: bool) -> Option<Self> {
        let by_file = || Self { to: file, file, by: THE_FILE.to_owned(), address: None, since: now() };
        last.filter(|record| record.file == file).or_else(|| is_changed.then(by_file))
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Writes the record, or removes it.
pub(crate) async fn set(run: &Store, record: Option<&Record>) -> Result<(), Error> {
    match record {
        Some(record) => run.put(SWITCH, Bytes::from(serde_json::to_vec(record).unwrap_or_default())).await,
        None => run.delete(SWITCH).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marker::{Mark, Marker};
    use stentor_proto::v1;
    use tokio::sync::oneshot;

    fn record(to: Strategy, file: Strategy) -> Record {
        Record { to, file, by: "stentor://c/admin".into(), address: None, since: 7 }
    }

    #[tokio::test]
    async fn a_switch_is_recorded_before_it_is_answered() {
        let run = Store::in_memory();
        assert_eq!(Record::read(&run).await.unwrap(), None);
        let (reply, answer) = oneshot::channel();
        let kept = record(Strategy::Bmuf, Strategy::Gtc);
        let from = v1::Strategy::from(Strategy::Gtc).into();
        let said = v1::CommandReply { from, ..Default::default() };
        Marker::new(run.clone()).set(Mark::Switched(kept.clone()), said.clone(), reply);
        assert_eq!(answer.await.unwrap().unwrap(), said);
        assert_eq!(Record::read(&run).await.unwrap(), Some(kept));
        run.put(SWITCH, Bytes::from_static(b"{")).await.unwrap();
        assert_eq!(Record::read(&run).await.unwrap(), None);
    }

    #[test]
    fn of_an_operators_request_and_a_change_of_the_file_the_newer_one_decides() {
        let (dense, gtc, bmuf) = (Strategy::Dense, Strategy::Gtc, Strategy::Bmuf);
        let to = |last: Option<Record>, file, is_changed| {
            Record::newer(last, file, is_changed).map(|wanted| wanted.to)
        };
        assert_eq!(to(None, gtc, false), None);
        assert_eq!(to(None, gtc, true), Some(gtc));
        let asked = || Some(record(bmuf, gtc));
        assert_eq!(to(asked(), gtc, false), Some(bmuf));
        // The file was changed before it, and the checkpoint is still older.
        assert_eq!(to(asked(), gtc, true), Some(bmuf));
        assert_eq!(to(asked(), dense, true), Some(dense), "the file was changed after it");
        assert_eq!(to(asked(), dense, false), None, "and is what it was at the checkpoint");
    }
}
