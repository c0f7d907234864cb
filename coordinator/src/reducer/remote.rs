use super::RangeReducer;
use crate::state_machine::{Announcement, SetAside};
use crate::wire;
use std::sync::Arc;
use std::time::Duration;
use stentor_experiment::Experiment;
use stentor_proto::v1;
use stentor_proto::v1::reducer_client::ReducerClient;
use stentor_runtime::tls::{self, Tls};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::transport::Channel;

/// Pause before a reducer is called again.
const PAUSE: Duration = Duration::from_millis(500);

/// The reducers of a run, as its coordinator sees them: it announces rounds to them, and they say whom they set aside.
#[derive(Debug)]
pub(crate) enum Reducers {
    /// In the coordinator's own process.
    Own(Arc<RangeReducer>),
    /// Separate processes; each follows the newest announcement.
    Separate { run_id: String, newest: watch::Sender<Option<v1::Announcement>> },
}

impl Reducers {
    /// The coordinator's own reducer, with the channel of what it sets aside.
    pub(crate) fn own(reducer: Arc<RangeReducer>) -> (Self, mpsc::Receiver<SetAside>) {
        let set_aside = reducer.listen();
        (Self::Own(reducer), set_aside)
    }

    /// The separate reducers of `experiment`, which are called until the returned value is dropped.
    ///
    /// # Errors
    /// [`tls::Error`] for a URL that contradicts `tls`.
    pub(crate) fn separate(
        experiment: &Experiment,
        run_id: &str,
        tls: Option<&Tls>,
    ) -> Result<(Self, mpsc::Receiver<SetAside>), tls::Error> {
        let (sender, set_aside) = mpsc::channel(64);
        let newest = watch::Sender::new(None);
        for url in &experiment.exchange.reducers {
            let channel = tls::channel(url, tls)?;
            tokio::spawn(keep_following(url.clone(), channel, newest.subscribe(), sender.clone()));
        }
        Ok((Self::Separate { run_id: run_id.to_owned(), newest }, set_aside))
    }

    /// Announces a round, or its present members.
    pub(crate) fn announce(&self, announcement: Announcement) {
        match self {
            Self::Own(reducer) => reducer.announce(announcement),
            Self::Separate { run_id, newest } => {
                newest.send_replace(Some(wire::announcement(run_id, announcement)));
            }
        }
    }
}

/// Calls a reducer again whenever the call ends: it may be started later than the coordinator, and started again.
async fn keep_following(
    url: String,
    channel: Channel,
    newest: watch::Receiver<Option<v1::Announcement>>,
    set_aside: mpsc::Sender<SetAside>,
) {
    let mut told = false;
    while !set_aside.is_closed() && newest.has_changed().is_ok() {
        let Err(status) = follow(channel.clone(), newest.clone(), &set_aside).await else { return };
        // Without members nothing is lost, so it is logged once.
        let (reason, _) = tls::explain(&status);
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(reducer = url, reason, "no connection to a reducer; trying again");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Announces rounds to a reducer until the coordinator ends; an error if the call ends before.
async fn follow(
    channel: Channel,
    mut newest: watch::Receiver<Option<v1::Announcement>>,
    set_aside: &mpsc::Sender<SetAside>,
) -> Result<(), Status> {
    let (announcements, outbound) = mpsc::channel(1);
    newest.mark_changed();
    let mut client = ReducerClient::new(channel);
    let mut inbound = client.follow(ReceiverStream::new(outbound)).await?.into_inner();
    loop {
        tokio::select! {
            changed = newest.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let announcement = newest.borrow_and_update().clone();
                if let Some(announcement) = announcement
                    && announcements.send(announcement).await.is_err()
                {
                    return Err(Status::unavailable("the reducer has closed the connection"));
                }
            }
            told = inbound.message() => {
                let Some(told) = told? else {
                    return Err(Status::unavailable("the reducer has closed the connection"));
                };
                if let Ok(found) = wire::read_set_aside(told) {
                    // The engine reads it, or has ended.
                    let _ = set_aside.send(found).await;
                }
            }
        }
    }
}
