use std::fmt;

/// Most senones that 16-bit ids can tell apart.
pub const MAX_SENONES: usize = 1 << 16;

/// A senone of one [`Inventory`](crate::Inventory): its place in it, counted from 0, and so an output of the model. In
/// another inventory the same number is another senone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct SenoneId(u16);

impl SenoneId {
    /// The senone at this place.
    #[must_use]
    #[inline]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its place as columns hold it.
    #[must_use]
    #[inline]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Its place as an index.
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Ids from numbers. A vector's memory is kept.
    #[must_use]
    pub fn list(numbers: impl IntoIterator<Item = u16>) -> Vec<Self> {
        numbers.into_iter().map(Self).collect()
    }

    /// A column of numbers, seen as ids.
    #[must_use]
    #[inline]
    pub const fn of_column(numbers: &[u16]) -> &[Self] {
        // SAFETY: `repr(transparent)` gives an id the layout of its number, and every number is an id.
        unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), numbers.len()) }
    }

    /// Ids, seen as a column of numbers.
    #[must_use]
    #[inline]
    pub const fn column(ids: &[Self]) -> &[u16] {
        // SAFETY: `repr(transparent)` gives an id the layout of its number.
        unsafe { std::slice::from_raw_parts(ids.as_ptr().cast(), ids.len()) }
    }
}

impl fmt::Display for SenoneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<SenoneId> for i64 {
    /// Its place as tensors hold it.
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
    fn an_id_is_said_as_its_number() {
        assert_eq!(format!("{:>3}", SenoneId::new(7)), "  7");
        assert_eq!((SenoneId::new(9).index(), i64::from(SenoneId::new(9))), (9, 9));
    }
}
