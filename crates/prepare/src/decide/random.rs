use stentor_random::SplitMix64;

/// SplitMix64, the same on every machine, so that a recorded seed says it all.
#[derive(Debug, Clone)]
pub(crate) struct Random(SplitMix64);

impl Random {
    /// A stream of its own for each `purpose`, so that one more draw here changes nothing there.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        let mut random = SplitMix64::new(seed ^ purpose.wrapping_mul(0xd134_2543_de82_ef95));
        random.next_u64();
        Random(random)
    }

    /// A number below `bound`, which is above 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0.below(bound)
    }

    /// Fisher and Yates.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.0.shuffle(items);
    }
}
