use crate::Error;
use crate::client::Client;
use crate::reducers::{RangeSum, Reducers, Staged, Staging, received_bytes, update_digest};
use std::pin::pin;
use std::time::Duration;
use stentor_exchange::strategy::Coded;
use stentor_experiment::{Experiment, GtcDownlink};
use stentor_proto::required;
use stentor_proto::v1::{self, round_reply::Reply};
use stentor_runtime::metrics;
use tokio::time::Instant;

/// A worker's communication in a round: sends its contribution, and receives the update that contains it.
#[derive(Debug)]
pub(crate) struct Exchange {
    client: Client,
    reducers: Reducers,
    /// Whether to fetch sums only after their round has closed.
    late_fetch: bool,
    /// Checkpoint from which this member's lineage started.
    lineage_start: String,
    /// Digest of the update that was fetched last.
    update_digest: Option<u64>,
    /// Network traffic that is not reported yet.
    traffic: v1::Traffic,
}

/// A round's update.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) header: v1::UpdateHeader,
    pub(crate) sums: Vec<RangeSum>,
    /// Whether this member staged values.
    pub(crate) spoke: bool,
    /// Time until all payloads were staged, from then until the round closed, and from then until its sums had
    /// arrived.
    pub(crate) send: Duration,
    pub(crate) wait: Duration,
    pub(crate) fetch: Duration,
}

impl Exchange {
    pub(crate) fn new(
        client: Client,
        reducers: Reducers,
        experiment: &Experiment,
        lineage_start: &str,
    ) -> Self {
        Self {
            client,
            reducers,
            late_fetch: experiment.exchange.gtc.downlink == GtcDownlink::Rethreshold,
            lineage_start: lineage_start.to_owned(),
            update_digest: None,
            traffic: v1::Traffic::default(),
        }
    }

    pub(crate) fn reducers(&self) -> &Reducers {
        &self.reducers
    }

    /// The network traffic since the last call.
    pub(crate) fn take_traffic(&mut self) -> v1::Traffic {
        std::mem::take(&mut self.traffic)
    }

    /// Contributes to the round of `assignment` and fetches its sum when it has closed. If the members change
    /// meanwhile, the payload is staged once more; nothing is computed again.
    ///
    /// `header`: the facts of the contribution; fence, payload size, digest of the last update and traffic are filled
    /// in here.
    pub(crate) async fn run(
        &mut self,
        assignment: &v1::Assignment,
        header: v1::ContributionHeader,
        coded: &Coded,
    ) -> Result<Update, Error> {
        let mut staging = Staging {
            fence: required(assignment.fence.clone(), "fence")?,
            slot: assignment.slot,
            frames: 0,
            sum_group: required(assignment.sum_group.clone(), "sum_group")?,
            encoding: required(assignment.encoding, "encoding")?,
            sections: coded.sections.max(1),
            lineage_start: self.lineage_start.clone(),
        };
        // Each reducer gets a payload even from a member without values, because the others' sums wait for it.
        let silence = vec![bytes::Bytes::new(); self.reducers.ranges().count()];
        loop {
            // If several members hold the same values, one of them sends these; if it is gone, another one does.
            let speaks = staging.sum_group.speaks && !coded.payloads.is_empty();
            staging.frames = if speaks { header.frames } else { 0 };
            let header = v1::ContributionHeader {
                fence: Some(staging.fence.clone()),
                frames: staging.frames,
                payload_bytes: if speaks { coded.bytes() } else { 0 },
                values_sent: if speaks { header.values_sent } else { 0 },
                update_digest: self.update_digest,
                traffic: Some(self.take_traffic()),
                ..header.clone()
            };
            let payloads = if speaks { &coded.payloads } else { &silence };
            match self.attempt(&staging, header, payloads).await? {
                Attempt::Done(update) => {
                    self.update_digest = Some(update_digest(&update.sums));
                    let received = received_bytes(&update.sums);
                    self.traffic.received_bytes += received;
                    metrics::exchanged(received, metrics::Direction::In);
                    return Ok(*update);
                }
                Attempt::Again(again) => {
                    tracing::info!(round = staging.fence.round, "members have changed: staging once more");
                    staging.fence = required(again.fence, "fence")?;
                    staging.sum_group = required(again.sum_group, "sum_group")?;
                }
            }
        }
    }

    /// Contributes for one membership. Payloads are sent and sums received at the same time; sums are only returned
    /// after the coordinator has closed the round for this same membership.
    async fn attempt(
        &mut self,
        staging: &Staging,
        header: v1::ContributionHeader,
        payloads: &[bytes::Bytes],
    ) -> Result<Attempt, Error> {
        let started = Instant::now();
        let mut contributing = self.client.contribute(header);
        let mut stage = pin!(self.reducers.stage(staging, payloads));
        let mut fetch = pin!(self.reducers.fetch(&staging.fence, staging.sum_group.group));
        let (mut send, mut header, mut sums) = (None, None, None);
        let mut wait = Duration::ZERO;
        // If a fetch changes the reducer's state, it must not happen before the round's end.
        let early = !self.late_fetch;
        loop {
            tokio::select! {
                staged = &mut stage, if send.is_none() => {
                    send = Some(started.elapsed());
                    if let Staged::Whole { sent_bytes } = staged? {
                        self.traffic.sent_bytes += sent_bytes;
                        metrics::exchanged(sent_bytes, metrics::Direction::Out);
                        contributing.staged().await;
                    }
                }
                fetched = &mut fetch, if sums.is_none() && (early || header.is_some()) => match fetched? {
                    Some(fetched) => sums = Some(fetched),
                    // The request to stage once more will follow.
                    None => sums = Some(Vec::new()),
                },
                reply = contributing.reply(), if header.is_none() => match reply? {
                    Reply::Again(again) => return Ok(Attempt::Again(again)),
                    Reply::Update(update) => {
                        wait = started.elapsed().saturating_sub(send.unwrap_or_default());
                        header = Some(update);
                    }
                },
            }
            if let (Some(send), Some(_), Some(found)) = (send, &header, &sums) {
                if found.is_empty() {
                    return Err(Error::SessionOver("a reducer has continued without this member".into()));
                }
                let fetch = started.elapsed().saturating_sub(send + wait);
                if let (Some(header), Some(sums)) = (header.take(), sums.take()) {
                    let spoke = staging.frames > 0;
                    let update = Update { header, sums, spoke, send, wait, fetch };
                    return Ok(Attempt::Done(Box::new(update)));
                }
            }
        }
    }
}

/// How an attempt ended.
enum Attempt {
    Done(Box<Update>),
    Again(v1::Again),
}
