//! Conversions between the participant's messages and the wire.

use crate::Error;
use stentor_experiment::Source;
use stentor_messages::{Arrival, Assignment, Boundary, Closed, Fence, Report, SumGroup, Written};
use stentor_proto::{required, sum_messages, v1};
use stentor_scores::Sums;
use stentor_signature::Digest;

pub(crate) fn fence(run_id: &str, fence: Fence) -> v1::Fence {
    let Fence { lineage, membership_epoch, round } = fence;
    v1::Fence { run_id: run_id.to_owned(), lineage, membership_epoch, round }
}

/// The round of a message, without the run that it belongs to.
pub(crate) fn round(message: Option<v1::Fence>) -> Result<Fence, Error> {
    let v1::Fence { lineage, membership_epoch, round, .. } = required(message, "fence")?;
    Ok(Fence { lineage, membership_epoch, round })
}

pub(crate) fn assignment(message: v1::Assignment) -> Result<Assignment, Error> {
    let leases = |leases: Vec<v1::Lease>| leases.into_iter().map(TryInto::try_into).collect::<Result<_, _>>();
    Ok(Assignment {
        fence: round(message.fence)?,
        slot: message.slot,
        members: message.members,
        leases: leases(message.leases)?,
        ahead: leases(message.ahead)?,
        committed_frames: message.committed_frames,
        total_frames: message.total_frames,
        encoding: stentor_proto::encoding(message.encoding)?,
        strategy: stentor_proto::strategy(message.strategy)?,
        sum_group: sum_group(message.sum_group)?,
        digest: message.digest,
    })
}

pub(crate) fn sum_group(message: Option<v1::SumGroup>) -> Result<SumGroup, Error> {
    let v1::SumGroup { slots, group, speaks } = required(message, "sum_group")?;
    Ok(SumGroup { slots, group, speaks })
}

pub(crate) fn sum_group_message(sum_group: SumGroup) -> v1::SumGroup {
    let SumGroup { slots, group, speaks } = sum_group;
    v1::SumGroup { slots, group, speaks }
}

pub(crate) fn closed(message: v1::UpdateHeader) -> Result<Closed, Error> {
    Ok(Closed {
        fence: round(message.fence)?,
        source: stentor_proto::source(message.source)?,
        encoding: stentor_proto::encoding(message.encoding)?,
        contributors: message.contributors,
        frames: message.frames,
        boundary: message.boundary.map(boundary).unwrap_or_default(),
        next: message.next.map(assignment).transpose()?,
    })
}

fn boundary(message: v1::Boundary) -> Boundary {
    let v1::Boundary { checkpoint, dev_share, dev_shares, writes_model, finished } = message;
    Boundary {
        checkpoint: (!checkpoint.is_empty()).then_some(checkpoint),
        dev_share: (dev_shares > 0).then_some((dev_share, dev_shares)),
        writes_model,
        finished,
    }
}

/// A contribution's header; the shell adds times, traffic and quarantined row groups.
pub(crate) fn contribution(run_id: &str, arrival: Arrival) -> v1::ContributionHeader {
    let of_source = |(source, sums): (Source, Sums)| v1::SourceSums {
        source: v1::Source::from(source).into(),
        sums: sum_messages(&sums),
    };
    v1::ContributionHeader {
        fence: Some(fence(run_id, arrival.fence)),
        identity: arrival.identity,
        slot: arrival.slot,
        frames: arrival.frames,
        sums: sum_messages(&arrival.sums),
        by_source: arrival.by_source.into_iter().map(of_source).collect(),
        gradient_norm: arrival.gradient_norm,
        suggested_tau: arrival.suggested_tau,
        values_sent: arrival.values_sent,
        residual_norm: arrival.residual_norm,
        payload_bytes: arrival.payload_bytes,
        parameters_digest: arrival.parameters_digest,
        update_digest: arrival.update_digest,
        compute_s: arrival.compute_s,
        leaving: arrival.leaving,
        ..Default::default()
    }
}

/// A boundary's report; the shell adds memory and traffic.
pub(crate) fn report(run_id: &str, at: Fence, report: Report) -> v1::BoundaryReport {
    v1::BoundaryReport {
        fence: Some(fence(run_id, at)),
        identity: report.identity,
        checkpoint: report.checkpoint,
        written: report.written.into_iter().map(written_message).collect(),
        dev: report.dev.map(|dev| v1::DevScore { sums: sum_messages(&dev) }),
        ..Default::default()
    }
}

/// A digest in a message; `None` if it has none.
pub(crate) fn digest(message: &[u8]) -> Result<Option<Digest>, Error> {
    if message.is_empty() {
        return Ok(None);
    }
    let found = || format!("expected a digest of 32 bytes, found {}", message.len());
    Digest::from_bytes(message).map(Some).ok_or_else(|| Error::Protocol(found()))
}

fn written_message(written: Written) -> v1::WrittenObject {
    let Written { name, bytes, digest, blake3 } = written;
    let blake3 = blake3.map(|digest| digest.to_vec().into()).unwrap_or_default();
    v1::WrittenObject { name, bytes, digest, blake3 }
}

pub(crate) fn written(message: v1::WrittenObject) -> Written {
    let v1::WrittenObject { name, bytes, digest, blake3 } = message;
    Written { name, bytes, digest, blake3: blake3[..].try_into().ok() }
}
