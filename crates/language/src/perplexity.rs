//! How well a model predicts a text.

use crate::text::for_each_sentence;
use crate::{Error, Model, WordId};
use std::io::BufRead;

/// The log probability of a text, and the number of words that share it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Perplexity {
    /// Sentences; the end of each is predicted.
    pub sentences: u64,
    /// Words, without ends of sentences.
    pub words: u64,
    /// Words that are not in the vocabulary, or are written `<unk>`.
    pub unknown: u64,
    /// log10 of the probability of known words and ends of sentences. The history begins anew after an unknown word.
    pub log_prob_known: f64,
    /// log10 of the probability of all words and ends of sentences. An unknown word has the probability of `<unk>`, which is also
    /// part of the history of the words after it. None if the model has no `<unk>`, but the text has unknown words.
    pub log_prob_all: Option<f64>,
}

impl Perplexity {
    /// Over known words and ends of sentences, as MITLM's `evaluate-ngram` reports it.
    #[must_use]
    pub fn known(&self) -> f64 {
        10_f64.powf(-self.log_prob_known / (self.words - self.unknown + self.sentences) as f64)
    }

    /// Over all words and ends of sentences.
    #[must_use]
    pub fn all(&self) -> Option<f64> {
        let words = (self.words + self.sentences) as f64;
        self.log_prob_all.map(|log_prob| 10_f64.powf(-log_prob / words))
    }
}

/// Measures a model on a text.
///
/// # Errors
/// Those of reading a text.
pub fn perplexity(model: &Model, text: impl BufRead) -> Result<Perplexity, Error> {
    let unknown = model.vocabulary().unknown();
    let mut found = Perplexity { log_prob_all: Some(0.0), ..Perplexity::default() };
    for_each_sentence(text, |sentence| {
        let (mut known, mut all) = (model.start(), model.start());
        found.sentences += 1;
        found.words += sentence.len() as u64;
        for word in sentence.iter().map(|word| model.vocabulary().id(word)).chain([Some(WordId::END)]) {
            match word.filter(|word| Some(*word) != unknown) {
                Some(word) => {
                    let (next, log_prob) = model.advance(known, word);
                    known = next;
                    found.log_prob_known += log_prob;
                }
                None => {
                    known = model.empty();
                    found.unknown += 1;
                }
            }
            let advanced = word.or(unknown).map(|word| model.advance(all, word));
            found.log_prob_all = found.log_prob_all.zip(advanced).map(|(sum, (_, log_prob))| sum + log_prob);
            all = advanced.map_or(model.empty(), |(next, _)| next);
        }
        Ok(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arpa;

    const MODEL: &str = "\\data\\\nngram 1=4\nngram 2=1\n\n\\1-grams:\n-99 <s> -0.5\n-1 </s>\n-2 <unk>\n-0.5 a -0.25\n\n\\2-grams:\n\
                         -0.125 <s> a\n\n\\end\\\n";

    #[test]
    fn unknown_words_count_in_one_figure_and_not_in_the_other() {
        let model = arpa::read(MODEL.as_bytes()).unwrap();
        let found = perplexity(&model, "a b a\n".as_bytes()).unwrap();
        assert_eq!((found.sentences, found.words, found.unknown), (1, 3, 1));
        // <s> a, then a and </s> after the empty history and after a.
        assert!((found.log_prob_known - (-0.125 - 0.5 - 1.25)).abs() < 1e-6);
        assert!((found.log_prob_all.unwrap() - (-0.125 - 2.25 - 0.5 - 1.25)).abs() < 1e-6);
        assert!((found.known() - 10_f64.powf(1.875 / 3.0)).abs() < 1e-6);
    }

    #[test]
    fn without_an_unknown_word_in_the_model_a_text_with_unknown_words_has_one_figure_only() {
        let closed = MODEL.replace("-2 <unk>\n", "").replace("1=4", "1=3");
        let model = arpa::read(closed.as_bytes()).unwrap();
        let all = |text: &str| perplexity(&model, text.as_bytes()).unwrap().all();
        assert!(all("a\n").is_some());
        assert_eq!(all("a b\n"), None);
    }
}
