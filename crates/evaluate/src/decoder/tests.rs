use super::*;
use crate::{PhoneStatistics, phone_set};
use proptest::prelude::*;
use stentor_inventory::SenoneId;

fn estimate(phones: &PhoneSet, utterances: &[Vec<u16>]) -> PhoneModel {
    let mut statistics = PhoneStatistics::new(phones);
    utterances.iter().for_each(|u| statistics.add(SenoneId::of_column(u)).unwrap());
    statistics.estimate().unwrap()
}

/// Returns the phones of an alignment.
fn phones_of(model: &PhoneModel, phones: &PhoneSet, alignment: &[u16]) -> Vec<u16> {
    model.phones_of(phones, SenoneId::of_column(alignment)).unwrap()
}

/// Returns posteriors with all senones kept: the given one of each frame with probability `sure`; the others share the
/// rest.
fn pointing_at(senones: usize, frames: &[u16], sure: f32) -> Posteriors {
    let others = (1.0 - sure) / (senones - 1) as f32;
    let row = |&at: &u16| (0..senones).map(move |s| if s == usize::from(at) { sure } else { others }.ln());
    let logs: Vec<f32> = frames.iter().flat_map(row).collect();
    let ids = SenoneId::list(frames.iter().flat_map(|_| 0..senones as u16));
    Posteriors::new(senones, ids, &logs, &vec![0.0; frames.len()]).unwrap()
}

#[test]
fn clear_speech_is_recognised_phone_by_phone_even_if_a_phone_is_repeated() {
    let phones = phone_set(&[("SIL", 0), ("A", 0), ("A", 1), ("A", 2), ("B", 0), ("B", 1), ("B", 2)]);
    let spoken = vec![0, 0, 1, 2, 3, 1, 2, 3, 4, 6, 0];
    let model = estimate(&phones, std::slice::from_ref(&spoken));
    let decoder = Decoder::new(&phones, &model, DecoderSettings::default()).unwrap();
    let found = decoder.decode(&pointing_at(7, &spoken, 0.97)).unwrap();
    assert_eq!(found.phones, phones_of(&model, &phones, &spoken));
    assert_eq!(found.phones, [0, 1, 1, 2, 0]);
}

#[test]
fn tied_states_follow_their_order_in_speech_not_their_numbers() {
    // A begins in state 7 or 4, has 9 or 1 in the middle and ends in 2: the numbers of tied states have no order.
    let phones = phone_set(&[("SIL", 0), ("A", 7), ("A", 9), ("A", 2), ("A", 4), ("A", 1), ("B", 5)]);
    let utterances = [
        vec![0, 1, 2, 3, 6, 0],
        vec![0, 4, 5, 3, 6, 0],
        vec![0, 1, 1, 2, 2, 3, 0],
        vec![6, 4, 5, 5, 3, 3, 0],
    ];
    let model = estimate(&phones, &utterances);
    let decoder = Decoder::new(&phones, &model, DecoderSettings::default()).unwrap();
    for spoken in utterances.iter().chain([&vec![0, 1, 2, 3, 4, 5, 3, 6]]) {
        let found = decoder.decode(&pointing_at(7, spoken, 0.97)).unwrap().phones;
        assert_eq!(found, phones_of(&model, &phones, spoken), "{spoken:?}");
    }
    let twice = phones_of(&model, &phones, &[0, 1, 2, 3, 4, 5, 3, 6]);
    assert_eq!(twice, [0, 1, 1, 2], "A ends and begins again: it is spoken twice");
}

#[test]
fn the_bigram_decides_if_the_acoustics_do_not() {
    // A is always followed by B, never by C; acoustically the second phone is slightly closer to C than to B.
    let phones = phone_set(&[("A", 0), ("B", 0), ("C", 0)]);
    let model = estimate(&phones, &[vec![0, 0, 1, 1], vec![0, 0, 1, 1], vec![2, 2]]);
    let row = [[0.96_f32, 0.02, 0.02], [0.96, 0.02, 0.02], [0.02, 0.44, 0.54], [0.02, 0.44, 0.54]];
    let logs: Vec<f32> = row.iter().flatten().map(|p| p.ln()).collect();
    let posteriors = Posteriors::new(3, SenoneId::list([0, 1, 2].repeat(4)), &logs, &[0.0; 4]).unwrap();
    let settings = DecoderSettings { acoustic_scale: 1.0, phone_bonus: 0.0, prior_exponent: 0.0 };
    let by_both = Decoder::new(&phones, &model, settings).unwrap().decode(&posteriors).unwrap();
    assert_eq!(by_both.phones, [0, 1]);
    let loud = DecoderSettings { acoustic_scale: 50.0, ..settings };
    let by_sound = Decoder::new(&phones, &model, loud).unwrap().decode(&posteriors).unwrap();
    assert_eq!(by_sound.phones, [0, 2]);
}

#[test]
fn a_negative_bonus_makes_fewer_phones() {
    let phones = phone_set(&[("A", 0), ("B", 0)]);
    let model = estimate(&phones, &[vec![0, 1, 0, 0, 1, 1]]);
    let flicker = pointing_at(2, &[0, 1, 0, 1, 0, 1, 0], 0.8);
    let count = |phone_bonus| {
        let settings = DecoderSettings { phone_bonus, ..DecoderSettings::default() };
        Decoder::new(&phones, &model, settings).unwrap().decode(&flicker).unwrap().phones.len()
    };
    assert_eq!((count(20.0), count(-20.0)), (7, 1));
}

