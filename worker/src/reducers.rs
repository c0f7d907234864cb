use crate::client::session_over;
use crate::{Connector, Error};
use bytes::Bytes;
use futures::future::try_join_all;
use std::ops::Range;
use std::time::Duration;
use stentor_proto::v1::reducer_client::ReducerClient;
use stentor_proto::{Announced, PayloadAssembler, parts, v1};
use stentor_runtime::tls;
use stentor_signature::Digest;
use tokio::time::Instant;
use tokio_stream::StreamExt;
use tonic::{Code, Status};

/// The connections to the reducers, each of which sums one range of the parameter vector.
#[derive(Debug, Clone)]
pub(crate) struct Reducers {
    lines: Vec<Line>,
}

/// The connection to the reducer of a range.
#[derive(Debug, Clone)]
struct Line {
    range: Range<usize>,
    url: String,
    client: ReducerClient<Announced>,
    /// Whether the reducer has a process of its own, which may be started again while the coordinator keeps the round open.
    is_separate: bool,
}

/// Pause before a reducer is called again.
const PAUSE: Duration = Duration::from_millis(500);
/// How long after a lost reducer answers again the coordinator's request to stage once more is waited for. The coordinator calls the
/// reducer twice a second. If it does not ask, only this member's connection broke, and its session is over.
const REQUEST: Duration = Duration::from_secs(5);

/// A round's sum over one range.
#[derive(Debug)]
pub(crate) struct RangeSum {
    pub(crate) range: Range<usize>,
    /// Empty: no member had a frame.
    pub(crate) payload: Bytes,
    digest: u64,
    /// Size of the encoded messages.
    received_bytes: u64,
    /// When its first part came.
    began: Instant,
}

#[cfg(test)]
impl RangeSum {
    /// The sum of a reducer for the whole vector.
    pub(crate) fn whole(values: usize, payload: Bytes) -> Self {
        Self { range: 0..values, payload, digest: 0, received_bytes: 0, began: Instant::now() }
    }
}

/// What all payloads of a contribution have in common.
#[derive(Debug, Clone)]
pub(crate) struct Staging {
    pub(crate) fence: v1::Fence,
    pub(crate) slot: u32,
    pub(crate) frames: u64,
    pub(crate) sum_group: v1::SumGroup,
    pub(crate) encoding: v1::Encoding,
    pub(crate) sections: u32,
    pub(crate) lineage_start: String,
    /// In a run that signs: the digest of that checkpoint's manifest.
    pub(crate) lineage_start_digest: Option<Digest>,
    /// The membership.
    pub(crate) session: u64,
}

/// How staging ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Staged {
    /// Every reducer has its payload.
    Whole {
        /// Size of the encoded messages.
        sent_bytes: u64,
    },
    /// The members have changed meanwhile, or a reducer has lost what it had: the coordinator says how to continue.
    Overtaken,
}

impl Reducers {
    /// Connects to `urls` for a vector of `values` values; without URLs, to the coordinator's own reducer.
    pub(crate) fn new(
        coordinator: &str,
        urls: &[String],
        connector: &Connector,
        values: usize,
    ) -> Result<Self, Error> {
        let own = [coordinator.to_owned()];
        let is_separate = !urls.is_empty();
        let urls = if is_separate { urls } else { &own };
        let ranges = stentor_exchange::ranges(values, urls.len()).into_iter().zip(urls);
        let lines = ranges
            .map(|(range, url)| {
                let channel = stentor_proto::announced(connector.to(url)?);
                let client = ReducerClient::new(channel).max_decoding_message_size(2 << 20);
                Ok(Line { range, url: url.clone(), client, is_separate })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self { lines })
    }

    /// The ranges, in order.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.lines.iter().map(|line| line.range.clone())
    }

