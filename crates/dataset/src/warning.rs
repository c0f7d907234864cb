use stentor_experiment::{Experiment, Source};
use stentor_plan::Plan;
use thiserror::Error;

/// Number of steps below which a model learns little more than the senones' relative frequencies.
const FEW_STEPS: u64 = 100;

/// Settings that are valid for the data but probably not intended. They are reported when the data are opened; training
/// continues.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// Training ends before the model can learn anything useful.
    #[error(
        "expected at least {FEW_STEPS} steps in the whole run, because a model learns almost nothing in fewer; found {steps} \
         (batches in all passes: {batches}, frames: {frames}, `cluster.workers`: {workers}). Use smaller batches \
         (`batch.chunks`, `batch.chunk_frames`), more passes (`schedule.passes`) or fewer workers"
    )]
    FewSteps {
        /// Batches of both sources in all passes.
        batches: u64,
        /// Frames in these batches.
        frames: u64,
        /// Number of steps in which every worker computes one batch.
        steps: u64,
        /// Number of workers that share the batches.
        workers: u32,
    },
}

impl Warning {
    pub(crate) fn all(plan: &Plan, experiment: &Experiment) -> Vec<Self> {
        let workers = experiment.cluster.workers;
        let batches = Source::ALL.iter().map(|&source| plan.total_batches(source)).sum::<u64>();
        let (frames, steps) = (plan.total_frames(), batches.div_ceil(u64::from(workers.max(1))));
        let few = Self::FewSteps { batches, frames, steps, workers };
        (steps < FEW_STEPS).then_some(few).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_plan::{Catalogue, RowGroup};

    /// A set of 3,200 frames: two batches per pass.
    fn warnings(sections: &str) -> Vec<Warning> {
        let text = format!("[run]\nname = \"a\"\noutput = \"b\"\n[data]\nannotated = \"c\"\n{sections}");
        let experiment = Experiment::parse(&text).unwrap();
        let catalogue = Catalogue { row_groups: vec![RowGroup { frames: 3200, utterances: 0 }] };
        let plan = Plan::new(catalogue, None, &experiment.batch, &experiment.schedule, 1).unwrap();
        Warning::all(&plan, &experiment)
    }

    #[test]
    fn a_run_with_few_steps_gives_a_warning_with_its_figures_and_a_remedy() {
        let [warning] = warnings("[schedule]\npasses = 4\n")[..] else { panic!("expected one warning") };
        assert_eq!(warning, Warning::FewSteps { batches: 8, frames: 12_800, steps: 4, workers: 2 });
        for words in
            ["found 4 ", "batches in all passes: 8", "frames: 12800", "`batch.chunks`", "`schedule.passes`"]
        {
            assert!(warning.to_string().contains(words), "{warning}");
        }
    }

    #[test]
    fn the_remedy_named_in_the_warning_works() {
        for sections in [
            "[schedule]\npasses = 100\n",
            "[schedule]\npasses = 50\n[cluster]\nworkers = 1\n",
            "[schedule]\npasses = 4\n[batch]\nchunks = 1\n",
        ] {
            assert!(warnings(sections).is_empty(), "{sections}");
        }
    }
}
