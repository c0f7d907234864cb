//! Members that say what is not true: well-formed messages with numbers that cannot be, claims about the data and the model, and all
//! of it again and again. Whatever a member says may end its own membership, and changes nothing else.

use super::Process;
use super::network::{Copy, Happening, Request};
use super::replica::own_state;
use super::world::World;
use std::collections::BTreeMap;
use stentor_experiment::{Poison, Source};
use stentor_rounds::{
    Arrival, BadRowGroup, Fence, Input, Invariant, Outcome, Report, Session, SetAside, Slot, View, Written,
};
use stentor_scores::{Sums, frame_sums};

/// What the other members have before a lie and must have after it.
#[derive(Debug)]
pub(super) struct Others {
    identity: String,
    sessions: BTreeMap<String, Session>,
    view: View,
    /// Number of row groups that are set aside.
    quarantined: usize,
}

impl World {
    /// In some runs members lie from time to time.
    pub(super) fn plan_lie(&mut self) {
        let next = self.lies.between(300, 6_000);
        self.network.at(self.now + next, Happening::Lie);
    }

    pub(super) fn lie(&mut self) {
        if self.faults_are_over() {
            return;
        }
        self.plan_lie();
        let members: Vec<Process> = self
            .workers
            .values()
            .filter(|worker| worker.session.is_some())
            .map(|worker| worker.process)
            .collect();
        let Some(&liar) = self.lies.pick(&members) else { return };
        // Two that lie alike are believed: one confirms the other.
        let Some(identity) = self.identity_of_process(liar) else { return };
        if *self.liar.get_or_insert(identity.clone()) != identity {
            return;
        }
        let Some(input) = self.invent(liar) else { return };
        self.count("lie");
        self.send(liar, Request::Says(input));
        self.say_late(liar);
    }

    /// A reducer says that it has set a payload aside, when the round is over. Nothing is drawn for it, and it must change nothing.
    fn say_late(&mut self, process: Process) {
        let Some(worker) = self.workers.get(&process) else { return };
        let Some(fence) = worker.assignment.as_ref().map(|assignment| assignment.fence) else { return };
        let Some(round) = fence.round.checked_sub(1) else { return };
        let (incarnation, call, slot) = (worker.incarnation, worker.call, (self.now % 3) as Slot);
        let reason = "its values have a norm of 3e38".into();
        let said = Input::SetAside(SetAside { fence: Fence { round, ..fence }, slot, reason });
        let (request, copy) = (Request::Says(said), Copy::Lie);
        self.network.at(self.now, Happening::ToCoordinator { incarnation, process, call, request, copy });
    }

    /// A message of the member that cannot be true.
    fn invent(&mut self, liar: Process) -> Option<Input> {
        let worker = self.workers.get(&liar)?;
        let (identity, assignment) = (worker.identity.clone(), worker.assignment.clone()?);
        let truth = self.truth(&identity, assignment.fence, assignment.slot);
        let arrived = |arrival: Arrival| Some(Input::Arrived(arrival));
        let huge = self.lies.pick(&[f64::INFINITY, f64::NAN, 1e300, -1.0]).copied()?;
        let checkpoint = self.shells.get(&self.current)?.core.unpublished().next().cloned();
        match self.lies.below(12) {
            0 => arrived(Arrival { compute_s: huge, ..truth }),
            1 => arrived(Arrival { frames: 1 << 40, ..truth }),
            2 => arrived(Arrival { payload_bytes: 1 << 63, ..truth }),
            3 => arrived(Arrival { sums: frame_sums(truth.frames, 1e308, 0), ..truth }),
            4 => arrived(Arrival { gradient_norm: huge, residual_norm: huge, ..truth }),
            5 => arrived(Arrival { suggested_tau: f32::NAN, values_sent: u64::MAX, ..truth }),
            6 => arrived(Arrival { fence: Fence { lineage: u64::MAX, ..truth.fence }, ..truth }),
            // Of two, nobody can know which one lies.
            7 if self.agree() >= 3 => {
                arrived(Arrival { parameters_digest: Some(self.lies.below(u64::MAX)), ..truth })
            }
            8 => {
                let places = self.lies.between(1, 12);
                let mut row_groups: Vec<_> = (0..places).map(|place| self.bad(place)).collect();
                // Of row groups that the liar has to read, its word is held against what the coordinator reads itself.
                if places.is_multiple_of(2) {
                    let core = &self.shells.get(&self.current)?.core;
                    row_groups.retain(|bad| {
                        let row_groups = vec![bad.clone()];
                        let one = Input::Bad { fence: truth.fence, identity: identity.clone(), row_groups };
                        core.check(&one).is_ok()
                    });
                }
                Some(Input::Bad { fence: truth.fence, identity, row_groups })
            }
            9 => Some(Input::Leave { identity, reason: "no data are here".into(), fatal: true }),
            10 => {
                let of_another = own_state(if identity == "a" { "b" } else { "a" });
                let name = self.lies.pick(&["model".to_owned(), of_another, "../x".to_owned()]).cloned()?;
                let written = vec![Written { name, bytes: u64::MAX, digest: 0, blake3: None }];
                Some(Input::Reported(Report { identity, checkpoint: checkpoint?, written, dev: None }))
            }
            _ => {
                let dev = Some(frame_sums(1 << 50, 1e308, 1 << 50));
                let written = Vec::new();
                Some(Input::Reported(Report { identity, checkpoint: checkpoint?, written, dev }))
            }
        }
    }

