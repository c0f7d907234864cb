//! Choice of the decoder's settings on dev data.

use crate::{Decoder, DecoderSettings, Error, PhoneErrors, PhoneModel, Posteriors};
use rayon::prelude::*;
use stentor_inventory::PhoneSet;

/// The settings to try: all combinations.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Values of [`DecoderSettings::acoustic_scale`].
    pub acoustic_scales: Vec<f32>,
    /// Values of [`DecoderSettings::phone_bonus`], nats.
    pub phone_bonuses: Vec<f32>,
    /// Values of [`DecoderSettings::prior_exponent`].
    pub prior_exponents: Vec<f32>,
}

impl Default for Grid {
    fn default() -> Self {
        Self {
            // Coarse but wide: the error changes little from one value to the next, and the best settings differ much
            // between models trained on soft labels, on little data or on states.
            acoustic_scales: vec![0.5, 0.75, 1.1, 1.6, 2.3, 3.3, 4.7],
            phone_bonuses: vec![-1.0, 0.0, 1.0, 2.0, 3.0, 4.5],
            prior_exponents: vec![0.0, 0.3, 0.6, 0.9, 1.2],
        }
    }
}

/// One utterance of the dev data.
#[derive(Debug, Clone, PartialEq)]
pub struct DevUtterance {
    /// The model's posteriors.
    pub posteriors: Posteriors,
    /// Its phones without silence, see [`PhoneSet::spoken`].
    pub reference: Vec<u16>,
}

/// The best settings on dev.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tuned {
    /// The chosen settings.
    pub settings: DecoderSettings,
    /// Phone errors on dev with these settings.
    pub errors: PhoneErrors,
    /// Number of combinations tried.
    pub tried: usize,
}

/// Tries every combination of `grid` and returns the one with the fewest phone errors; of equal ones the first in the
/// order of the grid, so that the choice does not depend on the number of threads.
///
/// # Errors
/// [`Error::NothingToTune`] without utterances or with an empty axis, [`Error::Setting`] for a value out of bounds,
/// [`Error::Shape`] if posteriors, phones and model do not match.
pub fn tune(
    phones: &PhoneSet,
    model: &PhoneModel,
    dev: &[DevUtterance],
    grid: &Grid,
) -> Result<Tuned, Error> {
    if dev.is_empty() {
        return Err(Error::NothingToTune { what: "dev utterance" });
    }
    let points = grid.points();
    let outcomes: Vec<PhoneErrors> = points
        .par_iter()
        .map(|&settings| phone_errors(phones, model, dev, settings))
        .collect::<Result<_, _>>()?;
    let best = points.iter().zip(&outcomes).min_by_key(|(_, errors)| errors.errors());
    let (&settings, &errors) = best.ok_or(Error::NothingToTune { what: "value on each axis of the grid" })?;
    Ok(Tuned { settings, errors, tried: points.len() })
}

fn phone_errors(
    phones: &PhoneSet,
    model: &PhoneModel,
    dev: &[DevUtterance],
    settings: DecoderSettings,
) -> Result<PhoneErrors, Error> {
    let decoder = Decoder::new(phones, model, settings)?;
    let mut errors = PhoneErrors::default();
    for utterance in dev {
        let found = phones.spoken(&decoder.decode(&utterance.posteriors)?.phones);
        errors += PhoneErrors::compare(&utterance.reference, &found);
    }
    Ok(errors)
}

impl Grid {
    fn points(&self) -> Vec<DecoderSettings> {
        let mut points = Vec::new();
        for &acoustic_scale in &self.acoustic_scales {
            for &phone_bonus in &self.phone_bonuses {
                for &prior_exponent in &self.prior_exponents {
                    points.push(DecoderSettings { acoustic_scale, phone_bonus, prior_exponent });
                }
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PhoneStatistics, phone_set};
    use stentor_inventory::SenoneId;

    fn flickering() -> (PhoneSet, PhoneModel, Vec<DevUtterance>) {
        let phones = phone_set(&[("A", 0), ("B", 0)]);
        let mut statistics = PhoneStatistics::new(&phones);
        statistics.add(&SenoneId::list([0, 0, 0, 0, 1, 1, 1, 1])).unwrap();
        let model = statistics.estimate().unwrap();
        // The truth is A B; the posteriors alternate, so that a decoder without transition costs recognises far more
        // phones.
        let p: [f32; 8] = [0.8, 0.3, 0.8, 0.8, 0.2, 0.7, 0.2, 0.2];
        let logs: Vec<f32> = p.iter().flat_map(|a| [a.ln(), (1.0 - a).ln()]).collect();
        let posteriors = Posteriors::new(2, SenoneId::list([0, 1].repeat(8)), &logs, &[0.0; 8]).unwrap();
        (phones, model, vec![DevUtterance { posteriors, reference: vec![0, 1] }])
    }

    #[test]
    fn the_settings_with_the_fewest_errors_on_dev_are_chosen_the_first_of_equal_ones() {
        let (phones, model, dev) = flickering();
        let grid = Grid {
            acoustic_scales: vec![9.0, 1.0, 0.9],
            phone_bonuses: vec![5.0, -1.0],
            prior_exponents: vec![0.0],
        };
        let tuned = tune(&phones, &model, &dev, &grid).unwrap();
        assert_eq!((tuned.errors.errors(), tuned.tried), (0, 6));
        let expected = DecoderSettings { acoustic_scale: 1.0, phone_bonus: -1.0, prior_exponent: 0.0 };
        assert_eq!(tuned.settings, expected, "0.9 does as well, but comes later");
    }

    #[test]
    fn an_empty_grid_or_dev_set_is_an_error() {
        let (phones, model, dev) = flickering();
        let empty = Grid { phone_bonuses: vec![], ..Grid::default() };
        assert!(matches!(tune(&phones, &model, &dev, &empty), Err(Error::NothingToTune { .. })));
        assert!(matches!(tune(&phones, &model, &[], &Grid::default()), Err(Error::NothingToTune { .. })));
        let wild = Grid { prior_exponents: vec![7.0], ..Grid::default() };
        assert!(matches!(tune(&phones, &model, &dev, &wild), Err(Error::Setting { .. })));
    }
}
