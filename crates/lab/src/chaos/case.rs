//! The runs that are disturbed.

use std::path::Path;
use stentor_tasks::Strategy;

/// Membership: what happens when a worker is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Membership {
    Elastic,
    Fixed,
}

impl Membership {
    pub(super) const ALL: [Membership; 2] = [Membership::Elastic, Membership::Fixed];

    /// The name in the experiment file.
    pub(super) fn key(self) -> &'static str {
        match self {
            Membership::Elastic => "elastic",
            Membership::Fixed => "fixed",
        }
    }
}

/// A run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) strategy: Strategy,
    pub(super) membership: Membership,
    /// How often it is to be disturbed.
    pub(super) disturbances: u32,
}

/// Cells of the model's only layer.
const WIDTH: u64 = 448;
/// Number of weights, recurrent weights and biases of the layer (192 inputs, four gates). Without the output layer,
/// whose size depends on the corpus.
pub(super) const PARAMETERS: u64 = 4 * WIDTH * (192 + WIDTH + 1);
/// Number of workers: half of them can die and leave more than one, and two tiers need two groups of two.
pub(super) const WORKERS: u32 = 4;
/// Longest wait for a member's contribution, in seconds.
pub(super) const DEADLINE_S: f64 = 5.0;

impl Case {
    pub(super) fn name(&self) -> String {
        format!("{}-{}", self.strategy.key(), self.membership.key())
    }

    /// Number of separate reducers in runs with kills; in the other strategies the coordinator sums.
    pub(super) fn reducers(&self) -> usize {
        match self.strategy {
            Strategy::Dense | Strategy::Gtc => 2,
            Strategy::Bmuf | Strategy::TwoTier => 0,
        }
    }

    /// Number of checkpoints: after each one the run can be disturbed once, and some are lost to falling back.
    fn checkpoints(&self) -> u32 {
        20.max(self.disturbances + self.disturbances / 4 + 4)
    }

    /// The experiment file of a run with output in the folder `output` beside the file, and reducers at these addresses.
    pub(super) fn experiment(&self, data: &Path, output: &str, reducers: &[String]) -> String {
        let urls: Vec<String> = reducers.iter().map(|address| format!("\"http://{address}\"")).collect();
        let Self { strategy, membership, .. } = self;
        let checkpoints = self.checkpoints();
        format!(
            "[run]\nname = \"{output}\"\noutput = \"{output}\"\n\
             [data]\nannotated = \"{data}/annotated\"\ndev = \"{data}/dev\"\n\
             [model]\nlayers = 1\nwidth = {WIDTH}\n\
             [batch]\nchunk_frames = 50\nleft_context = 5\nchunks = 4\nunit_batches = 4\n\
             [schedule]\npasses = {}\nlearning_rate = 0.001\n\
             [optimizer]\nkind = \"adam\"\n\
             [exchange]\nstrategy = \"{}\"\nreducers = [{}]\n\
             [exchange.gtc]\ndensity = 0.02\nwarmup_dense = 0.05\n\
             [exchange.bmuf]\nblock = 4\n\
             [exchange.two_tier]\ngroup = 2\n\
             [checkpoint]\ncount = {checkpoints}\n\
             [cluster]\nworkers = {}\nmembership = \"{}\"\nround_deadline_s = {DEADLINE_S:?}\njoin_deadline_s = 120.0\n\
             restarts = 1000\n",
            (3 * checkpoints).div_ceil(10),
            strategy.key(),
            urls.join(", "),
            WORKERS,
            membership.key(),
            data = data.display(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_experiment::Experiment;

    #[test]
    fn every_case_is_a_valid_experiment_of_its_strategy_with_a_million_parameters() {
        for strategy in Strategy::ALL {
            for membership in Membership::ALL {
                let case = Case { strategy, membership, disturbances: 40 };
                let reducers =
                    (0..case.reducers()).map(|n| format!("127.0.0.1:{}", 7500 + n)).collect::<Vec<_>>();
                let text = case.experiment(Path::new("/data"), "run", &reducers);
                let experiment = Experiment::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", case.name()));
                assert_eq!(experiment.exchange.strategy.name(), strategy.key());
                assert_eq!(experiment.cluster.workers, WORKERS);
                assert!(case.checkpoints() > case.disturbances);
            }
        }
        const { assert!(PARAMETERS > 1_000_000) };
    }
}
