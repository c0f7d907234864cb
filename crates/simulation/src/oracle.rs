use super::Process;
use super::replica::{BlockStep, own_state};
use super::shell::Shell;
use super::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::Strategy;
use stentor_participant::Staging;
use stentor_plan::Plan;
use stentor_plan::audit::{Audit, Extent};
use stentor_rounds::{
    Closed, Closing, Encoding, Event, Fence, Invariant, Outcome, Publication, Session, Violation,
};
use stentor_runlog::Timeline;

/// Checks the invariants, with full knowledge of a simulated cluster.
#[derive(Debug)]
pub(super) struct Oracle {
    plan: Plan,
    pub(super) violations: Vec<Violation>,
    /// Digest of the parameters after a round, by lineage, round and group.
    digests: BTreeMap<(u64, u64, u32), (String, u64)>,
    /// Lineage, round and group of the updates inside groups that had frames. Kept by round, because a member may apply
    /// an update late, after others have applied that of a later round.
    learned: BTreeSet<(u64, u64, u32)>,
    /// By lineage, the last round in which groups exchanged models.
    last_block: BTreeMap<u64, u64>,
    /// Lineage and round that a process has applied last.
    applied: BTreeMap<Process, (u64, u64)>,
    /// The members that write a checkpoint, each with its session.
    writers: BTreeMap<String, BTreeMap<String, Session>>,
}

/// A worker's state after it has applied an update.
#[derive(Debug)]
pub(super) struct Applied<'a> {
    pub(super) process: Process,
    pub(super) identity: &'a str,
    /// The contribution that it had staged.
    pub(super) staging: &'a Staging,
    /// The answer at the end of the round.
    pub(super) closed: &'a Closed,
    /// Its strategy in the round.
    pub(super) strategy: Strategy,
    /// Digest of its parameters.
    pub(super) digest: u64,
    /// The expected residual, and the actual one.
    pub(super) book: Option<&'a [f32]>,
    pub(super) residual: Option<&'a [f32]>,
    /// The step of its block filter, if there was one.
    pub(super) step: Option<&'a BlockStep>,
}

