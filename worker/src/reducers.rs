use crate::client::session_over;
use crate::{Connector, Error};
use bytes::Bytes;
use futures::future::try_join_all;
use std::ops::Range;
use stentor_proto::v1::reducer_client::ReducerClient;
use stentor_proto::{Announced, PayloadAssembler, parts, v1};
use tokio_stream::StreamExt;
use tonic::Code;

/// The connections to the reducers, each of which sums one range of the parameter vector.
#[derive(Debug, Clone)]
pub(crate) struct Reducers {
    ranges: Vec<(Range<usize>, ReducerClient<Announced>)>,
}

/// A round's sum over one range.
#[derive(Debug)]
pub(crate) struct RangeSum {
    pub(crate) range: Range<usize>,
    /// Empty: no member had a frame.
    pub(crate) payload: Bytes,
    digest: u64,
    /// Size of the encoded messages.
    received_bytes: u64,
}

#[cfg(test)]
impl RangeSum {
    /// The sum of a reducer for the whole vector.
    pub(crate) fn whole(values: usize, payload: Bytes) -> Self {
        Self { range: 0..values, payload, digest: 0, received_bytes: 0 }
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
    /// The members have changed meanwhile: the coordinator says how to continue.
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
        let urls = if urls.is_empty() { &own } else { urls };
        let ranges = stentor_exchange::ranges(values, urls.len()).into_iter().zip(urls);
        let ranges = ranges
            .map(|(range, url)| {
                let channel = stentor_proto::announced(connector.to(url)?);
                let client = ReducerClient::new(channel).max_decoding_message_size(2 << 20);
                Ok((range, client))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self { ranges })
    }

    /// The ranges, in order.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.ranges.iter().map(|(range, _)| range.clone())
    }

    /// Sends every reducer its payload, all at the same time, because each may wait for other members.
    pub(crate) async fn stage(&self, staging: &Staging, payloads: &[Bytes]) -> Result<Staged, Error> {
        let all = self.ranges.iter().zip(payloads).map(async |((_, client), payload)| {
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
                session: staging.session,
            };
            let sent = stentor_proto::encoded_len(&header) + payload.len() as u64;
            let header = std::iter::once(v1::stage_part::Part::Header(header));
            let all = header.chain(parts(payload).map(v1::stage_part::Part::Payload));
            let all = all.map(|part| v1::StagePart { part: Some(part) });
            match client.clone().stage(tokio_stream::iter(all)).await {
                Ok(_) => Ok(Some(sent)),
                Err(status) if status.code() == Code::Aborted => Ok(None),
                Err(status) => Err(session_over(status)),
            }
        });
        let sent: Option<Vec<u64>> = try_join_all(all).await?.into_iter().collect();
        Ok(sent.map_or(Staged::Overtaken, |sent| Staged::Whole { sent_bytes: sent.iter().sum() }))
    }

    /// Fetches the sums of a round and checks every digest; `None` if the members have changed meanwhile.
    pub(crate) async fn fetch(&self, fence: &v1::Fence, group: u32) -> Result<Option<Vec<RangeSum>>, Error> {
        let all =
            self.ranges.iter().map(|(range, client)| fetch(client.clone(), range.clone(), fence, group));
        Ok(try_join_all(all).await?.into_iter().collect())
    }

    /// Makes every reducer write its state for a checkpoint.
    pub(crate) async fn save(
        &self,
        fence: &v1::Fence,
        checkpoint: &str,
    ) -> Result<Vec<v1::WrittenObject>, Error> {
        let all = self.ranges.iter().map(async |(_, client)| {
            let request = v1::SaveRequest { fence: Some(fence.clone()), checkpoint: checkpoint.to_owned() };
            let reply = client.clone().save(request).await.map_err(session_over)?;
            Ok::<_, Error>(reply.into_inner().written)
        });
        Ok(try_join_all(all).await?.into_iter().flatten().collect())
    }
}

async fn fetch(
    mut client: ReducerClient<Announced>,
    range: Range<usize>,
    fence: &v1::Fence,
    group: u32,
) -> Result<Option<RangeSum>, Error> {
    use v1::sum_part::Part;
    let request = v1::FetchRequest { fence: Some(fence.clone()), group };
    let overtaken = |status: &tonic::Status| status.code() == Code::Aborted;
    let mut inbound = match client.fetch(request).await {
        Ok(stream) => stream.into_inner(),
        Err(status) if overtaken(&status) => return Ok(None),
        Err(status) => return Err(session_over(status)),
    };
    // Values, an optimiser's vectors, and space for a message's header.
    let limit = 4 * 4 * range.len() as u64 + 4096;
    let protocol = |e: stentor_proto::FrameError| Error::Protocol(e.to_string());
    let mut payload = PayloadAssembler::new(limit);
    let mut digest = stentor_exchange::Digest::default();
    loop {
        match inbound.next().await.transpose() {
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
                return Ok(Some(RangeSum { range, payload, digest: found, received_bytes }));
            }
            Err(status) if overtaken(&status) => return Ok(None),
            Err(status) => return Err(session_over(status)),
            Ok(_) => {
                return Err(Error::Protocol("expected the end of a sum, found the end of the stream".into()));
            }
        }
    }
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
