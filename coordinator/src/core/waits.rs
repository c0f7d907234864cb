use super::{Core, Millis, Phase, Slot};

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Members that the run needs to begin, or to go on.
    Members,
    /// Batches of the open round.
    Computing,
    /// Payloads that are computed and not with the reducers yet.
    Staging,
    /// Newcomers that have no checkpoint to begin with yet.
    Newcomers,
    /// The last reports.
    Reports,
    /// The store, which does not have the last checkpoint yet.
    Store,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 6] = [
        Reason::Members,
        Reason::Computing,
        Reason::Staging,
        Reason::Newcomers,
        Reason::Reports,
        Reason::Store,
    ];

    /// In metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::Members => "members",
            Reason::Computing => "computing",
            Reason::Staging => "staging",
            Reason::Newcomers => "newcomers",
            Reason::Reports => "reports",
            Reason::Store => "store",
        }
    }
}

/// Something or somebody is waited for, and nothing moves meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// What for.
    pub reason: Reason,
    /// Identities, where they are known; else words for them.
    pub whom: Vec<String>,
    /// Since when.
    pub since: Millis,
    /// When it ends, whoever has come by then; none: the store's own deadlines end it.
    pub until: Option<Millis>,
    /// In words, with the round or checkpoint.
    pub what: String,
}

impl Core {
    /// Why nothing moves and who is waited for; empty while all move.
    #[must_use]
    pub fn waits(&self) -> Vec<Wait> {
        match &self.phase {
            Phase::Gathering { since } => {
                let deadline = (self.settings.experiment.cluster.join_deadline_s * 1e3).ceil() as Millis;
                let (there, wanted) = (self.applicants.len(), self.wanted());
                let what = format!("{there} of {wanted} workers have joined");
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

    /// A round waits from its first contribution on.
    fn waits_of_round(&self) -> Vec<Wait> {
        let Phase::Running(round) = &self.phase else { return Vec::new() };
        let Some(since) = round.first_ms else { return Vec::new() };
        let is_new = |slot: &Slot| self.pending.values().any(|p| p.newcomers.iter().any(|(s, _)| s == slot));
        let reason_of = |slot: &Slot| match round.arrivals.contains_key(slot) {
            true => Reason::Staging,
            false if is_new(slot) => Reason::Newcomers,
            false => Reason::Computing,
        };
        let missing = self.missing();
        let of = |reason| {
            let slots: Vec<Slot> = missing.iter().copied().filter(|slot| reason_of(slot) == reason).collect();
            let until = Some(since + self.deadline_ms() + round.under_way_ms());
            let what = match reason {
                Reason::Staging => format!("round {} waits for payloads", self.round),
                Reason::Newcomers => {
                    format!("round {} waits for newcomers that wait for a checkpoint", self.round)
                }
                _ => format!("round {} waits for contributions", self.round),
            };
            Wait { reason, whom: self.names(&slots), since, until, what }
        };
        let reasons = [Reason::Computing, Reason::Staging, Reason::Newcomers];
        reasons.map(of).into_iter().filter(|wait| !wait.whom.is_empty()).collect()
    }

    fn wait_of_end(&self, since: Millis) -> Wait {
        let whom = self.names(&self.unreported());
        if whom.is_empty() {
            let whom = vec!["the store".to_owned()];
            let what = "the last checkpoint is being published".to_owned();
            return Wait { reason: Reason::Store, whom, since, until: None, what };
        }
        let what = "the last checkpoint waits for reports".to_owned();
        Wait { reason: Reason::Reports, whom, since, until: Some(since + self.deadline_ms()), what }
    }

    /// Members that a start needs.
    pub(super) fn wanted(&self) -> usize {
        match self.roster_is_closed() {
            true => self.roster.len(),
            false => self.settings.experiment.cluster.workers as usize,
        }
    }

    /// Whether the members are known by name and no others are taken.
    pub(super) fn roster_is_closed(&self) -> bool {
        self.is_fixed() && !self.roster.is_empty()
    }

    /// Whom a start waits for: by name where the names are known.
    pub(super) fn absent(&self) -> Vec<String> {
        let there = |name: &String| self.applicants.iter().any(|a| a.identity == *name);
        if self.roster_is_closed() {
            return self.roster.iter().filter(|name| !there(name)).cloned().collect();
        }
        let more = self.wanted().saturating_sub(self.applicants.len());
        vec![if more == 1 { "1 more worker".to_owned() } else { format!("{more} more workers") }]
    }
}

impl Wait {
    /// For people.
    #[must_use]
    pub fn words(&self, now: Millis) -> String {
        let seconds = now.saturating_sub(self.since) as f64 / 1e3;
        format!("{}: {} since {seconds:.1} s", self.what, self.whom.join(", "))
    }
}
