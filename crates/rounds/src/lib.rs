//! The coordinator's decisions: membership, rounds, leases, checkpoints. Plain types: an input and the time go in,
//! actions come out in the order in which the shell must do them. No clock, socket, thread or store.

mod action;
mod boundaries;
mod budget;
mod check;
mod course;
mod deadline;
mod departures;
mod disputes;
mod examine;
mod input;
mod inspect;
mod invariant;
mod late;
mod membership;
mod operator;
mod outcome;
mod pending;
mod poison;
mod quarantine;
mod reducers;
mod round;
mod rounds;
mod stop;
mod waits;

pub use action::{Action, Announcement, Closing, Departure, Next, Publication, Refusal, Seat};
pub use check::Rejected;
pub use input::{Input, Loss, SetAside};
pub use inspect::{Claim, Found, Inspection};
pub use invariant::{Invariant, Violation};
pub use operator::{Command, Request};
pub use outcome::Outcome;
pub use stentor_exchange::strategy::SuggestedTau;
pub use stentor_exchange::{Deltas, Encoding};
pub use stentor_messages::{
    Arrival, Assignment, Boundary, Closed, Fence, MemberView, Millis, Owes, Pausing, Report, Session, Slot,
    Stage, SumGroup, View, Written,
};
// The records of a run in its log and its checkpoints.
pub use stentor_runlog::{BadRowGroup, Event, OfSource, Saved};
pub use waits::{Reason, Wait};

use budget::Budget;
use course::Course;
use deadline::Lags;
use disputes::Disputes;
use inspect::Claims;
use membership::{Applicant, Member};
use operator::Operator;
use pending::Pending;
use poison::Suspects;
use quarantine::Quarantine;
use reducers::Reducers;
use round::Round;
use std::collections::{BTreeMap, BTreeSet};
use stentor_exchange::strategy::Memory;
use stentor_experiment::Experiment;
use stentor_fail_points::is_armed;
use stentor_plan::{Plan, Position};

/// The settings of a run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The experiment.
    pub experiment: Experiment,
    /// Its batches.
    pub plan: Plan,
    /// Number of the model's parameters.
    pub parameters: usize,
    /// Whether there is dev data to evaluate.
    pub has_dev: bool,
    /// Frames of the dev data.
    pub dev_frames: u64,
    /// First lineage of this incarnation; higher than those of earlier ones.
    pub first_lineage: u64,
}

/// The phase of a run.
#[derive(Debug, Clone)]
enum Phase {
    /// Waiting for members; the first round after it starts from `Core::newest`.
    Gathering { since: Millis },
    /// A round is open.
    Running(Round),
    /// The last update has been sent; waiting for the last reports.
    Finishing { since: Millis },
    /// The run has ended.
    Stopped,
}

/// The coordinator's state machine.
#[derive(Debug, Clone)]
pub struct Core {
    settings: Settings,
    phase: Phase,
    lineage: u64,
    membership_epoch: u64,
    round: u64,
    position: Position,
    members: BTreeMap<Slot, Member>,
    applicants: Vec<Applicant>,
    /// With fixed membership: the identities of the run, once it has started.
    roster: BTreeSet<String>,
    course: Course,
    /// Group of replicas of each member.
    dealt: BTreeMap<Slot, u32>,
    /// Frames that each group has learned from since all replicas were equal.
    apart_frames: BTreeMap<u32, u64>,
    checkpoints: u32,
    /// Whether a checkpoint became due while replicas differed.
    checkpoint_due: bool,
    /// When the state of the last checkpoint was cut, or when the first round opened: `checkpoint.every` counts from here.
    cut_ms: Millis,
    /// When newcomers were last admitted at a boundary; those that come soon after wait for each other.
    admitted_ms: Option<Millis>,
    best: Option<(String, f64)>,
    stale_evaluations: u32,
    pending: BTreeMap<String, Pending>,
    newest: Option<(String, Saved)>,
    lags: Lags,
    budget: Budget,
    disputes: Disputes,
    suspects: Suspects,
    quarantine: Quarantine,
    claims: Claims,
    reducers: Reducers,
    operator: Operator,
    /// Whether the coordinator was asked to stop.
    stopping: bool,
}

