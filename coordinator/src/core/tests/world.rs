use crate::core::{
    Action, Arrival, Assignment, Boundary, Closing, Core, DevScore, Encoding, Event, Fence, Input, Next,
    Outcome, Report, Saved, Session, Settings, Slot, Written,
};
use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::{Experiment, Strategy};
use stentor_plan::audit::{Audit, Commit, Extent, FallBack, surviving};
use stentor_plan::{Catalogue, Plan, RowGroup};

/// What a pretended worker does next.
#[derive(Debug, Clone)]
enum Work {
    /// Waits for an answer to its join.
    Joining,
    /// Has a round to contribute to.
    Computing(Assignment),
    /// Has said so, and brings its payload to the reducers.
    Staging(Assignment),
    /// Waits for the round's update.
    Waiting(Assignment),
    /// Has a boundary to report, then perhaps a round.
    Reporting(Boundary, Option<Assignment>),
    /// Has nothing left to do.
    Done,
}

#[derive(Debug)]
struct Worker {
    identity: String,
    work: Work,
    /// Stands for the parameters: folded over every update.
    parameters: u64,
}

/// A coordinator's core and its pretended workers.
pub(super) struct World {
    pub(super) core: Core,
    settings: Settings,
    pub(super) now: u64,
    workers: BTreeMap<Session, Worker>,
    next_session: Session,
    pub(super) outcome: Option<Outcome>,
    pub(super) events: Vec<Event>,
    pub(super) refusals: Vec<String>,
    /// What the reducers hold, by round and group.
    staged: BTreeMap<(Fence, u32), BTreeMap<Slot, u64>>,
    /// Parameters as they were at each written checkpoint.
    models: BTreeMap<String, u64>,
    pub(super) published: Vec<String>,
    pub(super) faults: BTreeMap<&'static str, u32>,
    /// Identities that were asked to stop.
    pub(super) leaving: BTreeSet<String>,
    random: u64,
}

pub(super) fn settings(cluster: &str, sections: &str) -> Settings {
    let text = format!(
        "[run]\nname = \"w\"\noutput = \"o\"\n[data]\nannotated = \"a\"\nunannotated = \"u\"\nlabels = \"l\"\n\
         [schedule]\npasses = 2\nannotated_passes = 1\nsub_epoch_batches = 8\n[batch]\nchunks = 2\nunit_batches = 3\n\
         [checkpoint]\ncount = 4\n[cluster]\ndigest_every = 1\nround_deadline_s = 5.0\njoin_deadline_s = 20.0\n{cluster}\n{sections}\n"
    );
    let experiment = Experiment::parse(&text).unwrap();
    let catalogue = |groups: usize| Catalogue {
        row_groups: (0..groups)
            .map(|i| RowGroup { frames: 150 + 37 * i as u64, utterances: 2 + i as u32 % 3 })
            .collect(),
    };
    let plan =
        Plan::new(catalogue(5), Some(catalogue(11)), &experiment.batch, &experiment.schedule, 7).unwrap();
    Settings { experiment, plan, has_dev: true, first_lineage: 1000 }
}

impl World {
    pub(super) fn new(settings: Settings, seed: u64) -> Self {
        Self {
            core: Core::new(settings.clone(), None, 0),
            settings,
            now: 0,
            workers: BTreeMap::new(),
            next_session: 1,
            outcome: None,
            events: Vec::new(),
            refusals: Vec::new(),
            staged: BTreeMap::new(),
            models: BTreeMap::new(),
            published: Vec::new(),
            faults: BTreeMap::new(),
            leaving: BTreeSet::new(),
            random: seed,
        }
    }

    /// Begins anew with another strategy, before anybody has joined.
    pub(super) fn start_with(&mut self, strategy: Strategy) {
        self.settings.experiment.exchange.strategy = strategy;
        self.core = Core::new(self.settings.clone(), None, self.now);
    }

