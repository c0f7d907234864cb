use crate::client::{Client, Contributing};
use crate::reducers::{RangeSum, Reducers, Staged, Staging, first_part, received_bytes};
use crate::{Error, wire};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use std::future::pending;
use std::time::Duration;
use stentor_exchange::strategy::Coded;
use stentor_messages::Fence;
use stentor_participant::{self as participant, Input};
use stentor_proto::v1::{self, round_reply::Reply};
use stentor_runtime::metrics;
use stentor_signature::Digest;
use tokio::time::Instant;

/// A worker's communication in a round: the calls to coordinator and reducers that are under way at the same time.
pub(crate) struct Exchange {
    client: Client,
    reducers: Reducers,
    run_id: String,
    /// The membership, which every message names.
    session: u64,
    /// The digest of the manifest of the checkpoint from which the lineage started, in a run that signs.
    checkpoint_digest: Option<Digest>,
    /// Network traffic that is not reported yet.
    traffic: v1::Traffic,
    contributing: Option<Contributing>,
    staging: Option<LocalBoxFuture<'static, Result<Staged, Error>>>,
    fetching: Option<LocalBoxFuture<'static, Result<Option<Vec<RangeSum>>, Error>>>,
    sums: Vec<RangeSum>,
    started: Instant,
    /// When all payloads were staged.
    sent: Option<Instant>,
    /// When the last sum had arrived.
    arrived: Option<Instant>,
}

/// The phases of an exchange.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    /// Until all payloads were staged.
    pub(crate) send: Duration,
    /// The rest: for other members, and for the round to close.
    pub(crate) wait: Duration,
    /// While sums arrived, and this member had nothing left to send.
    pub(crate) fetch: Duration,
}

impl Exchange {
    pub(crate) fn new(client: Client, reducers: Reducers, run_id: &str, session: u64) -> Self {
        Self {
            client,
            reducers,
            run_id: run_id.to_owned(),
            session,
            checkpoint_digest: None,
            traffic: v1::Traffic::default(),
            contributing: None,
            staging: None,
            fetching: None,
            sums: Vec::new(),
            started: Instant::now(),
            sent: None,
            arrived: None,
        }
    }

    /// Tells reducers which manifest of the checkpoint from which the lineage started is the coordinator's.
    pub(crate) fn starting_from(self, checkpoint_digest: Option<Digest>) -> Self {
        Self { checkpoint_digest, ..self }
    }

    pub(crate) fn reducers(&self) -> &Reducers {
        &self.reducers
    }

    /// The membership.
    pub(crate) fn session(&self) -> u64 {
        self.session
    }

    /// The network traffic since the last call.
    pub(crate) fn take_traffic(&mut self) -> v1::Traffic {
        std::mem::take(&mut self.traffic)
    }

    /// Announces a contribution, in place of everything that is under way.
    pub(crate) fn contribute(&mut self, header: v1::ContributionHeader) {
        self.give_up();
        (self.started, self.sent, self.arrived) = (Instant::now(), None, None);
        let traffic = Some(self.take_traffic());
        let header = v1::ContributionHeader { traffic, session: self.session, ..header };
        self.contributing = Some(self.client.contribute(header));
    }

    /// Begins to send every reducer its payload: those of `coded`, or empty ones.
    pub(crate) fn stage(&mut self, staging: participant::Staging, coded: &Coded) {
        let payloads = match staging.frames {
            // Each reducer gets a payload even from a member without values, because the others' sums wait for it.
            0 => vec![bytes::Bytes::new(); self.reducers.ranges().count()],
            _ => coded.payloads.clone(),
        };
        let staging = Staging {
            fence: wire::fence(&self.run_id, staging.fence),
            slot: staging.slot,
            frames: staging.frames,
            sum_group: wire::sum_group_message(staging.sum_group),
            encoding: staging.encoding.into(),
            sections: staging.sections,
            lineage_start: staging.lineage_start.unwrap_or_default(),
            lineage_start_digest: self.checkpoint_digest,
            session: self.session,
        };
        let reducers = self.reducers.clone();
        self.staging = Some(async move { reducers.stage(&staging, &payloads).await }.boxed_local());
    }