impl Oracle {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            violations: Vec::new(),
            digests: BTreeMap::new(),
            learned: BTreeSet::new(),
            last_block: BTreeMap::new(),
            applied: BTreeMap::new(),
            writers: BTreeMap::new(),
        }
    }

    pub(super) fn report(&mut self, invariant: Invariant, found: String) {
        self.violations.push(Violation { invariant, found });
    }

    /// A worker has applied an update.
    pub(super) fn applied(&mut self, applied: &Applied<'_>) {
        let &Applied { process, identity, staging, closed, strategy, digest, book, residual, step } = applied;
        let fence = closed.fence;
        if fence != staging.fence {
            let expected = staging.fence;
            self.report(
                Invariant::Fenced,
                format!("{identity} expected an update of {expected:?}, and took that of {fence:?}"),
            );
        }
        let now = (fence.lineage, fence.round);
        if let Some(last) = self.applied.insert(process, now)
            && (now.0 < last.0 || (now.0 == last.0 && now.1 <= last.1))
        {
            self.report(Invariant::ForwardOnly, format!("{identity} went from {last:?} to {now:?}"));
        }
        let key = (fence.lineage, fence.round, staging.sum_group.group);
        let (first, expected) = self.digests.entry(key).or_insert((identity.to_owned(), digest));
        if *expected != digest {
            let found = format!("after {key:?} {first} has {expected:016x}, {identity} {digest:016x}");
            self.report(Invariant::OneDigestPerRound, found);
        }
        if closed.encoding.is_block() {
            let last = self.last_block.entry(fence.lineage).or_default();
            *last = fence.round.max(*last);
        } else if strategy == Strategy::TwoTier && closed.frames > 0 {
            self.learned.insert(key);
        }
        if book != residual {
            let found =
                format!("{identity} after {fence:?}: expected {book:?} in its residual, found {residual:?}");
            self.report(Invariant::Conservation, found);
        }
        if let Some(step) = step {
            self.filtered(identity, closed, step);
        }
    }

    /// A block has been filtered: W moves by ηΔ + ζ(mean − S), whatever S is.
    fn filtered(&mut self, identity: &str, closed: &Closed, step: &BlockStep) {
        let Encoding::Block { momentum, learning_rate, .. } = closed.encoding else { return };
        let BlockStep { before, mean, after } = step;
        for (index, mean) in mean.iter().enumerate() {
            let (w, delta) = (f64::from(before.w[index]), f64::from(before.delta[index]));
            let start = w + before.look_ahead_eta * delta;
            let filtered = momentum * delta + learning_rate * (f64::from(*mean) - start);
            let (expected, found) = (w + filtered, f64::from(after.w[index]));
            if (expected - found).abs() > 1e-3 + 1e-5 * expected.abs() {
                let fence = closed.fence;
                let found = format!("{identity} after {fence:?}: expected W = {expected}, found {found}");
                return self.report(Invariant::ModelIsNoLookAhead, found);
            }
        }
    }

    /// A round closes: each sum consists of what its contributors staged for this membership, and of nothing else.
    pub(super) fn closing(&mut self, shell: &Shell, closing: &Closing, groups: &BTreeMap<u32, Vec<u32>>) {
        for (group, members) in groups {
            let staged = shell.reducers.staged(closing.fence, *group);
            if staged != *members && !shell.reducers.have_lost(closing.fence) {
                let fence = closing.fence;
                let found = format!("{fence:?}, group {group}: counted {members:?}, staged {staged:?}");
                self.report(Invariant::OneSum, found);
            }
        }
        let sessions = shell.core.sessions();
        for member in shell.core.view(0).members {
            let next = closing.next.get(&member.slot);
            if let Some(name) = next.and_then(|next| next.boundary.checkpoint.as_ref())
                && let Some(session) = sessions.get(&member.identity)
            {
                self.writers.entry(name.clone()).or_default().insert(member.identity, *session);
            }
        }
    }

    /// Groups have exchanged models: each group that has learned something since the last exchange has sent its model.
    /// If a whole group had died, the run would have fallen back to a checkpoint.
    pub(super) fn met(&mut self, shell: &Shell, fence: Fence) {
        let lineage = fence.lineage;
        let since = self.last_block.insert(lineage, fence.round).map_or(0, |last| last + 1);
        let learned = self.learned.range((lineage, since, 0)..(lineage, fence.round, 0));
        let groups = learned.map(|&(_, _, group)| group).collect::<BTreeSet<_>>().len();
        let models = shell.reducers.contributions(fence, 0);
        if groups != models && !shell.reducers.have_lost(fence) {
            let found = format!("{fence:?}: {groups} groups met, and {models} models are in the sum");
            self.report(Invariant::OneSum, found);
        }
    }

    /// A coordinator has carried out its actions: what operators were told is accepted is in force or due.
    pub(super) fn ordered(&mut self, shell: &Shell, wanted: Option<Strategy>, is_paused: bool) {
        let view = shell.core.view(0);
        if let Some(wanted) = wanted
            && view.strategy != wanted
            && view.switching_to != Some(wanted)
        {
            let found = format!(
                "{} was asked for; in force is {}, and due {:?}",
                wanted.name(),
                view.strategy.name(),
                view.switching_to
            );
            self.report(Invariant::OrdersKept, found);
        }
        if is_paused && view.paused.is_none() {
            self.report(Invariant::OrdersKept, "a pause was accepted, and the run goes on".to_owned());
        }
    }

    /// A checkpoint's manifest is in the store.
    pub(super) fn published(&mut self, store: &Store, shell: &Shell, publication: &Publication) {
        self.newest_loads(store);
        let name = &publication.name;
        let here = shell.core.sessions();
        for (identity, session) in self.writers.remove(name).unwrap_or_default() {
            let stayed = here.get(&identity) == Some(&session);
            if stayed && !publication.objects.iter().any(|o| o.name == own_state(&identity)) {
                let found = format!("checkpoint `{name}` is without the state of {identity}");
                self.report(Invariant::NewestLoads, found);
            }
        }
        if publication.dev.as_ref().is_some_and(|dev| dev.not_finite().is_some()) {
            self.report(Invariant::Finite, format!("checkpoint `{name}`: {:?}", publication.dev));
        }
        // Events that a later incarnation has logged meanwhile do not concern this one.
        let lineage = publication.fence.lineage;
        let before = store.log().filter(|event| match event {
            // Later rounds may be in the log already.
            Event::Round { fence, .. } => fence.lineage <= lineage && fence.round < publication.saved.round,
            Event::FellBack { lineage: other, .. } => *other <= lineage,
            _ => false,
        });
        self.audit(before, lineage, Extent::UpTo(&publication.saved.position));
    }

    pub(super) fn newest_loads(&mut self, store: &Store) {
        if let Some(name) = store.newest_name()
            && let Err(missing) = store.loads(name)
        {
            self.report(Invariant::NewestLoads, missing);
        }
    }

    /// A coordinator has stopped.
    pub(super) fn stopped(&mut self, store: &Store, lineage: u64, outcome: &Outcome) {
        match outcome {
            Outcome::Finished { checkpoint } => {
                if let Err(missing) = store.loads(checkpoint) {
                    let found = format!("the checkpoint to deploy: {missing}");
                    self.report(Invariant::NewestLoads, found);
                }
                self.audit(store.log(), lineage, Extent::WholeRun);
            }
            // Losses that are not finite are among the faults.
            Outcome::LostQuorum { .. }
            | Outcome::BadData { .. }
            | Outcome::Interrupted
            | Outcome::Replaced { .. }
            | Outcome::NonFinite { .. } => {}
            Outcome::Disagreement { reason } => self.report(Invariant::OneDigestPerRound, reason.clone()),
            Outcome::Broken { reason } => self.report(Invariant::ExactlyOnce, reason.clone()),
        }
    }

    /// Checks by an event log that each batch was committed once in the surviving lineage, up to `lineage`.
    pub(super) fn audit<'a>(
        &mut self,
        log: impl Iterator<Item = &'a Event> + Clone,
        lineage: u64,
        extent: Extent<'_>,
    ) {
        let mut audit = Audit::new(&self.plan);
        Timeline::of(log.clone()).leases(log).for_each(|lease| audit.record(lease));
        let findings = audit.findings(extent);
        if !findings.is_clean() {
            self.report(Invariant::ExactlyOnce, format!("lineage {lineage}: {findings:?}"));
        }
    }
}
