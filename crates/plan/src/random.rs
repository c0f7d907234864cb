//! Seeded random numbers. They are implemented here because a plan must stay the same for as long as its run, and the
//! next version of a library may draw other numbers from the same seed.

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

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014): a bijection on 64 bits that leaves no visible pattern.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The generator SplitMix64.
pub(crate) struct Stream {
    state: u64,
}

impl Stream {
    pub(crate) fn new(key: u64) -> Self {
        Stream { state: key }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// A number below `bound`, which must be above 0. Its bias is below `bound / 2^64`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// The Fisher-Yates shuffle.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
