//! The experiment files of the stack's test; all locations are on the S3 server.

/// The bucket for the corpus.
pub(super) const BUCKET: &str = "s3://stentor";
/// Number of workers of the student.
pub(super) const WORKERS: u32 = 3;

/// A training run of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Training {
    Teacher,
    Student,
}

impl Training {
    pub(super) const ALL: [Training; 2] = [Training::Teacher, Training::Student];

    /// Name of the run.
    pub(super) fn name(self) -> &'static str {
        match self {
            Training::Teacher => "teacher",
            Training::Student => "student",
        }
    }

    /// Name of the experiment file.
    pub(super) fn file(self) -> String {
        format!("{}.toml", self.name())
    }

    /// The experiment file: a teacher that learns enough within a minute, or a student that trains long enough to be
    /// disturbed.
    pub(super) fn text(self) -> String {
        let name = self.name();
        let rest = match self {
            Training::Teacher => "[model]\nlayers = 1\nwidth = 192\nbidirectional = true\n\
                 [schedule]\npasses = 4\nlearning_rate = 0.004\n\
                 [exchange]\nstrategy = \"dense\"\n\
                 [checkpoint]\ncount = 3\n\
                 [cluster]\nworkers = 2\n"
                .to_owned(),
            Training::Student => format!(
                "unannotated = \"{BUCKET}/data/unannotated\"\nlabels = \"{BUCKET}/labels\"\n\
                 [model]\nlayers = 2\nwidth = 192\n\
                 [schedule]\npasses = 12\nlearning_rate = 0.002\n\
                 [exchange]\nstrategy = \"gtc\"\n\
                 [exchange.gtc]\ndensity = 0.02\nwarmup_dense = 0.02\n\
                 [exchange.bmuf]\nblock = 5\n\
                 [checkpoint]\ncount = 12\n\
                 [cluster]\nworkers = 3\nround_deadline_s = 5.0\n"
            ),
        };
        format!(
            "[run]\nname = \"{name}\"\noutput = \"{BUCKET}/runs/{name}\"\n\
             [batch]\nchunk_frames = 50\nleft_context = 5\nchunks = 4\nunit_batches = 4\n\
             [data]\nannotated = \"{BUCKET}/data/annotated\"\ndev = \"{BUCKET}/data/dev\"\n{rest}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_experiment::Experiment;

    #[test]
    fn both_are_valid_experiments() {
        for training in Training::ALL {
            let experiment =
                Experiment::parse(&training.text()).unwrap_or_else(|e| panic!("{training:?}: {e}"));
            assert_eq!(experiment.run.name, training.name());
            assert_eq!(experiment.data.labels.is_some(), training == Training::Student);
        }
    }
}
