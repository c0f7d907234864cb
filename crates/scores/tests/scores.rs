//! Properties of sums and criteria that hold for any counts.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use proptest::prelude::*;
use stentor_scores::{
    CORRECT_FRAMES, CRITERIA, Criterion, Direction, Error, FRAME_ERROR, FRAMES, LOSS, LOSS_SUM,
    MAX_NAME_BYTES, MAX_SUMS, PENALTY, PENALTY_SUM, REPORTED, Scores, Sums, frame_sums,
};

fn merged(one: &Sums, other: &Sums) -> Sums {
    one.clone().merged([other])
}

fn counts() -> impl Strategy<Value = Sums> {
    prop::collection::btree_map("[a-d]", 0_u64..1 << 40, 0..4).prop_map(|counts| {
        let mut sums = Sums::default();
        counts.iter().for_each(|(name, count)| sums.add(name, *count as f64));
        sums
    })
}

/// Number of frames, their loss, and the number of correct frames. Losses are multiples of 1/64, so that sums are
/// exact.
fn share() -> impl Strategy<Value = (u64, u64, u64)> {
    (1_u64..100_000).prop_flat_map(|frames| (Just(frames), 0..64 * frames, 0..=frames))
}

proptest! {
    #[test]
    fn counts_merge_in_any_order_and_grouping_to_the_same_bits(a in counts(), b in counts(), c in counts()) {
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        prop_assert_eq!(merged(&a, &Sums::default()), a);
    }

    #[test]
    fn a_criterion_of_merged_shares_is_that_of_the_whole(shares in prop::collection::vec(share(), 1..20)) {
        let sums: Vec<Sums> = shares.iter().map(|&(n, loss, c)| frame_sums(n, loss as f64 / 64.0, c)).collect();
        let total = |of: fn(&(u64, u64, u64)) -> u64| shares.iter().map(of).sum::<u64>();
        let whole = frame_sums(total(|s| s.0), total(|s| s.1) as f64 / 64.0, total(|s| s.2));
        prop_assert_eq!(Scores::of(&Sums::default().merged(&sums)), Scores::of(&whole));
        prop_assert_eq!(Scores::of(&whole).iter().count(), CRITERIA.len());
    }

    #[test]
    fn the_figures_of_rounds_and_of_dev_data_have_the_bits_of_earlier_versions(
        frames in 0_u64..1 << 30, loss in 0.0_f64..1e9, correct in 0_u64..1 << 30,
    ) {
        let sums = frame_sums(frames, loss, correct);
        let bits = |scores: Scores| [LOSS, FRAME_ERROR].map(|c| scores.get(c).unwrap().to_bits());
        let reciprocal = 1.0 / frames.max(1) as f64;
        let of_a_round = [loss * reciprocal, 100.0 * (1.0 - correct as f64 * reciprocal)];
        let round = Sums::nothing().merged([&sums]).means_over(FRAMES);
        prop_assert_eq!(bits(Scores::of(&round)), of_a_round.map(f64::to_bits));
        let n = frames.max(1) as f64;
        let of_dev_data = [loss / n, 100.0 * (1.0 - correct as f64 / n)];
        prop_assert_eq!(bits(Scores::of(&sums)), of_dev_data.map(f64::to_bits));
    }

    #[test]
    fn scores_are_read_as_they_were_written(values in prop::collection::vec(-1e6_f64..1e6, REPORTED.len())) {
        let scores = REPORTED.into_iter().zip(&values).fold(Scores::default(), |s, (c, v)| s.with(c, *v));
        let read: Scores = serde_json::from_str(&serde_json::to_string(&scores).unwrap()).unwrap();
        for ((_, one), (_, other)) in scores.iter().zip(read.iter()) {
            // Only some crates enable the `serde_json` feature that makes floats exact to the last bit.
            prop_assert!((one - other).abs() <= 1e-15 * one.abs());
        }
    }

    #[test]
    fn sums_of_any_names_are_accepted_unchanged_or_rejected(
        sums in prop::collection::vec((".{0,50}", any::<f64>()), 0..80),
    ) {
        match Sums::received(sums.clone().into_iter()) {
            Ok(taken) => prop_assert_eq!(taken.iter().count(), sums.len()),
            Err(Error::TooMany { found, .. }) => prop_assert!(found > MAX_SUMS),
            Err(Error::Name { found, .. }) => prop_assert!(found.len() <= MAX_NAME_BYTES),
            Err(Error::Twice { name }) => prop_assert!(sums.iter().filter(|(n, _)| *n == name).count() > 1),
        }
    }
}

