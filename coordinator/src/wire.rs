//! Conversions between the state machine's types and the wire.

use crate::limits;
use std::collections::BTreeMap;
use stentor_dataset::{Dataset, Place};
use stentor_experiment::{Source, Strategy};
use stentor_proto::{required, v1};
use stentor_rounds::{
    Announcement, Arrival, Assignment, BadRowGroup, Boundary, Closed, Command, Fence, Pausing, Report, Seat,
    SetAside, SumGroup, View, Written,
};
use stentor_scores::{FRAMES, Sums};
use stentor_shards::Kind;

pub(crate) fn fence(run_id: &str, fence: Fence) -> v1::Fence {
    v1::Fence {
        run_id: run_id.to_owned(),
        lineage: fence.lineage,
        membership_epoch: fence.membership_epoch,
        round: fence.round,
    }
}

/// A fence of this run; the fence of another run is an error.
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

/// The open round, for a separate reducer.
pub(crate) fn announcement(run_id: &str, announcement: Announcement) -> v1::Announcement {
    let seat = |(slot, seat): (u32, Seat)| v1::Seat {
        slot,
        session: seat.session,
        identity: seat.identity,
        most_frames: seat.most_frames,
        sum_group: Some(sum_group(seat.sum_group)),
    };
    v1::Announcement {
        fence: Some(fence(run_id, announcement.fence)),
        encoding: Some(announcement.encoding.into()),
        seats: announcement.seats.into_iter().map(seat).collect(),
    }
}

/// The round of `fence` that a coordinator announces.
pub(crate) fn announced(fence: Fence, message: v1::Announcement) -> Result<Announcement, String> {
    let seat = |seat: v1::Seat| {
        let v1::SumGroup { slots, group, speaks } =
            required(seat.sum_group, "sum_group").map_err(|e| e.to_string())?;
        let sum_group = SumGroup { slots, group, speaks };
        let v1::Seat { slot, session, identity, most_frames, .. } = seat;
        Ok::<_, String>((slot, Seat { session, identity, most_frames, sum_group }))
    };
    Ok(Announcement {
        fence,
        encoding: stentor_proto::encoding(message.encoding).map_err(|e| e.to_string())?,
        seats: message.seats.into_iter().map(seat).collect::<Result<_, _>>()?,
    })
}

pub(crate) fn set_aside(run_id: &str, found: SetAside) -> v1::SetAside {
    let SetAside { fence: at, slot, reason } = found;
    v1::SetAside { fence: Some(fence(run_id, at)), slot, reason }
}

/// What a separate reducer says. Its run is that of the announcements.
pub(crate) fn read_set_aside(message: v1::SetAside) -> Result<SetAside, String> {
    let v1::SetAside { fence, slot, reason } = message;
    let v1::Fence { lineage, membership_epoch, round, .. } =
        required(fence, "fence").map_err(|e| e.to_string())?;
    let fence = Fence { lineage, membership_epoch, round };
    Ok(SetAside { fence, slot, reason: crate::limits::cut(reason) })
}

fn boundary(boundary: Boundary) -> v1::Boundary {
    let (dev_share, dev_shares) = boundary.dev_share.unwrap_or((0, 0));
    v1::Boundary {
        checkpoint: boundary.checkpoint.unwrap_or_default(),
        dev_share,
        dev_shares,
        writes_model: boundary.writes_model,
        finished: boundary.finished,
    }
}

pub(crate) fn closed(run_id: &str, closed: Closed) -> v1::UpdateHeader {
    v1::UpdateHeader {
        fence: Some(fence(run_id, closed.fence)),
        contributors: closed.contributors,
        frames: closed.frames,
        source: v1::Source::from(closed.source).into(),
        boundary: Some(boundary(closed.boundary)),
        next: closed.next.map(|next| assignment(run_id, next)),
        encoding: Some(closed.encoding.into()),
    }
}

