//! The choice of one combination of scales from the errors that many have on dev.

use std::collections::BTreeMap;

/// A combination of scales, in steps from the one that tuning began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Cell {
    pub(super) prior: i32,
    pub(super) acoustic: i32,
    pub(super) word: i32,
}

impl Cell {
    /// The square of the distance from where tuning began, in steps.
    fn distance(self) -> i64 {
        [self.prior, self.acoustic, self.word].into_iter().map(|steps| i64::from(steps).pow(2)).sum()
    }
}

/// Errors of dev's utterances by combination.
#[derive(Debug, Clone, Default)]
pub(super) struct Surface(BTreeMap<Cell, Measured>);

#[derive(Debug, Clone)]
struct Measured {
    /// `[utterances]`.
    errors: Vec<u64>,
    /// How far from the combination the search was made whose lattices gave these errors.
    distance: u32,
}

/// What is not worse than the best by more standard errors than this counts as equal.
const STANDARD_ERRORS: f64 = 1.0;

/// By how much sums of the same numbers in another order may differ.
const ROUNDING: f64 = 1e-6;

impl Surface {
    /// Adds the errors that a combination has in the lattices of a search, `[utterances]`, unless those of a nearer search are known.
    /// All combinations have the same utterances.
    pub(super) fn insert(&mut self, cell: Cell, errors: Vec<u64>, distance: u32) {
        match self.0.get(&cell) {
            Some(known) if known.distance < distance => {}
            _ => drop(self.0.insert(cell, Measured { errors, distance })),
        }
    }

    /// The errors of a combination.
    pub(super) fn errors(&self, cell: Cell) -> Option<u64> {
        self.0.get(&cell).map(|measured| measured.errors.iter().sum())
    }

    /// The fewest errors of any combination.
    pub(super) fn fewest(&self) -> Option<u64> {
        self.0.keys().filter_map(|cell| self.errors(*cell)).min()
    }

    /// The combination that is nearest to where tuning began, of those that are not worse than the best by more than a standard error;
    /// of equally near ones the best.
    ///
    /// Some hundred combinations on some hundred words always have one that is lucky, and it is lucky on the words of dev alone. So a
    /// combination is compared by the mean over itself and those around it: what is really better is better a step further, too.
    /// Weights are 2 for the combination itself and 1 for a step to either side, on each of the three axes, multiplied (a binomial
    /// filter); at the edge of what was tried, the mean is over fewer. The standard error is that of the difference to the best one,
    /// over utterances: other words from the same source would change the difference by about as much (the rule of Breiman, Friedman,
    /// Olshen & Stone 1984, section 3.4.3, here with the distance in place of the size of a tree).
    pub(super) fn choose(&self) -> Option<Cell> {
        let means: Vec<(Cell, Vec<f64>)> = self.0.keys().map(|&cell| (cell, self.around(cell))).collect();
        let (_, best) = means.iter().min_by(|(_, a), (_, b)| sum(a).total_cmp(&sum(b)))?;
        let is_equal = |(_, mean): &&(Cell, Vec<f64>)| {
            let difference = Difference::of(mean, best);
            difference.sum <= STANDARD_ERRORS * difference.standard_error + ROUNDING
        };
        let nearest = means.iter().filter(is_equal).min_by(|(one, a), (other, b)| {
            let (a, b) = ((one.distance(), sum(a)), (other.distance(), sum(b)));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(one.cmp(other))
        });
        nearest.map(|(cell, _)| *cell)
    }

    /// The mean of the errors of a combination and of those around it, `[utterances]`.
    fn around(&self, cell: Cell) -> Vec<f64> {
        let (mut sums, mut weights): (Vec<f64>, f64) = (Vec::new(), 0.0);
        for prior in -1..=1_i32 {
            for acoustic in -1..=1_i32 {
                for word in -1..=1_i32 {
                    let beside = Cell {
                        prior: cell.prior + prior,
                        acoustic: cell.acoustic + acoustic,
                        word: cell.word + word,
                    };
                    let Some(Measured { errors, .. }) = self.0.get(&beside) else { continue };
                    let weight: i32 = [prior, acoustic, word].map(|steps| 2 - steps.abs()).iter().product();
                    let weight = f64::from(weight);
                    sums.resize(errors.len(), 0.0);
                    sums.iter_mut().zip(errors).for_each(|(sum, errors)| *sum += weight * *errors as f64);
                    weights += weight;
                }
            }
        }
        sums.iter_mut().for_each(|sum| *sum /= weights);
        sums
    }
}

fn sum(errors: &[f64]) -> f64 {
    errors.iter().sum()
}

