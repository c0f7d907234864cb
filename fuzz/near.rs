//! Inputs near a target's examples, for the property tests that call the target's function in the crate that it is about.

use proptest::prelude::*;
use proptest::sample::Index;

/// The longest input that the fuzzer makes.
pub(crate) const LONGEST: usize = 4_096;

/// An example with some bytes replaced, some of them by bytes of the example, and then perhaps cut short.
pub(crate) fn changed(examples: fn() -> Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>().prop_map(Ok), any::<Index>().prop_map(Err)];
    let changes = prop::collection::vec((any::<Index>(), byte), 1..4);
    (any::<Index>(), changes, prop::option::of(any::<Index>())).prop_map(move |(example, changes, end)| {
        let examples = examples();
        let mut bytes = example.get(&examples).clone();
        for (at, byte) in changes {
            let byte = byte.unwrap_or_else(|from: Index| *from.get(&bytes));
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        end.into_iter().for_each(|end| bytes.truncate(end.index(bytes.len())));
        bytes
    })
}
