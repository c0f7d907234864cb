//! What operators were told is accepted is recorded in the run's folder before they are answered.

use crate::command::Reply;
use crate::{pause, switch};
use stentor_proto::v1;
use stentor_store::{Error, Store};
use tokio::sync::mpsc;

/// A change of the records.
#[derive(Debug)]
pub(crate) enum Mark {
    Paused(pause::Record),
    Resumed,
    Switched(switch::Record),
}

impl Mark {
    async fn set(&self, run: &Store) -> Result<(), Error> {
        match self {
            Mark::Paused(record) => pause::set(run, Some(record)).await,
            Mark::Resumed => pause::set(run, None).await,
            Mark::Switched(record) => switch::set(run, Some(record)).await,
        }
    }

    /// What follows if it could not be written.
    fn consequence(&self) -> &'static str {
        match self {
            Mark::Paused(_) => "a coordinator that is started again will not know of the pause",
            Mark::Resumed => "a coordinator that is started again will pause the run again",
            Mark::Switched(_) => "a coordinator that is started again will not know of the switch",
        }
    }
}

/// Changes the records one after the other, and answers each command then.
#[derive(Debug)]
pub(crate) struct Marker(mpsc::UnboundedSender<(Mark, v1::CommandReply, Reply)>);

impl Marker {
    pub(crate) fn new(run: Store) -> Self {
        let (sender, mut receiver) = mpsc::unbounded_channel::<(Mark, v1::CommandReply, Reply)>();
        tokio::spawn(async move {
            while let Some((mark, answer, reply)) = receiver.recv().await {
                let failed = mark.set(&run).await.err();
                let warning =
                    failed.map(|error| format!("{error}; {}", mark.consequence())).unwrap_or_default();
                if !warning.is_empty() {
                    tracing::warn!("{warning}");
                }
                // The caller may be gone.
                let _ = reply.send(Ok(v1::CommandReply { warning, ..answer }));
            }
        });
        Self(sender)
    }

    /// Makes a change, and then answers a command.
    pub(crate) fn set(&self, mark: Mark, answer: v1::CommandReply, reply: Reply) {
        // The task ends with this sender.
        let _ = self.0.send((mark, answer, reply));
    }
}
