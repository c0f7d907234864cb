use crate::Error;
use crate::client::Client;
use crate::reducers::{RangeSum, Reducers, Staged, Staging, received_bytes, update_digest};
use crate::replica::Coded;
use std::time::{Duration, Instant};
use stentor_proto::required;
use stentor_proto::v1::{self, round_reply::Reply};
use stentor_runtime::metrics;

/// A worker's way to the others: a contribution goes up, and the update that it became part of comes down.
#[derive(Debug)]
pub(crate) struct Exchange {
    client: Client,
    reducers: Reducers,
    /// Checkpoint that this member's lineage started from.
    lineage_start: String,
    /// Of the update that was fetched last.
    update_digest: Option<u64>,
    /// What went over the wires and is not reported yet.
    traffic: v1::Traffic,
}

/// A round's update.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) header: v1::UpdateHeader,
    pub(crate) sums: Vec<RangeSum>,
    /// Seconds until all payloads were staged, until the round closed, and until its sums were here.
    pub(crate) send: Duration,
    pub(crate) wait: Duration,
    pub(crate) fetch: Duration,
}

impl Exchange {
    pub(crate) fn new(client: Client, reducers: Reducers, lineage_start: &str) -> Self {
        let lineage_start = lineage_start.to_owned();
        Self { client, reducers, lineage_start, update_digest: None, traffic: v1::Traffic::default() }
    }

    pub(crate) fn reducers(&self) -> &Reducers {
        &self.reducers
    }

    /// What went over the wires since this was asked last.
    pub(crate) fn take_traffic(&mut self) -> v1::Traffic {
        std::mem::take(&mut self.traffic)
    }

    /// Contributes to the round of `assignment` and fetches its sum when it has closed. The payload is staged once more
    /// whenever the members change meanwhile: nothing is computed again.
    ///
    /// `header`: the contribution's facts; fence, payload's size, digest of the last update and traffic are filled in here.
    pub(crate) async fn run(
        &mut self,
        assignment: &v1::Assignment,
        header: v1::ContributionHeader,
        coded: &Coded,
    ) -> Result<Update, Error> {
        let mut staging = Staging {
            fence: required(assignment.fence.clone(), "fence")?,
            slot: assignment.slot,
            frames: if coded.payloads.is_empty() { 0 } else { header.frames },
            company: required(assignment.company.clone(), "company")?,
            encoding: required(assignment.encoding, "encoding")?,
            sections: coded.sections.max(1),
            lineage_start: self.lineage_start.clone(),
        };
        let started = Instant::now();
        let (update, send, group) = loop {
            let header = v1::ContributionHeader {
                fence: Some(staging.fence.clone()),
                payload_bytes: coded.bytes(),
                update_digest: self.update_digest,
                traffic: Some(self.take_traffic()),
                ..header.clone()
            };
            match self.attempt(&staging, header, coded).await? {
                (Reply::Update(update), send) => break (update, send, staging.company.group),
                (Reply::Again(again), _) => {
                    tracing::info!(round = staging.fence.round, "members have changed: staging once more");
                    staging.fence = required(again.fence, "fence")?;
                    staging.company = required(again.company, "company")?;
                }
            }
        };
        let wait = started.elapsed().saturating_sub(send);
        let started = Instant::now();
        let sums = self.reducers.fetch(&staging.fence, group).await?;
        self.update_digest = Some(update_digest(&sums));
        let received = received_bytes(&sums);
        self.traffic.received_bytes += received;
        metrics::exchanged(received, metrics::Direction::In);
        Ok(Update { header: update, sums, send, wait, fetch: started.elapsed() })
    }

    /// Contributes for one membership; the answer, and how long staging took.
    async fn attempt(
        &mut self,
        staging: &Staging,
        header: v1::ContributionHeader,
        coded: &Coded,
    ) -> Result<(Reply, Duration), Error> {
        let started = Instant::now();
        let mut contributing = self.client.contribute(header);
        // One for each range also where there is nothing to say: the others' sums wait for it.
        let silence = vec![bytes::Bytes::new(); self.reducers.ranges().count()];
        let payloads = if coded.payloads.is_empty() { &silence } else { &coded.payloads };
        let staged = tokio::select! {
            staged = self.reducers.stage(staging, payloads) => staged?,
            // The members changed before all was staged, or the session is over.
            reply = contributing.reply() => return Ok((reply?, started.elapsed())),
        };
        let took = started.elapsed();
        if let Staged::Whole { sent_bytes } = staged {
            self.traffic.sent_bytes += sent_bytes;
            metrics::exchanged(sent_bytes, metrics::Direction::Out);
            contributing.staged().await;
        }
        Ok((contributing.reply().await?, took))
    }
}
