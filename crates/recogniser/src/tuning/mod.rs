//! Choice of scales on dev data.

mod surface;

use crate::{Error, Recogniser, Settings};
use stentor_decode::Rescoring;
use surface::{Cell, Surface};

/// The steps between the combinations that are tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steps {
    /// Difference of [`Settings::prior_exponent`]; each value needs a search of the dev data.
    pub prior_exponent: f64,
    /// Ratio of [`Settings::acoustic_scale`].
    pub acoustic_scale: f64,
    /// Difference of [`Settings::word_penalty`], nats.
    pub word_penalty: f64,
    /// How many steps of acoustic scale and word penalty are tried on either side of those that were searched with.
    pub reach: i32,
}

impl Default for Steps {
    fn default() -> Self {
        Self { prior_exponent: 0.3, acoustic_scale: 2f64.powf(0.25), word_penalty: 0.5, reach: 4 }
    }
}

/// The prior exponents that are tried, besides the one that tuning begins with: from none of the priors to more than Bayes' rule.
const PRIOR_EXPONENTS: std::ops::RangeInclusive<f64> = 0.0..=1.5;

/// How far from the scales of a search its lattices serve in the end, as [`distance`] counts. A lattice has only what was within the
/// beam, so further away it has too few errors or too many.
const NEAR: u32 = 2;

/// The most searches of the dev data around better scales.
const MOST_SEARCHES: u64 = 8;

/// Scales, and what they are worth on dev.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// For [`Recogniser::with_scales`].
    pub acoustic_scale: f64,
    /// The same.
    pub prior_exponent: f64,
    /// The same.
    pub word_penalty: f64,
    /// Word errors, by a search with these scales.
    pub errors: u64,
    /// The fewest errors of any combination.
    pub fewest: u64,
    /// Combinations tried.
    pub tried: u64,
    /// Searches of the dev data.
    pub searches: u64,
    /// Whether the combinations on all sides were tried, by searches near enough to them. If not, tuning that begins with these scales
    /// may find better ones.
    pub is_settled: bool,
}

/// Finds scales with few word errors.
///
/// Priors change the costs within words, so each prior exponent needs a search. Acoustic scales and word penalties only need the
/// lattices of that search, at other costs; a combination has the errors of the nearest search. Searched are the prior exponent that
/// tuning begins with, again with the best scales while no search was near them, and then the exponents on either side of the best
/// one. Of combinations that dev cannot tell from the best one, the nearest to where tuning began is chosen, so the more words dev has,
/// the further the choice moves.
///
/// `measure` searches dev with a recogniser, and returns the errors of each utterance for each rescoring of its lattice,
/// `[utterances][rescorings]`. The choice depends on nothing but these errors.
///
/// # Errors
/// Those of `measure`; [`Error::Setting`] if steps lead to scales that are none.
pub fn tune<E: From<Error>>(
    recogniser: &Recogniser,
    steps: &Steps,
    mut measure: impl FnMut(&Recogniser, &[Rescoring]) -> Result<Vec<Vec<u64>>, E>,
) -> Result<Choice, E> {
    let mut tuning = Tuning::new(recogniser.settings(), *steps);
    let mut best = Cell::default();
    let scaled = |tuning: &Tuning<'_>, cell: Cell| {
        let [acoustic_scale, prior_exponent, word_penalty] = tuning.scales(cell);
        recogniser.with_scales(acoustic_scale, prior_exponent, word_penalty)
    };
    while let Some(prior) = tuning.wanted(best).filter(|_| tuning.searches < MOST_SEARCHES) {
        let centre = Cell { prior, ..best };
        let cells = tuning.around(centre);
        let rescorings: Vec<Rescoring> = cells.iter().map(|(_, rescoring)| *rescoring).collect();
        let errors = measure(&scaled(&tuning, centre)?, &rescorings)?;
        tuning.insert(centre, &cells, &errors);
        best = tuning.surface.choose().unwrap_or(best);
    }
    let is_settled = tuning.wanted(best).is_none();
    let errors = match tuning.searched(best) {
        Some(errors) => errors,
        None => {
            tuning.searches += 1;
            let errors = measure(&scaled(&tuning, best)?, &[Rescoring::NONE])?;
            errors.iter().flatten().sum()
        }
    };
    let [acoustic_scale, prior_exponent, word_penalty] = tuning.scales(best);
    Ok(Choice {
        acoustic_scale,
        prior_exponent,
        word_penalty,
        errors,
        fewest: tuning.surface.fewest().unwrap_or(errors).min(errors),
        tried: tuning.tried,
        searches: tuning.searches,
        is_settled,
    })
}

