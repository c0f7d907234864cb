//! Made-up recognitions, for tests and benchmarks of scoring.

use super::Transcripts;
use stentor_random::SplitMix64;

/// Texts as a recogniser might return them for these: of 20 words two are left out, two replaced, one is repeated and one is
/// followed by another, on average. Other words are drawn from all texts. The result depends on the texts and the seed alone.
#[must_use]
pub fn drawn_errors(reference: &Transcripts, seed: u64) -> Transcripts {
    let mut random = SplitMix64::new(seed);
    let vocabulary: Vec<&str> = reference.values().flat_map(|text| text.split_whitespace()).collect();
    let mut recognised = |text: &String| {
        let mut words = Vec::new();
        for word in text.split_whitespace() {
            let other = vocabulary[random.below(vocabulary.len())];
            match random.below(20) {
                0 | 1 => {}
                2 | 3 => words.push(other),
                4 => words.extend([word, word]),
                5 => words.extend([word, other]),
                _ => words.push(word),
            }
        }
        words.join(" ")
    };
    reference.iter().map(|(id, text)| (id.clone(), recognised(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Labels, score};

    #[test]
    fn errors_are_as_frequent_as_they_should_be_and_the_same_each_time() {
        let text = (0..200).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
        let reference: Transcripts = (0..50).map(|n| (format!("u-{n}"), text.clone())).collect();
        let drawn = drawn_errors(&reference, 1);
        assert_eq!(drawn, drawn_errors(&reference, 1));
        assert_ne!(drawn, drawn_errors(&reference, 2));
        let words = score(&reference, &drawn, Labels::default()).unwrap().total().words;
        for errors in [words.substitutions, words.deletions, words.insertions] {
            let share = errors as f64 / words.reference as f64;
            assert!((0.08..0.12).contains(&share), "{words:?}");
        }
    }
}