#[test]
fn the_prior_makes_a_rare_state_more_likely() {
    let phones = phone_set(&[("SIL", 0), ("A", 0)]);
    let model = estimate(&phones, &[vec![0; 50], vec![1, 1, 1]]);
    let unsure = pointing_at(2, &[0, 0, 0], 0.75);
    let with = |prior_exponent| {
        let settings = DecoderSettings { acoustic_scale: 1.0, phone_bonus: 0.0, prior_exponent };
        Decoder::new(&phones, &model, settings).unwrap().decode(&unsure).unwrap().phones
    };
    assert_eq!((with(0.0), with(1.0)), (vec![0], vec![1]));
}

#[test]
fn settings_out_of_bounds_and_models_of_other_phones_are_refused() {
    let phones = phone_set(&[("A", 0), ("B", 0)]);
    let model = estimate(&phones, &[vec![0, 1]]);
    let settings = DecoderSettings { acoustic_scale: 0.0, ..DecoderSettings::default() };
    let error = Decoder::new(&phones, &model, settings).unwrap_err();
    assert!(error.to_string().contains("acoustic_scale"), "{error}");
    let nan = DecoderSettings { phone_bonus: f32::NAN, ..DecoderSettings::default() };
    assert!(matches!(Decoder::new(&phones, &model, nan), Err(Error::Setting { name: "phone_bonus", .. })));
    let others = phone_set(&[("A", 0)]);
    assert!(matches!(Decoder::new(&others, &model, DecoderSettings::default()), Err(Error::Shape { .. })));
    let decoder = Decoder::new(&phones, &model, DecoderSettings::default()).unwrap();
    assert!(matches!(decoder.decode(&pointing_at(3, &[0], 0.9)), Err(Error::Shape { .. })));
    let silent = Posteriors::new(2, vec![], &[], &[]).unwrap();
    assert_eq!(decoder.decode(&silent).unwrap().phones, [0u16; 0]);
}

/// Returns every path, with its score and its phones.
fn all_paths(decoder: &Decoder, posteriors: &Posteriors) -> Vec<(f64, Vec<u16>)> {
    let (phones, model) = (decoder.phones, decoder.model);
    let emission = |frame: usize, state: usize| {
        let mut states = vec![0.0; phones.states().len()];
        posteriors.states_into(frame, phones, &mut states);
        f64::from(decoder.scale * states[state].ln() - decoder.prior_charge[state])
    };
    let phone_of = |state: usize| phones.states()[state].phone;
    let enter = |before: Option<u16>, state: usize| {
        f64::from(model.bigram(before, Some(phone_of(state))) + decoder.bonus + model.entry[state])
    };
    let states = 0..phones.states().len();
    let mut paths: Vec<(f64, usize, Vec<u16>)> =
        states.clone().map(|s| (enter(None, s) + emission(0, s), s, vec![phone_of(s)])).collect();
    for frame in 1..posteriors.frames() {
        let mut longer = Vec::new();
        for (score, last, spoken) in &paths {
            for state in states.clone() {
                let here = score + emission(frame, state);
                let jump = f64::from(model.exit[*last]) + enter(Some(phone_of(*last)), state);
                let mut renewed = spoken.clone();
                renewed.push(phone_of(state));
                longer.push((here + jump, state, renewed));
                if let Some((_, stay)) =
                    model.moves[state].iter().find(|(from, _)| usize::from(*from) == *last)
                {
                    longer.push((here + f64::from(*stay), state, spoken.clone()));
                }
            }
        }
        paths = longer;
    }
    let close = |(score, last, spoken): (f64, usize, Vec<u16>)| {
        (score + f64::from(model.exit[last] + model.bigram(Some(phone_of(last)), None)), spoken)
    };
    paths.into_iter().map(close).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_path_scores_better_than_the_decoders(
        seen in prop::collection::vec(prop::collection::vec(0..5u16, 1..8), 1..4),
        weights in prop::collection::vec(0.01f32..1.0, 5..=20),
        acoustic_scale in 0.1f32..3.0, phone_bonus in -3.0f32..3.0, prior_exponent in 0.0f32..1.0,
    ) {
        let phones = phone_set(&[("SIL", 0), ("A", 0), ("A", 1), ("B", 0), ("B", 0)]);
        let model = estimate(&phones, &seen);
        let frames = weights.len() / 5;
        let logs: Vec<f32> = weights[..frames * 5].chunks(5)
            .flat_map(|row| row.iter().map(|w| (w / row.iter().sum::<f32>()).ln())).collect();
        let posteriors = Posteriors::new(5, SenoneId::list([0, 1, 2, 3, 4].repeat(frames)), &logs, &vec![0.0; frames]).unwrap();
        let settings = DecoderSettings { acoustic_scale, phone_bonus, prior_exponent };
        let decoder = Decoder::new(&phones, &model, settings).unwrap();
        let found = decoder.decode(&posteriors).unwrap();

        let paths = all_paths(&decoder, &posteriors);
        let best = paths.iter().map(|p| p.0).fold(f64::NEG_INFINITY, f64::max);
        prop_assert!((found.log_score - best).abs() < 1e-3, "{} against {best}", found.log_score);
        prop_assert!(
            paths.iter().any(|(score, spoken)| *spoken == found.phones && best - score < 1e-3),
            "the phones belong to a best path"
        );
    }
}
