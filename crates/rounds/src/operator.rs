//! Commands of an operator: another strategy, a checkpoint, a pause, a member that is to go.

use crate::check::Rejected;
use crate::membership::MOST_MEMBERS;
use crate::{Action, Core, Departure, Millis, Outcome, Phase, Refusal, Session};
use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::Strategy;
use stentor_messages::Pausing;

/// What an operator wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Another strategy, from the next boundary at which nothing is pending.
    Switch {
        /// The strategy.
        strategy: Strategy,
    },
    /// A checkpoint at the next boundary at which one can be written.
    Checkpoint {
        /// Given by the shell: [`Action::Answer`] names it.
        request: Request,
    },
    /// A checkpoint at the next boundary, and no further round.
    Pause,
    /// The rounds go on.
    Resume,
    /// A member is removed now, like one that died.
    Drop {
        /// Its identity.
        identity: String,
    },
    /// A member hands over its residual and leaves, as after a signal.
    Drain {
        /// Its identity.
        identity: String,
    },
}

/// A request for a checkpoint.
pub type Request = u64;

/// Maximum number of requests for a checkpoint that wait.
pub(crate) const MOST_REQUESTS: usize = 64;

/// What operators have asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Operator {
    /// The strategy that was asked for last. It outlives every fall-back.
    strategy: Option<Strategy>,
    pause: Option<Pause>,
    /// Requests for a checkpoint that is not begun yet.
    requests: BTreeSet<Request>,
    /// Identities that were dropped and may not come back, and who dropped them.
    dropped: BTreeMap<String, String>,
}

impl Operator {
    /// The strategy that is wanted, if one was asked for.
    pub(crate) fn strategy(&self) -> Option<Strategy> {
        self.strategy
    }
}

#[derive(Debug, Clone)]
struct Pause {
    by: String,
    since: Millis,
    step: Step,
}

/// How far a pause is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// The next boundary writes its checkpoint.
    Due,
    /// Members write this one. The round after it does not close; the members have their usual deadlines.
    Saving(String),
    /// The newest checkpoint contains all that counts. No deadline ends anything.
    Held,
}

impl Core {
    pub(crate) fn command(&mut self, now: Millis, command: Command, by: &str, actions: &mut Vec<Action>) {
        match command {
            Command::Switch { strategy } => {
                self.operator.strategy = Some(strategy);
                self.ask(strategy);
            }
            Command::Checkpoint { request } => {
                self.operator.requests.insert(request);
                self.answer_where_all_is_saved(actions);
            }
            Command::Pause => {
                let step = if matches!(self.phase, Phase::Gathering { .. }) { Step::Held } else { Step::Due };
                self.operator.pause = Some(Pause { by: by.to_owned(), since: now, step });
            }
            Command::Resume => self.resume(now, actions),
            Command::Drop { identity } => self.drop_member(now, &identity, by, actions),
            Command::Drain { identity } => {
                if let Some(member) = self.members.values_mut().find(|member| member.identity == identity) {
                    member.drained = true;
                    actions.push(Action::Drain { session: member.session });
                }
            }
        }
    }

    /// Why a command is refused.
    pub(crate) fn check_command(&self, command: &Command) -> Result<(), Rejected> {
        let refused = |reason: String| Err(Rejected::late(Refusal::Invalid, reason));
        let is_finishing = matches!(self.phase, Phase::Finishing { .. });
        match command {
            _ if matches!(self.phase, Phase::Stopped) => refused("the run is over".into()),
            Command::Switch { .. } => Ok(()),
            Command::Checkpoint { .. } if self.operator.requests.len() >= MOST_REQUESTS => {
                refused(format!("expected at most {MOST_REQUESTS} requests that wait for a checkpoint, found as many"))
            }
            Command::Checkpoint { .. }
                if matches!(self.phase, Phase::Gathering { .. }) && self.newest.is_none() =>
            {
                refused("the run has not begun: there is nothing to save".into())
            }
            Command::Checkpoint { .. } => Ok(()),
            Command::Pause | Command::Resume if self.stopping => refused("the coordinator is stopping".into()),
            Command::Pause if is_finishing => refused("the run is finishing: no further round begins".into()),
            Command::Pause => match &self.operator.pause {
                Some(pause) => refused(format!("the run is paused already, by {}", pause.by)),
                None => Ok(()),
            },
            Command::Resume if self.operator.pause.is_none() => refused("the run is not paused".into()),
            Command::Resume => Ok(()),
            Command::Drop { identity } => self.check_presence(identity, true),
            Command::Drain { .. } if self.is_fixed() => refused(
                "membership is fixed: the run cannot go on without a member; have a checkpoint written, end the worker with \
                 SIGTERM, and start it elsewhere"
                    .into(),
            ),
            Command::Drain { identity } => {
                self.check_presence(identity, false)?;
                let mut others = self.members.values().filter(|member| member.identity != *identity);
                match others.any(|member| !member.drained && !member.leaving) {
                    true => Ok(()),
                    false => refused(format!(
                        "`{identity}` is the last member, and nobody could take over its residual and its batches: start another \
                         worker first, or stop the run"
                    )),
                }
            }
        }
    }

