use crate::Event;
use serde::{Deserialize, Serialize};
use std::fmt;
use stentor_experiment::Strategy;

/// A change of strategy during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// The first round of the new strategy.
    pub round: u64,
    /// Strategy before.
    pub from: Strategy,
    /// Strategy from that round on.
    pub to: Strategy,
}

/// The changes of strategy that count, oldest first. Changes after a checkpoint to which the run fell back are void.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Switches(Vec<Switch>);

impl Switches {
    /// Returns the current strategy; `None` if it was never changed and is the experiment's.
    #[must_use]
    pub fn in_force(&self) -> Option<Strategy> {
        self.0.last().map(|switch| switch.to)
    }

    /// Records `event` if it is a change of strategy, or a fall-back to a checkpoint before one.
    pub fn record(&mut self, event: &Event) {
        match *event {
            Event::Switched { fence, from, to } => self.0.push(Switch { round: fence.round, from, to }),
            Event::FellBack { round, .. } => self.back_to(round),
            _ => {}
        }
    }

    /// Keeps only those changes that were made until `round` opened.
    pub(crate) fn back_to(&mut self, round: u64) {
        self.0.retain(|switch| switch.round <= round);
    }
}

/// `gtc until round 120, then bmuf`; empty where the strategy was never changed.
impl fmt::Display for Switches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Switch { round, from, .. } in &self.0 {
            write!(f, "{} until round {round}, then ", from.name())?;
        }
        f.write_str(self.in_force().map_or("", Strategy::name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fence;

    fn switched(round: u64, from: Strategy, to: Strategy) -> Event {
        Event::Switched { fence: Fence { lineage: 1, membership_epoch: 1, round }, from, to }
    }

    #[test]
    fn the_last_switch_is_current_and_all_are_listed_in_order() {
        let mut switches = Switches::default();
        assert_eq!((switches.in_force(), switches.to_string()), (None, String::new()));
        switches.record(&switched(12, Strategy::Gtc, Strategy::Bmuf));
        assert_eq!(switches.to_string(), "gtc until round 12, then bmuf");
        switches.record(&switched(40, Strategy::Bmuf, Strategy::Dense));
        assert_eq!(switches.in_force(), Some(Strategy::Dense));
        assert_eq!(switches.to_string(), "gtc until round 12, then bmuf until round 40, then dense");
    }

    #[test]
    fn a_fall_back_reverts_the_switches_after_its_checkpoint() {
        let mut switches = Switches::default();
        switches.record(&switched(12, Strategy::Gtc, Strategy::Bmuf));
        switches.record(&switched(40, Strategy::Bmuf, Strategy::Dense));
        let fell_back = |round| Event::FellBack {
            lineage: 2,
            round,
            checkpoint: None,
            committed_frames: None,
            reason: "test".into(),
        };
        switches.record(&fell_back(40));
        assert_eq!(switches.in_force(), Some(Strategy::Dense), "the checkpoint was written after the switch");
        switches.record(&fell_back(39));
        assert_eq!(switches.in_force(), Some(Strategy::Bmuf));
        switches.record(&fell_back(0));
        assert_eq!(switches.in_force(), None);
    }
}
