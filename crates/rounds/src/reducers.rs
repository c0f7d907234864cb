use crate::{Action, Core, Event, Millis, Outcome, Phase};
use std::collections::BTreeMap;
use stentor_fail_points::is_armed;

/// The separate reducers, as far as the coordinator knows: one that does not answer is nobody's fault.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reducers {
    /// The places in `exchange.reducers` of those without a connection, and since when.
    down: BTreeMap<usize, Millis>,
    /// Lineage and round in which one was lost last.
    troubled: Option<(u64, u64)>,
    /// How often payloads were staged once more for a reducer, and in which lineage and round.
    anew: (u32, (u64, u64)),
}

/// How often a round is staged once more for a reducer: one that dies again and again must not keep it open for ever.
const MOST_ANEW: u32 = 32;

impl Reducers {
    /// `count` reducers, none of which has answered yet.
    pub(crate) fn new(count: usize) -> Self {
        Self { down: (0..count).map(|index| (index, 0)).collect(), troubled: None, anew: (0, (0, 0)) }
    }
}

impl Core {
    /// A separate reducer has answered, or its connection broke.
    pub(crate) fn reducer(&mut self, now: Millis, index: usize, is_up: bool, actions: &mut Vec<Action>) {
        if is_up {
            let was_down = self.reducers.down.remove(&index).is_some();
            if was_down {
                // Who lacked a part of the last sum computes from now on.
                self.members.values_mut().for_each(|member| member.free_ms = member.free_ms.max(now));
            }
            return match self.phase {
                Phase::Running(_) if was_down => self.stage_anew(index, actions),
                _ => self.gather(now, actions),
            };
        }
        let is_listed = index < self.settings.experiment.exchange.reducers.len();
        if is_listed && !self.reducers.down.contains_key(&index) {
            self.reducers.down.insert(index, now);
            self.reducers.troubled = Some((self.lineage, self.round));
            // Members whose calls it broke may have been seen to be lost before.
            self.budget.forgive();
        }
    }

    /// A reducer that was lost answers again, in the middle of a round. What had been staged with it is gone, and perhaps another
    /// process has its place: all members stage once more, with every reducer, and nobody computes again.
    fn stage_anew(&mut self, index: usize, actions: &mut Vec<Action>) {
        if is_armed("lost-payloads-counted") || !self.reducers.down.is_empty() {
            return;
        }
        let url = self.settings.experiment.exchange.reducers.get(index).cloned().unwrap_or_default();
        let round = (self.lineage, self.round);
        let before = if self.reducers.anew.1 == round { self.reducers.anew.0 } else { 0 };
        self.reducers.anew = (before + 1, round);
        if before >= MOST_ANEW {
            let reason =
                format!("reducers were lost {before} times in round {}, the last one {url}", self.round);
            return self.stop(Outcome::LostQuorum { reason }, actions);
        }
        self.regroup(actions);
        let (fence, members) = (self.fence(), self.roster_now());
        let reason = format!("the reducer {url} answers again: payloads are staged once more");
        actions.push(Action::Record(Event::Members { fence, members, reason }));
    }

    /// Since when the open round waits for reducers, and until when; `None` if it does not.
    pub(crate) fn waits_for_reducers(&self) -> Option<(Millis, Millis)> {
        let Phase::Running(round) = &self.phase else { return None };
        let since = self.reducers.down.values().min()?.max(&round.first_ms?).to_owned();
        Some((since, since + self.join_deadline_ms()))
    }

    /// Ends the run if the open round has waited for reducers for too long.
    pub(crate) fn give_up_reducers(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if self.waits_for_reducers().is_some_and(|(_, until)| now > until) {
            let (seconds, silent) = (self.settings.experiment.cluster.join_deadline_s, self.lost_reducers());
            let reason = format!("no answer of these reducers within {seconds} s: {}", silent.join(", "));
            self.stop(Outcome::LostQuorum { reason }, actions);
        }
    }

    /// Whether a loss now may be that of a reducer.
    pub(crate) fn is_troubled(&self) -> bool {
        !self.reducers.down.is_empty() || self.reducers.troubled == Some((self.lineage, self.round))
    }

    /// The URLs of the reducers that do not answer, if a round would be opened without them.
    pub(crate) fn silent_reducers(&self) -> Vec<String> {
        let is_gathered =
            matches!(self.phase, Phase::Gathering { .. }) && self.applicants.len() >= self.wanted();
        if is_gathered { self.lost_reducers() } else { Vec::new() }
    }

    /// The URLs of the reducers that do not answer.
    pub(crate) fn lost_reducers(&self) -> Vec<String> {
        let urls = &self.settings.experiment.exchange.reducers;
        self.reducers.down.keys().filter_map(|&index| urls.get(index).cloned()).collect()
    }
}
