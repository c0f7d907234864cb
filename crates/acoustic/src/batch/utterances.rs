use super::Labels;
use crate::error::Error;
use std::cmp::Reverse;

/// A whole utterance: no context, and every frame counts.
#[derive(Debug, Clone, Copy)]
pub struct Utterance<'a> {
    /// Normalised features of all its frames, row-major.
    pub features: &'a [f32],
    /// Labels of every output frame.
    pub labels: Labels<'a>,
}

/// Deals whole utterances, given by their numbers of frames, to batches of at most `max_frames` frames, padding included.
/// Longest first, so that little is padding; utterances of equal length in their order. Each batch holds the positions of
/// its utterances. Empty utterances are in no batch.
///
/// # Errors
/// [`Error::Shape`] for an utterance that is longer than a batch may be.
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
            // The first one is the longest, to whose length the others are padded.
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
    fn utterances_of_like_length_share_a_batch_and_the_bound_counts_padding() {
        let batches = utterance_batches(&[4, 9, 0, 5, 9, 1], 18).unwrap();
        assert_eq!(batches, [vec![1, 4], vec![3, 0, 5]]);
        // 5 + 4 + 1 frames are 15 with padding: with a bound of 14 the last one goes alone.
        assert_eq!(utterance_batches(&[4, 5, 1], 14).unwrap(), [vec![1, 0], vec![2]]);
    }

    #[test]
    fn an_utterance_that_no_batch_can_hold_is_named() {
        let error = utterance_batches(&[3, 8, 7], 7).unwrap_err().to_string();
        assert_eq!(error, "frames of utterance 1: expected at most 7, the bound of a batch, found 8");
    }

    proptest! {
        #[test]
        fn every_utterance_is_in_one_batch_within_the_bound(
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