    fn check_presence(&self, identity: &str, applicants: bool) -> Result<(), Rejected> {
        let waiting = self.applicants.iter().filter(|_| applicants).map(|applicant| &applicant.identity);
        let mut there: Vec<&str> =
            self.members.values().map(|member| &member.identity).chain(waiting).map(String::as_str).collect();
        there.sort_unstable();
        if there.contains(&identity) {
            return Ok(());
        }
        let expected = match there.is_empty() {
            true => "there is none".to_owned(),
            false => there.join(", "),
        };
        Err(Rejected::late(
            Refusal::OtherMember,
            format!("expected a member ({expected}), found `{identity}`"),
        ))
    }

    fn drop_member(&mut self, now: Millis, identity: &str, by: &str, actions: &mut Vec<Action>) {
        // A fixed run needs it, so there it may come back.
        if !self.is_fixed() {
            if self.operator.dropped.len() >= MOST_MEMBERS {
                self.operator.dropped.pop_first();
            }
            self.operator.dropped.insert(identity.to_owned(), by.to_owned());
        }
        let reason = format!("dropped by {by}");
        for applicant in self.applicants.extract_if(.., |applicant| applicant.identity == identity) {
            let session = applicant.session;
            actions.push(match self.operator.dropped.contains_key(identity) {
                true => Action::RefuseJoin { session, reason: reason.clone() },
                false => Action::PutOff { session, reason: reason.clone() },
            });
        }
        if let Some(session) = self.session_of(identity) {
            self.lost(now, session, Departure::Left, &reason, actions);
        }
    }

    /// Why an identity that was dropped may not join.
    pub(crate) fn refusal_of_dropped(&self, identity: &str) -> Option<String> {
        let by = self.operator.dropped.get(identity)?;
        Some(format!(
            "`{identity}` was dropped by {by}; start it under another identity, or start the coordinator again"
        ))
    }

    /// Whether the member of a session is to hand over its residual and leave.
    #[must_use]
    pub fn is_drained(&self, session: Session) -> bool {
        self.members.values().any(|member| member.session == session && member.drained)
    }

    fn resume(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let was_held = self.is_held();
        self.operator.pause = None;
        if was_held {
            // What nobody had to do meanwhile is not late.
            for member in self.members.values_mut() {
                (member.heard_ms, member.moved_ms, member.free_ms) = (now, now, now);
            }
            match &mut self.phase {
                Phase::Gathering { since } => *since = now,
                Phase::Running(round) => {
                    round.first_ms = round.first_ms.map(|_| now);
                    round.usual = false;
                }
                Phase::Finishing { .. } | Phase::Stopped => {}
            }
            self.pending.values_mut().for_each(|pending| pending.answered_ms = now);
        }
        self.gather(now, actions);
        self.close_if_complete(now, actions);
    }

    /// Whether the run is paused, and everything that counts is in the newest checkpoint.
    pub(crate) fn is_held(&self) -> bool {
        self.operator.pause.as_ref().is_some_and(|pause| pause.step == Step::Held)
    }

    /// Whether the open round must not close.
    pub(crate) fn is_pausing_round(&self) -> bool {
        self.operator.pause.as_ref().is_some_and(|pause| pause.step != Step::Due)
    }

