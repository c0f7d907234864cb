//! Proves, from a list of commits such as those that count in an event log, that each batch of each pass counted exactly
//! once.
//!
//! The audit shares no code with the ledger: it marks batch after batch on a map of the plan and looks for missing and
//! double marks. Memory: one bit for each unit and pass, plus the units that are begun but not complete.

use crate::{Error, Lease, Plan, Position};
use std::collections::BTreeMap;
use stentor_experiment::Source;

/// Which batches must be committed.
#[derive(Debug, Clone, Copy)]
pub enum Extent<'a> {
    /// Every batch of every pass.
    WholeRun,
    /// Exactly those that are committed at this position of the same plan.
    UpTo(&'a Position),
}

/// Batches that are not as expected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exceptions {
    /// Number of batches.
    pub batches: u64,
    /// Their leases; at most the first [`Exceptions::LISTED`].
    pub leases: Vec<Lease>,
}

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// Number of different committed batches, by [`Source::index`].
    pub committed: [u64; 2],
    /// Batches that were committed more than once.
    pub repeated: Exceptions,
    /// Batches that are expected and not committed.
    pub missing: Exceptions,
    /// Batches that are committed and not expected.
    pub unexpected: Exceptions,
    /// Commits that the plan does not contain, with the reason.
    pub unknown: Vec<Error>,
}

/// Marks committed batches on a map of the plan.
#[derive(Debug)]
pub struct Audit<'a> {
    plan: &'a Plan,
    passes: BTreeMap<(Source, u32), Marks>,
    repeated: Exceptions,
    unknown: Vec<Error>,
}

/// The marks of one pass.
#[derive(Debug, Default)]
struct Marks {
    /// A bit for each unit whose batches are all marked.
    complete: Bits,
    /// A bit for each batch of all other units with a mark.
    begun: BTreeMap<u64, Bits>,
}

#[derive(Debug, Default)]
struct Bits {
    words: Vec<u64>,
    ones: u64,
}

impl<'a> Audit<'a> {
    /// An audit without commits.
    #[must_use]
    pub fn new(plan: &'a Plan) -> Self {
        Audit { plan, passes: BTreeMap::new(), repeated: Exceptions::default(), unknown: Vec::new() }
    }

    /// Marks a committed lease.
    pub fn record(&mut self, lease: &Lease) {
        let unit = match self.plan.check_lease(lease).and_then(|()| self.plan.unit(lease.source, lease.unit))
        {
            Ok(unit) => unit,
            Err(reason) => {
                if self.unknown.len() < Exceptions::LISTED {
                    self.unknown.push(reason);
                }
                return;
            }
        };
        let marks = self.passes.entry((lease.source, lease.pass)).or_default();
        if marks.complete.get(lease.unit) {
            self.repeated.add(*lease);
            return;
        }
        let begun = marks.begun.entry(lease.unit).or_default();
        for batch in lease.first_batch..lease.first_batch + lease.batches {
            if !begun.set(u64::from(batch)) {
                self.repeated.add(Lease { first_batch: batch, batches: 1, ..*lease });
            }
        }
        if begun.ones == u64::from(unit.batches) {
            marks.begun.remove(&lease.unit);
            marks.complete.set(lease.unit);
        }
    }

    /// Compares the marks with what must be committed. Takes time proportional to units times passes.
    #[must_use]
    pub fn findings(&self, extent: Extent<'_>) -> Findings {
        let mut findings = Findings {
            repeated: self.repeated.clone(),
            unknown: self.unknown.clone(),
            ..Findings::default()
        };
        for source in Source::ALL {
            self.compare(source, extent, &mut findings);
        }
        findings
    }

    fn compare(&self, source: Source, extent: Extent<'_>, findings: &mut Findings) {
        let units = self.plan.units(source);
        let mut open = BTreeMap::<(u32, u64), Vec<Lease>>::new();
        let taken = match extent {
            Extent::WholeRun => u64::MAX,
            Extent::UpTo(position) => {
                for lease in position.open(source) {
                    open.entry((lease.pass, lease.unit)).or_default().push(lease);
                }
                position.units_taken(source)
            }
        };
        for pass in 0..self.plan.passes(source) {
            let marks = self.passes.get(&(source, pass));
            for unit in 0..units {
                let batches = self.plan.unit(source, unit).map_or(0, |span| span.batches);
                let whole = Lease { source, pass, unit, first_batch: 0, batches };
                let is_taken = taken == u64::MAX || self.plan.turn_of(source, pass, unit) < taken;
                let open = open.get(&(pass, unit)).map_or(&[][..], Vec::as_slice);
                let complete = marks.is_some_and(|m| m.complete.get(unit));
                let begun = marks.and_then(|m| m.begun.get(&unit));
                if open.is_empty() && complete == is_taken && begun.is_none() {
                    findings.committed[source.index()] += if complete { u64::from(batches) } else { 0 };
                    continue;
                }
                for batch in 0..batches {
                    let place = u64::from(batch);
                    let is_open =
                        open.iter().any(|l| (u64::from(l.first_batch)..l.end_batch()).contains(&place));
                    let is_marked = complete || begun.is_some_and(|b| b.get(place));
                    let one = Lease { first_batch: batch, batches: 1, ..whole };
                    findings.committed[source.index()] += u64::from(is_marked);
                    match (is_taken && !is_open, is_marked) {
                        (true, false) => findings.missing.add(one),
                        (false, true) => findings.unexpected.add(one),
                        _ => {}
                    }
                }
            }
        }
    }
}

impl Findings {
    /// Whether each batch counted exactly once, as expected.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.repeated.batches + self.missing.batches + self.unexpected.batches == 0 && self.unknown.is_empty()
    }
}

impl Exceptions {
    /// Maximum number of leases that are listed; more are only counted.
    pub const LISTED: usize = 1000;

    fn add(&mut self, lease: Lease) {
        self.batches += u64::from(lease.batches);
        if let Some(last) = self.leases.last_mut()
            && let Some(joined) = last.joined(lease)
        {
            *last = joined;
        } else if self.leases.len() < Self::LISTED {
            self.leases.push(lease);
        }
    }
}

impl Bits {
    fn get(&self, place: u64) -> bool {
        self.words.get((place / 64) as usize).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    /// Whether the bit was not set before.
    fn set(&mut self, place: u64) -> bool {
        let word = (place / 64) as usize;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let is_new = self.words[word] >> (place % 64) & 1 == 0;
        self.words[word] |= 1 << (place % 64);
        self.ones += u64::from(is_new);
        is_new
    }
}
