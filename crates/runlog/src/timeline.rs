use crate::Event;
use std::collections::BTreeMap;
use stentor_checkpoint::checkpoint_age;
use stentor_plan::Lease;

/// The rounds of a run that count.
///
/// Lineages form a tree: each one except the first begins with a [`Return`] to a checkpoint of an earlier one, or to
/// the start of the run. The rounds on the path from the start to the newest lineage count. A lineage beside the path,
/// such as that of a coordinator that was replaced and did not know it yet, makes nothing void.
///
/// The result depends only on the set of events, not on their order. Its size grows with the number of returns, not
/// with the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// The lineages of the path, with the round below which their rounds count.
    bounds: BTreeMap<u64, u64>,
    returns: BTreeMap<u64, Return>,
}

/// A return to a checkpoint. Everything committed after the checkpoint is void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Return {
    /// The lineage that begins with it.
    pub lineage: u64,
    /// The first round that is repeated.
    pub round: u64,
    /// The lineage of the checkpoint; `None`: the start of the run.
    pub from: Option<u64>,
    /// Reason as text.
    pub reason: String,
}

impl Return {
    /// Creates a return as logged: to a checkpoint, or to the start if there is none or its name has another format.
    #[must_use]
    pub fn new(lineage: u64, round: u64, checkpoint: Option<&str>, reason: &str) -> Self {
        let from = checkpoint.and_then(checkpoint_age).map(|(lineage, _)| lineage);
        Self { lineage, round, from, reason: reason.to_owned() }
    }
}

impl Timeline {
    /// Computes the timeline from the events of a whole log, or of the part to be considered.
    #[must_use]
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let (mut newest, mut returns) = (0, Vec::new());
        for event in events {
            match event {
                Event::Round { fence, .. } => newest = newest.max(fence.lineage),
                Event::FellBack { lineage, round, checkpoint, reason, .. } => {
                    returns.push(Return::new(*lineage, *round, checkpoint.as_deref(), reason));
                }
                _ => {}
            }
        }
        Self::new(newest, returns)
    }

    /// Computes the timeline of a run with these returns, whose rounds closed in lineages up to `newest`.
    #[must_use]
    pub fn new(newest: u64, returns: impl IntoIterator<Item = Return>) -> Self {
        let mut by_lineage = BTreeMap::new();
        for back in returns {
            // Only a damaged log contains two returns for one lineage; then the first is used.
            by_lineage.entry(back.lineage).or_insert(back);
        }
        let begun = by_lineage.last_key_value().map_or(0, |(&lineage, _)| lineage);
        let mut lineage = newest.max(begun);
        let mut bounds = BTreeMap::from([(lineage, u64::MAX)]);
        while let Some(back) = by_lineage.get(&lineage)
            && let Some(parent) = back.from.filter(|parent| *parent < lineage)
        {
            bounds.insert(parent, back.round);
            lineage = parent;
        }
        Self { bounds, returns: by_lineage }
    }

    /// Returns all returns, including those beside the path, in the order of their lineages, which is that of time.
    pub fn returns(&self) -> impl Iterator<Item = &Return> {
        self.returns.values()
    }

    /// Returns whether `round` of `lineage` counts.
    #[must_use]
    pub fn counts(&self, lineage: u64, round: u64) -> bool {
        self.bounds.get(&lineage).is_some_and(|bound| round < *bound)
    }

    /// Returns whether the checkpoint that `lineage` wrote before `round` contains only rounds that count.
    #[must_use]
    pub fn has_checkpoint(&self, lineage: u64, round: u64) -> bool {
        self.bounds.get(&lineage).is_some_and(|bound| round <= *bound)
    }

    /// Returns the return that made `round` of `lineage` void: the first one to an earlier round. A lineage from which
    /// none continued became void when the next one began. `None` if the round counts.
    #[must_use]
    pub fn voided_by(&self, lineage: u64, round: u64) -> Option<&Return> {
        if self.counts(lineage, round) {
            return None;
        }
        let mut later = self.returns.range(lineage.saturating_add(1)..).map(|(_, back)| back);
        later.clone().find(|back| back.round <= round).or_else(|| later.next())
    }

    /// Returns the rounds among `events` that count, in the order given.
    pub fn rounds<'a>(&self, events: impl IntoIterator<Item = &'a Event>) -> impl Iterator<Item = &'a Event> {
        events.into_iter().filter(|event| match event {
            Event::Round { fence, .. } => self.counts(fence.lineage, fence.round),
            _ => false,
        })
    }

    /// Returns the leases of the rounds among `events` that count, in the order given.
    pub fn leases<'a>(&self, events: impl IntoIterator<Item = &'a Event>) -> impl Iterator<Item = &'a Lease> {
        let of_round = |event: &'a Event| match event {
            Event::Round { leases, .. } => leases.as_slice(),
            _ => &[],
        };
        self.rounds(events).flat_map(of_round)
    }
}
