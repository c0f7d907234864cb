//! Choice of scales on dev data.

use crate::{Error, Recogniser};
use stentor_decode::Lattice;

/// The values to try, all combinations of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Values of [`crate::Settings::prior_exponent`]; each needs a search of the dev data.
    pub prior_exponents: Vec<f64>,
    /// Factors of [`crate::Settings::acoustic_scale`]: values are tried around the one that was searched with.
    pub acoustic_factors: Vec<f64>,
    /// Values of [`crate::Settings::word_penalty`], nats.
    pub word_penalties: Vec<f64>,
}

impl Default for Grid {
    fn default() -> Self {
        Self {
            prior_exponents: vec![0.0, 0.3, 0.6, 0.9],
            acoustic_factors: vec![0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0],
            word_penalties: vec![-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0],
        }
    }
}

/// Scales, and what they are worth on dev.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// For [`Recogniser::with_scales`].
    pub acoustic_scale: f64,
    /// The same.
    pub prior_exponent: f64,
    /// The same.
    pub word_penalty: f64,
    /// Word errors, with a search of its own.
    pub errors: u64,
    /// Combinations tried.
    pub tried: u64,
}

/// A combination, and its errors as lattices of other scales have them.
#[derive(Clone, Copy)]
struct Tried {
    acoustic_scale: f64,
    prior_exponent: f64,
    word_penalty: f64,
    errors: u64,
}

/// How often the dev data are searched anew around better scales.
const ROUNDS: usize = 3;

/// Finds the scales with the fewest word errors.
///
/// Each prior exponent needs a search, because priors change the costs within words. Acoustic scales and word penalties only need
/// the lattices of that search, with other costs. Lattices know only what was within their beam, so the best scales are searched
/// again: until the acoustic scale stays, and at last for the errors that are returned. Of equal combinations the first is
/// taken, so the choice does not depend on the order in which utterances are searched.
///
/// `search` gives the lattice of each dev utterance with a recogniser, and `errors` the errors of an utterance when these labels
/// of words are recognised.
///
/// # Errors
/// Those of `search`; [`Error::NothingToTune`] for an empty list of values.
pub fn tune<E: From<Error>>(
    recogniser: &Recogniser,
    grid: &Grid,
    search: impl Fn(&Recogniser) -> Result<Vec<Lattice>, E>,
    errors: impl Fn(usize, &[u32]) -> u64,
) -> Result<Choice, E> {
    let total = |lattices: &[Lattice], factor: f64, penalty: f64| -> u64 {
        let best = lattices.iter().map(|lattice| lattice.rescored(factor, penalty).best_path().labels());
        best.enumerate().map(|(utterance, labels)| errors(utterance, &labels)).sum()
    };
    let mut tried = 0;
    let settings = recogniser.settings();
    let (mut scale, mut penalty) = (settings.acoustic_scale, settings.word_penalty);
    let mut exponents = grid.prior_exponents.clone();
    let mut best: Option<Tried> = None;
    for _ in 0..ROUNDS {
        let mut of_round: Option<Tried> = None;
        for &prior_exponent in &exponents {
            let lattices = search(&recogniser.with_scales(scale, prior_exponent, penalty)?)?;
            for &factor in &grid.acoustic_factors {
                for &word_penalty in &grid.word_penalties {
                    let errors = total(&lattices, factor, word_penalty - penalty);
                    tried += 1;
                    if of_round.is_none_or(|of_round| errors < of_round.errors) {
                        let acoustic_scale = scale * factor;
                        of_round = Some(Tried { acoustic_scale, prior_exponent, word_penalty, errors });
                    }
                }
            }
        }
        let Some(chosen) = of_round else { return Err(Error::NothingToTune.into()) };
        best = Some(chosen);
        // Near enough that its lattices have what matters.
        let is_near = (0.8..=1.25).contains(&(chosen.acoustic_scale / scale));
        (scale, penalty, exponents) =
            (chosen.acoustic_scale, chosen.word_penalty, vec![chosen.prior_exponent]);
        if is_near {
            break;
        }
    }
    let Some(Tried { acoustic_scale, prior_exponent, word_penalty, .. }) = best else {
        return Err(Error::NothingToTune.into());
    };
    let lattices = search(&recogniser.with_scales(acoustic_scale, prior_exponent, word_penalty)?)?;
    let errors = total(&lattices, 1.0, 0.0);
    Ok(Choice { acoustic_scale, prior_exponent, word_penalty, errors, tried })
}