/// What has been tried.
struct Tuning<'a> {
    start: &'a Settings,
    steps: Steps,
    surface: Surface,
    /// The combinations that were searched with.
    centres: Vec<Cell>,
    tried: u64,
    searches: u64,
}

impl<'a> Tuning<'a> {
    fn new(start: &'a Settings, steps: Steps) -> Self {
        let (surface, centres) = (Surface::default(), Vec::new());
        Self { start, steps, surface, centres, tried: 0, searches: 0 }
    }

    /// Acoustic scale, prior exponent and word penalty of a combination.
    fn scales(&self, Cell { prior, acoustic, word }: Cell) -> [f64; 3] {
        // So that 0.6 + 0.3 is 0.9.
        let rounded = |number: f64| (number * 1e6).round() / 1e6;
        [
            self.start.acoustic_scale * self.steps.acoustic_scale.powi(acoustic),
            rounded(self.start.prior_exponent + self.steps.prior_exponent * f64::from(prior)),
            rounded(self.start.word_penalty + self.steps.word_penalty * f64::from(word)),
        ]
    }

    /// A prior exponent to search with the other scales of `best`, so that all is known around it.
    fn wanted(&self, best: Cell) -> Option<i32> {
        let searched = |prior: i32| self.centres.iter().filter(move |centre| centre.prior == prior);
        if !searched(best.prior).any(|centre| distance(*centre, best) <= NEAR) {
            return Some(best.prior);
        }
        let is_possible = |prior: &i32| {
            *prior == 0 || PRIOR_EXPONENTS.contains(&self.scales(Cell { prior: *prior, ..best })[1])
        };
        let mut beside = [best.prior - 1, best.prior + 1].into_iter().filter(is_possible);
        beside.find(|prior| searched(*prior).next().is_none())
    }

    /// The combinations that the lattices of a search with the scales of `centre` are rescored for.
    fn around(&self, centre: Cell) -> Vec<(Cell, Rescoring)> {
        let reach = -self.steps.reach..=self.steps.reach;
        let beside = |acoustic: i32| reach.clone().map(move |word| (acoustic, word));
        let rescored = |(acoustic, word): (i32, i32)| {
            let cell =
                Cell { acoustic: centre.acoustic + acoustic, word: centre.word + word, prior: centre.prior };
            let rescoring = Rescoring {
                acoustic: self.steps.acoustic_scale.powi(acoustic),
                word: self.steps.word_penalty * f64::from(word),
            };
            (cell, rescoring)
        };
        reach.clone().flat_map(beside).map(rescored).collect()
    }

    /// Adds the errors of a search, and of the rescorings of its lattices.
    fn insert(&mut self, centre: Cell, cells: &[(Cell, Rescoring)], errors: &[Vec<u64>]) {
        for (number, (cell, _)) in cells.iter().enumerate() {
            let errors = errors.iter().map(|rescored| rescored[number]).collect();
            self.surface.insert(*cell, errors, distance(centre, *cell));
        }
        self.centres.push(centre);
        self.tried += cells.len() as u64;
        self.searches += 1;
    }

    /// The errors of a combination that was itself searched with.
    fn searched(&self, cell: Cell) -> Option<u64> {
        self.centres.contains(&cell).then(|| self.surface.errors(cell)).flatten()
    }
}

/// How much lattices of a search with the scales of `centre` may lack at those of `cell`: word penalties matter less than acoustic
/// scales, which change the costs of all frames.
fn distance(centre: Cell, cell: Cell) -> u32 {
    (2 * centre.acoustic.abs_diff(cell.acoustic)).max(centre.word.abs_diff(cell.word))
}
