//! Which instructions a CPU has. All levels give the same bits, so the choice is one of speed only.

/// The instructions that inner loops are compiled for. Beyond [`Level::Baseline`], a value exists only if the CPU has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// Those of every CPU of the architecture.
    Baseline,
    /// AVX2 and FMA: 8 values at a time.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F and VL: 16 values at a time.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The highest level of this CPU.
    pub(crate) fn best() -> Self {
        *Self::all().last().unwrap_or(&Level::Baseline)
    }

    /// All levels of this CPU, slowest first.
    pub(crate) fn all() -> Vec<Self> {
        let mut levels = vec![Level::Baseline];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            levels.push(Level::Avx2);
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
                levels.push(Level::Avx512);
            }
        }
        levels
    }
}
