//! What a member says is held against membership, lease and bounds before anything else sees it.
//!
//! A message that is late, or of somebody else, is refused and changes nothing. One that says what cannot be true ends the membership
//! of its sender, and changes nothing else: the sender is faulty, or somebody uses its name.

use crate::round::Round;
use crate::{Arrival, Core, Fence, Input, Phase, Refusal, Report, Session, Slot};
use std::fmt::Display;
use std::ops::RangeInclusive;
use stentor_experiment::Source;
use stentor_fail_points::is_armed;
use stentor_plan::Lease;
use stentor_scores::{FRAMES, Sums};

/// Largest magnitude of what a worker sums over frames, for each frame: it comes from numbers of 32 bits.
const MOST_OF_A_FRAME: f64 = f32::MAX as f64;
/// Largest 2-norm of a vector of such numbers.
const MOST_NORM: f64 = MOST_OF_A_FRAME * 1e6;
/// Longest computation of a round, seconds.
const MOST_COMPUTE_S: f64 = 1e7;
/// Vectors in a payload: the values, and as many as any optimiser has.
const MOST_SECTIONS: u64 = 4;
/// What a payload may have besides its values, bytes.
const MOST_HEADER_BYTES: u64 = 1 << 20;
/// Largest object of a checkpoint, bytes.
const MOST_OBJECT_BYTES: u64 = 1 << 44;

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    /// The kind, for metrics.
    pub refusal: Refusal,
    /// Words for people.
    pub reason: String,
    /// The sender's membership, which ends: what it says cannot be true. `None`: the message is late, or not a member's.
    pub faulty: Option<Session>,
}

impl Rejected {
    pub(crate) fn late(refusal: Refusal, reason: impl Into<String>) -> Self {
        Self { refusal, reason: reason.into(), faulty: None }
    }
}

impl Core {
    /// Holds a message of a member, or of somebody who says so, against membership, lease and bounds.
    ///
    /// # Errors
    /// [`Rejected`]; the message must then have no effect, and [`Core::step`] gives it none.
    pub fn check(&self, input: &Input) -> Result<(), Rejected> {
        if is_armed("messages-unchecked") {
            return Ok(());
        }
        match input {
            Input::Join { identity, .. } if !is_identity(identity) => {
                let words = "expected an identity of 1 to 128 letters, digits, `-`, `_` or `.`";
                Err(Rejected::late(Refusal::Invalid, words))
            }
            Input::Command { command, .. } => self.check_command(command),
            Input::Arrived(arrival) => self.check_arrival(arrival),
            Input::Staged { fence, identity, slot } => self.check_staged(*fence, identity, *slot),
            Input::Reported(report) => self.check_report(report),
            Input::Bad { fence, identity, row_groups } => {
                self.check_round(*fence)?;
                let (slot, session) = self.member_named(identity)?;
                let mut places = row_groups.iter().map(|bad| (bad.source, bad.place));
                match places.find(|&(source, place)| !self.is_leased(slot, source, place)) {
                    None => Ok(()),
                    Some((source, place)) => {
                        let expected = "row groups of its leased units";
                        Err(faulty(
                            session,
                            identity,
                            expected,
                            format!("number {place} of the {} data", source.name()),
                        ))
                    }
                }
            }
            _ => Ok(()),
        }
    }

    /// The session of the member with this identity.
    #[must_use]
    pub fn session_of(&self, identity: &str) -> Option<Session> {
        self.members.values().find(|member| member.identity == identity).map(|member| member.session)
    }

    fn member_named(&self, identity: &str) -> Result<(Slot, Session), Rejected> {
        let found = self.members.iter().find(|(_, member)| member.identity == identity);
        let none = || Rejected::late(Refusal::OtherMember, format!("`{identity}` is not a member"));
        found.map(|(&slot, member)| (slot, member.session)).ok_or_else(none)
    }