impl Core {
    /// A run at its beginning, or at the checkpoint `newest` of an earlier incarnation.
    #[must_use]
    pub fn new(settings: Settings, newest: Option<(String, Saved)>, now: Millis) -> Self {
        let reducers = Reducers::new(settings.experiment.exchange.reducers.len());
        let mut core = Self {
            lineage: settings.first_lineage,
            phase: Phase::Gathering { since: now },
            membership_epoch: 0,
            round: 0,
            position: Position::new(&settings.plan),
            members: BTreeMap::new(),
            applicants: Vec::new(),
            roster: BTreeSet::new(),
            course: Course::new(settings.experiment.exchange.strategy, Memory::default()),
            dealt: BTreeMap::new(),
            apart_frames: BTreeMap::new(),
            checkpoints: 0,
            checkpoint_due: false,
            cut_ms: now,
            admitted_ms: None,
            best: None,
            stale_evaluations: 0,
            pending: BTreeMap::new(),
            quarantine: Quarantine::new(newest.as_ref().map_or(&[], |(_, saved)| &saved.quarantined)),
            newest,
            settings,
            lags: Lags::default(),
            budget: Budget::default(),
            disputes: Disputes::default(),
            suspects: Suspects::default(),
            claims: Claims::default(),
            operator: Operator::default(),
            stopping: false,
            reducers,
        };
        core.restore();
        if let Some((_, saved)) = &core.newest {
            core.roster = saved.roster.values().cloned().collect();
        }
        core
    }

    /// Takes one input at time `now` and returns the actions that the shell must carry out.
    pub fn step(&mut self, now: Millis, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        let before = self.fence();
        let is_tick = matches!(input, Input::Tick);
        self.decide(now, input, &mut actions);
        if self.fence() != before
            && let Some(announcement) = self.announcement()
        {
            actions.insert(0, Action::Announce(announcement));
        }
        self.examine(before, &mut actions);
        if is_tick {
            self.examine_waits(now, &mut actions);
        }
        actions
    }

