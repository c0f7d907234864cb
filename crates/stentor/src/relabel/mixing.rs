//! From a model's labels and occupancies to refined labels.

use std::cmp::Ordering;
use stentor_evaluate::Posteriors;
use stentor_inventory::SenoneId;
use stentor_recogniser::Occupied;
use stentor_shards::LabelRow;

/// The labels (1 − `share`) · p + `share` · γ, the `top_k` most probable of each frame: p are the model's posteriors, γ the
/// occupancies.
pub(super) fn mix(
    utterance: String,
    posteriors: &Posteriors,
    occupied: &Occupied,
    share: f32,
    top_k: usize,
) -> LabelRow {
    let outputs = posteriors.senones();
    let mut row = vec![0.0_f32; outputs];
    let mut order: Vec<usize> = Vec::with_capacity(outputs);
    let (mut ids, mut log_probs, mut residual) = (Vec::new(), Vec::new(), Vec::new());
    for frame in 0..posteriors.frames() {
        own(posteriors, frame, &mut row);
        row.iter_mut().for_each(|value| *value *= 1.0 - share);
        for (part, senones) in &occupied.alignments {
            if let Some(value) = senones.get(frame).and_then(|id| row.get_mut(id.index())) {
                *value += share * part;
            }
        }
        order.clear();
        order.extend(0..outputs);
        let likelier = |a: &usize, b: &usize| -> Ordering { row[*b].total_cmp(&row[*a]).then(a.cmp(b)) };
        if top_k < outputs {
            order.select_nth_unstable_by(top_k, likelier);
            order.truncate(top_k);
        }
        order.sort_unstable_by(likelier);
        residual.push((1.0 - order.iter().map(|id| row[*id]).sum::<f32>()).max(0.0));
        log_probs.extend(order.iter().map(|id| row[*id].max(f32::MIN_POSITIVE).ln()));
        // Outputs of a model are numbered with 16 bits.
        ids.extend(SenoneId::list(order.iter().map(|id| *id as u16)));
    }
    LabelRow::quantise(utterance, ids, &log_probs, &residual)
}

/// The posteriors of a frame, with a sum of 1.
fn own(posteriors: &Posteriors, frame: usize, row: &mut [f32]) {
    posteriors.log_into(frame, row);
    row.iter_mut().for_each(|value| *value = value.exp());
    let sum: f32 = row.iter().sum();
    row.iter_mut().for_each(|value| *value /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labeled::posteriors;

    fn labels() -> LabelRow {
        let ids = SenoneId::list([2_u16, 0, 1, 3]);
        LabelRow::quantise(
            "u".to_owned(),
            ids,
            &[0.5f32.ln(), 0.3f32.ln(), 0.9f32.ln(), 0.06f32.ln()],
            &[0.2, 0.04],
        )
    }

    fn occupied(parts: &[(f32, [u16; 2])]) -> Occupied {
        let alignments =
            parts.iter().map(|(part, senones)| (*part, SenoneId::list(*senones).into_iter().collect()));
        Occupied { alignments: alignments.collect() }
    }

    fn probabilities(row: &LabelRow, frame: usize) -> Vec<(u16, f32)> {
        let k = row.top_k();
        let logs: Vec<f32> = row.log_probabilities().skip(frame * k).take(k).collect();
        row.senones(frame).iter().zip(logs).map(|(id, log)| (id.number(), log.exp())).collect()
    }

    /// Four senones, of which two are kept: a senone that the model had not kept comes in with its share.
    #[test]
    fn half_of_each_label_is_the_models_and_half_the_words() {
        let occupied = occupied(&[(0.75, [1, 1]), (0.25, [2, 3])]);
        let mixed = mix("u".to_owned(), &posteriors(labels(), 4).unwrap(), &occupied, 0.5, 2);
        // Frame 0: the model has 0.5 for senone 2, 0.3 for 0 and 0.1 for each of the others.
        let [(first, p), (second, q)] = probabilities(&mixed, 0)[..] else { panic!("two labels") };
        assert_eq!((first, second), (1, 2));
        assert!((p - (0.05 + 0.375)).abs() < 2e-3 && (q - (0.25 + 0.125)).abs() < 2e-3, "{p} {q}");
        let residual: Vec<f32> = mixed.residual_masses().collect();
        assert!((residual[0] - (1.0 - p - q)).abs() < 2e-3, "{residual:?}");
        // Frame 1: all of the model's mass but a little, and three quarters of the words', are on senone 1.
        assert_eq!(probabilities(&mixed, 1)[0].0, 1);
    }

    #[test]
    fn without_a_share_labels_stay_as_they_are() {
        let occupied = occupied(&[(1.0, [3, 3])]);
        let mixed = mix("u".to_owned(), &posteriors(labels(), 4).unwrap(), &occupied, 0.0, 2);
        assert_eq!(mixed.ids, labels().ids);
        for (now, before) in mixed.log_probabilities().zip(labels().log_probabilities()) {
            assert!((now - before).abs() < 0.02, "{now} {before}");
        }
    }

    #[test]
    fn with_the_whole_share_a_label_is_what_was_said() {
        let occupied = occupied(&[(1.0, [3, 0])]);
        let mixed = mix("u".to_owned(), &posteriors(labels(), 4).unwrap(), &occupied, 1.0, 1);
        assert_eq!(mixed.ids, SenoneId::list([3_u16, 0]).into_iter().collect::<Vec<_>>());
        assert_eq!((mixed.log_probs, mixed.residual), (vec![0, 0], vec![0, 0]));
    }
}
