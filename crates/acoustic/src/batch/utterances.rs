use super::Labels;
use crate::error::Error;
use std::cmp::Reverse;

/// A whole utterance: no context, and every frame counts in the loss.
#[derive(Debug, Clone, Copy)]
pub struct Utterance<'a> {
    /// Normalised features of all its frames, row-major.
    pub features: &'a [f32],
    /// Labels of every output frame.
    pub labels: Labels<'a>,
}

/// Assigns whole utterances, given by their numbers of frames, to batches of at most `max_frames` frames, padding
/// included. Utterances are sorted longest first to reduce padding; those of equal length keep their order. Each batch
/// is a list of indices of utterances. Empty utterances are in no batch.
///
/// # Errors
/// [`Error::Shape`] for an utterance longer than the limit of a batch.
pub fn utterance_batches(lengths: &[usize], max_frames: usize) -> Result<Vec<Vec<usize>>, Error> {
    let mut order: Vec<usize> = (0..lengths.len()).filter(|&utterance| lengths[utterance] > 0).collect();
    order.sort_by_key(|&utterance| (Reverse(lengths[utterance]), utterance));
    if let Some(&longest) = order.first().filter(|&&longest| lengths[longest] > max_frames) {
        let what = format!("frames of utterance {longest}");
        return Err(Error::shape(
            what,
            format!("at most {max_frames}, the bound of a batch"),
            lengths[longest],
        ));
    }
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for utterance in order {
        match batches.last_mut() {
            // The first one is the longest; the others are padded to its length.
            Some(batch) if lengths[batch[0]].saturating_mul(batch.len() + 1) <= max_frames => {
                batch.push(utterance);
            }
            _ => batches.push(vec![utterance]),
        }
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn utterances_of_similar_length_share_a_batch_and_the_bound_counts_padding() {
        let batches = utterance_batches(&[4, 9, 0, 5, 9, 1], 18).unwrap();
        assert_eq!(batches, [vec![1, 4], vec![3, 0, 5]]);
        // 5 + 4 + 1 frames become 15 with padding: with a limit of 14 the last one is in its own batch.
        assert_eq!(utterance_batches(&[4, 5, 1], 14).unwrap(), [vec![1, 0], vec![2]]);
    }

    #[test]
    fn an_utterance_longer_than_a_batch_is_an_error_that_names_it() {
        let error = utterance_batches(&[3, 8, 7], 7).unwrap_err().to_string();
        assert_eq!(error, "frames of utterance 1: expected at most 7, the bound of a batch, found 8");
    }

    proptest! {
        #[test]
        fn every_utterance_is_in_one_batch_within_the_limit(
            lengths in proptest::collection::vec(0usize..40, 0..60), max_frames in 39usize..200,
        ) {
            let mut seen = vec![0; lengths.len()];
            for batch in utterance_batches(&lengths, max_frames).unwrap() {
                let longest = batch.iter().map(|&utterance| lengths[utterance]).max().unwrap();
                prop_assert!(longest * batch.len() <= max_frames);
                batch.iter().for_each(|&utterance| seen[utterance] += 1);
            }
            for (&length, &seen) in lengths.iter().zip(&seen) {
                prop_assert_eq!(seen, usize::from(length > 0));
            }
        }
    }
}
