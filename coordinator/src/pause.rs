//! A pause is recorded in the run's folder, so that a coordinator that is started again does not end it.

use crate::access::Caller;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;
use stentor_store::{Error, Store};

/// The record of a pause, in the run's folder. It exists as long as the pause.
const PAUSED: &str = "paused.json";

/// Who has paused a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The name in a certificate, or a kind of token.
    pub(crate) by: String,
    /// The caller's address, if it is known.
    pub(crate) address: Option<String>,
    /// Seconds since 1970.
    pub(crate) since: u64,
}

impl Record {
    pub(crate) fn of(caller: &Caller) -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        Self { by: caller.name().to_owned(), address: caller.address(), since }
    }

    /// The pause of a run, if there is one. A record that cannot be read is one of somebody.
    pub(crate) async fn read(run: &Store) -> Result<Option<Self>, Error> {
        match run.get(PAUSED).await {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "{PAUSED} cannot be read");
                Self { by: "somebody".into(), address: None, since: 0 }
            }))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Writes the record, or removes it.
pub(crate) async fn set(run: &Store, record: Option<&Record>) -> Result<(), Error> {
    match record {
        Some(record) => run.put(PAUSED, Bytes::from(serde_json::to_vec(record).unwrap_or_default())).await,
        None => run.delete(PAUSED).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marker::{Mark, Marker};
    use stentor_proto::v1;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_pause_is_there_for_the_next_coordinator_until_its_end() {
        let run = Store::in_memory();
        assert_eq!(Record::read(&run).await.unwrap(), None);
        let marker = Marker::new(run.clone());
        let record = Record { by: "stentor://c/admin".into(), address: None, since: 7 };
        for kept in [Some(record.clone()), None, Some(record.clone())] {
            let (reply, answer) = oneshot::channel();
            let mark = kept.clone().map_or(Mark::Resumed, Mark::Paused);
            marker.set(mark, v1::CommandReply::default(), reply);
            assert_eq!(answer.await.unwrap().unwrap().warning, "");
            assert_eq!(Record::read(&run).await.unwrap(), kept);
        }
        run.put(PAUSED, Bytes::from_static(b"{")).await.unwrap();
        assert_eq!(Record::read(&run).await.unwrap().unwrap().by, "somebody", "rather paused than not");
    }
}
