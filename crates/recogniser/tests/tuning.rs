//! Which scales tuning chooses, from errors that are made up.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use proptest::prelude::*;
use stentor_decode::Rescoring;
use stentor_recogniser::{Choice, Error, Recogniser, Steps, tune};
use stentor_senones::Topology;
use world::World;

/// Scales in steps from those that tuning begins with: prior exponent, acoustic scale, word penalty.
type Place = [i32; 3];

const START: [f64; 3] = [0.6, 0.4, 0.0];

fn recogniser() -> Recogniser {
    let [prior, acoustic, word] = START;
    World::new(Topology::Single).recogniser.with_scales(acoustic, prior, word).unwrap()
}

/// The place of a rescored search.
fn place(searched: &Recogniser, rescoring: &Rescoring) -> Place {
    let (settings, steps) = (searched.settings(), Steps::default());
    let steps_of = |number: f64| number.round() as i32;
    [
        steps_of((settings.prior_exponent - START[0]) / steps.prior_exponent),
        steps_of((settings.acoustic_scale * rescoring.acoustic / START[1]).ln() / steps.acoustic_scale.ln()),
        steps_of((settings.word_penalty + rescoring.word - START[2]) / steps.word_penalty),
    ]
}

fn place_of(choice: &Choice) -> Place {
    let scaled = recogniser().with_scales(choice.acoustic_scale, choice.prior_exponent, choice.word_penalty);
    place(&scaled.unwrap(), &Rescoring::NONE)
}

/// Tunes where every combination has these errors in so many utterances.
fn tuned_on(utterances: u64, errors: impl Fn(u64, Place) -> u64) -> Choice {
    let chosen = tune(&recogniser(), &Steps::default(), |searched, rescorings| -> Result<_, Error> {
        let of = |utterance: u64| {
            rescorings.iter().map(|rescoring| errors(utterance, place(searched, rescoring))).collect()
        };
        Ok((0..utterances).map(of).collect())
    });
    chosen.unwrap()
}

/// Tunes on a single utterance, of whose differences no error is known.
fn tuned(errors: impl Fn(Place) -> u64) -> Choice {
    tuned_on(1, |_, at| errors(at))
}

/// Errors that grow with the distance from the best place, and by up to `noise` more or less.
fn bowl(best: Place, noise: u64, seed: u64) -> impl Fn(Place) -> u64 {
    move |at| {
        let distance = |axis: usize| f64::from(at[axis] - best[axis]).powi(2);
        let drawn = at.iter().fold(seed, |drawn, steps| {
            (drawn ^ u64::from(steps.unsigned_abs())).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
        });
        200 + (2.0 * distance(0) + distance(1) + distance(2)) as u64 + drawn % (2 * noise + 1)
    }
}

fn apart(one: Place, other: Place) -> u32 {
    (0..3).map(|axis| one[axis].abs_diff(other[axis])).max().unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_best_place_is_found_also_where_the_first_search_does_not_reach(
        prior in -2..=3i32, acoustic in -9..=9i32, word in -9..=9i32,
    ) {
        let best = [prior, acoustic, word];
        let choice = tuned(bowl(best, 0, 0));
        prop_assert_eq!(place_of(&choice), best);
        prop_assert_eq!((choice.errors, choice.fewest, choice.is_settled), (200, 200, true));
    }

    #[test]
    fn noise_moves_the_choice_by_no_more_than_two_steps(seed in any::<u64>()) {
        let best = [0, -2, 1];
        let choice = tuned(bowl(best, 3, seed));
        prop_assert!(apart(place_of(&choice), best) <= 2, "{choice:?}");
        prop_assert_eq!(choice.errors, bowl(best, 3, seed)(place_of(&choice)));
    }
}

#[test]
fn a_combination_that_is_better_than_all_around_it_is_luck_and_is_not_chosen() {
    let best = [0, 1, 0];
    let lucky = [0, 3, -4];
    let errors = bowl(best, 0, 0);
    let choice = tuned(|at| if at == lucky { 190 } else { errors(at) });
    assert_eq!((place_of(&choice), choice.fewest, choice.errors), (best, 190, 200));
}

#[test]
fn where_all_combinations_are_equal_the_scales_stay_and_three_searches_are_enough() {
    let choice = tuned(|_| 7);
    assert_eq!(place_of(&choice), [0, 0, 0]);
    assert_eq!((choice.searches, choice.tried, choice.errors, choice.is_settled), (3, 3 * 81, 7, true));
}

#[test]
fn of_equal_combinations_the_nearest_to_where_tuning_began_is_chosen() {
    // All word penalties up to 2 nats are equally good, and the larger ones are worse.
    let choice = tuned(|at| 50 + u64::from(at[2].clamp(4, 9).unsigned_abs()));
    assert_eq!(place_of(&choice), [0, 0, 0]);
}

#[test]
fn on_few_words_the_scales_move_less_than_on_many() {
    // In a tenth of the utterances, others for each combination, an error more is made by chance.
    let best = [0, 3, -2];
    let truth = bowl(best, 0, 0);
    let errors = |utterance: u64, at: Place| {
        let drawn = bowl(best, 500, utterance)(at) % 10;
        let error_here = utterance * 7919 % 1000 < truth(at) - 100;
        u64::from(error_here) + u64::from(drawn == 0)
    };
    let [few, many] = [20, 2_000].map(|utterances| tuned_on(utterances, errors));
    let moved = |choice: &Choice| place_of(choice).map(i32::unsigned_abs).iter().sum::<u32>();
    assert!(apart(place_of(&many), best) <= 1, "{many:?}");
    assert!(moved(&few) < moved(&many), "{few:?}, {many:?}");
    assert_eq!((many.is_settled, few.is_settled), (true, true));
}

#[test]
fn no_exponent_below_0_or_above_1_and_a_half_is_tried() {
    let downhill = |direction: i32| move |at: Place| (1000 + 10 * direction * at[0]) as u64;
    let lowest = tuned(downhill(1));
    assert_eq!((lowest.prior_exponent, lowest.is_settled), (0.0, true));
    let highest = tuned(downhill(-1));
    assert_eq!((highest.prior_exponent, highest.is_settled), (1.5, true));
}

#[test]
fn the_errors_are_those_of_a_search_with_the_scales_also_where_lattices_from_elsewhere_have_fewer() {
    // Far from what was searched, lattices lack the words that would be wrong.
    let searched_near = |searched: &Recogniser, rescoring: &Rescoring| {
        let (at, centre) = (place(searched, rescoring), place(searched, &Rescoring::NONE));
        apart(at, centre) <= 2
    };
    let truth = bowl([0, 0, 0], 0, 0);
    let choice = tune(&recogniser(), &Steps::default(), |searched, rescorings| -> Result<_, Error> {
        let errors = |rescoring: &Rescoring| match searched_near(searched, rescoring) {
            true => truth(place(searched, rescoring)),
            false => 195,
        };
        Ok(vec![rescorings.iter().map(errors).collect()])
    });
    let choice = choice.unwrap();
    assert_eq!(choice.errors, truth(place_of(&choice)), "{choice:?}");
}

#[test]
fn where_fewer_words_are_always_better_tuning_ends_and_says_that_it_has_not_settled() {
    let choice = tuned(|at| (1000 - 10 * at[2]) as u64);
    assert!(!choice.is_settled && choice.word_penalty > 8.0 && choice.searches <= 9, "{choice:?}");
    assert_eq!(choice.errors, (1000 - 10 * place_of(&choice)[2]) as u64);
}
