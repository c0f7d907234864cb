//! Masks on the input of training batches: SpecAugment (D. S. Park et al., "SpecAugment: a simple data augmentation method for
//! automatic speech recognition", Interspeech 2019, section 2), without time warping.

use crate::error::Error;
use crate::random::Stream;
use std::ops::Range;
use stentor_experiment::Augment;
use stentor_random::SplitMix64;
use tch::Tensor;

/// Stretches of mel bins and of frames that are zero in what a model sees of a training batch. Zero is the mean of normalised
/// features.
///
/// Which ones is a pure function of `random` and the sequence's index in the batch, so a batch that is computed again, by another
/// worker or in a replay, has the same masks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Masks {
    settings: Augment,
    /// Number of mel bins. A frame consists of one or more filter-bank frames, each with this many values.
    bins: usize,
    /// The batch's random stream, named after seed, source, pass, unit and batch.
    random: Stream,
}

impl Default for Masks {
    fn default() -> Self {
        Self::new(Augment::default(), 1, Stream::ZERO)
    }
}

/// The stretches that are masked in a sequence. They may overlap, and be empty.
#[derive(Debug, Clone, PartialEq)]
struct Stretches {
    bins: Vec<Range<usize>>,
    frames: Vec<Range<usize>>,
}

impl Masks {
    /// The masks of a batch whose frames have `bins` mel bins.
    #[must_use]
    pub fn new(settings: Augment, bins: usize, random: Stream) -> Self {
        Self { settings, bins: bins.max(1), random }
    }

    /// Returns a copy of `features`, `[sequences, frames, inputs]`, in which the masked values are zero; `None` if there are no masks.
    /// `lengths`: number of frames of each sequence.
    ///
    /// # Errors
    /// [`Error::Torch`] if the device has too little memory.
    pub(crate) fn applied(&self, features: &Tensor, lengths: &[i64]) -> Result<Option<Tensor>, Error> {
        if self.settings.frequency_masks == 0 && self.settings.time_masks == 0 {
            return Ok(None);
        }
        let (_, frames, inputs) = features.size3()?;
        let [frames, inputs] = [frames, inputs].map(|size| size.unsigned_abs() as usize);
        let mut kept = vec![1f32; lengths.len() * frames * inputs];
        let sequences = kept.chunks_exact_mut((frames * inputs).max(1));
        for ((index, sequence), length) in (0u64..).zip(sequences).zip(lengths) {
            let length = (length.unsigned_abs() as usize).min(frames);
            self.stretches(index, length).clear(&mut sequence[..length * inputs], inputs, self.bins);
        }
        let kept = Tensor::f_from_slice(&kept)?.f_view_as(features)?.f_to_device(features.device())?;
        Ok(Some(features.f_mul(&kept)?))
    }

    /// The stretches of sequence `index` of the batch, which has `frames` frames.
    fn stretches(&self, index: u64, frames: usize) -> Stretches {
        let Augment { frequency_masks, frequency_width, time_masks, time_width, time_share } = self.settings;
        let mut random = SplitMix64::new(self.random.bits(index));
        // A width from 0 to the greatest one, then a place for it: the same steps as in the paper.
        let mut draw = |count: u32, widest: usize, size: usize| {
            let one = |_| {
                let width = random.below(widest.min(size) + 1);
                let start = random.below(size - width + 1);
                start..start + width
            };
            (0..count).map(one).collect::<Vec<_>>()
        };
        let longest = (time_width as usize).min((time_share * frames as f64) as usize);
        Stretches {
            bins: draw(frequency_masks, frequency_width as usize, self.bins),
            frames: draw(time_masks, longest, frames),
        }
    }
}

