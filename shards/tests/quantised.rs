//! Quantised soft labels are accurate enough.

use proptest::prelude::*;
use stentor_inventory::SenoneId;
use stentor_shards::LabelRow;

proptest! {
    #[test]
    fn a_probability_is_accurate_to_a_fifth_of_a_percent(p in 1e-30f32..=1.0) {
        let row = LabelRow::quantise("u".into(), SenoneId::list([0]), &[p.ln()], &[0.0]);
        let kept: Vec<f32> = row.log_probabilities().map(f32::exp).collect();
        prop_assert!((kept[0] / p - 1.0).abs() < 0.0021, "{} for {p}", kept[0]);
        prop_assert!(kept[0] <= 1.0);
    }

    #[test]
    fn the_residual_mass_is_accurate_to_a_hundred_thousandth(mass in 0.0f32..=1.0) {
        let row = LabelRow::quantise("u".into(), SenoneId::list([0]), &[0.0], &[mass]);
        prop_assert!((row.residual_masses().sum::<f32>() - mass).abs() < 1e-5);
    }

    #[test]
    fn any_float_gives_a_valid_value(log_prob in any::<f32>(), mass in any::<f32>()) {
        prop_assert!(LabelRow::quantise_log_prob(log_prob) <= 0);
        let _ = LabelRow::quantise_residual(mass);
    }
}

#[test]
fn values_outside_the_scale_are_clamped_to_its_ends() {
    assert_eq!(LabelRow::quantise_log_prob(f32::NEG_INFINITY), i16::MIN);
    assert_eq!(LabelRow::quantise_log_prob(f32::NAN), i16::MIN);
    assert_eq!(LabelRow::quantise_log_prob(1e-7), 0);
    assert_eq!(LabelRow::quantise_residual(-1e-7), 0);
    assert_eq!(LabelRow::quantise_residual(1.1), u16::MAX);
    assert_eq!(LabelRow::quantise_residual(f32::NAN), 0);
}

#[test]
fn a_row_is_addressed_by_frame_and_rank() {
    let row = LabelRow {
        utterance: "u".into(),
        ids: SenoneId::list([4, 1, 2, 0]),
        log_probs: vec![0, -256, -512, -1024],
        residual: vec![0, 65_535],
    };
    assert_eq!((row.frames(), row.top_k()), (2, 2));
    let of_frame = |frame| SenoneId::column(row.senones(frame));
    assert_eq!((of_frame(0), of_frame(1)), (&[4, 1][..], &[2, 0][..]));
    assert_eq!(row.log_probabilities().collect::<Vec<_>>(), [0.0, -1.0, -2.0, -4.0]);
    assert_eq!(row.residual_masses().collect::<Vec<_>>(), [0.0, 1.0]);
}