    /// The open round, if `fence` belongs to it and to a present or past membership.
    fn check_round(&self, fence: Fence) -> Result<&Round, Rejected> {
        let Phase::Running(round) = &self.phase else {
            return Err(Rejected::late(Refusal::NoRound, "no round is open"));
        };
        let today = self.fence();
        let same_round = (fence.lineage, fence.round) == (today.lineage, today.round);
        if same_round && fence.membership_epoch <= today.membership_epoch {
            return Ok(round);
        }
        let reason = format!("expected a contribution to {today:?}, found {fence:?}");
        Err(Rejected::late(Refusal::OtherRound, reason))
    }

    fn check_arrival(&self, arrival: &Arrival) -> Result<(), Rejected> {
        let &Arrival { fence, ref identity, slot, .. } = arrival;
        let today = self.fence();
        let fence = match fence {
            late if is_armed("late-contribution-counted") && late.round + 1 == today.round => today,
            fence => fence,
        };
        let round = self.check_round(fence)?;
        let Some(member) = self.members.get(&slot).filter(|member| member.identity == *identity) else {
            let reason = format!("`{identity}` is not the member at slot {slot}");
            return Err(Rejected::late(Refusal::OtherMember, reason));
        };
        if round.arrivals.contains_key(&slot) {
            return Err(Rejected::late(Refusal::Twice, "a contribution to this round has already come"));
        }
        // A loss that is not finite is a finding about the batches, and counts in no sum.
        if !arrival.is_finite() {
            return Ok(());
        }
        let bounds = Bounds { identity, session: member.session };
        bounds.check("frames", arrival.frames, 0..=self.most_frames(round, slot))?;
        let most_values = MOST_SECTIONS.saturating_mul(self.settings.parameters as u64);
        bounds.check("values_sent", arrival.values_sent, 0..=most_values)?;
        let most_bytes = most_values.saturating_mul(4).saturating_add(MOST_HEADER_BYTES);
        bounds.check("payload_bytes", arrival.payload_bytes, 0..=most_bytes)?;
        bounds.check("gradient_norm", arrival.gradient_norm, 0.0..=MOST_NORM)?;
        bounds.check("residual_norm", arrival.residual_norm, 0.0..=MOST_NORM)?;
        bounds.check("compute_s", arrival.compute_s, 0.0..=MOST_COMPUTE_S)?;
        bounds.check("suggested_tau", arrival.suggested_tau, 0.0..=f32::MAX)?;
        if let Some(frames) = arrival.sums.get(FRAMES) {
            bounds.check("sums over frames", frames, arrival.frames as f64..=arrival.frames as f64)?;
        }
        bounds.sums(&arrival.sums, arrival.frames)?;
        for (&source, sums) in &arrival.by_source {
            bounds.check(
                "frames of a source",
                sums.count(FRAMES),
                0..=self.leased_frames(round, slot, Some(source)),
            )?;
            bounds.sums(sums, arrival.frames)?;
        }
        Ok(())
    }

    fn check_staged(&self, fence: Fence, identity: &str, slot: Slot) -> Result<(), Rejected> {
        let today = self.fence();
        let fence = match fence {
            Fence { lineage, round, .. } if is_armed("stale-epoch-accepted") => {
                Fence { lineage, round, ..today }
            }
            fence => fence,
        };
        let round = self.check_round(fence)?;
        // A notice for a previous membership is ignored: the member has already been asked to stage once more.
        if fence != today {
            return Err(Rejected::late(Refusal::OtherRound, "the members have changed"));
        }
        if self.members.get(&slot).is_none_or(|member| member.identity != identity) {
            let reason = format!("`{identity}` is not the member at slot {slot}");
            return Err(Rejected::late(Refusal::OtherMember, reason));
        }
        if !round.arrivals.contains_key(&slot) {
            return Err(Rejected::late(Refusal::OtherRound, "expected a contribution before its payload"));
        }
        Ok(())
    }