/// How many errors more one combination has than another on the same utterances.
#[derive(Debug, Clone, Copy)]
struct Difference {
    sum: f64,
    /// Of the sum, if other utterances had been drawn; 0 for a single one, of which nothing is known.
    standard_error: f64,
}

impl Difference {
    fn of(one: &[f64], other: &[f64]) -> Self {
        let differences = || one.iter().zip(other).map(|(one, other)| one - other);
        let (count, sum) = (one.len() as f64, differences().sum::<f64>());
        let squares: f64 = differences().map(|difference| (difference - sum / count).powi(2)).sum();
        let variance = if one.len() > 1 { squares * count / (count - 1.0) } else { 0.0 };
        Self { sum, standard_error: variance.sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All combinations of so many steps to either side.
    fn surface(reach: i32, errors: impl Fn(Cell) -> Vec<u64>) -> Surface {
        let mut surface = Surface::default();
        for prior in -1..=1 {
            for acoustic in -reach..=reach {
                for word in -reach..=reach {
                    let cell = Cell { prior, acoustic, word };
                    surface.insert(cell, errors(cell), 0);
                }
            }
        }
        surface
    }

    fn steps(cell: Cell, from: [i32; 2]) -> u64 {
        u64::from(cell.acoustic.abs_diff(from[0]) + cell.word.abs_diff(from[1]))
    }

    #[test]
    fn a_lucky_combination_is_not_chosen_and_a_valley_is() {
        let lucky = Cell { prior: 0, acoustic: -3, word: 2 };
        let errors = |cell: Cell| if cell == lucky { 90 } else { 100 + steps(cell, [1, 0]) };
        let surface = surface(4, |cell| vec![errors(cell)]);
        assert_eq!(surface.choose(), Some(Cell { prior: 0, acoustic: 1, word: 0 }));
        assert_eq!(surface.fewest(), Some(90));
    }

    #[test]
    fn a_flat_surface_leaves_the_scales_where_they_were() {
        assert_eq!(surface(3, |_| vec![12]).choose(), Some(Cell::default()));
        assert_eq!(Surface::default().choose(), None);
    }

    #[test]
    fn what_a_few_utterances_say_does_not_move_the_scales_and_what_many_say_does() {
        // A penalty of three steps is better for every tenth utterance, by an error for each step; for the others nothing changes.
        let few = |utterances: usize| {
            surface(4, move |cell| {
                let errors =
                    |number: usize| if number.is_multiple_of(10) { 9 + steps(cell, [0, 3]) } else { 5 };
                (0..utterances).map(errors).collect()
            })
        };
        // Of ten utterances one: the difference is as large as its standard error, of two hundred it is four times as large.
        assert_eq!(few(10).choose(), Some(Cell::default()));
        assert_eq!(few(200).choose().map(|cell| (cell.acoustic, cell.word)), Some((0, 3)));
    }

    #[test]
    fn the_standard_error_is_that_of_a_sum_over_drawn_utterances() {
        let difference = Difference::of(&[3.0, 1.0, 2.0, 2.0], &[1.0, 1.0, 1.0, 1.0]);
        // Variance 2/3 of each of four.
        assert!((difference.sum - 4.0).abs() < 1e-12);
        assert!((difference.standard_error - (4.0 * 2.0 / 3.0_f64).sqrt()).abs() < 1e-12);
        assert_eq!(Difference::of(&[3.0], &[1.0]).standard_error, 0.0);
    }

    #[test]
    fn the_errors_of_a_combination_are_those_of_the_nearest_search() {
        let (cell, mut surface) = (Cell::default(), Surface::default());
        for (errors, distance, expected) in [(9, 4, 9), (3, 7, 9), (8, 2, 8), (7, 2, 7), (1, 3, 7)] {
            surface.insert(cell, vec![errors], distance);
            assert_eq!(surface.errors(cell), Some(expected));
        }
    }

    #[test]
    fn an_edge_is_chosen_where_errors_fall_up_to_it_and_not_for_one_combination_on_it() {
        let downhill = surface(3, |cell| vec![(50 - cell.word) as u64]);
        assert_eq!(downhill.choose().map(|cell| cell.word), Some(3));
        // A mean of fewer numbers is moved more by each of them.
        let corner = Cell { prior: 1, acoustic: 3, word: 3 };
        let errors = |cell: Cell| if cell == corner { 43 } else { 50 + steps(cell, [0, 0]) };
        assert_eq!(surface(3, |cell| vec![errors(cell)]).choose(), Some(Cell::default()));
    }
}
