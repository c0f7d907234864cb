//! Whole sessions of a member that speaks well-formed nonsense, made from bytes: those of a fuzzer, or random ones. Two other members
//! and the coordinator's state machine must not notice more of it than that the member is lost.

mod words;

use crate::settings;
use std::collections::{BTreeMap, VecDeque};
use stentor_plan::Plan;
use stentor_plan::audit::{Audit, Extent};
use stentor_rounds::{
    Action, Arrival, Assignment, Boundary, Claim, Core, Event, Found, Input, Report, Session, SetAside, Slot,
    Written,
};
use stentor_runlog::Timeline;
use stentor_scores::frame_sums;
use words::Words;

const LIAR: &str = "b";
const HONEST: [&str; 2] = ["a", "c"];

/// Has a member say what `bytes` stand for, in a run of three members. Returns the number of published checkpoints.
///
/// # Errors
/// Whatever it has changed besides its own membership.
pub fn member_says(bytes: &[u8]) -> Result<usize, String> {
    let mut words = Words(bytes);
    let strategy = ["dense", "gtc", "bmuf"][words.below(3) as usize];
    let sections = format!(
        "[exchange]\nstrategy = \"{strategy}\"\n[exchange.bmuf]\nblock = 2\n[exchange.gtc]\nwarmup_dense = 0.1\n\
         warmup_falling = 0.1\n"
    );
    let settings = settings("workers = 3\nrestarts = 1000000", &sections).map_err(|e| e.to_string())?;
    let mut cluster = Cluster::new(Core::new(settings.clone(), None, 0), settings.plan.clone());
    for identity in [HONEST[0], LIAR, HONEST[1]] {
        cluster.join(identity)?;
    }
    while !words.0.is_empty() && !cluster.is_over {
        if !cluster.core.sessions().contains_key(LIAR) && !cluster.applies {
            cluster.join(LIAR)?;
        }
        let inputs = cluster.invent(&mut words);
        for input in inputs {
            cluster.hears(input)?;
        }
        // Its own lies must not keep the others from their work.
        cluster.work()?;
    }
    let events = &cluster.events;
    for (position, round, count) in &cluster.published {
        let mut audit = Audit::new(&settings.plan);
        let log = || {
            events[..*count]
                .iter()
                .filter(|event| matches!(event, Event::Round { fence, .. } if fence.round < *round))
        };
        Timeline::of(log()).leases(log()).for_each(|lease| audit.record(lease));
        let findings = audit.findings(Extent::UpTo(position));
        if !findings.is_clean() {
            return Err(format!("the ledger: {findings:?}"));
        }
    }
    Ok(cluster.published.len())
}

/// The state machine and its three members.
struct Cluster {
    core: Core,
    plan: Plan,
    now: u64,
    sessions: u64,
    assignments: BTreeMap<String, Assignment>,
    boundaries: VecDeque<(String, Boundary)>,
    /// The liar's last boundary.
    owed: Boundary,
    events: Vec<Event>,
    /// Position, round and number of events of each publication.
    published: Vec<(stentor_plan::Position, u64, usize)>,
    /// Whether the liar has asked for membership.
    applies: bool,
    is_over: bool,
}

impl Cluster {
    fn new(core: Core, plan: Plan) -> Self {
        Self {
            core,
            plan,
            now: 0,
            sessions: 0,
            assignments: BTreeMap::new(),
            boundaries: VecDeque::new(),
            owed: Boundary::default(),
            events: Vec::new(),
            published: Vec::new(),
            applies: false,
            is_over: false,
        }
    }

    fn join(&mut self, identity: &str) -> Result<(), String> {
        self.sessions += 1;
        self.applies |= identity == LIAR;
        self.step(Input::Join { session: self.sessions, identity: identity.to_owned() })
    }

    /// The liar says something.
    fn hears(&mut self, input: Input) -> Result<(), String> {
        if !self.core.sessions().contains_key(LIAR) {
            // Without a session nobody hears it.
            return Ok(());
        }
        let before = (self.others(), self.core.view(self.now).fence.lineage);
        let said = format!("{input:?}");
        self.step(input)?;
        let after = (self.others(), self.core.view(self.now).fence.lineage);
        if before != after {
            return Err(format!("{said} changed {before:?} to {after:?}"));
        }
        Ok(())
    }