    /// Begins to fetch the sums of a round.
    pub(crate) fn fetch(&mut self, fence: Fence, group: u32) {
        let (reducers, fence) = (self.reducers.clone(), wire::fence(&self.run_id, fence));
        self.fetching = Some(async move { reducers.fetch(&fence, group).await }.boxed_local());
    }

    /// Tells the coordinator that every reducer has its payload.
    pub(crate) async fn tell_staged(&self) {
        if let Some(contributing) = &self.contributing {
            contributing.staged().await;
        }
    }

    /// Gives up all that is under way.
    pub(crate) fn give_up(&mut self) {
        (self.contributing, self.staging, self.fetching) = (None, None, None);
        self.sums.clear();
    }

    /// The next answer to one of the calls that are under way.
    pub(crate) async fn answer(&mut self) -> Result<Input, Error> {
        if self.contributing.is_none() && self.staging.is_none() && self.fetching.is_none() {
            return Err(Error::Protocol("a member waits, and no call is under way".into()));
        }
        let Self { contributing, staging, fetching, .. } = self;
        tokio::select! {
            staged = under_way(staging) => {
                self.staging = None;
                self.sent = Some(Instant::now());
                match staged? {
                    Staged::Whole { sent_bytes } => {
                        self.traffic.sent_bytes += sent_bytes;
                        metrics::exchanged(sent_bytes, metrics::Direction::Out);
                        Ok(Input::Staged { complete: true })
                    }
                    Staged::Overtaken => Ok(Input::Staged { complete: false }),
                }
            }
            fetched = under_way(fetching) => {
                self.fetching = None;
                let fetched = fetched?;
                self.arrived = Some(Instant::now());
                let complete = fetched.is_some();
                self.sums = fetched.unwrap_or_default();
                Ok(Input::Fetched { complete })
            }
            reply = reply_of(contributing) => match reply? {
                Reply::Again(v1::Again { fence, sum_group }) => {
                    self.give_up();
                    let (fence, sum_group) = (wire::round(fence)?, wire::sum_group(sum_group)?);
                    tracing::info!(round = fence.round, "members have changed: staging once more");
                    Ok(Input::Again { fence, sum_group })
                }
                Reply::Update(header) => {
                    self.contributing = None;
                    Ok(Input::Closed(Box::new(wire::closed(header)?)))
                }
            },
        }
    }

    /// The sums of the round, now that it has closed, and the time that its exchange took.
    pub(crate) fn take_sums(&mut self) -> (Vec<RangeSum>, Times) {
        let sums = std::mem::take(&mut self.sums);
        let received = received_bytes(&sums);
        self.traffic.received_bytes += received;
        metrics::exchanged(received, metrics::Direction::In);
        let now = Instant::now();
        let sent = self.sent.unwrap_or(self.started);
        let arrived = self.arrived.unwrap_or(now);
        let send = sent.saturating_duration_since(self.started);
        let fetch = arrived.saturating_duration_since(first_part(&sums).unwrap_or(arrived).max(sent));
        let wait = now.saturating_duration_since(self.started).saturating_sub(send + fetch);
        (sums, Times { send, wait, fetch })
    }
}

/// Waits for a call; for ever if none is under way.
async fn under_way<T>(call: &mut Option<LocalBoxFuture<'static, T>>) -> T {
    match call {
        Some(call) => call.await,
        None => pending().await,
    }
}

/// As [`under_way`].
async fn reply_of(contributing: &mut Option<Contributing>) -> Result<Reply, Error> {
    match contributing {
        Some(contributing) => contributing.reply().await,
        None => pending().await,
    }
}
