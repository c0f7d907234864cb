//! What commands that score have in common.

use crate::apart::Files;

/// Number of bootstrap samples of intervals and differences, and their seed, so that the same figures give the same interval.
pub(crate) const RESAMPLES: u32 = 10_000;
pub(crate) const SEED: u64 = 1;

// Options of several commands. A documentation comment would replace that of the command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Tested {
    /// Feature shards of the test set.
    #[arg(long, value_name = "SET")]
    pub(crate) features: String,
    /// The model: a run or one of its checkpoints. The program `teacher-labeler` computes its labels.
    #[arg(long, value_name = "RUN", required_unless_present = "labels")]
    pub(crate) model: Option<String>,
    /// Label shards of the model for `--features`, such as those of an earlier call; with `--model`, where they are written and
    /// kept.
    #[arg(long, value_name = "SET")]
    pub(crate) labels: Option<String>,
}

impl Tested {
    /// What these options name. `--labels` may be written, too, by the program `teacher-labeler`, which accepts no folder of others.
    pub(crate) fn files(&self) -> Files {
        let Self { features, model, labels } = self;
        Files::default().reads("--features", [features]).reads("--model", model).reads("--labels", labels)
    }
}