impl Stretches {
    /// Sets the values of a sequence to zero that are in a stretch. A frame has `inputs` values: for each of its filter-bank frames
    /// those of all `bins`.
    fn clear(&self, sequence: &mut [f32], inputs: usize, bins: usize) {
        for frame in sequence.chunks_exact_mut(inputs.max(1)) {
            for filter_bank_frame in frame.chunks_mut(bins) {
                let len = filter_bank_frame.len();
                for stretch in &self.bins {
                    filter_bank_frame[stretch.start.min(len)..stretch.end.min(len)].fill(0.0);
                }
            }
        }
        for stretch in &self.frames {
            sequence[stretch.start * inputs..stretch.end * inputs].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tch::{Device, Kind};

    const BINS: usize = 16;
    const STACK: usize = 3;

    fn masks(settings: Augment, name: &str) -> Masks {
        Masks::new(settings, BINS, Stream::new(1, name))
    }

    /// What is left of ones: `[sequences][frames][inputs]`, for sequences of `lengths` in a batch of `frames`.
    fn left(masks: &Masks, frames: usize, lengths: &[i64]) -> Vec<Vec<Vec<f32>>> {
        let size = [lengths.len() as i64, frames as i64, (STACK * BINS) as i64];
        let ones = Tensor::ones(size, (Kind::Float, Device::Cpu));
        let masked = masks.applied(&ones, lengths).unwrap().unwrap_or(ones);
        let values = Vec::<f32>::try_from(masked.reshape([-1])).unwrap();
        let sequences = values.chunks(frames * STACK * BINS);
        sequences.map(|sequence| sequence.chunks(STACK * BINS).map(<[f32]>::to_vec).collect()).collect()
    }

    fn settings() -> impl Strategy<Value = Augment> {
        (0..4u32, 1..=BINS as u32, 0..4u32, 1..40u32, 0.0..=1.0).prop_map(
            |(frequency_masks, frequency_width, time_masks, time_width, time_share)| Augment {
                frequency_masks,
                frequency_width,
                time_masks,
                time_width,
                time_share,
            },
        )
    }

    proptest! {
        #[test]
        fn masks_have_at_most_the_configured_number_and_widths(
            settings in settings(), name in "[a-z]{4}", frames in 1..60usize, index in 0..9u64,
        ) {
            let found = masks(settings, &name).stretches(index, frames);
            prop_assert_eq!(found.bins.len(), settings.frequency_masks as usize);
            prop_assert_eq!(found.frames.len(), settings.time_masks as usize);
            for stretch in &found.bins {
                prop_assert!(stretch.len() <= settings.frequency_width as usize && stretch.end <= BINS);
            }
            for stretch in &found.frames {
                prop_assert!(stretch.len() <= settings.time_width as usize && stretch.end <= frames);
                prop_assert!(stretch.len() as f64 <= settings.time_share * frames as f64);
            }
        }

        #[test]
        fn a_value_is_masked_if_its_bin_or_its_frame_is_and_padding_stays(
            settings in settings(), name in "[a-z]{4}", lengths in prop::collection::vec(1..30i64, 1..4),
        ) {
            let masks = masks(settings, &name);
            let sequences = left(&masks, 30, &lengths);
            for ((index, sequence), length) in (0u64..).zip(&sequences).zip(&lengths) {
                let length = *length as usize;
                let stretches = masks.stretches(index, length);
                for (number, frame) in sequence.iter().enumerate() {
                    for (place, value) in frame.iter().enumerate() {
                        let is_masked = number < length
                            && (stretches.frames.iter().any(|stretch| stretch.contains(&number))
                                || stretches.bins.iter().any(|stretch| stretch.contains(&(place % BINS))));
                        prop_assert_eq!(*value, if is_masked { 0.0 } else { 1.0 });
                    }
                }
            }
        }
    }

    #[test]
    fn every_width_up_to_the_greatest_and_every_place_occurs_and_batches_and_chunks_have_masks_of_their_own()
    {
        let settings =
            Augment { frequency_masks: 1, frequency_width: 4, time_masks: 1, time_width: 5, time_share: 0.5 };
        let drawn: Vec<Stretches> =
            (0..2_000).map(|index| masks(settings, "batch").stretches(index, 30)).collect();
        for width in 0..=4 {
            let share = drawn.iter().filter(|found| found.bins[0].len() == width).count() as f64 / 2_000.0;
            assert!((share - 0.2).abs() < 0.03, "{width}: {share}");
        }
        for bin in 0..BINS {
            assert!(drawn.iter().any(|found| found.bins[0].contains(&bin)), "{bin}");
        }
        for frame in 0..30 {
            assert!(drawn.iter().any(|found| found.frames[0].contains(&frame)), "{frame}");
        }
        assert_ne!(drawn[0], drawn[1]);
        assert_eq!(masks(settings, "batch").stretches(0, 30), drawn[0]);
        assert_ne!(masks(settings, "other batch").stretches(0, 30), drawn[0]);
    }

    #[test]
    fn without_masks_the_features_are_not_copied() {
        let ones = Tensor::ones([1, 4, 48], (Kind::Float, Device::Cpu));
        assert!(Masks::default().applied(&ones, &[4]).unwrap().is_none());
    }
}