pub(crate) fn arrival(run_id: &str, header: v1::ContributionHeader) -> Result<Arrival, String> {
    let sums = sums(header.sums)?;
    if !sums.is_empty() && sums.count(FRAMES) != header.frames {
        let (expected, found) = (header.frames, sums.count(FRAMES));
        return Err(format!("expected sums over {expected} frames, found sums over {found}"));
    }
    let by_source = by_source(header.by_source, &sums)?;
    Ok(Arrival {
        fence: checked_fence(run_id, header.fence)?,
        identity: header.identity,
        slot: header.slot,
        frames: header.frames,
        sums,
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

/// An operator's command. The shell numbers requests for checkpoints.
pub(crate) fn command(request: v1::CommandRequest) -> Result<Command, String> {
    use v1::command_request::Command as Message;
    let message = required(request.command, "command").map_err(|e| e.to_string())?;
    Ok(match message {
        Message::Switch(v1::Switch { strategy }) => {
            Command::Switch { strategy: stentor_proto::strategy(strategy).map_err(|e| e.to_string())? }
        }
        Message::Checkpoint(v1::SaveCheckpoint {}) => Command::Checkpoint { request: 0 },
        Message::Pause(v1::Pause {}) => Command::Pause,
        Message::Resume(v1::Resume {}) => Command::Resume,
        Message::Drop(v1::DropMember { identity }) => Command::Drop { identity: limits::cut(identity) },
        Message::Drain(v1::DrainMember { identity }) => Command::Drain { identity: limits::cut(identity) },
    })
}

fn sums(messages: Vec<v1::Sum>) -> Result<Sums, String> {
    stentor_proto::sums(messages).map_err(|e| e.to_string())
}

/// A contribution's sums by source. If there are any, they must add up to the sums of the whole.
fn by_source(messages: Vec<v1::SourceSums>, whole: &Sums) -> Result<BTreeMap<Source, Sums>, String> {
    let mut by_source = BTreeMap::new();
    for message in messages {
        let source = stentor_proto::source(message.source).map_err(|e| e.to_string())?;
        if by_source.insert(source, sums(message.sums)?).is_some() {
            return Err(format!("expected sums of the {} data once, found them twice", source.name()));
        }
    }
    let parts = Sums::default().merged(by_source.values());
    match whole.difference(&parts) {
        Some((name, expected, found)) if !by_source.is_empty() => {
            Err(format!("expected sources whose `{name}` add up to {expected}, found {found}"))
        }
        _ => Ok(by_source),
    }
}

/// The row groups that a member quarantined, located in the data of this run.
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
                let reason = limits::cut(reason);
                Ok(BadRowGroup { source, place, file, row_group: row_group as u64, frames, reason })
            }
            None => Err(format!("expected a row group of the {} data, found number {place}", source.name())),
        }
    };
    found.map(place).collect()
}

pub(crate) fn report(run_id: &str, report: v1::BoundaryReport) -> Result<Report, String> {
    checked_fence(run_id, report.fence)?;
    let dev = report.dev.map(|dev| sums(dev.sums)).transpose()?;
    Ok(Report {
        identity: report.identity,
        checkpoint: report.checkpoint,
        written: report
            .written
            .into_iter()
            .map(|w| {
                let blake3 = w.blake3[..].try_into().ok();
                Written { name: w.name, bytes: w.bytes, digest: w.digest, blake3 }
            })
            .collect(),
        dev,
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
                // In a pause a member that is drained stays for long.
                doing: if m.leaving {
                    format!("{}; leaves when its round is closed", m.doing)
                } else {
                    m.doing
                },
                seconds_since_heard: m.silent_ms as f64 / 1e3,
            })
            .collect(),
        waiting: view.waiting,
        committed_frames: view.committed_frames,
        total_frames: view.total_frames,
        strategy: view.strategy.name().to_owned(),
        newest_checkpoint: view.newest_checkpoint.unwrap_or_default(),
        paused: view.paused.map(|Pausing { by, for_ms, held }| v1::Paused {
            by,
            seconds: for_ms as f64 / 1e3,
            held,
        }),
        switching_to: view.switching_to.map(Strategy::name).unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_proto::sum_messages;
    use stentor_scores::frame_sums;

    /// A contribution of 10 frames, 4 of them annotated, with these sums by source.
    fn header(annotated: &Sums, machine_labeled: &Sums) -> v1::ContributionHeader {
        let of = |source: v1::Source, sums: &Sums| v1::SourceSums {
            source: source.into(),
            sums: sum_messages(sums),
        };
        v1::ContributionHeader {
            fence: Some(v1::Fence { run_id: "r".into(), ..Default::default() }),
            frames: 10,
            sums: sum_messages(&frame_sums(10, 0.3, 4)),
            by_source: vec![
                of(v1::Source::Annotated, annotated),
                of(v1::Source::MachineLabeled, machine_labeled),
            ],
            ..Default::default()
        }
    }

    #[test]
    fn the_sums_of_a_contribution_arrive_as_they_were_counted() {
        let parts = [frame_sums(4, 0.1, 1), frame_sums(6, 0.2, 3)];
        let arrived = arrival("r", header(&parts[0], &parts[1])).unwrap();
        assert_eq!(arrived.sums, frame_sums(10, 0.3, 4));
        assert_eq!(arrived.by_source.into_values().collect::<Vec<_>>(), parts);
        let group_exchange = v1::ContributionHeader {
            sums: Vec::new(),
            by_source: Vec::new(),
            ..header(&parts[0], &parts[1])
        };
        assert!(arrival("r", group_exchange).unwrap().sums.is_empty());
    }

    #[test]
    fn sums_that_contradict_each_other_are_refused_with_both_numbers() {
        let (one, other) = (frame_sums(4, 0.1, 1), frame_sums(6, 0.2, 3));
        let refused = |header| arrival("r", header).unwrap_err();
        let miscounted = header(&one, &frame_sums(6, 0.2, 4));
        assert_eq!(refused(miscounted), "expected sources whose `correct-frames` add up to 4, found 5");
        let more = v1::ContributionHeader { frames: 11, ..header(&one, &other) };
        assert_eq!(refused(more), "expected sums over 11 frames, found sums over 10");
        let mut twice = header(&one, &other);
        twice.by_source[1].source = v1::Source::Annotated.into();
        assert_eq!(refused(twice), "expected sums of the annotated data once, found them twice");
    }
}