    fn decide(&mut self, now: Millis, input: Input, actions: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Stopped) {
            if let Input::Join { session, .. } = input {
                actions.push(self.turn_away(session));
            }
            return;
        }
        if let Err(rejected) = self.check(&input) {
            return self.reject(now, &input, rejected, actions);
        }
        match input {
            Input::Join { session, identity } => self.join(now, session, identity, actions),
            Input::Heard { session, doing } => self.heard(now, session, doing),
            Input::Lost(losses) => self.lost_together(now, losses, actions),
            Input::Leave { identity, reason, fatal } => self.leave(now, &identity, &reason, fatal, actions),
            Input::Bad { identity, row_groups, .. } => self.look_at(&identity, row_groups, actions),
            Input::Inspected { inspection, found } => self.inspected(now, inspection, found, actions),
            Input::Arrived(arrival) => self.arrived(now, arrival, actions),
            Input::Staged { slot, .. } => self.staged(now, slot, actions),
            Input::Reducer { index, is_up } => self.reducer(now, index, is_up, actions),
            Input::SetAside(found) => self.leave_out(now, &found, actions),
            Input::Command { command, by } => self.command(now, command, &by, actions),
            Input::Reported(report) => self.reported(now, report, actions),
            Input::Published { checkpoint } => self.published(now, &checkpoint, actions),
            Input::PublishFailed { checkpoint, reason, object } => {
                self.publication_failed(now, &checkpoint, &reason, object.as_deref(), actions);
            }
            Input::Stop => self.stop_soon(actions),
            Input::Replaced { by } => self.stop(Outcome::Replaced { by }, actions),
            Input::Tick => self.tick(now, actions),
        }
    }

    /// A message that [`check`](Self::check) refuses has no effect, except on the membership of a faulty sender.
    fn reject(&mut self, now: Millis, input: &Input, rejected: Rejected, actions: &mut Vec<Action>) {
        let Rejected { refusal, reason, faulty } = rejected;
        match input {
            Input::Join { session, .. } => {
                actions.push(Action::RefuseJoin { session: *session, reason: reason.clone() });
            }
            Input::Arrived(Arrival { identity, slot, .. }) => {
                let (identity, slot, reason) = (identity.clone(), *slot, reason.clone());
                actions.push(Action::Refuse { identity, slot, refusal, reason });
            }
            _ => {}
        }
        if let Some(mut session) = faulty {
            if is_armed("fault-charged-to-another") {
                let mut others = self.members.values().map(|member| member.session);
                session = others.find(|other| *other != session).unwrap_or(session);
            }
            self.lost(now, session, Departure::Lost, &reason, actions);
        }
    }

    fn tick(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if self.is_held() {
            return;
        }
        self.drop_silent(now, actions);
        match self.phase {
            Phase::Gathering { .. } => self.gather(now, actions),
            Phase::Running(_) | Phase::Finishing { .. } => {
                self.drop_late(now, actions);
                self.give_up_reducers(now, actions);
            }
            Phase::Stopped => {}
        }
    }

    fn stop(&mut self, outcome: Outcome, actions: &mut Vec<Action>) {
        let is_finished = matches!(outcome, Outcome::Finished { .. });
        self.refuse_requests(&outcome, actions);
        for Applicant { session, .. } in std::mem::take(&mut self.applicants) {
            actions.push(match is_finished || self.stopping {
                true => self.turn_away(session),
                // It may be resumed.
                false => Action::PutOff { session, reason: "the run is over".to_owned() },
            });
        }
        self.phase = Phase::Stopped;
        actions.push(Action::Stop(outcome));
    }

    /// The state of `newest`, or of the beginning.
    fn restore(&mut self) {
        let saved = self.newest.as_ref().map(|(_, saved)| saved.clone());
        self.round = saved.as_ref().map_or(0, |s| s.round);
        let configured = self.settings.experiment.exchange.strategy;
        self.course = match &saved {
            Some(saved) => Course::of(saved),
            None => Course::new(configured, Memory::default()),
        };
        // An operator's switch counts also if the run returns to before it was carried out.
        if let Some(strategy) = self.operator.strategy().filter(|_| !is_armed("switch-forgotten")) {
            self.ask(strategy);
        }
        self.checkpoint_due = false;
        self.apart_frames.clear();
        self.lags.forget();
        self.checkpoints = saved.as_ref().map_or(0, |s| s.checkpoints);
        // Values of another criterion cannot be compared: then the next scored checkpoint is the best.
        let comparable = saved.as_ref().filter(|s| s.best_by == self.settings.experiment.checkpoint.best);
        self.best = comparable.and_then(|s| s.best.clone());
        self.stale_evaluations = comparable.map_or(0, |s| s.stale_evaluations);
        if is_armed("fall-back-keeps-void") && self.lineage > self.settings.first_lineage {
            return;
        }
        self.position = saved.map_or_else(|| Position::new(&self.settings.plan), |s| s.position);
    }

    /// The newest published checkpoint, with its saved state.
    #[must_use]
    pub fn newest(&self) -> Option<&(String, Saved)> {
        self.newest.as_ref()
    }

    /// The best published checkpoint by the experiment's criterion, with its value.
    #[must_use]
    pub fn best(&self) -> Option<&(String, f64)> {
        self.best.as_ref()
    }

    /// Scored checkpoints since the last improvement.
    #[must_use]
    pub fn stale_evaluations(&self) -> u32 {
        self.stale_evaluations
    }

    /// The row groups that no member reads any more, because their data are bad.
    #[must_use]
    pub fn quarantined(&self) -> Vec<BadRowGroup> {
        self.quarantine.list()
    }

    /// Names of the checkpoints that are not published yet, oldest first.
    pub fn unpublished(&self) -> impl Iterator<Item = &String> {
        self.pending.keys()
    }

    fn fence(&self) -> Fence {
        Fence { lineage: self.lineage, membership_epoch: self.membership_epoch, round: self.round }
    }

    /// The current state of the run, for people.
    #[must_use]
    pub fn view(&self, now: Millis) -> View {
        let untils: BTreeMap<Slot, Millis> =
            self.terms().into_iter().filter_map(|(slot, term)| Some((slot, term.until?))).collect();
        View {
            fence: self.fence(),
            stage: self.stage(now),
            members: self
                .members
                .iter()
                .map(|(&slot, m)| MemberView {
                    slot,
                    identity: m.identity.clone(),
                    doing: m.doing.clone(),
                    silent_ms: now.saturating_sub(m.heard_ms),
                    owes: self.owes(slot),
                    left_ms: untils.get(&slot).map(|until| until.saturating_sub(now)),
                    leaving: m.leaving || m.drained,
                })
                .collect(),
            applicants: self.applicants.iter().map(|a| a.identity.clone()).collect(),
            waiting: self.waits().iter().map(|wait| wait.words(now)).collect::<Vec<_>>().join("; "),
            committed_frames: self.position.committed_frames(),
            total_frames: self.settings.plan.total_frames(),
            strategy: self.course.strategy,
            switching_to: self.course.asked,
            paused: self.pausing(now),
            newest_checkpoint: self.newest.as_ref().map(|(name, _)| name.clone()),
        }
    }

    fn stage(&self, now: Millis) -> Stage {
        match &self.phase {
            Phase::Gathering { since } => Stage::Gathering { for_ms: now.saturating_sub(*since) },
            Phase::Running(round) => {
                Stage::Round { waited_ms: round.first_ms.map(|first| now.saturating_sub(first)) }
            }
            Phase::Finishing { since } => Stage::Finishing { for_ms: now.saturating_sub(*since) },
            Phase::Stopped => Stage::Over,
        }
    }

    /// What the others are waiting for the member at `slot` to do.
    fn owes(&self, slot: Slot) -> Owes {
        match &self.phase {
            _ if self.has_duties(slot) => Owes::Report,
            Phase::Running(round) if round.staged.contains(&slot) => Owes::Nothing,
            Phase::Running(round) if round.arrivals.contains_key(&slot) => Owes::Payload,
            Phase::Running(_) => Owes::Contribution,
            _ => Owes::Nothing,
        }
    }

    fn names(&self, slots: &[Slot]) -> Vec<String> {
        slots.iter().filter_map(|s| self.members.get(s)).map(|m| m.identity.clone()).collect()
    }
}