    fn others(&self) -> BTreeMap<String, Session> {
        let mut sessions = self.core.sessions();
        sessions.remove(LIAR);
        sessions
    }

    fn step(&mut self, input: Input) -> Result<(), String> {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.now += 250;
            for action in self.core.step(self.now, input) {
                match action {
                    Action::Admit { session, assignment, .. } => {
                        let sessions = self.core.sessions();
                        let whose =
                            sessions.iter().find(|(_, of)| **of == session).map(|(name, _)| name.clone());
                        let Some(identity) = whose else { continue };
                        self.applies &= identity != LIAR;
                        self.assignments.insert(identity, assignment);
                    }
                    Action::RefuseJoin { .. } | Action::PutOff { .. } => self.applies = false,
                    Action::Close(closing) => {
                        let names: BTreeMap<Slot, String> = self
                            .core
                            .view(self.now)
                            .members
                            .into_iter()
                            .map(|m| (m.slot, m.identity))
                            .collect();
                        for (slot, next) in closing.next {
                            let Some(identity) = names.get(&slot).cloned() else { continue };
                            self.boundaries.push_back((identity.clone(), next.boundary));
                            match next.assignment {
                                Some(assignment) => self.assignments.insert(identity, assignment),
                                None => self.assignments.remove(&identity),
                            };
                        }
                    }
                    Action::Again { slot, fence, sum_group } => {
                        let assignments = self.assignments.values_mut();
                        for assignment in assignments.filter(|assignment| assignment.slot == slot) {
                            (assignment.fence, assignment.sum_group) = (fence, sum_group.clone());
                        }
                    }
                    Action::Inspect(inspection) => {
                        let whole = match &inspection.claim {
                            Claim::Bad(row_groups) => row_groups.clone(),
                            Claim::Fatal { .. } => Vec::new(),
                        };
                        let found = Found { whole, ..Found::default() };
                        inputs.push_back(Input::Inspected { inspection, found });
                    }
                    Action::Publish(publication) => {
                        let (position, round) = (publication.saved.position, publication.saved.round);
                        self.published.push((position, round, self.events.len()));
                        inputs.push_back(Input::Published { checkpoint: publication.name });
                    }
                    Action::Record(event) => {
                        serde_json::to_string(&event)
                            .ok()
                            .and_then(|line| serde_json::from_str::<Event>(&line).ok())
                            .ok_or_else(|| format!("{event:?} cannot be read back"))?;
                        self.events.push(event);
                    }
                    Action::Violated(violation) => return Err(violation.to_string()),
                    Action::Stop(stentor_rounds::Outcome::Finished { .. }) => self.is_over = true,
                    Action::Stop(outcome) => return Err(outcome.words()),
                    Action::Announce(_)
                    | Action::Dismiss { .. }
                    | Action::Refuse { .. }
                    | Action::Drain { .. }
                    | Action::Answer { .. } => {}
                }
            }
        }
        Ok(())
    }

    /// The honest members do what they have to.
    fn work(&mut self) -> Result<(), String> {
        while let Some((identity, boundary)) = self.boundaries.pop_front() {
            if identity == LIAR {
                self.owed = boundary;
            } else if let Some(report) = report(&identity, &boundary) {
                self.step(Input::Reported(report))?;
            }
        }
        for identity in HONEST {
            let Some(assignment) = self.assignments.get(identity) else { continue };
            let (fence, slot) = (assignment.fence, assignment.slot);
            let arrival = contribution(identity, assignment);
            if fence == self.core.view(self.now).fence
                && self.core.check(&Input::Arrived(arrival.clone())).is_ok()
            {
                self.step(Input::Arrived(arrival))?;
                self.step(Input::Staged { fence, identity: identity.to_owned(), slot })?;
            }
        }
        Ok(())
    }

    /// What the liar says next.
    fn invent(&mut self, words: &mut Words<'_>) -> Vec<Input> {
        let identity = LIAR.to_owned();
        let Some(assignment) = self.assignments.get(LIAR) else {
            words.byte();
            return Vec::new();
        };
        let truth = contribution(LIAR, assignment);
        let lease = assignment.leases.first().copied();
        let leased = lease.and_then(|lease| {
            let unit = self.plan.unit(lease.source, lease.unit).ok()?;
            Some((lease.source, unit.row_groups.start as u64))
        });
        let (fence, slot) = (truth.fence, truth.slot);
        let names: Vec<String> = self.core.unpublished().cloned().collect();
        let checkpoint = match names.first() {
            Some(name) if words.below(4) > 0 => name.clone(),
            _ => "000001-0000000001".to_owned(),
        };
        match words.below(10) {
            // The truth, so that rounds go on.
            0 | 1 => {
                let report = report(LIAR, &std::mem::take(&mut self.owed)).map(Input::Reported);
                report
                    .into_iter()
                    .chain([Input::Arrived(truth), Input::Staged { fence, identity, slot }])
                    .collect()
            }
            2 | 3 => vec![Input::Arrived(words.contribution(truth)), Input::Staged { fence, identity, slot }],
            4 => vec![Input::Staged { fence: words.fence(fence), identity, slot: words.slot(slot) }],
            5 => {
                let count = words.below(3) + 1;
                let row_groups = (0..count).map(|_| words.bad(leased)).collect();
                let fence = if words.below(4) == 0 { words.fence(fence) } else { fence };
                vec![Input::Bad { fence, identity, row_groups }]
            }
            6 => {
                let fatal = words.below(2) == 1;
                vec![Input::Leave { identity, reason: "a reason".into(), fatal }]
            }
            7 => {
                let dev = (words.below(3) > 0).then(|| words.sums());
                let written = (0..words.below(3)).map(|_| words.object()).collect();
                vec![Input::Reported(Report { identity, checkpoint, written, dev })]
            }
            8 => {
                let dev = Some(frame_sums(10, 3.0, 5));
                vec![Input::Reported(Report { identity, checkpoint, written: Vec::new(), dev })]
            }
            // A reducer cannot add what it has staged.
            _ => vec![Input::SetAside(SetAside { fence, slot, reason: "its values".into() })],
        }
    }
}