    /// Splitmix64 (Steele et al. 2014).
    pub(super) fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }

    pub(super) fn join(&mut self, identity: &str) -> Session {
        let session = self.next_session;
        self.next_session += 1;
        let worker = Worker { identity: identity.into(), work: Work::Joining, parameters: 0 };
        self.workers.insert(session, worker);
        self.feed(Input::Join { session, identity: identity.into() });
        session
    }

    /// The process dies: its connection breaks.
    pub(super) fn kill(&mut self, session: Session) -> Option<String> {
        let worker = self.workers.remove(&session)?;
        self.feed(Input::Lost { session, reason: "killed".into() });
        Some(worker.identity)
    }

    /// The process stops and nobody notices.
    pub(super) fn freeze(&mut self, session: Session) {
        self.workers.remove(&session);
    }

    pub(super) fn sessions(&self) -> Vec<Session> {
        self.workers.iter().filter(|(_, w)| !matches!(w.work, Work::Done)).map(|(s, _)| *s).collect()
    }

    pub(super) fn identities(&self) -> Vec<String> {
        self.workers.values().map(|w| w.identity.clone()).collect()
    }

    pub(super) fn wait(&mut self, milliseconds: u64) {
        self.now += milliseconds;
        self.feed(Input::Tick);
    }

    /// One worker, chosen by `session`, does its next thing. False where it can only wait.
    pub(super) fn act(&mut self, session: Session) -> bool {
        let Some(worker) = self.workers.get_mut(&session) else { return false };
        match worker.work.clone() {
            Work::Joining | Work::Waiting(_) | Work::Done => false,
            Work::Computing(assignment) => {
                worker.work = Work::Staging(assignment.clone());
                let leaving = self.leaving.contains(&worker.identity);
                let arrival =
                    Arrival { leaving, ..arrival(&worker.identity, worker.parameters, &assignment) };
                self.feed(Input::Arrived(arrival));
                true
            }
            Work::Staging(assignment) => {
                worker.work = Work::Waiting(assignment.clone());
                let Assignment { fence, slot, company, encoding, .. } = assignment;
                let payload = match encoding {
                    Encoding::Block { .. } if !company.speaks => 0,
                    Encoding::Block { .. } => worker.parameters + u64::from(slot),
                    _ => fence.round * 31 + u64::from(slot),
                };
                let identity = worker.identity.clone();
                self.staged.entry((fence, company.group)).or_default().insert(slot, payload);
                self.feed(Input::Staged { fence, identity, slot });
                true
            }
            Work::Reporting(boundary, next) => {
                let (identity, parameters) = (worker.identity.clone(), worker.parameters);
                worker.work = next.map_or(Work::Done, Work::Computing);
                if let Some(checkpoint) = boundary.checkpoint {
                    if boundary.writes_model {
                        self.models.insert(checkpoint.clone(), parameters);
                    }
                    let dev =
                        boundary.dev_share.map(|_| DevScore { frames: 10, loss_sum: 1.0, correct_frames: 5 });
                    let written = vec![Written { name: format!("state-{identity}"), bytes: 1, digest: 1 }];
                    self.feed(Input::Reported(Report { identity, checkpoint, written, dev }));
                }
                true
            }
        }
    }

    /// A worker computes its round and brings its payload.
    pub(super) fn contribute(&mut self, session: Session) {
        self.act(session);
        self.act(session);
    }

    /// Everybody works in turn until the run is over or nobody can.
    pub(super) fn settle(&mut self) {
        while self.outcome.is_none() {
            let sessions = self.sessions();
            let moved = sessions.into_iter().filter(|s| self.act(*s)).count() > 0;
            if !moved {
                break;
            }
        }
    }

    pub(super) fn feed(&mut self, input: Input) {
        let mut queue = vec![input];
        while let Some(input) = queue.pop() {
            for action in self.core.step(self.now, input) {
                self.perform(action, &mut queue);
            }
        }
    }

    fn perform(&mut self, action: Action, queue: &mut Vec<Input>) {
        match action {
            Action::Admit { session, assignment, checkpoint } => {
                if let Some(worker) = self.workers.get_mut(&session) {
                    worker.parameters = checkpoint.map_or(0, |name| self.models[&name]);
                    worker.work = Work::Computing(assignment);
                }
            }
            Action::RefuseJoin { session, reason } => {
                self.workers.remove(&session);
                self.refusals.push(reason);
            }
            Action::Refuse { reason, .. } => self.refusals.push(reason),
            Action::Again { slot, fence, company } => {
                let asked = self.workers.values_mut().find_map(|worker| match &worker.work {
                    Work::Staging(a) | Work::Waiting(a)
                        if (a.slot, a.fence.lineage, a.fence.round) == (slot, fence.lineage, fence.round) =>
                    {
                        Some((a.clone(), worker))
                    }
                    _ => None,
                });
                if let Some((assignment, worker)) = asked {
                    worker.work = Work::Computing(Assignment { fence, company, ..assignment });
                    *self.faults.entry("again").or_default() += 1;
                }
            }
            Action::Close(closing) => self.close(closing),
            Action::Dismiss { session, .. } => {
                // Whoever still lives joins again.
                if let Some(worker) = self.workers.remove(&session) {
                    let session = self.next_session;
                    self.next_session += 1;
                    let identity = worker.identity;
                    queue.push(Input::Join { session, identity: identity.clone() });
                    self.workers.insert(session, Worker { identity, work: Work::Joining, parameters: 0 });
                }
            }
            Action::Publish(publication) => {
                self.published.push(publication.name.clone());
                assert!(self.models.contains_key(&publication.name), "manifest before data");
                queue.insert(0, Input::Published { checkpoint: publication.name });
            }
            Action::Record(event) => self.events.push(event),
            Action::Stop(outcome) => self.outcome = Some(outcome),
        }
    }

    /// Every member fetches its sum: all who are said to be in it have staged for this very membership.
    fn close(&mut self, closing: Closing) {
        let Closing { fence, encoding, next, .. } = closing;
        for worker in self.workers.values_mut() {
            let Work::Waiting(assignment) = &worker.work else { continue };
            let Some(Next { contributors, boundary, assignment: after, .. }) = next.get(&assignment.slot)
            else {
                continue;
            };
            if assignment.fence != fence {
                continue;
            }
            let sum = &self.staged[&(fence, assignment.company.group)];
            assert_eq!(contributors, &sum.keys().copied().collect::<Vec<_>>(), "{fence:?}");
            let update = sum.values().fold(fence.round, |h, p| h.wrapping_mul(31).wrapping_add(*p));
            worker.parameters = match encoding {
                Encoding::Block { .. } => update,
                _ => worker.parameters.wrapping_mul(1_000_003).wrapping_add(update),
            };
            worker.work = Work::Reporting(boundary.clone(), after.clone());
        }
        self.staged.retain(|(of, _), _| of.lineage >= fence.lineage && of.round + 2 > fence.round);
    }

    /// A new incarnation goes on from a checkpoint.
    pub(super) fn restart_coordinator(&mut self, newest: Option<(String, Saved)>) {
        self.settings.first_lineage += 1000;
        self.events.push(Event::FellBack {
            lineage: self.settings.first_lineage,
            round: newest.as_ref().map_or(0, |(_, saved)| saved.round),
            checkpoint: newest.as_ref().map(|(name, _)| name.clone()),
            committed_frames: newest.as_ref().map(|(_, saved)| saved.position.committed_frames()),
            reason: "the coordinator was started again".into(),
        });
        self.core = Core::new(self.settings.clone(), newest, self.now);
        let identities = self.identities();
        self.workers.clear();
        for identity in identities {
            self.join(&identity);
        }
    }

    pub(super) fn newest(&self) -> Option<(String, Saved)> {
        self.core.newest.clone()
    }

    /// Each batch of each pass was committed exactly once, in what is left after all fall-backs.
    pub(super) fn audit(&self) {
        let mut commits = Vec::new();
        let mut fall_backs = Vec::new();
        for event in &self.events {
            match event {
                Event::Round { fence, leases, .. } => {
                    commits.push(Commit {
                        lineage: fence.lineage,
                        round: fence.round,
                        leases: leases.clone(),
                    });
                }
                Event::FellBack { lineage, round, .. } => {
                    fall_backs.push(FallBack { lineage: *lineage, round: *round });
                }
                _ => {}
            }
        }
        let mut audit = Audit::new(&self.settings.plan);
        for commit in surviving(&commits, &fall_backs) {
            commit.leases.iter().for_each(|lease| audit.record(lease));
        }
        let findings = audit.findings(Extent::WholeRun);
        assert!(findings.is_clean(), "{findings:?}");
    }

    /// The last parameters, the same on all that are there.
    pub(super) fn parameters(&self) -> u64 {
        let newest = self.published.last().expect("a final checkpoint");
        self.models[newest]
    }
}

pub(super) fn arrival(identity: &str, parameters: u64, assignment: &Assignment) -> Arrival {
    let slot: Slot = assignment.slot;
    let batches: u32 = assignment.leases.iter().map(|l| l.batches).sum();
    Arrival {
        fence: assignment.fence,
        identity: identity.into(),
        slot,
        frames: u64::from(batches) * 10,
        loss_sum: f64::from(batches),
        correct_frames: 0,
        gradient_norm: 1.0,
        suggested_tau: 0.01,
        values_sent: 1,
        residual_norm: 0.0,
        payload_bytes: 1,
        parameters_digest: assignment.digest.then_some(parameters),
        update_digest: None,
        compute_s: 0.0,
        leaving: false,
    }
}

pub(super) fn finished(world: &World) -> bool {
    matches!(world.outcome, Some(Outcome::Finished { .. }))
}

/// Encoding and frames of every closed round.
pub(super) fn rounds(world: &World) -> Vec<(Encoding, u64)> {
    let rounds = world.events.iter().filter_map(|event| match event {
        Event::Round { encoding, frames, .. } => Some((*encoding, *frames)),
        _ => None,
    });
    rounds.collect()
}