    /// Sends every reducer its payload, all at the same time, because each may wait for other members. If a reducer is lost meanwhile,
    /// this call does not end before the reducer answers again, and for some time after it: the coordinator's request to stage once
    /// more replaces the call.
    pub(crate) async fn stage(&self, staging: &Staging, payloads: &[Bytes]) -> Result<Staged, Error> {
        let blake3 = staging
            .lineage_start_digest
            .map(|digest| Bytes::from(digest.bytes().to_vec()))
            .unwrap_or_default();
        let all = self.lines.iter().zip(payloads).map(async |(line, payload)| {
            let header = v1::StageHeader {
                fence: Some(staging.fence.clone()),
                slot: staging.slot,
                frames: staging.frames,
                sum_group: Some(staging.sum_group.clone()),
                encoding: Some(staging.encoding),
                sections: staging.sections,
                payload_bytes: payload.len() as u64,
                payload_digest: stentor_exchange::digest(payload),
                lineage_start: staging.lineage_start.clone(),
                lineage_start_blake3: blake3.clone(),
                session: staging.session,
            };
            let sent = stentor_proto::encoded_len(&header) + payload.len() as u64;
            let header = std::iter::once(v1::stage_part::Part::Header(header));
            let all = header.chain(parts(payload).map(v1::stage_part::Part::Payload));
            let all = all.map(|part| v1::StagePart { part: Some(part) });
            match line.client.clone().stage(tokio_stream::iter(all)).await {
                Ok(_) => Ok(Some(sent)),
                Err(status) if status.code() == Code::Aborted => Ok(None),
                Err(status) if line.is_lost(&status) => Err(line.request_is_due(status).await),
                Err(status) => Err(session_over(status)),
            }
        });
        let sent: Option<Vec<u64>> = try_join_all(all).await?.into_iter().collect();
        Ok(sent.map_or(Staged::Overtaken, |sent| Staged::Whole { sent_bytes: sent.iter().sum() }))
    }

    /// Fetches the sums of a round and checks every digest; `None` if the members have changed meanwhile.
    pub(crate) async fn fetch(&self, fence: &v1::Fence, group: u32) -> Result<Option<Vec<RangeSum>>, Error> {
        let all = self.lines.iter().map(|line| line.fetch(fence, group));
        Ok(try_join_all(all).await?.into_iter().collect())
    }

    /// Makes every reducer write its state for a checkpoint. One that is lost meanwhile is asked again: if it has lost a state that the
    /// checkpoint needs, it says so.
    pub(crate) async fn save(
        &self,
        fence: &v1::Fence,
        checkpoint: &str,
    ) -> Result<Vec<v1::WrittenObject>, Error> {
        let all = self.lines.iter().map(|line| line.save(fence, checkpoint));
        Ok(try_join_all(all).await?.into_iter().flatten().collect())
    }
}

impl Line {
    /// Waits until a reducer that was lost answers again, and then for the coordinator's request to stage once more, which ends this
    /// wait. If none comes, the session is over.
    async fn request_is_due(&self, status: Status) -> Error {
        self.report_lost(&status);
        loop {
            tokio::time::sleep(PAUSE).await;
            // Without a header nothing is staged: any answer will do.
            match self.client.clone().stage(tokio_stream::empty()).await {
                Err(status) if self.is_lost(&status) => {}
                _ => break,
            }
        }
        tokio::time::sleep(REQUEST).await;
        session_over(status)
    }

    fn report_lost(&self, status: &Status) {
        let (reason, _) = tls::explain(status);
        tracing::warn!(reducer = self.url, reason, "the connection to a reducer broke; waiting for it");
    }

    /// Fetches one sum; `None` if the members have changed meanwhile. If the reducer is lost, it is asked again: it still has the sum
    /// if only the connection broke, and otherwise says that the members have changed, once the coordinator has them stage once more.
    async fn fetch(&self, fence: &v1::Fence, group: u32) -> Result<Option<RangeSum>, Error> {
        self.until_answered(|| self.try_to_fetch(fence, group)).await
    }

    async fn save(&self, fence: &v1::Fence, checkpoint: &str) -> Result<Vec<v1::WrittenObject>, Error> {
        let request = || v1::SaveRequest { fence: Some(fence.clone()), checkpoint: checkpoint.to_owned() };
        let saved = self.until_answered(async || match self.client.clone().save(request()).await {
            Ok(reply) => Ok(Ok(reply.into_inner().written)),
            Err(status) if self.is_lost(&status) => Ok(Err(status)),
            Err(status) => Err(session_over(status)),
        });
        saved.await
    }

