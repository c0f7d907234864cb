use crate::random::{Purpose, Stream, key};
use stentor_experiment::{Batch, Source};

/// A stretch of an utterance that is one row of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chunk {
    /// Which utterance of the unit, from 0 in the order of its row groups.
    pub utterance: usize,
    /// First frame that counts in the loss.
    pub start: u32,
    /// Frames that count in the loss, at least 1.
    pub frames: u32,
    /// Warm-up frames before `start`, outside the loss.
    pub left: u32,
    /// Frames after the last one that counts, outside the loss.
    pub right: u32,
}

/// The batches of a unit: every utterance is cut into chunks of `chunk_frames` (the last one is shorter), the chunks of
/// all utterances are shuffled and dealt evenly over exactly `batches` batches, so that their sizes differ by one at
/// most. Each frame is in one chunk. Where there are fewer chunks than batches, some batches are empty.
///
/// `lengths` are the frames of each utterance of the unit, in order. `batches` (at least 1) is what
/// [`Plan::unit`](crate::Plan::unit) says. The answer depends on nothing else than the arguments.
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
    let mut chunks: Vec<Chunk> = lengths
        .iter()
        .enumerate()
        .flat_map(|(utterance, &frames)| cut(utterance, frames, settings))
        .collect();
    let parts = [source.index() as u64, u64::from(pass), unit];
    Stream::new(key(seed, Purpose::ShuffleOfChunks, parts)).shuffle(&mut chunks);

    let batches = batches.max(1) as usize;
    let bound = |batch: usize| (chunks.len() as u128 * batch as u128 / batches as u128) as usize;
    (0..batches).map(|batch| chunks[bound(batch)..bound(batch + 1)].to_vec()).collect()
}

fn cut(utterance: usize, length: u32, settings: &Batch) -> impl Iterator<Item = Chunk> {
    let (left, right) = (settings.left_context, settings.right_context);
    let step = settings.chunk_frames.max(1);
    (0..length).step_by(step as usize).map(move |start| {
        let frames = step.min(length - start);
        Chunk { utterance, start, frames, left: left.min(start), right: right.min(length - start - frames) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
                prop_assert_eq!(chunk.left, settings.left_context.min(chunk.start));
                prop_assert_eq!(chunk.right, settings.right_context.min(length - end));
                counted[chunk.utterance][chunk.start as usize..end as usize].iter_mut().for_each(|c| *c += 1);
            }
            prop_assert!(counted.iter().flatten().all(|&times| times == 1));

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
    fn a_batch_mixes_utterances_and_places_in_them() {
        let lengths = [500_u32; 32];
        let batches = unit_batches(11, Source::MachineLabeled, 0, 0, 10, &lengths, &Batch::default());
        for batch in &batches {
            let utterances: std::collections::BTreeSet<usize> = batch.iter().map(|c| c.utterance).collect();
            // 32 draws out of 32 utterances: about 20 different ones expected.
            assert!(batch.len() == 32 && utterances.len() > 12, "{utterances:?}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_batches_in_every_version() {
        // Runs are resumed by later versions of the program: this must never change.
        let batches = unit_batches(42, Source::Annotated, 1, 5, 2, &[120, 30], &Batch::default());
        let places: Vec<Vec<(usize, u32)>> =
            batches.iter().map(|b| b.iter().map(|c| (c.utterance, c.start)).collect()).collect();
        assert_eq!(places, GOLDEN);
    }

    const GOLDEN: [[(usize, u32); 2]; 2] = [[(0, 50), (0, 0)], [(0, 100), (1, 0)]];
}
