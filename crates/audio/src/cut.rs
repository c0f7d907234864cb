use crate::{Decoder, Error};

/// Decodes a recording once and passes on each whole segment, in the order in which they end.
///
/// `segments` are `(first sample, one past the last)` and may overlap; an end beyond the recording is cut to its end.
/// `give` receives the segment's index in `segments` and its samples. Memory contains only the segments that are open
/// at a time, never the whole recording.
///
/// # Errors
/// The errors of the decoder, and those of `give`.
pub fn cut<E: From<Error>>(
    decoder: &mut Decoder,
    segments: &[(u64, u64)],
    mut give: impl FnMut(usize, Vec<f32>) -> Result<(), E>,
) -> Result<(), E> {
    let mut waiting: Vec<usize> = (0..segments.len()).collect();
    waiting.sort_by_key(|&i| std::cmp::Reverse(segments[i]));
    let mut open: Vec<(usize, Vec<f32>)> = Vec::new();
    let mut position = 0u64;
    while !(waiting.is_empty() && open.is_empty()) {
        let Some(block) = decoder.next_block()? else { break };
        let block_end = position + block.len() as u64;
        while waiting.last().is_some_and(|&i| segments[i].0 < block_end) {
            let i = waiting.pop().expect("peeked above");
            open.push((i, Vec::new()));
        }
        let mut finished = Vec::new();
        for (slot, (i, samples)) in open.iter_mut().enumerate() {
            let (start, end) = segments[*i];
            let from = start.clamp(position, block_end) - position;
            let to = end.clamp(position, block_end) - position;
            if from < to {
                samples.extend_from_slice(&block[from as usize..to as usize]);
            }
            if end <= block_end {
                finished.push(slot);
            }
        }
        position = block_end;
        for slot in finished.into_iter().rev() {
            let (i, samples) = open.swap_remove(slot);
            give(i, samples)?;
        }
    }
    for (i, samples) in open {
        give(i, samples)?;
    }
    waiting.into_iter().rev().try_for_each(|i| give(i, Vec::new()))
}