/// A report as it should be.
fn report(identity: &str, boundary: &Boundary) -> Option<Report> {
    let checkpoint = boundary.checkpoint.clone()?;
    let dev = boundary.dev_share.map(|_| frame_sums(10, 3.0, 5));
    let name = if boundary.writes_model { "model".to_owned() } else { format!("state-{identity}") };
    let written = vec![Written { name, bytes: 8, digest: 1, blake3: None }];
    Some(Report { identity: identity.to_owned(), checkpoint, written, dev })
}

/// A contribution as it should be.
fn contribution(identity: &str, assignment: &Assignment) -> Arrival {
    let frames = 10 * assignment.leases.iter().map(|lease| u64::from(lease.batches)).sum::<u64>();
    Arrival {
        fence: assignment.fence,
        identity: identity.to_owned(),
        slot: assignment.slot,
        frames,
        sums: frame_sums(frames, frames as f64, 0),
        by_source: BTreeMap::new(),
        gradient_norm: 1.0,
        suggested_tau: 1.0,
        values_sent: 1,
        residual_norm: 0.0,
        payload_bytes: 8,
        parameters_digest: assignment.digest.then_some(7),
        update_digest: None,
        compute_s: 0.1,
        leaving: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_members_that_say_the_truth_publish_checkpoints() {
        let published = member_says(&[0; 4_000]).unwrap();
        assert!(published >= 3, "{published}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn whatever_a_member_says_changes_nothing_but_its_own_membership(
            bytes in prop::collection::vec(any::<u8>(), 0..1500)
        ) {
            let said = member_says(&bytes);
            prop_assert!(said.is_ok(), "{said:?}");
        }
    }

    #[test]
    fn a_state_machine_that_believes_everything_is_found_out() {
        for bug in ["messages-unchecked", "bad-data-believed", "fatal-believed", "minority-stops-the-run"] {
            let _armed = stentor_fail_points::arm(bug);
            let found = (0..500u64).any(|seed| {
                let mut random = crate::random::Random::new(seed);
                let bytes: Vec<u8> = (0..1000).map(|_| random.below(256) as u8).collect();
                member_says(&bytes).is_err()
            });
            assert!(found, "{bug}");
        }
    }
}
