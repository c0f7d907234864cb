use std::fmt;

/// The largest number of senones that 16-bit ids can identify.
pub const MAX_SENONES: usize = 1 << 16;

/// A senone of one [`Inventory`](crate::Inventory): its index there, counted from 0, which is also the index of a model
/// output. In another inventory the same number is a different senone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct SenoneId(u16);

impl SenoneId {
    /// The senone at this index.
    #[must_use]
    #[inline]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The index as stored in columns.
    #[must_use]
    #[inline]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The index as `usize`.
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Converts numbers to ids in place, reusing the vector's memory.
    #[must_use]
    pub fn list(numbers: impl IntoIterator<Item = u16>) -> Vec<Self> {
        numbers.into_iter().map(Self).collect()
    }

    /// Views a column of numbers as ids.
    #[must_use]
    #[inline]
    pub const fn of_column(numbers: &[u16]) -> &[Self] {
        // SAFETY: `repr(transparent)` gives an id the same layout as its number, and every number is an id.
        unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), numbers.len()) }
    }

    /// Views ids as a column of numbers.
    #[must_use]
    #[inline]
    pub const fn column(ids: &[Self]) -> &[u16] {
        // SAFETY: `repr(transparent)` gives an id the same layout as its number.
        unsafe { std::slice::from_raw_parts(ids.as_ptr().cast(), ids.len()) }
    }
}

impl fmt::Display for SenoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<SenoneId> for i64 {
    /// The index as stored in tensors.
    fn from(id: SenoneId) -> Self {
        Self::from(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_column_and_ids_are_the_same_memory_seen_in_two_ways(numbers in prop::collection::vec(any::<u16>(), 0..40)) {
            let seen = SenoneId::of_column(&numbers);
            prop_assert_eq!(seen, SenoneId::list(numbers.iter().copied()));
            prop_assert!(seen.iter().zip(&numbers).all(|(id, &number)| id.number() == number));
            prop_assert_eq!(seen.as_ptr().cast::<u16>(), numbers.as_ptr());
            prop_assert_eq!(SenoneId::column(seen), &numbers[..]);
        }
    }

    #[test]
    fn an_id_is_displayed_as_its_number() {
        assert_eq!(format!("{:>3}", SenoneId::new(7)), "  7");
        assert_eq!((SenoneId::new(9).index(), i64::from(SenoneId::new(9))), (9, 9));
    }
}
