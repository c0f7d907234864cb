//! The runs: strategies, numbers of workers, and the settings that all share.

use crate::demo::experiment_file::{self, Contents, MachineLabeled};
use crate::demo::recipe::{Bmuf, Gtc, Recipe, Training};
use crate::demo::sets::TIED;
use std::path::Path;
use stentor_tasks::Strategy;

/// Numbers of workers, and their names.
pub(super) const WORKERS: [(u32, &str); 4] =
    [(1, "1 worker"), (2, "2 workers"), (4, "4 workers"), (8, "8 workers")];

/// A run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) strategy: Strategy,
    pub(super) workers: u32,
    /// Share of the values that GTC sends after its warm-up, in thousandths; `None`: the demo's share.
    pub(super) sent_per_mille: Option<u32>,
}

/// Two tiers need at least two groups of two workers; with fewer they are equal to another strategy.
const GROUPS: u32 = 2;
const SEED: u64 = 1;
/// Peak learning rate with one worker.
const LEARNING_RATE: f64 = 3e-3;

/// Densities of `bench exchange` other than the demo's 10 %, in thousandths.
const DENSITIES: [u32; 3] = [1, 10, 30];
/// Number of workers for these densities, as in the link bench's table of densities.
const DENSITIES_WORKERS: u32 = 4;

/// The runs of GTC at different densities.
pub(super) fn of_each_density() -> impl Iterator<Item = Case> {
    let is_one = |case: &Case| case.strategy == Strategy::Gtc && case.workers == DENSITIES_WORKERS;
    all().into_iter().filter(is_one)
}

/// All runs, in the order of the table.
pub(super) fn all() -> Vec<Case> {
    let of = |strategy| WORKERS.map(|(workers, _)| Case::new(strategy, workers));
    let at = |thousandths| Case {
        sent_per_mille: Some(thousandths),
        ..Case::new(Strategy::Gtc, DENSITIES_WORKERS)
    };
    let strategies = Strategy::ALL.into_iter().flat_map(of).filter(Case::is_possible);
    strategies.chain(DENSITIES.map(at)).collect()
}

impl Case {
    /// The run that all others are compared with.
    pub(super) const REFERENCE: Case = Case::new(Strategy::Dense, 1);

    pub(super) const fn new(strategy: Strategy, workers: u32) -> Self {
        Self { strategy, workers, sent_per_mille: None }
    }

    fn is_possible(&self) -> bool {
        self.strategy != Strategy::TwoTier || self.workers >= 2 * GROUPS
    }

    /// Name of the run, its folder and its files.
    pub(super) fn name(&self) -> String {
        let density = self.density_percent().map(|percent| format!("-at-{percent}")).unwrap_or_default();
        format!("{}-{}{density}", self.strategy.key(), self.workers)
    }

    /// The title in the table.
    pub(super) fn title(&self) -> String {
        let density = self.density_percent().map(|percent| format!(" at {percent} %")).unwrap_or_default();
        format!("{}{density}", self.strategy.title())
    }

    /// The density in percent, if it is not the demo's.
    pub(super) fn density_percent(&self) -> Option<f64> {
        self.sent_per_mille.map(|thousandths| f64::from(thousandths) / 10.0)
    }

    /// A worker's batch has the same size in all runs, as when a cluster grows: with more workers there are fewer
    /// steps. The learning rate compensates for this as far as Adam permits: it grows with the square root of the
    /// frames per step. It is the same for all strategies, so that with the same number of workers only the exchange
    /// differs.
    pub(super) fn learning_rate(&self) -> f64 {
        LEARNING_RATE * f64::from(self.workers).sqrt()
    }

    fn training(&self) -> Training {
        Training {
            layers: 1,
            width: 128,
            passes: 1,
            annotated_passes: 1,
            learning_rate: self.learning_rate(),
            // Small batches, so that 8 workers make some hundred steps in one pass.
            chunks: 4,
            // Long stretches of a source, the same for all: a block of 8 workers has 80 batches.
            sub_epoch_batches: 320,
            checkpoints: 4,
            ..Recipe::game().student
        }
    }

    fn gtc(&self) -> Gtc {
        Gtc { density: self.density(), ..Recipe::game().gtc }
    }

    /// Share of the values that GTC sends after its warm-up.
    pub(super) fn density(&self) -> f64 {
        self.density_percent().map_or(Recipe::game().gtc.density, |percent| percent / 100.0)
    }

    /// The experiment file, with the data of the demo in `demo`.
    pub(super) fn experiment(&self, demo: &Path) -> String {
        let [annotated, dev, unannotated] = ["annotated", "dev", "unannotated"]
            .map(|set| demo.join(TIED).join(set).to_string_lossy().into_owned());
        let labels = demo.join("seed-1/labels").to_string_lossy().into_owned();
        experiment_file::text(&Contents {
            name: &self.name(),
            seed: SEED,
            annotated: &annotated,
            dev: &dev,
            machine_labeled: Some(MachineLabeled { unannotated: &unannotated, labels: &labels }),
            training: &self.training(),
            strategy: self.strategy.key(),
            gtc: self.gtc(),
            bmuf: Bmuf { block: 10 },
            group: (self.strategy == Strategy::TwoTier).then_some(self.workers / GROUPS),
            workers: self.workers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_experiment::Experiment;

    fn experiment(case: &Case) -> Experiment {
        Experiment::parse(&case.experiment(Path::new("/demo"))).unwrap()
    }

    #[test]
    fn every_run_is_a_valid_experiment_of_its_strategy() {
        let cases = all();
        assert_eq!(cases.len(), 4 + 4 + 4 + 2 + 3);
        assert_eq!(cases[0], Case::REFERENCE);
        for case in &cases {
            let experiment = experiment(case);
            assert_eq!(experiment.run.name, case.name());
            assert_eq!(experiment.exchange.strategy.name(), case.strategy.key());
            assert_eq!(experiment.cluster.workers, case.workers);
            if case.strategy == Strategy::TwoTier {
                assert_eq!(experiment.exchange.two_tier.groups(case.workers as usize), 2);
            }
        }
    }

    #[test]
    fn gtc_is_trained_at_each_density_of_the_link_bench() {
        let mut densities: Vec<f64> =
            of_each_density().map(|case| experiment(&case).exchange.gtc.density).collect();
        assert!(of_each_density().all(|case| case.density() == experiment(&case).exchange.gtc.density));
        densities.sort_by(f64::total_cmp);
        assert_eq!(densities, [0.001, 0.01, 0.03, 0.10]);
    }

    #[test]
    fn all_runs_use_the_same_data_in_the_same_batches() {
        let reference = experiment(&Case::REFERENCE);
        for case in all() {
            let mut experiment = experiment(&case);
            assert_eq!(experiment.batch, reference.batch);
            experiment.schedule.learning_rate = reference.schedule.learning_rate;
            assert_eq!(experiment.schedule, reference.schedule);
            assert_eq!((experiment.data, experiment.run.seed), (reference.data.clone(), SEED));
        }
    }

    #[test]
    fn the_rate_depends_only_on_the_number_of_workers() {
        for case in all() {
            let rate = experiment(&case).schedule.learning_rate;
            assert!(
                ((rate / LEARNING_RATE).powi(2) - f64::from(case.workers)).abs() < 1e-9,
                "{}",
                case.name()
            );
        }
    }
}
