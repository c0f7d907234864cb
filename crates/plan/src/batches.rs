use crate::random::{Purpose, key};
use stentor_experiment::{Batch, Source};
use stentor_random::SplitMix64;

/// A piece of an utterance that forms one row of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chunk {
    /// Index of the utterance in its unit, from 0 in the order of the row groups.
    pub utterance: usize,
    /// First frame that counts in the loss.
    pub start: u32,
    /// Number of frames that count in the loss, at least 1.
    pub frames: u32,
    /// Context frames before `start`, outside the loss.
    pub left: u32,
    /// Context frames after the last frame that counts, outside the loss.
    pub right: u32,
}

/// The batches of a unit. Every utterance is cut into as few chunks of at most `chunk_frames` frames as possible. The
/// chunks of all utterances are shuffled and dealt evenly over exactly `batches` batches, so that their sizes differ
/// by one at most. Each frame is in one chunk. If there are fewer chunks than batches, some batches are empty.
///
/// All chunks of an utterance are full except the first and the last. The utterance's length determines how many
/// frames these two lack together; how many of them the first lacks is drawn again for each pass. So a recurrent
/// model, whose state is reset at each chunk, does not start at the same frames in every pass.
///
/// `lengths` are the frames of each utterance of the unit, in order. `batches` (at least 1) is the number from
/// [`Plan::unit`](crate::Plan::unit). The result depends only on the arguments.
#[must_use]
pub fn unit_batches(
    seed: u64,
    source: Source,
    pass: u32,
    unit: u64,
    batches: u32,
    lengths: &[u32],
    settings: &Batch,
) -> Vec<Vec<Chunk>> {
    let parts = [source.index() as u64, u64::from(pass), unit];
    let mut places = SplitMix64::new(key(seed, Purpose::PlacesOfCuts, parts));
    let mut chunks: Vec<Chunk> = Vec::new();
    for (utterance, &frames) in lengths.iter().enumerate() {
        chunks.extend(cut(utterance, frames, settings, &mut places));
    }
    SplitMix64::new(key(seed, Purpose::ShuffleOfChunks, parts)).shuffle(&mut chunks);

    let batches = batches.max(1) as usize;
    let bound = |batch: usize| (chunks.len() as u128 * batch as u128 / batches as u128) as usize;
    (0..batches).map(|batch| chunks[bound(batch)..bound(batch + 1)].to_vec()).collect()
}

/// Draws exactly one number for each utterance, whatever its length, so that the cuts of one utterance do not depend
/// on the others.
fn cut(
    utterance: usize,
    length: u32,
    settings: &Batch,
    places: &mut SplitMix64,
) -> impl Iterator<Item = Chunk> + use<> {
    let (left, right) = (settings.left_context, settings.right_context);
    let full = settings.chunk_frames.max(1);
    let count = length.div_ceil(full);
    let first = first_chunk(length, full, places);
    (0..count).map(move |place| {
        let before =
            |place: u32| (u64::from(first) + u64::from(place) * u64::from(full)).min(u64::from(length));
        let start = if place == 0 { 0 } else { before(place - 1) as u32 };
        let frames = before(place) as u32 - start;
        Chunk { utterance, start, frames, left: left.min(start), right: right.min(length - start - frames) }
    })
}

