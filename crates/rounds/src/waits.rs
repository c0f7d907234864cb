use crate::late::Term;
use crate::{Core, Millis, Phase, Slot};

/// What a run can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Members that the run needs to begin or to continue.
    Members,
    /// Batches of the open round.
    Computing,
    /// Payloads that are computed and not staged yet.
    Staging,
    /// Newcomers that do not have their checkpoint yet.
    Newcomers,
    /// Reports on a checkpoint that members write, or for which they score dev data.
    Reports,
    /// Publication of the last checkpoint by the store.
    Store,
    /// Separate reducers that do not answer.
    Reducers,
    /// An operator who has paused the run.
    Paused,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 8] = [
        Reason::Members,
        Reason::Computing,
        Reason::Staging,
        Reason::Newcomers,
        Reason::Reports,
        Reason::Store,
        Reason::Reducers,
        Reason::Paused,
    ];

    /// Its label in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::Members => "members",
            Reason::Computing => "computing",
            Reason::Staging => "staging",
            Reason::Newcomers => "newcomers",
            Reason::Reports => "reports",
            Reason::Store => "store",
            Reason::Reducers => "reducers",
            Reason::Paused => "paused",
        }
    }
}

/// A wait during which the run makes no progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What the run waits for.
    pub reason: Reason,
    /// Identities if they are known, otherwise a description.
    pub whom: Vec<String>,
    /// When the wait began.
    pub since: Millis,
    /// When the wait ends in any case; `None` if the members or the store have deadlines of their own.
    pub until: Option<Millis>,
    /// A description that names the round or checkpoint.
    pub what: String,
}

impl Core {
    /// What the run waits for; empty while it makes progress.
    #[must_use]
    pub fn waits(&self) -> Vec<Wait> {
        let paused = self.paused_by().map(|(by, since)| {
            let what = "the run is paused until `stentor resume`, by".to_owned();
            Wait { reason: Reason::Paused, whom: vec![by.to_owned()], since, until: None, what }
        });
        if self.is_held() {
            return paused.into_iter().collect();
        }
        let mut waits = self.waits_of_phase();
        waits.extend(paused);
        waits
    }

    fn waits_of_phase(&self) -> Vec<Wait> {
        match &self.phase {
            Phase::Gathering { since } => {
                let deadline = self.join_deadline_ms();
                let silent = self.silent_reducers();
                if !silent.is_empty() {
                    let what = "all workers have joined, and reducers do not answer".to_owned();
                    let until = Some(since + deadline);
                    return vec![Wait { reason: Reason::Reducers, whom: silent, since: *since, until, what }];
                }
                let (there, wanted) = (self.applicants.len(), self.wanted());
                let what = format!("{there} of {wanted} workers have joined; not yet");
                vec![Wait {
                    reason: Reason::Members,
                    whom: self.absent(),
                    since: *since,
                    until: Some(since + deadline),
                    what,
                }]
            }
            Phase::Running(_) => self.waits_of_round(),
            Phase::Finishing { since } => vec![self.wait_of_end(*since)],
            Phase::Stopped => Vec::new(),
        }
    }

    /// The waits of a round, which begin with its first contribution.
    fn waits_of_round(&self) -> Vec<Wait> {
        let Phase::Running(round) = &self.phase else { return Vec::new() };
        let Some(since) = round.first_ms else { return Vec::new() };
        let terms = self.terms();
        let reasons = [Reason::Reports, Reason::Computing, Reason::Staging, Reason::Newcomers];
        let waits = reasons.into_iter().filter_map(|reason| {
            let what = match reason {
                Reason::Reports => "members that write a checkpoint or score dev data",
                Reason::Staging => "payloads",
                Reason::Newcomers => "newcomers that wait for a checkpoint",
                _ => "contributions",
            };
            let (whom, until) = self.waited_for(reason, &terms)?;
            Some(Wait { reason, whom, since, until, what: format!("round {} waits for {what}", self.round) })
        });
        let reducers = self.waits_for_reducers().map(|(since, until)| {
            let what = format!("round {} waits for reducers that do not answer", self.round);
            Wait { reason: Reason::Reducers, whom: self.lost_reducers(), since, until: Some(until), what }
        });
        reducers.into_iter().chain(waits).collect()
    }

    /// The members for which the run waits for this reason, and the last of their deadlines; `None` if there are none.
    fn waited_for(&self, reason: Reason, terms: &[(Slot, Term)]) -> Option<(Vec<String>, Option<Millis>)> {
        let of_reason = terms.iter().filter(|(_, term)| term.reason == reason);
        let (slots, untils): (Vec<Slot>, Vec<Option<Millis>>) =
            of_reason.map(|(slot, term)| (*slot, term.until)).unzip();
        let until = untils.into_iter().collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
        (!slots.is_empty()).then(|| (self.names(&slots), until))
    }

    fn wait_of_end(&self, since: Millis) -> Wait {
        match self.waited_for(Reason::Reports, &self.terms()) {
            Some((whom, until)) => {
                let what = "the last checkpoint waits for reports".to_owned();
                Wait { reason: Reason::Reports, whom, since, until, what }
            }
            None => {
                let whom = vec!["the store".to_owned()];
                let what = "the last checkpoint is being published".to_owned();
                Wait { reason: Reason::Store, whom, since, until: None, what }
            }
        }
    }

    /// Number of members that a start needs.
    pub(crate) fn wanted(&self) -> usize {
        match self.roster_is_closed() {
            true => self.roster.len(),
            false => self.settings.experiment.cluster.workers as usize,
        }
    }

    /// Whether only members of the roster are admitted.
    pub(crate) fn roster_is_closed(&self) -> bool {
        self.is_fixed() && !self.roster.is_empty()
    }

    /// The members that are missing for a start, by name if the names are known.
    pub(crate) fn absent(&self) -> Vec<String> {
        let there = |name: &String| self.applicants.iter().any(|a| a.identity == *name);
        if self.roster_is_closed() {
            return self.roster.iter().filter(|name| !there(name)).cloned().collect();
        }
        let more = self.wanted().saturating_sub(self.applicants.len());
        vec![if more == 1 { "1 more worker".to_owned() } else { format!("{more} more workers") }]
    }
}

impl Wait {
    /// A description for people.
    #[must_use]
    pub fn words(&self, now: Millis) -> String {
        let seconds = now.saturating_sub(self.since) as f64 / 1e3;
        format!("{}: {} since {seconds:.1} s", self.what, self.whom.join(", "))
    }
}