#[test]
fn a_round_without_frames_has_the_same_figures_as_in_earlier_logs() {
    let scores = Scores::of(&Sums::nothing().means_over(FRAMES));
    assert_eq!(serde_json::to_string(&scores).unwrap(), r#"{"loss":-0.0,"frame_error":100.0}"#);
}

#[test]
fn a_criterion_whose_sums_were_not_counted_has_no_value() {
    let mut sums = Sums::default();
    assert_eq!(Scores::of(&sums), Scores::default());
    sums.add(FRAMES, 4.0);
    sums.add(LOSS_SUM, 6.0);
    assert_eq!(Scores::of(&sums), Scores::default().with(LOSS, 1.5));
    assert_eq!((sums.get(CORRECT_FRAMES), sums.count(CORRECT_FRAMES), sums.count(FRAMES)), (None, 0, 4));
}

#[test]
fn keys_of_scores_are_readable_by_earlier_versions_and_unknown_ones_are_ignored() {
    let scores = Scores::of(&frame_sums(8, 4.0, 6));
    assert_eq!(serde_json::to_string(&scores).unwrap(), r#"{"loss":0.5,"frame_error":25.0}"#);
    let later = r#"{"loss":0.5,"word_error":[1],"frame_error":25.0}"#;
    assert_eq!(serde_json::from_str::<Scores>(later).unwrap(), scores);
    assert_eq!(serde_json::from_str::<Scores>("{}").unwrap(), Scores::default());
    assert!(serde_json::from_str::<Scores>(r#"{"loss":null}"#).is_err());
}

#[test]
fn a_penalty_is_reported_beside_the_loss_where_it_is_counted_and_selects_no_model() {
    let mut sums = frame_sums(8, 4.0, 6);
    sums.add(PENALTY_SUM, 8.0 * 0.25);
    let scores = Scores::of(&sums);
    assert_eq!(serde_json::to_string(&scores).unwrap(), r#"{"loss":0.5,"frame_error":25.0,"penalty":0.25}"#);
    assert_eq!(Scores::of(&frame_sums(8, 4.0, 6)).get(PENALTY), None);
    let error = serde_json::from_str::<Criterion>("\"penalty\"").unwrap_err().to_string();
    assert!(error.starts_with("unknown variant `penalty`, expected `loss` or `frame-error`"), "{error}");
}

#[test]
fn better_follows_the_direction_and_equals_are_not_better() {
    assert!(FRAME_ERROR.is_better(40.0, 50.0) && !FRAME_ERROR.is_better(50.0, 50.0));
    let area = Criterion { name: "area", direction: Direction::HigherIsBetter, ..FRAME_ERROR };
    assert!(area.is_better(50.0, 40.0) && !area.is_better(50.0, 50.0));
}

#[test]
fn every_criterion_is_found_by_its_name_and_no_two_have_the_same() {
    for criterion in CRITERIA {
        let text = serde_json::to_string(&criterion).unwrap();
        let found: Criterion = serde_json::from_str(&text).unwrap();
        assert_eq!((found, CRITERIA.iter().filter(|c| c.name == found.name).count()), (criterion, 1));
        assert!(criterion.meaning.len() > 10, "{criterion:?}");
    }
    let error = serde_json::from_str::<Criterion>("\"frame-eror\"").unwrap_err().to_string();
    assert!(error.starts_with("unknown variant `frame-eror`, expected `loss` or `frame-error`"), "{error}");
    assert_eq!(FRAME_ERROR.show(44.2487), "frame error 44.25 %");
    assert_eq!(LOSS.show(1.5), "loss 1.5000 nats");
}

#[test]
fn sums_from_another_process_are_bounded_in_number_and_names() {
    let of = |names: Vec<String>| {
        Sums::received(names.into_iter().map(|name| (name, 1.0))).map(|sums| sums.iter().count())
    };
    assert_eq!(of((0..MAX_SUMS).map(|n| format!("n{n}")).collect()), Ok(MAX_SUMS));
    let most = MAX_SUMS + 1;
    assert_eq!(
        of(vec!["same".into(); most]),
        Err(Error::TooMany { most: MAX_SUMS, found: most }),
        "the number of sums is checked before their names"
    );
    assert_eq!(of(vec!["a".into(), "a".into()]), Err(Error::Twice { name: "a".into() }));
    for name in ["", "-", "a-", "-a", "a--b", "A", "a b", "a_b", "ä", &"x".repeat(MAX_NAME_BYTES + 1)] {
        assert!(matches!(of(vec![name.into()]), Err(Error::Name { .. })), "{name}");
    }
}

#[test]
fn a_value_that_is_not_finite_is_accepted_and_can_be_found() {
    let sums = Sums::received([("a".to_owned(), 1.0), ("loss".to_owned(), f64::NAN)].into_iter()).unwrap();
    assert!(matches!(sums.not_finite(), Some(("loss", value)) if value.is_nan()));
    assert_eq!(frame_sums(1, 1.0, 1).not_finite(), None);
}

#[test]
fn parts_that_do_not_add_up_are_reported_by_name_and_rounding_is_ignored() {
    let whole = frame_sums(10, 0.3, 4);
    let parts = frame_sums(4, 0.1, 1).merged([&frame_sums(6, 0.2, 3)]);
    assert_ne!(parts, whole, "0.1 + 0.2 is not 0.3");
    assert_eq!(parts.difference(&whole), None);
    let other = frame_sums(10, 0.3, 5);
    assert_eq!(whole.difference(&other), Some((CORRECT_FRAMES, 4.0, 5.0)));
    assert_eq!(Sums::default().difference(&whole), Some((CORRECT_FRAMES, 0.0, 4.0)));
}
