use stentor_random::SplitMix64;

/// SplitMix64 (Steele, Lea and Flood 2014): small, and the same on every machine, so that the recorded seed is enough
/// to reproduce a run.
#[derive(Debug, Clone)]
pub(crate) struct Random(SplitMix64);

impl Random {
    /// A separate stream for each `purpose`, so that an additional draw from one does not change the others.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        let mut random = SplitMix64::new(seed ^ purpose.wrapping_mul(0xd134_2543_de82_ef95));
        random.next_u64();
        Random(random)
    }

    /// Returns a number below `bound`, which is above 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    /// Shuffles the items (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.0.shuffle(items);
    }
}
