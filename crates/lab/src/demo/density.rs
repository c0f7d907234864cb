//! The share of a model that each exchange of a run sent: values sent, from its event log, divided by contributors and
//! parameters.

use super::curves::{self, Sent};
use crate::runs;
use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Values that a worker sent in an exchange, as a share of the parameters; means over all contributions of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Density {
    /// For all exchanges, including the dense ones of a warm-up; `None` for a run without a log.
    #[serde(default)]
    pub(crate) density: Option<f64>,
    /// For the exchanges that sent signs; `None` if none did.
    #[serde(default)]
    pub(crate) density_of_signs: Option<f64>,
}

impl Density {
    /// The densities of `all` contributions, and of those among them that were sent as `signs`, for a model with
    /// `parameters` values.
    fn of(all: Sent, signs: Sent, parameters: u64) -> Self {
        let share = |sent: Sent| {
            (sent.contributions > 0).then(|| sent.values as f64 / (sent.contributions * parameters) as f64)
        };
        Self { density: share(all), density_of_signs: share(signs) }
    }

    /// Means over seeds.
    pub(crate) fn mean(seeds: &[Density]) -> Self {
        let mean = |of: fn(&Density) -> Option<f64>| {
            let known: Vec<f64> = seeds.iter().filter_map(of).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        Self { density: mean(|d| d.density), density_of_signs: mean(|d| d.density_of_signs) }
    }
}

/// The density of the finished run in `folder`.
pub(crate) fn read(folder: &Path) -> Result<Density> {
    let curves = curves::read(folder)?;
    if curves.sent.contributions == 0 {
        return Ok(Density::default());
    }
    Ok(Density::of(curves.sent, curves.signs, parameters(folder)?))
}

/// Number of values of the run's result.
fn parameters(run: &Path) -> Result<u64> {
    let model = runs::deployed(run)?;
    let values = model.parameters.tensors.values().map(|tensor| tensor.values.len() as u64).sum();
    ensure!(values > 0, "{}: expected parameters in the run's result, found none", run.display());
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::tests::{round, write_events, write_model};
    use stentor_experiment::Source;
    use stentor_runlog::{Deltas, Encoding, Event};

    /// A round of these workers, and the values that they sent.
    fn sent(number: u64, workers: &[u32], values: u64, how: Encoding) -> Event {
        let mut event = round(number, Source::Annotated, 1, 1, 1.0);
        if let Event::Round { contributors, values_sent, encoding, .. } = &mut event {
            (*contributors, *values_sent, *encoding) = (workers.to_vec(), values, how);
        }
        event
    }

    /// The density of a finished run of a model with 100 parameters.
    fn density(events: &[Event]) -> Density {
        let folder = tempfile::tempdir().unwrap();
        write_events(folder.path(), events);
        write_model(folder.path(), &[&[9, 10], &[10]]);
        read(folder.path()).unwrap()
    }

    #[test]
    fn dense_rounds_of_the_warm_up_count_and_signs_are_counted_separately() {
        let signs = Encoding::Threshold { tau: 0.01, density: 0.1 };
        let found = density(&[
            sent(0, &[0, 1], 200, Encoding::Dense { density: 0.1 }),
            sent(1, &[0, 1], 30, signs),
            sent(2, &[0], 3, signs),
        ]);
        assert_eq!(found.density, Some(233.0 / 500.0));
        assert_eq!(found.density_of_signs, Some(33.0 / 300.0));
    }

    #[test]
    fn a_block_whose_deltas_go_up_as_signs_counts_as_signs_and_a_whole_model_does_not() {
        let block = |deltas| Encoding::Block { momentum: 0.5, learning_rate: 1.0, deltas, density: 0.0 };
        let found = density(&[
            sent(0, &[0], 100, block(Deltas::Model)),
            sent(1, &[0], 7, block(Deltas::Threshold { tau: 0.01 })),
        ]);
        assert_eq!((found.density, found.density_of_signs), (Some(107.0 / 200.0), Some(0.07)));
    }

    #[test]
    fn a_run_without_a_log_has_none_and_a_log_without_a_model_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), Density::default());
        write_events(folder.path(), &[round(0, Source::Annotated, 1, 1, 1.0)]);
        let error = read(folder.path()).unwrap_err();
        let error = error.downcast_ref::<stentor_checkpoint::Error>();
        assert!(matches!(error, Some(stentor_checkpoint::Error::NoModel { .. })), "{error:?}");
        let mean =
            Density::mean(&[Density { density: Some(0.2), density_of_signs: None }, Density::default()]);
        assert_eq!(mean, Density { density: Some(0.2), density_of_signs: None });
    }
}
