use stentor_experiment::{Experiment, Source};
use stentor_plan::Plan;
use thiserror::Error;

/// Steps in which a model learns hardly more than which senones are frequent.
const FEW_STEPS: u64 = 100;

/// What is valid for the data and still hardly meant: said when they are opened, and then followed.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// Training is over before anything is learned.
    #[error(
        "expected at least {FEW_STEPS} steps in the whole run, for in fewer a model learns next to nothing; found {steps} \
         (batches in all passes: {batches}, frames: {frames}, `cluster.workers`: {workers}). Smaller batches help \
         (`batch.chunks`, `batch.chunk_frames`), more passes (`schedule.passes`), fewer workers"
    )]
    FewSteps {
        /// Of both sources, in all passes.
        batches: u64,
        /// The same in frames.
        frames: u64,
        /// Times that the workers compute a batch each.
        steps: u64,
        /// Who share the batches.
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

    /// Of a set of 3,200 frames, two batches a pass.
    fn warnings(sections: &str) -> Vec<Warning> {
        let text = format!("[run]\nname = \"a\"\noutput = \"b\"\n[data]\nannotated = \"c\"\n{sections}");
        let experiment = Experiment::parse(&text).unwrap();
        let catalogue = Catalogue { row_groups: vec![RowGroup { frames: 3200, utterances: 0 }] };
        let plan = Plan::new(catalogue, None, &experiment.batch, &experiment.schedule, 1).unwrap();
        Warning::all(&plan, &experiment)
    }

    #[test]
    fn a_run_of_few_steps_is_warned_of_with_its_figures_and_what_helps() {
        let [warning] = warnings("[schedule]\npasses = 4\n")[..] else { panic!("expected one warning") };
        assert_eq!(warning, Warning::FewSteps { batches: 8, frames: 12_800, steps: 4, workers: 2 });
        for words in
            ["found 4 ", "batches in all passes: 8", "frames: 12800", "`batch.chunks`", "`schedule.passes`"]
        {
            assert!(warning.to_string().contains(words), "{warning}");
        }
    }

    #[test]
    fn what_the_warning_names_helps() {
        for sections in [
            "[schedule]\npasses = 100\n",
            "[schedule]\npasses = 50\n[cluster]\nworkers = 1\n",
            "[schedule]\npasses = 4\n[batch]\nchunks = 1\n",
        ] {
            assert!(warnings(sections).is_empty(), "{sections}");
        }
    }
}
