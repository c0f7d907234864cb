use super::{Arrival, Core, Encoding, Slot};
use std::collections::BTreeMap;
use stentor_exchange::Tau;
use stentor_exchange::gtc::{self, Phase};
use stentor_experiment::Strategy;

impl Core {
    /// How the open round's contributions are coded.
    pub(super) fn encoding(&self) -> Encoding {
        let exchange = &self.settings.experiment.exchange;
        match exchange.strategy {
            Strategy::Dense => Encoding::Dense { density: 0.0 },
            Strategy::Bmuf => Encoding::Block {
                momentum: exchange.bmuf.momentum_for(self.members.len(), self.progress()),
                learning_rate: exchange.bmuf.learning_rate,
            },
            Strategy::Gtc | Strategy::TwoTier => match gtc::phase(&exchange.gtc, self.progress()) {
                Ok(Phase::Fixed(tau)) => Encoding::Threshold { tau: tau.get(), density: 0.0 },
                Ok(Phase::Density(density)) => match self.suggested_tau {
                    Some(tau) => Encoding::Threshold { tau, density },
                    // A first round shows how large the values are.
                    None => Encoding::Dense { density },
                },
                // A fixed threshold out of range was refused when the experiment was read.
                Ok(phase @ Phase::Dense { .. }) => Encoding::Dense { density: phase.aim().unwrap_or(0.0) },
                Err(_) => Encoding::Dense { density: 0.0 },
            },
        }
    }

    /// τ of the next round: the median of what the contributors' quantiles ask for.
    pub(super) fn follow_suggestions(&mut self, arrivals: &BTreeMap<Slot, Arrival>) {
        let asked: Vec<f32> = arrivals.values().map(|a| a.suggested_tau).collect();
        if let Some(tau) = Tau::agreed(&asked) {
            self.suggested_tau = Some(tau.get());
        }
    }
}