/// Number of frames of an utterance's first chunk. If there are several chunks, the first and the last have at least a
/// quarter of a full one each.
fn first_chunk(length: u32, full: u32, places: &mut SplitMix64) -> u32 {
    let count = length.div_ceil(full);
    // Frames of the last chunk if all others are full.
    let rest = length - count.saturating_sub(1) * full;
    let least = full / 4;
    // Frames that the first chunk may lack, which the last one then has in addition.
    let (fewest, most) = (least.saturating_sub(rest), (full - rest).min(full - least));
    let left_out = fewest + places.below((most - fewest) as usize + 1) as u32;
    if count > 1 { full - left_out } else { length }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn settings() -> impl Strategy<Value = Batch> {
        (1_u32..80, 0_u32..30, 0_u32..30).prop_map(|(chunk_frames, left_context, right_context)| Batch {
            chunk_frames,
            left_context,
            right_context,
            ..Batch::default()
        })
    }

    proptest! {
        #[test]
        fn each_frame_counts_in_exactly_one_chunk(
            seed: u64,
            batches in 1_u32..20,
            lengths in prop::collection::vec(0_u32..400, 0..30),
            settings in settings(),
        ) {
            let dealt = unit_batches(seed, Source::Annotated, 3, 7, batches, &lengths, &settings);
            prop_assert_eq!(dealt.len(), batches as usize);

            let mut counted: Vec<Vec<u32>> = lengths.iter().map(|&l| vec![0; l as usize]).collect();
            for chunk in dealt.iter().flatten() {
                let length = lengths[chunk.utterance];
                let end = chunk.start + chunk.frames;
                prop_assert!(chunk.frames >= 1 && chunk.frames <= settings.chunk_frames);
                prop_assert!(chunk.frames >= length.min(settings.chunk_frames / 4), "{:?} of {}", chunk, length);
                prop_assert_eq!(chunk.left, settings.left_context.min(chunk.start));
                prop_assert_eq!(chunk.right, settings.right_context.min(length - end));
                counted[chunk.utterance][chunk.start as usize..end as usize].iter_mut().for_each(|c| *c += 1);
            }
            prop_assert!(counted.iter().flatten().all(|&times| times == 1));

            let fewest: u32 = lengths.iter().map(|length| length.div_ceil(settings.chunk_frames)).sum();
            prop_assert_eq!(dealt.iter().flatten().count(), fewest as usize);

            let sizes: Vec<usize> = dealt.iter().map(Vec::len).collect();
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{:?}", sizes);
        }
    }

    #[test]
    fn each_pass_source_and_unit_is_shuffled_in_its_own_way() {
        let lengths = [500_u32; 10];
        let of =
            |seed, source, pass, unit| unit_batches(seed, source, pass, unit, 4, &lengths, &Batch::default());
        let one = of(1, Source::Annotated, 0, 0);
        assert_eq!(one, of(1, Source::Annotated, 0, 0));
        assert_ne!(one, of(2, Source::Annotated, 0, 0));
        assert_ne!(one, of(1, Source::MachineLabeled, 0, 0));
        assert_ne!(one, of(1, Source::Annotated, 1, 0));
        assert_ne!(one, of(1, Source::Annotated, 0, 1));
    }

    #[test]
    fn an_utterance_is_cut_at_other_places_in_each_pass_and_each_utterance_at_its_own() {
        let settings = Batch { chunk_frames: 50, ..Batch::default() };
        let cuts = |pass, utterance| -> BTreeSet<u32> {
            let batches = unit_batches(3, Source::Annotated, pass, 0, 4, &[480, 480], &settings);
            let own = batches.into_iter().flatten().filter(|chunk| chunk.utterance == utterance);
            own.map(|chunk| chunk.start).collect()
        };
        assert_ne!(cuts(0, 0), cuts(0, 1));
        // 480 frames are 20 fewer than ten full chunks: there are 21 positions of the first cut, and each occurs in
        // some pass.
        let firsts: BTreeSet<u32> = (0..200).filter_map(|pass| cuts(pass, 0).into_iter().nth(1)).collect();
        assert_eq!(firsts, (30..=50).collect());
        assert!((0..200).all(|pass| cuts(pass, 0).len() == 10));
    }

    #[test]
    fn a_batch_mixes_utterances_and_places_in_them() {
        let lengths = [500_u32; 32];
        let batches = unit_batches(11, Source::MachineLabeled, 0, 0, 10, &lengths, &Batch::default());
        for batch in &batches {
            let utterances: BTreeSet<usize> = batch.iter().map(|c| c.utterance).collect();
            // 32 draws from 32 utterances: about 20 different ones expected.
            assert!(batch.len() == 32 && utterances.len() > 12, "{utterances:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_batches_in_every_version() {
        // Later versions of the program resume runs: a change of this result requires a new format number in `Plan`.
        let batches = unit_batches(42, Source::Annotated, 1, 5, 2, &[120, 30], &Batch::default());
        let places: Vec<Vec<(usize, u32)>> =
            batches.iter().map(|b| b.iter().map(|c| (c.utterance, c.start)).collect()).collect();
        assert_eq!(places, GOLDEN);
    }

    const GOLDEN: [[(usize, u32); 2]; 2] = [[(0, 23), (0, 0)], [(0, 73), (1, 0)]];
}