    fn check_report(&self, report: &Report) -> Result<(), Rejected> {
        let Report { identity, checkpoint, written, dev } = report;
        let (slot, session) = self.member_named(identity)?;
        // Its checkpoint may have been abandoned meanwhile: then the report says only that the member's duties are done.
        let Some(pending) = self.pending.get(checkpoint) else { return Ok(()) };
        if !(pending.expected.contains(&slot) || pending.reports.contains_key(&slot)) {
            let reason =
                format!("expected reports on {checkpoint} from its writers, found one of `{identity}`");
            return Err(Rejected::late(Refusal::OtherMember, reason));
        }
        let bounds = Bounds { identity, session };
        for object in written {
            bounds.check("bytes of an object", object.bytes, 0..=MOST_OBJECT_BYTES)?;
            let is_own = stentor_checkpoint::is_state_of(&object.name, identity);
            let is_shared = pending.writer == slot && !stentor_checkpoint::is_state(&object.name);
            if !(is_own || is_shared) {
                let found = format!("`{}`", object.name);
                return Err(faulty(session, identity, "objects with its own state", found));
            }
        }
        let Some(dev) = dev else { return Ok(()) };
        if pending.dev_shares == 0 {
            return Err(faulty(session, identity, "no score, as none was asked for", "one"));
        }
        // A loss that is not finite leaves the checkpoint without a score.
        if dev.not_finite().is_none() {
            let frames = dev.get(FRAMES).unwrap_or_default();
            bounds.check("frames of dev data", frames, 0.0..=self.settings.dev_frames as f64)?;
            bounds.sums(dev, dev.count(FRAMES))?;
        }
        Ok(())
    }

    /// The most frames that the contribution of `slot` can have.
    pub(crate) fn most_frames(&self, round: &Round, slot: Slot) -> u64 {
        match &round.work {
            Some(_) => self.leased_frames(round, slot, None),
            // In a group exchange, frames are the weight of the group's model.
            None => self.apart_frames.get(&self.group_of(slot)).copied().unwrap_or_default(),
        }
    }

    /// Frames of the units from which `slot` has leases. A batch may have more frames than planned, but not more than its unit.
    fn leased_frames(&self, round: &Round, slot: Slot, source: Option<Source>) -> u64 {
        let leases = leases(round, slot).filter(|lease| source.is_none_or(|source| lease.source == source));
        let frames = leases.filter_map(|lease| self.settings.plan.unit(lease.source, lease.unit).ok());
        frames.map(|unit| unit.frames).fold(0, u64::saturating_add)
    }

    /// Whether a row group belongs to a unit that `slot` has a lease on.
    fn is_leased(&self, slot: Slot, source: Source, place: u64) -> bool {
        let Phase::Running(round) = &self.phase else { return false };
        let mut leases = leases(round, slot).filter(|lease| lease.source == source);
        leases.any(|lease| {
            let unit = self.settings.plan.unit(source, lease.unit);
            unit.is_ok_and(|unit| unit.row_groups.contains(&usize::try_from(place).unwrap_or(usize::MAX)))
        })
    }
}

fn leases(round: &Round, slot: Slot) -> impl Iterator<Item = &Lease> {
    round.work.iter().filter_map(move |work| work.leases.get(&slot)).flatten()
}

/// Whether a text may be an identity: it becomes part of object names and messages.
fn is_identity(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=128).contains(&text.len()) && text.chars().all(plain)
}

/// What a member's numbers are held against.
struct Bounds<'a> {
    identity: &'a str,
    session: Session,
}

impl Bounds<'_> {
    /// A number that is no number is outside every range.
    fn check<T: PartialOrd + Display>(
        &self,
        what: &str,
        found: T,
        range: RangeInclusive<T>,
    ) -> Result<(), Rejected> {
        if range.contains(&found) {
            return Ok(());
        }
        let expected = format!("{what} of {} to {}", range.start(), range.end());
        Err(faulty(self.session, self.identity, &expected, found))
    }

    fn sums(&self, sums: &Sums, frames: u64) -> Result<(), Rejected> {
        let most = MOST_OF_A_FRAME * frames.max(1) as f64;
        sums.iter().try_for_each(|(name, value)| self.check(name, value, -most..=most))
    }
}

fn faulty(session: Session, identity: &str, expected: &str, found: impl Display) -> Rejected {
    let reason = format!("expected {expected} from `{identity}`, found {found}");
    Rejected { refusal: Refusal::Invalid, reason, faulty: Some(session) }
}
