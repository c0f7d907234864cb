use super::RangeReducer;
use crate::command::Command;
use crate::wire;
use std::sync::Arc;
use std::time::Duration;
use stentor_experiment::Experiment;
use stentor_proto::v1;
use stentor_proto::v1::reducer_client::ReducerClient;
use stentor_rounds::{Announcement, SetAside};
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
        commands: &mpsc::Sender<Command>,
    ) -> Result<(Self, mpsc::Receiver<SetAside>), tls::Error> {
        let (sender, set_aside) = mpsc::channel(64);
        let newest = watch::Sender::new(None);
        for (index, url) in experiment.exchange.reducers.iter().enumerate() {
            let line = Line {
                index,
                url: url.clone(),
                channel: tls::channel(url, tls)?,
                set_aside: sender.clone(),
                commands: commands.clone(),
            };
            tokio::spawn(line.keep_following(newest.subscribe()));
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

/// The connection to a separate reducer.
struct Line {
    index: usize,
    url: String,
    channel: Channel,
    set_aside: mpsc::Sender<SetAside>,
    commands: mpsc::Sender<Command>,
}

impl Line {
    /// Calls the reducer again whenever the call ends: it may be started later than the coordinator, and started again.
    async fn keep_following(self, newest: watch::Receiver<Option<v1::Announcement>>) {
        let mut was_up = true;
        // Until the coordinator ends.
        while newest.has_changed().is_ok() {
            let mut is_up = false;
            let Err(status) = self.follow(newest.clone(), &mut is_up).await else { return };
            if is_up {
                let _ = self.commands.send(Command::Reducer { index: self.index, is_up: false }).await;
            }
            // Logged once for each time that it is lost.
            if is_up || was_up {
                let (reason, _) = tls::explain(&status);
                tracing::warn!(reducer = self.url, reason, "no connection to a reducer; trying again");
            }
            was_up = is_up;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Announces rounds to the reducer until the coordinator ends; an error if the call ends before.
    async fn follow(
        &self,
        mut newest: watch::Receiver<Option<v1::Announcement>>,
        is_up: &mut bool,
    ) -> Result<(), Status> {
        let (announcements, outbound) = mpsc::channel(1);
        newest.mark_changed();
        let mut client = ReducerClient::new(stentor_proto::announced(self.channel.clone()));
        let answer = client.follow(ReceiverStream::new(outbound)).await?;
        let agreed = stentor_proto::agree_with_answer(answer.metadata())?;
        let mut inbound = answer.into_inner();
        *is_up = true;
        let (protocol, release) = (agreed.version, agreed.release);
        tracing::info!(reducer = self.url, protocol, release, "connected to a reducer");
        let _ = self.commands.send(Command::Reducer { index: self.index, is_up: true }).await;
        let closed = || Status::unavailable("the reducer has closed the connection");
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
                        return Err(closed());
                    }
                }
                told = inbound.message() => {
                    if let Ok(found) = wire::read_set_aside(told?.ok_or_else(closed)?) {
                        // The engine reads it, or has ended.
                        let _ = self.set_aside.send(found).await;
                    }
                }
            }
        }
    }
}
