use serde::{Deserialize, Serialize};
use stentor_experiment::Source;

/// τ of the next round of each source: gradients of annotated and of machine-labeled batches differ in length, so the
/// threshold that sends the requested density for one source sends another density for the other.
///
/// States of older versions contain one number, or `null`, for both.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct SuggestedTau {
    annotated: Option<f32>,
    machine_labeled: Option<f32>,
}

/// The format in checkpoints.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    OfEach { annotated: Option<f32>, machine_labeled: Option<f32> },
    OfBoth(Option<f32>),
}

impl From<Written> for SuggestedTau {
    fn from(written: Written) -> Self {
        match written {
            Written::OfEach { annotated, machine_labeled } => Self { annotated, machine_labeled },
            Written::OfBoth(tau) => Self { annotated: tau, machine_labeled: tau },
        }
    }
}

impl SuggestedTau {
    /// Returns what the last round of `source` suggested; before its first round, what the other source's suggested, as
    /// the best estimate.
    #[must_use]
    pub fn of(self, source: Source) -> Option<f32> {
        match source {
            Source::Annotated => self.annotated.or(self.machine_labeled),
            Source::MachineLabeled => self.machine_labeled.or(self.annotated),
        }
    }

    /// Records what a round of `source` suggested.
    pub fn set(&mut self, source: Source, tau: f32) {
        match source {
            Source::Annotated => self.annotated = Some(tau),
            Source::MachineLabeled => self.machine_labeled = Some(tau),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_keeps_its_own_and_has_the_others_before_it_has_one() {
        let mut tau = SuggestedTau::default();
        tau.set(Source::MachineLabeled, 0.5);
        assert_eq!((tau.of(Source::Annotated), tau.of(Source::MachineLabeled)), (Some(0.5), Some(0.5)));
        tau.set(Source::Annotated, 2.0);
        assert_eq!((tau.of(Source::Annotated), tau.of(Source::MachineLabeled)), (Some(2.0), Some(0.5)));
        let read = |text: &str| serde_json::from_str::<SuggestedTau>(text).unwrap();
        assert_eq!(read(&serde_json::to_string(&tau).unwrap()), tau);
        assert_eq!(read("null"), SuggestedTau::default());
        // As versions with one τ wrote it.
        let both = read("0.25");
        assert_eq!((both.of(Source::Annotated), both.of(Source::MachineLabeled)), (Some(0.25), Some(0.25)));
    }
}
