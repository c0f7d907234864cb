//! SplitMix64, the one generator of pseudo-random numbers of this project: G. L. Steele Jr., D. Lea and C. H. Flood, "Fast
//! splittable pseudorandom number generators", OOPSLA 2014, with the constants of the authors' `java.util.SplittableRandom`
//! (variant 13 of Stafford's mixers).
//!
//! It is implemented here because plans, initial parameters and simulations must stay the same for as long as their runs, and
//! the next version of a library may draw other numbers from the same seed. It is not for secrets.

/// What the state grows by with each number: 2^64 divided by the golden ratio, made odd.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser: a bijection on 64 bits in which each input bit flips each output bit half of the time.
#[must_use]
#[inline]
pub const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The `n`-th number of a seed, counted from 1, without those before it; number 0 is the mixed seed. [`SplitMix64::next_u64`]
/// gives the same numbers in turn.
#[must_use]
#[inline]
pub const fn nth(seed: u64, n: u64) -> u64 {
    mix(state(seed, n))
}

/// The state that [`nth`] mixes.
#[must_use]
#[inline]
const fn state(seed: u64, n: u64) -> u64 {
    seed.wrapping_add(n.wrapping_mul(GAMMA))
}

/// 64 random bits as a number in [0, 1): the upper 53 of them, all that an `f64` in that range can hold.
#[must_use]
#[inline]
pub fn unit_interval(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// The generator: numbers that depend only on the seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The generator of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.state = state(self.state, 1);
        mix(self.state)
    }

    /// A number below `bound`; 0 where `bound` is 0. Its bias is below `bound / 2^64`.
    #[inline]
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// The Fisher-Yates shuffle.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Outputs of the reference implementations: `splitmix64.c` of S. Vigna, and the task "Pseudo-random numbers/Splitmix64" of
    /// Rosetta Code.
    #[test]
    fn the_numbers_are_those_that_are_published() {
        let mut zero = SplitMix64::new(0);
        let first: Vec<u64> = (0..3).map(|_| zero.next_u64()).collect();
        assert_eq!(first, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
        let mut rosetta = SplitMix64::new(1_234_567);
        let first: Vec<u64> = (0..5).map(|_| rosetta.next_u64()).collect();
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(first, published);
    }

    #[test]
    fn a_number_is_found_without_those_before_it() {
        for seed in [0, 7, u64::MAX] {
            let mut random = SplitMix64::new(seed);
            for n in 1..100 {
                assert_eq!(nth(seed, n), random.next_u64());
            }
            assert_eq!(nth(seed, 0), mix(seed));
        }
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        let mut random = SplitMix64::new(1);
        for bound in [1, 2, 3, 1000, usize::MAX] {
            assert!((0..1000).all(|_| random.below(bound) < bound));
        }
        assert_eq!(random.below(0), 0);
        assert!((0..1000).all(|_| (0.0..1.0).contains(&unit_interval(random.next_u64()))));
        assert!(unit_interval(u64::MAX) < 1.0 && unit_interval(0) == 0.0);
    }

    #[test]
    fn a_shuffle_loses_nothing_and_moves_something() {
        let mut items: Vec<u32> = (0..100).collect();
        SplitMix64::new(3).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
