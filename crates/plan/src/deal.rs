use crate::interleave::Stretch;
use crate::ledger::Ledger;
use crate::{Lease, Plan};
use std::collections::{BTreeMap, BTreeSet};
use stentor_experiment::Source;

/// How much each member computes in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoundSize {
    /// One batch for each member, all of the same source, because their gradients are summed and applied at one
    /// learning rate. If a stretch has fewer batches left than there are members, some members get none.
    Batch,
    /// This many batches for each member, of both sources as they come, because each member applies its own batches at
    /// their learning rates. Only the run's last block is smaller. 0 counts as 1.
    Block(u32),
}

impl RoundSize {
    /// Maximum number of batches of a member.
    #[must_use]
    pub fn batches(self) -> u32 {
        match self {
            RoundSize::Batch => 1,
            RoundSize::Block(batches) => batches.max(1),
        }
    }
}

/// The leases of a round, and the ledgers after dealing them.
pub(crate) struct Deal {
    /// Source of the last batch dealt.
    source: Source,
    pub(crate) leases: BTreeMap<u32, Vec<Lease>>,
    /// Indexed by source. The round's leases are in no ledger: they will be committed or returned.
    pub(crate) ledgers: [Ledger; 2],
}

impl Deal {
    /// Deals `stretch` and, in a block, the stretches after it, batch by batch and slot by slot in ascending order,
    /// until each slot has as much as `size` says or nothing is left. So a block is dealt like as many rounds of one
    /// batch, with one difference: if a stretch has too few batches for all slots, the other slots take a batch of the
    /// next stretch. The slots' numbers of batches differ by one at most, and are equal before the run's last round.
    pub(crate) fn new(
        plan: &Plan,
        mut ledgers: [Ledger; 2],
        mut stretch: Stretch,
        members: &BTreeSet<u32>,
        size: RoundSize,
    ) -> Self {
        for ledger in &mut ledgers {
            ledger.take_back_from_all_but(members);
        }
        let mut leases: BTreeMap<u32, Vec<Lease>> = members.iter().map(|&slot| (slot, Vec::new())).collect();
        let mut gone = ledgers.each_ref().map(|ledger| ledger.committed);
        let mut source = stretch.source;
        'steps: for step in 0..size.batches() {
            let mut dealt_any = false;
            if step > 0 {
                // Take the stretch with which the next round of one batch would begin.
                let Some(next) = plan.stretch(gone) else { break };
                stretch = next;
            }
            for (&slot, of_slot) in &mut leases {
                if stretch.batches == 0 {
                    match (size, plan.stretch(gone)) {
                        (RoundSize::Block(_), Some(next)) => stretch = next,
                        (RoundSize::Batch, _) | (_, None) => break 'steps,
                    }
                }
                let ledger = &mut ledgers[stretch.source.index()];
                let batch = match size {
                    RoundSize::Batch => ledger.take_batch(plan, stretch.source, slot),
                    RoundSize::Block(_) => {
                        ledger.take_batch(plan, stretch.source, slot).or_else(|| ledger.take_last(slot))
                    }
                };
                let Some(batch) = batch else { continue };
                let previous = of_slot.last().copied();
                match previous.and_then(|p| p.joined(batch)) {
                    Some(joined) => *of_slot.last_mut().expect("it was joined with the last one") = joined,
                    None => of_slot.push(batch),
                }
                source = batch.source;
                stretch.batches -= 1;
                gone[source.index()] += 1;
                dealt_any = true;
            }
            if !dealt_any {
                break;
            }
        }
        Deal { source, leases, ledgers }
    }

    /// What each slot will probably need after this round, soonest first: the rest of its unit and the next unit,
    /// first of the source that was dealt last, then of the other source. If the other source's next stretch is far
    /// away, units of it that are not begun are left out.
    pub(crate) fn ahead(&self, plan: &Plan, size: RoundSize) -> BTreeMap<u32, Vec<Lease>> {
        let mut ahead: BTreeMap<u32, Vec<Lease>> =
            self.leases.keys().map(|&slot| (slot, Vec::new())).collect();
        self.foresee(plan, self.source, Foresight::NextUnit, &mut ahead);

        let gone = Source::ALL.map(|source| self.ledgers[source.index()].committed + self.batches(source));
        let reach = ahead.len() as u64 * u64::from(size.batches().max(plan.unit_batches()));
        let next = plan.stretch(gone);
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
        // Slots take one batch each in turn, so the slot with the fewest left needs another unit first.
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

    fn batches(&self, source: Source) -> u64 {
        let of_source = self.leases.values().flatten().filter(|lease| lease.source == source);
        of_source.map(|lease| u64::from(lease.batches)).sum()
    }
}

/// How much of a source to announce.
#[derive(Debug, Clone, Copy)]
enum Foresight {
    /// The rest of the unit that a slot has begun: it has these data in memory and should keep them.
    RestOfUnit,
    /// Also the next unit.
    NextUnit,
}