    /// Whether an operator wants a checkpoint at the next boundary.
    pub(crate) fn is_checkpoint_asked_for(&self) -> bool {
        let is_due = |pause: &Pause| pause.step == Step::Due;
        !self.operator.requests.is_empty() || self.operator.pause.as_ref().is_some_and(is_due)
    }

    /// A checkpoint is begun; returns the requests that it answers. `finished`: no round follows, so there is nothing to hold.
    pub(crate) fn begins_checkpoint(&mut self, name: &str, finished: bool) -> BTreeSet<Request> {
        if let Some(pause) = self.operator.pause.as_mut().filter(|pause| pause.step == Step::Due && !finished)
        {
            pause.step = Step::Saving(name.to_owned());
        }
        std::mem::take(&mut self.operator.requests)
    }

    /// A checkpoint is published, which is the newest one now. `finished`: no other follows.
    pub(crate) fn ends_checkpoint(
        &mut self,
        name: &str,
        mut requests: BTreeSet<Request>,
        finished: bool,
        actions: &mut Vec<Action>,
    ) {
        if finished {
            requests.append(&mut self.operator.requests);
        }
        if let Some(pause) =
            self.operator.pause.as_mut().filter(|pause| pause.step == Step::Saving(name.to_owned()))
        {
            pause.step = Step::Held;
        }
        let answer = |request| Action::Answer { request, answer: Ok(name.to_owned()) };
        actions.extend(requests.into_iter().map(answer));
        self.answer_where_all_is_saved(actions);
    }

    /// A checkpoint is abandoned: whoever asked for it waits for the next one.
    pub(crate) fn loses_checkpoint(&mut self, name: &str, mut requests: BTreeSet<Request>) {
        if let Some(pause) =
            self.operator.pause.as_mut().filter(|pause| pause.step == Step::Saving(name.to_owned()))
        {
            pause.step = Step::Due;
        }
        self.operator.requests.append(&mut requests);
    }

    /// The run has returned to its newest checkpoint, or its beginning: nothing is under way that a pause would have to save.
    /// `requests`: those that checkpoints in the making would have answered.
    pub(crate) fn falls_back_for_operator(&mut self, requests: impl Iterator<Item = Request>) {
        self.operator.requests.extend(requests);
        if let Some(pause) = &mut self.operator.pause {
            pause.step = Step::Held;
        }
    }

    /// Answers requests for a checkpoint with the newest one where nothing counts that it does not contain.
    pub(crate) fn answer_where_all_is_saved(&mut self, actions: &mut Vec<Action>) {
        let all_is_saved = matches!(self.phase, Phase::Gathering { .. }) || self.is_held();
        let Some((name, _)) = self.newest.as_ref().filter(|_| all_is_saved) else { return };
        let answer = |request| Action::Answer { request, answer: Ok(name.clone()) };
        actions.extend(std::mem::take(&mut self.operator.requests).into_iter().map(answer));
    }

    /// The run has stopped: no checkpoint comes any more.
    pub(crate) fn refuse_requests(&mut self, outcome: &Outcome, actions: &mut Vec<Action>) {
        let of_pending = self.pending.values_mut().flat_map(|pending| std::mem::take(&mut pending.requests));
        let requests: Vec<Request> = of_pending.chain(std::mem::take(&mut self.operator.requests)).collect();
        let answer = |request| Action::Answer { request, answer: Err(outcome.words()) };
        actions.extend(requests.into_iter().map(answer));
    }

    /// The pause, for people.
    pub(crate) fn pausing(&self, now: Millis) -> Option<Pausing> {
        let Pause { by, since, step } = self.operator.pause.as_ref()?;
        Some(Pausing { by: by.clone(), for_ms: now.saturating_sub(*since), held: *step == Step::Held })
    }

    /// Who paused the run and when, if its open round does not close.
    pub(crate) fn paused_by(&self) -> Option<(&str, Millis)> {
        let pause = self.operator.pause.as_ref().filter(|pause| pause.step != Step::Due)?;
        Some((&pause.by, pause.since))
    }

    /// Number of requests that wait, and the identities that may not come back, for checks.
    pub(crate) fn kept_for_operator(&self) -> (usize, usize) {
        (self.operator.requests.len(), self.operator.dropped.len())
    }
}
