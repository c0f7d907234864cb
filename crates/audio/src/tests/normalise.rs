use crate::{Error, Moments, Normaliser, STD_FLOOR};
use proptest::prelude::*;

#[test]
fn normalised_training_frames_have_mean_zero_and_deviation_one() {
    let frames: Vec<f32> = (0..300).flat_map(|i| [i as f32, 5.0 - 0.1 * i as f32]).collect();
    let normaliser = Normaliser::from_moments(&Moments::of(&frames, 2)).unwrap();
    let normalised: Vec<f32> = frames
        .iter()
        .enumerate()
        .map(|(i, x)| (x - normaliser.mean[i % 2]) / normaliser.std[i % 2])
        .collect();
    let again = Normaliser::from_moments(&Moments::of(&normalised, 2)).unwrap();
    for d in 0..2 {
        assert!(again.mean[d].abs() < 1e-5 && (again.std[d] - 1.0).abs() < 1e-5, "{again:?}");
    }
}

#[test]
fn a_dead_bin_is_reported_and_divides_by_the_floor() {
    let frames = [1.0, -15.9, 2.0, -15.9, 3.0, -15.9];
    let normaliser = Normaliser::from_moments(&Moments::of(&frames, 2)).unwrap();
    assert_eq!(normaliser.dead, [1]);
    assert_eq!(normaliser.std[1], STD_FLOOR);
    assert_eq!(normaliser.mean, [2.0, -15.9]);
}

#[test]
fn no_frames_have_no_mean() {
    assert!(matches!(Normaliser::from_moments(&Moments::new(3)), Err(Error::NoFrames)));
}

proptest! {
    #[test]
    fn however_the_frames_are_cut_the_moments_are_the_same(
        frames in prop::collection::vec(-20.0f32..30.0, 3..300),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let frames = &frames[..frames.len() / 3 * 3];
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c.index(frames.len()) / 3 * 3).collect();
        cuts.extend([0, frames.len()]);
        cuts.sort_unstable();
        let mut merged = Moments::new(3);
        cuts.windows(2).for_each(|w| merged.merge(&Moments::of(&frames[w[0]..w[1]], 3)));
        let (whole, merged) = (Moments::of(frames, 3), merged);
        prop_assert_eq!(whole.count(), merged.count());
        let (a, b) = (Normaliser::from_moments(&whole).unwrap(), Normaliser::from_moments(&merged).unwrap());
        for d in 0..3 {
            prop_assert!((a.mean[d] - b.mean[d]).abs() < 1e-4 && (a.std[d] - b.std[d]).abs() < 1e-4);
        }
    }
}
