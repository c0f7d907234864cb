//! Ids: indices into lists, as types of their own, so that a phone is not taken for a senone.

use std::fmt;

/// Defines an id: an index, counted from 0, into one list. The same number in another list means something else.
macro_rules! id {
    ($(#[$about:meta])* $name:ident($number:ty)) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name($number);

        impl $name {
            /// The id of the entry at this index.
            #[must_use]
            #[inline]
            pub const fn new(number: $number) -> Self {
                Self(number)
            }

            /// The index as stored in files.
            #[must_use]
            #[inline]
            pub const fn number(self) -> $number {
                self.0
            }

            /// The index as `usize`.
            #[must_use]
            #[inline]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

/// The largest number of senones that 16-bit ids can identify.
pub const MAX_SENONES: usize = 1 << 16;

id! {
    /// A senone of one [`Inventory`](crate::Inventory): its index there, which is also the index of a model output.
    SenoneId(u16)
}

id! {
    /// A phone of one [`PhoneTable`](crate::PhoneTable): its index there.
    PhoneId(u16)
}

id! {
    /// A word of one [`Lexicon`](crate::Lexicon): its index there, in the order of first appearance in the file.
    WordId(u32)
}

impl SenoneId {
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
