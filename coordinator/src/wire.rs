//! The core's types on the wire.

use crate::state_machine::{
    Arrival, Assignment, BadRowGroup, Boundary, DevScore, Fence, Learned, Report, SumGroup, View, Written,
};
use std::collections::BTreeMap;
use stentor_dataset::{Dataset, Place};
use stentor_experiment::{Source, Strategy};
use stentor_proto::{required, v1};
use stentor_shards::Kind;

pub(crate) fn fence(run_id: &str, fence: Fence) -> v1::Fence {
    v1::Fence {
        run_id: run_id.to_owned(),
        lineage: fence.lineage,
        membership_epoch: fence.membership_epoch,
        round: fence.round,
    }
}

/// A fence of this run; another run's is an error in words.
pub(crate) fn checked_fence(run_id: &str, fence: Option<v1::Fence>) -> Result<Fence, String> {
    let fence = required(fence, "fence").map_err(|e| e.to_string())?;
    if fence.run_id != run_id {
        return Err(format!("expected run `{run_id}`, found `{}`", fence.run_id));
    }
    Ok(Fence { lineage: fence.lineage, membership_epoch: fence.membership_epoch, round: fence.round })
}

pub(crate) fn assignment(run_id: &str, assignment: Assignment) -> v1::Assignment {
    v1::Assignment {
        fence: Some(fence(run_id, assignment.fence)),
        slot: assignment.slot,
        members: assignment.members,
        leases: assignment.leases.into_iter().map(Into::into).collect(),
        ahead: assignment.ahead.into_iter().map(Into::into).collect(),
        committed_frames: assignment.committed_frames,
        total_frames: assignment.total_frames,
        encoding: Some(assignment.encoding.into()),
        strategy: v1::Strategy::from(assignment.strategy).into(),
        sum_group: Some(sum_group(assignment.sum_group)),
        digest: assignment.digest,
    }
}

pub(crate) fn sum_group(sum_group: SumGroup) -> v1::SumGroup {
    v1::SumGroup { slots: sum_group.slots, group: sum_group.group, speaks: sum_group.speaks }
}

pub(crate) fn boundary(boundary: Boundary) -> v1::Boundary {
    let (dev_share, dev_shares) = boundary.dev_share.unwrap_or((0, 0));
    v1::Boundary {
        checkpoint: boundary.checkpoint.unwrap_or_default(),
        dev_share,
        dev_shares,
        writes_model: boundary.writes_model,
        finished: boundary.finished,
    }
}

pub(crate) fn arrival(run_id: &str, header: v1::ContributionHeader) -> Result<Arrival, String> {
    let by_source = by_source(&header)?;
    Ok(Arrival {
        fence: checked_fence(run_id, header.fence)?,
        identity: header.identity,
        slot: header.slot,
        frames: header.frames,
        loss_sum: header.loss_sum,
        correct_frames: header.correct_frames,
        by_source,
        gradient_norm: header.gradient_norm,
        suggested_tau: header.suggested_tau,
        values_sent: header.values_sent,
        residual_norm: header.residual_norm,
        payload_bytes: header.payload_bytes,
        parameters_digest: header.parameters_digest,
        update_digest: header.update_digest,
        compute_s: header.compute_s,
        leaving: header.leaving,
    })
}

/// A contribution's figures for each source. Where there are any, they must come to those of the whole.
fn by_source(header: &v1::ContributionHeader) -> Result<BTreeMap<Source, Learned>, String> {
    let mut by_source = BTreeMap::new();
    for &v1::SourceFigures { source, frames, loss_sum, correct_frames } in &header.by_source {
        let source = stentor_proto::source(source).map_err(|e| e.to_string())?;
        if by_source.insert(source, Learned { frames, loss_sum, correct_frames }).is_some() {
            return Err(format!("expected figures of the {} data once, found them twice", source.name()));
        }
    }
    let sum = |of: fn(&Learned) -> u64| by_source.values().map(of).fold(0, u64::saturating_add);
    let found = (sum(|learned| learned.frames), sum(|learned| learned.correct_frames));
    let expected = (header.frames, header.correct_frames);
    if !by_source.is_empty() && found != expected {
        return Err(format!(
            "expected sources' (frames, correct frames) that add up to {expected:?}, found {found:?}"
        ));
    }
    Ok(by_source)
}

/// Row groups that a member set aside, found in the data of this run.
pub(crate) fn bad_row_groups(
    dataset: &Dataset,
    messages: Vec<v1::BadRowGroup>,
) -> Result<Vec<BadRowGroup>, String> {
    let found = stentor_proto::bad_row_groups(messages).map_err(|e| e.to_string())?.into_iter();
    let place = |(source, set, message): (_, v1::SetKind, v1::BadRowGroup)| {
        let kind = if set == v1::SetKind::Labels { Kind::Labels } else { Kind::Features };
        let v1::BadRowGroup { row_group: place, reason, .. } = message;
        let found = usize::try_from(place).ok().and_then(|place| dataset.part(source)?.place(place, kind));
        match found {
            Some(Place { file, row_group, frames }) => {
                Ok(BadRowGroup { source, place, file, row_group: row_group as u64, frames, reason })
            }
            None => Err(format!("expected a row group of the {} data, found number {place}", source.name())),
        }
    };
    found.map(place).collect()
}

pub(crate) fn report(run_id: &str, report: v1::BoundaryReport) -> Result<Report, String> {
    checked_fence(run_id, report.fence)?;
    Ok(Report {
        identity: report.identity,
        checkpoint: report.checkpoint,
        written: report
            .written
            .into_iter()
            .map(|w| Written { name: w.name, bytes: w.bytes, digest: w.digest })
            .collect(),
        dev: report.dev.map(|d| DevScore {
            frames: d.frames,
            loss_sum: d.loss_sum,
            correct_frames: d.correct_frames,
        }),
    })
}

pub(crate) fn status(run_id: &str, view: View) -> v1::StatusReply {
    v1::StatusReply {
        run_id: run_id.to_owned(),
        lineage: view.fence.lineage,
        membership_epoch: view.fence.membership_epoch,
        round: view.fence.round,
        members: view
            .members
            .into_iter()
            .map(|m| v1::MemberStatus {
                identity: m.identity,
                slot: m.slot,
                host: String::new(),
                doing: m.doing,
                seconds_since_heard: m.silent_ms as f64 / 1e3,
            })
            .collect(),
        waiting: view.waiting,
        committed_frames: view.committed_frames,
        total_frames: view.total_frames,
        strategy: view.strategy.name().to_owned(),
        newest_checkpoint: view.newest_checkpoint.unwrap_or_default(),
        switching_to: view.switching_to.map(Strategy::name).unwrap_or_default().to_owned(),
    }
}
