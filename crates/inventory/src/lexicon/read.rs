//! From the text of a file to a lexicon.

use super::line::{Entry, parse};
use super::{Lexicon, LexiconError, LexiconFormat, Pronunciation, Word};
use crate::{PhoneId, PhoneTable, WordId};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

/// Most words in a lexicon.
pub const MAX_WORDS: usize = 1 << 23;

/// Most pronunciations of a word. The CMU dictionary has up to five.
const MAX_PRONUNCIATIONS: usize = 256;

/// What becomes of the digits 0, 1 and 2 that mark a vowel's stress, as in `AH0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stress {
    /// They stay: vowels of different stress are different phones.
    Keep,
    /// They go; pronunciations of a word that differ only in stress are merged, and the largest of their probabilities stays.
    Strip,
}

/// Whether capital and small letters make different words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They do.
    Keep,
    /// They do not: words are written in small letters, in the lexicon and where it is asked.
    Lower,
}

/// To what the probabilities of a word's pronunciations are normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalise {
    /// The most probable one gets 1, so that a word of many pronunciations costs a decoder no more than a word of one; they
    /// are weights then, as in Kaldi's `lexiconp.txt`.
    Maximum,
    /// They sum to 1, as training with a probabilistic model needs it.
    Sum,
}

/// How a lexicon is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLexicon<'a> {
    /// How lines are written.
    pub format: LexiconFormat,
    /// Keep or strip stress.
    pub stress: Stress,
    /// Keep case, or use small letters.
    pub case: Case,
    /// What the probabilities are normalised to.
    pub normalise: Normalise,
    /// The phones that a pronunciation may have. Without them the phones that occur are taken, in the order of their names.
    pub phones: Option<&'a PhoneTable>,
}

/// A pronunciation before ids are given.
struct Raw<'a> {
    line: usize,
    phones: Vec<&'a str>,
    /// As in the file, where `phones` may have lost their stress.
    written: Vec<&'a str>,
    probability: f64,
}

impl ReadLexicon<'_> {
    /// Reads the text of a file. A byte-order mark at its start is skipped; lines may end in `\r\n`.
    ///
    /// # Errors
    /// [`LexiconError`] with the first line that is wrong.
    pub fn read(&self, text: &str) -> Result<Lexicon, LexiconError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut words: Vec<(String, Vec<Raw<'_>>)> = Vec::new();
        let mut ids: HashMap<String, WordId> = HashMap::new();
        let mut merged = 0;
        for (line, text) in (1..).zip(text.lines()) {
            let Some(entry) = parse(line, text, self.format)? else { continue };
            let name = self.case.of(entry.word);
            let id = match ids.get(name.as_ref()) {
                Some(&id) => id,
                None if words.len() == MAX_WORDS => return Err(LexiconError::TooManyWords { line }),
                None => {
                    let id = WordId::new(words.len() as u32);
                    ids.insert(name.to_string(), id);
                    words.push((name.to_string(), Vec::new()));
                    id
                }
            };
            let (name, pronunciations) = &mut words[id.index()];
            merged += usize::from(self.add(line, entry, name, pronunciations)?);
        }
        if words.is_empty() {
            return Err(LexiconError::NoWords);
        }
        let phones = match self.phones {
            Some(phones) => phones.clone(),
            None => collect_phones(&words)?,
        };
        let words = words.into_iter().map(|(name, raw)| self.word(name, raw, &phones));
        let words = words.collect::<Result<_, _>>()?;
        Ok(Lexicon { phones, words, ids, case: self.case, merged })
    }

    /// Adds a pronunciation to those of a word; returns whether it was merged with an equal one.
    fn add<'a>(
        &self,
        line: usize,
        entry: Entry<'a>,
        word: &str,
        pronunciations: &mut Vec<Raw<'a>>,
    ) -> Result<bool, LexiconError> {
        let Entry { phones: written, probability, .. } = entry;
        // The CMU dictionary itself has a few lines twice.
        let same = pronunciations.iter().find(|other| other.written == written);
        if let Some(same) = same.filter(|_| self.format != LexiconFormat::Cmu) {
            return Err(LexiconError::Repeated { word: word.to_owned(), first: same.line, second: line });
        }
        let phones: Vec<&str> = match self.stress {
            Stress::Keep => written.clone(),
            Stress::Strip => written.iter().map(|phone| without_stress(phone)).collect(),
        };
        if let Some(same) = pronunciations.iter_mut().find(|other| other.phones == phones) {
            same.probability = same.probability.max(probability);
            return Ok(true);
        }
        if pronunciations.len() == MAX_PRONUNCIATIONS {
            let word = word.to_owned();
            return Err(LexiconError::TooManyPronunciations { line, word, limit: MAX_PRONUNCIATIONS });
        }
        pronunciations.push(Raw { line, phones, written, probability });
        Ok(false)
    }

    fn word(&self, name: String, raw: Vec<Raw<'_>>, phones: &PhoneTable) -> Result<Word, LexiconError> {
        let probabilities = raw.iter().map(|raw| raw.probability);
        let whole = match self.normalise {
            Normalise::Maximum => probabilities.fold(0.0, f64::max),
            Normalise::Sum => probabilities.sum(),
        };
        let pronunciation = |raw: Raw<'_>| {
            let id = |phone: &&str| {
                phones.id(phone).ok_or_else(|| LexiconError::UnknownPhone {
                    line: raw.line,
                    word: name.clone(),
                    phone: (*phone).to_owned(),
                    phones: phones.len(),
                })
            };
            let phones: Vec<PhoneId> = raw.phones.iter().map(id).collect::<Result<_, _>>()?;
            // The quotient of two tiny numbers that differ much may be 0.
            let probability = (raw.probability / whole).clamp(f64::MIN_POSITIVE, 1.0);
            Ok(Pronunciation { phones, probability })
        };
        let pronunciations = raw.into_iter().map(pronunciation).collect::<Result<_, LexiconError>>()?;
        Ok(Word { name, pronunciations })
    }
}

impl Case {
    /// A word as the lexicon holds it.
    pub(super) fn of(self, word: &str) -> Cow<'_, str> {
        match self {
            Self::Keep => Cow::Borrowed(word),
            Self::Lower => Cow::Owned(word.to_lowercase()),
        }
    }
}

fn collect_phones(words: &[(String, Vec<Raw<'_>>)]) -> Result<PhoneTable, LexiconError> {
    let names: BTreeSet<&str> =
        words.iter().flat_map(|(_, raw)| raw).flat_map(|raw| &raw.phones).copied().collect();
    Ok(PhoneTable::new(names.into_iter().map(str::to_owned).collect())?)
}

/// `AH` of `AH0`. Digits above 2 mark tones and stay.
fn without_stress(phone: &str) -> &str {
    match phone.strip_suffix(['0', '1', '2']) {
        Some(plain) if plain.ends_with(|c: char| c.is_alphabetic()) => plain,
        _ => phone,
    }
}