    fn identity_of_process(&self, process: Process) -> Option<String> {
        self.workers.get(&process).map(|worker| worker.identity.clone())
    }

    /// Number of members that have the same model.
    fn agree(&self) -> usize {
        let groups = self.shells.get(&self.current).map(|shell| shell.core.groups());
        groups.into_iter().flat_map(|groups| groups.into_values()).map(|group| group.len()).min().unwrap_or(0)
    }

    /// A contribution as it could be.
    fn truth(&self, identity: &str, fence: Fence, slot: Slot) -> Arrival {
        Arrival {
            fence,
            identity: identity.to_owned(),
            slot,
            frames: 0,
            sums: Sums::default(),
            by_source: BTreeMap::new(),
            gradient_norm: 0.0,
            suggested_tau: 0.0,
            values_sent: 0,
            residual_norm: 0.0,
            payload_bytes: 0,
            parameters_digest: None,
            update_digest: None,
            compute_s: 0.0,
            leaving: false,
        }
    }

    fn bad(&mut self, place: u64) -> BadRowGroup {
        let source = if self.lies.one_in(2) { Source::Annotated } else { Source::MachineLabeled };
        let (file, reason) = (format!("part-{place:05}.parquet"), "its bytes have changed".to_owned());
        BadRowGroup { source, place, file, row_group: place, frames: 400, reason }
    }

    /// What is there before `identity` says something that is not true.
    pub(super) fn before_lie(&self, incarnation: u64, identity: String) -> Option<Others> {
        let shell = self.shells.get(&incarnation)?;
        let (sessions, view) = (shell.core.sessions(), shell.core.view(0));
        Some(Others { identity, sessions, view, quarantined: shell.core.quarantined().len() })
    }

    /// Checks that a lie has changed nothing but the liar's membership.
    pub(super) fn after_lie(&mut self, incarnation: u64, before: &Others) {
        let Some(shell) = self.shells.get(&incarnation) else { return };
        let (after, fence) = (shell.core.view(0), shell.core.view(0).fence);
        let mut found = Vec::new();
        match &shell.outcome {
            // It was lost too often, and no other identity may take its place.
            None | Some(Outcome::LostQuorum { .. }) => {}
            // A value that is not finite can be true, and with this setting the first one ends the run.
            Some(Outcome::NonFinite { .. }) if self.settings.experiment.cluster.poison == Poison::Stop => {}
            // Of two members that find no finite loss, of which one lies, nobody else is left to ask.
            Some(Outcome::NonFinite { .. }) if before.sessions.len() <= 2 => {}
            Some(outcome) => found.push(format!("ended the run: {outcome:?}")),
        }
        let sessions = shell.core.sessions();
        // In `fixed`, and with groups that have trained apart, the run goes back without a member.
        let goes_back = fence.lineage != before.view.fence.lineage;
        for (identity, session) in &before.sessions {
            // A newcomer whose checkpoint the liar was to write waits for the next one.
            let waits = after.applicants.contains(identity);
            let stays = *identity == before.identity || waits || sessions.get(identity) == Some(session);
            if !stays && !goes_back && shell.outcome.is_none() {
                found.push(format!("ended the membership of {identity}"));
            }
        }
        // No data of a simulated run are bad.
        let quarantined = shell.core.quarantined().len();
        if quarantined > before.quarantined {
            found.push(format!("set {} row groups aside", quarantined - before.quarantined));
        }
        for found in found {
            let liar = &before.identity;
            self.oracle.report(Invariant::OwnMembership, format!("what {liar} said {found}"));
        }
    }
}
