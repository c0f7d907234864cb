//! Several values in a register, for the inner loop of products. The compiler vectorises that loop for some shapes of blocks and
//! not for others, so it is written with intrinsics.

/// `COUNT` values.
pub(crate) trait Lanes: Copy {
    /// Number of lanes.
    const COUNT: usize;
    /// The same value in every lane.
    fn splat(value: f32) -> Self;
    /// The values at `at`.
    fn load(values: &[f32], at: usize) -> Self;
    /// Writes the values at `at`.
    fn store(self, values: &mut [f32], at: usize);
    /// a · b + c, rounded once.
    fn multiply_add(self, b: Self, c: Self) -> Self;
}

/// One value, for CPUs without the instructions of the other forms.
impl Lanes for f32 {
    const COUNT: usize = 1;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn load(values: &[f32], at: usize) -> Self {
        values[at]
    }

    #[inline(always)]
    fn store(self, values: &mut [f32], at: usize) {
        values[at] = self;
    }

    #[inline(always)]
    fn multiply_add(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use wide::{Eight, Sixteen};

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::Lanes;
    use std::arch::x86_64::*;

    /// An AVX register. Used only inside functions compiled for AVX2 and FMA, which are called only if the CPU has both: every
    /// SAFETY comment below relies on that.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Eight(__m256);

    impl Lanes for Eight {
        const COUNT: usize = 8;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: the CPU has the instructions, see the type.
            Self(unsafe { _mm256_set1_ps(value) })
        }

        #[inline(always)]
        fn load(values: &[f32], at: usize) -> Self {
            let block = &values[at..at + Self::COUNT];
            // SAFETY: the CPU has the instructions, see the type; `block` is eight readable values, of any alignment.
            Self(unsafe { _mm256_loadu_ps(block.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, values: &mut [f32], at: usize) {
            let block = &mut values[at..at + Self::COUNT];
            // SAFETY: the CPU has the instructions, see the type; `block` is eight writable values, of any alignment.
            unsafe { _mm256_storeu_ps(block.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn multiply_add(self, b: Self, c: Self) -> Self {
            // SAFETY: the CPU has the instructions, see the type.
            Self(unsafe { _mm256_fmadd_ps(self.0, b.0, c.0) })
        }
    }

    /// An AVX-512 register. Used only inside functions compiled for AVX-512 F, which are called only if the CPU has it: every
    /// SAFETY comment below relies on that.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Sixteen(__m512);

    impl Lanes for Sixteen {
        const COUNT: usize = 16;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: the CPU has the instructions, see the type.
            Self(unsafe { _mm512_set1_ps(value) })
        }

        #[inline(always)]
        fn load(values: &[f32], at: usize) -> Self {
            let block = &values[at..at + Self::COUNT];
            // SAFETY: the CPU has the instructions, see the type; `block` is sixteen readable values, of any alignment.
            Self(unsafe { _mm512_loadu_ps(block.as_ptr()) })
        }

        #[inline(always)]
        fn store(self, values: &mut [f32], at: usize) {
            let block = &mut values[at..at + Self::COUNT];
            // SAFETY: the CPU has the instructions, see the type; `block` is sixteen writable values, of any alignment.
            unsafe { _mm512_storeu_ps(block.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        fn multiply_add(self, b: Self, c: Self) -> Self {
            // SAFETY: the CPU has the instructions, see the type.
            Self(unsafe { _mm512_fmadd_ps(self.0, b.0, c.0) })
        }
    }
}