    /// Repeats a call that fails because the reducer is lost, which its inner error says.
    async fn until_answered<T>(
        &self,
        call: impl AsyncFn() -> Result<Result<T, Status>, Error>,
    ) -> Result<T, Error> {
        let mut is_reported = false;
        loop {
            let status = match call().await? {
                Ok(answer) => return Ok(answer),
                Err(status) => status,
            };
            if !std::mem::replace(&mut is_reported, true) {
                self.report_lost(&status);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether a call failed because a separate reducer, or the connection to it, is lost. An answer of the reducer has no source.
    fn is_lost(&self, status: &Status) -> bool {
        let (_, denied) = tls::explain(status);
        self.is_separate && std::error::Error::source(status).is_some() && !denied
    }

    /// A sum, or `None` if the members have changed meanwhile. The inner error: the reducer, or the connection to it, is lost.
    async fn try_to_fetch(
        &self,
        fence: &v1::Fence,
        group: u32,
    ) -> Result<Result<Option<RangeSum>, Status>, Error> {
        use v1::sum_part::Part;
        let request = v1::FetchRequest { fence: Some(fence.clone()), group };
        let ended = |status: Status| match status.code() {
            Code::Aborted => Ok(Ok(None)),
            _ if self.is_lost(&status) => Ok(Err(status)),
            _ => Err(session_over(status)),
        };
        let mut inbound = match self.client.clone().fetch(request).await {
            Ok(stream) => stream.into_inner(),
            Err(status) => return ended(status),
        };
        // Values, an optimiser's vectors, and space for a message's header.
        let limit = 4 * 4 * self.range.len() as u64 + 4096;
        let protocol = |e: stentor_proto::FrameError| Error::Protocol(e.to_string());
        let mut payload = PayloadAssembler::new(limit);
        let mut digest = stentor_exchange::Digest::default();
        let mut first_part = None;
        loop {
            let part = inbound.next().await.transpose();
            let began = *first_part.get_or_insert_with(Instant::now);
            match part {
                Ok(Some(v1::SumPart { part: Some(Part::Payload(bytes)) })) => {
                    digest.update(&bytes);
                    payload.push(&bytes).map_err(protocol)?;
                }
                Ok(Some(v1::SumPart { part: Some(Part::End(end)) })) => {
                    let payload = payload.finish();
                    let (expected, found) = (end.payload_digest, digest.finish());
                    if payload.len() as u64 != end.payload_bytes || found != expected {
                        let (bytes, came) = (end.payload_bytes, payload.len());
                        return Err(Error::Protocol(format!(
                            "expected a sum of {bytes} bytes with digest {expected:016x}, found {came} with {found:016x}"
                        )));
                    }
                    let received_bytes = stentor_proto::encoded_len(&end) + payload.len() as u64;
                    let range = self.range.clone();
                    return Ok(Ok(Some(RangeSum { range, payload, digest: found, received_bytes, began })));
                }
                Err(status) => return ended(status),
                Ok(_) => {
                    return Err(Error::Protocol(
                        "expected the end of a sum, found the end of the stream".into(),
                    ));
                }
            }
        }
    }
}

/// When the first part of a round's sums came.
pub(crate) fn first_part(sums: &[RangeSum]) -> Option<Instant> {
    sums.iter().map(|sum| sum.began).min()
}

/// One digest of a whole update; it is the same for all members that fetched the same sums.
pub(crate) fn update_digest(sums: &[RangeSum]) -> u64 {
    let mut digest = stentor_exchange::Digest::default();
    sums.iter().for_each(|sum| digest.update(&sum.digest.to_le_bytes()));
    digest.finish()
}

/// Size of the encoded messages of all sums, in bytes.
pub(crate) fn received_bytes(sums: &[RangeSum]) -> u64 {
    sums.iter().map(|sum| sum.received_bytes).sum()
}
