//! Keys of the random numbers of a plan.

use xxhash_rust::xxh3::xxh3_64;

/// The purpose of a key, so that no two uses share a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    OrderOfUnits = 1,
    ShuffleOfChunks = 2,
    PlacesOfCuts = 3,
}

/// A key derived from the run's seed, a purpose, and whatever else distinguishes the uses.
pub(crate) fn key(seed: u64, purpose: Purpose, parts: [u64; 3]) -> u64 {
    let mut bytes = [0_u8; 40];
    let numbers = [seed, purpose as u64, parts[0], parts[1], parts[2]];
    for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    xxh3_64(&bytes)
}
