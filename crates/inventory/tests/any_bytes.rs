//! The fuzz target of lexicons: on its examples, on inputs near them, and on any bytes.

#[path = "../../../fuzz/near.rs"]
mod near;
#[path = "../../../fuzz/src/targets/lexicon.rs"]
mod target;

use near::{LONGEST, changed};
use proptest::prelude::*;

#[test]
fn examples_are_accepted_and_short_enough_for_the_fuzzer() {
    for example in target::seeds() {
        assert!(target::is_accepted(&example), "{}", String::from_utf8_lossy(&example));
        assert!(example.len() <= LONGEST, "{} bytes", example.len());
    }
}

proptest! {
    #[test]
    fn a_changed_example_is_refused_or_means_what_it_says(bytes in changed(target::seeds)) {
        target::run(&bytes);
    }

    #[test]
    fn any_bytes_are_refused_or_mean_what_they_say(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        target::run(&bytes);
    }
}
