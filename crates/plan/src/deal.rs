use crate::interleave::Stretch;
use crate::position::Ledger;
use crate::{Lease, Plan};
use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::Source;

/// What a round hands out, and the ledgers after it.
pub(crate) struct Deal {
    pub(crate) source: Source,
    pub(crate) leases: BTreeMap<u32, Vec<Lease>>,
    /// By source. The round's leases are in no ledger: they are committed or given back.
    pub(crate) ledgers: [Ledger; 2],
}

impl Deal {
    /// Deals `stretch` batch by batch, slot by slot in ascending order, until each slot has `batches_per_slot` or
    /// nothing is left. So a block of many batches is dealt as so many rounds of one batch would have been, and a short
    /// round is shared evenly: the slots' numbers of batches differ by one at most.
    pub(crate) fn new(
        plan: &Plan,
        mut ledgers: [Ledger; 2],
        stretch: Stretch,
        members: &BTreeSet<u32>,
        batches_per_slot: u32,
    ) -> Self {
        for ledger in &mut ledgers {
            ledger.take_back_from_all_but(members);
        }
        let ledger = &mut ledgers[stretch.source.index()];
        let mut leases: BTreeMap<u32, Vec<Lease>> = members.iter().map(|&slot| (slot, Vec::new())).collect();
        let mut left = stretch.batches;
        'steps: for _ in 0..batches_per_slot.max(1) {
            let mut dealt_any = false;
            for (&slot, of_slot) in &mut leases {
                if left == 0 {
                    break 'steps;
                }
                let Some(batch) = ledger.take_batch(plan, stretch.source, slot) else { continue };
                let previous = of_slot.last().copied();
                match previous.and_then(|p| p.joined(batch)) {
                    Some(joined) => *of_slot.last_mut().expect("joined with the last one") = joined,
                    None => of_slot.push(batch),
                }
                left -= 1;
                dealt_any = true;
            }
            if !dealt_any {
                break;
            }
        }
        Deal { source: stretch.source, leases, ledgers }
    }

    /// What each slot is likely to need after this round, soonest first: the rest of its unit and the unit after it, then
    /// the same of the other source. A unit that is not begun is left out where the other source's turn is far away.
    pub(crate) fn ahead(&self, plan: &Plan, batches_per_slot: u32) -> BTreeMap<u32, Vec<Lease>> {
        let mut ahead: BTreeMap<u32, Vec<Lease>> =
            self.leases.keys().map(|&slot| (slot, Vec::new())).collect();
        self.foresee(plan, self.source, Foresight::NextUnit, &mut ahead);

        let mut committed = [0, 1].map(|s| self.ledgers[s].committed);
        committed[self.source.index()] += self.batches();
        let reach = ahead.len() as u64 * u64::from(batches_per_slot.max(plan.unit_batches()));
        let next = plan.stretch(committed);
        let is_near = next.is_some_and(|next| next.source != self.source || next.batches <= reach);
        let foresight = if is_near { Foresight::NextUnit } else { Foresight::RestOfUnit };
        let other = match self.source {
            Source::Annotated => Source::MachineLabeled,
            Source::MachineLabeled => Source::Annotated,
        };
        self.foresee(plan, other, foresight, &mut ahead);
        ahead
    }

    fn foresee(
        &self,
        plan: &Plan,
        source: Source,
        foresight: Foresight,
        ahead: &mut BTreeMap<u32, Vec<Lease>>,
    ) {
        let mut ledger = self.ledgers[source.index()].clone();
        let held = |ledger: &Ledger, slot| ledger.holds.get(&slot).copied();
        // Slots take a batch each in turn: who has the fewest left is the first to need another unit.
        let mut by_need: Vec<(u32, u32)> =
            ahead.keys().map(|&slot| (held(&ledger, slot).map_or(0, |rest| rest.batches), slot)).collect();
        by_need.sort_unstable();
        for (_, slot) in by_need {
            let rest = held(&ledger, slot);
            let next = match foresight {
                Foresight::NextUnit => ledger.take_unit(plan, source),
                Foresight::RestOfUnit => None,
            };
            if let Some(leases) = ahead.get_mut(&slot) {
                leases.extend(rest.into_iter().chain(next));
            }
        }
    }

    /// Batches of the round.
    pub(crate) fn batches(&self) -> u64 {
        self.leases.values().flatten().map(|lease| u64::from(lease.batches)).sum()
    }
}

/// How far to look ahead in a source.
#[derive(Debug, Clone, Copy)]
enum Foresight {
    /// To what a slot has begun: it has the data at hand, and should keep it.
    RestOfUnit,
    /// To the unit after that.
    NextUnit,
}
