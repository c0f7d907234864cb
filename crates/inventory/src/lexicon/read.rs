//! From the text of a file to a lexicon.

use super::line::{Entry, parse};
use super::{LeftOut, Lexicon, LexiconError, LexiconFormat, Pronunciation, Word};
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

/// What becomes of pronunciations with a phone that is not in [`ReadLexicon::phones`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownPhones {
    /// The first of them is an error.
    #[default]
    Refuse,
    /// They are left out and counted, and so is a word that has no other pronunciation: see [`LeftOut`].
    LeaveOut,
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
    /// Refuse or leave out what has other phones.
    pub unknown_phones: UnknownPhones,
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
        let left_out = match self.unknown_phones {
            UnknownPhones::Refuse => LeftOut::default(),
            UnknownPhones::LeaveOut => leave_out(&mut words, &phones)?,
        };
        if !left_out.words.is_empty() {
            ids = words.iter().zip(0..).map(|((name, _), id)| (name.clone(), WordId::new(id))).collect();
        }
        let words = words.into_iter().map(|(name, raw)| self.word(name, raw, &phones));
        let words = words.collect::<Result<_, _>>()?;
        Ok(Lexicon { phones, words, ids, case: self.case, merged, left_out })
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
            let id = |phone: &&str| phones.id(phone).ok_or_else(|| unknown_phone(&raw, &name, phone, phones));
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

fn unknown_phone(raw: &Raw<'_>, word: &str, phone: &str, phones: &PhoneTable) -> LexiconError {
    let (line, word, phone) = (raw.line, word.to_owned(), phone.to_owned());
    LexiconError::UnknownPhone { line, word, phone, phones: phones.len() }
}

/// Leaves out pronunciations with a phone that `phones` does not have. If none would be left, the first such phone is an error.
fn leave_out(words: &mut Vec<(String, Vec<Raw<'_>>)>, phones: &PhoneTable) -> Result<LeftOut, LexiconError> {
    let mut left_out = LeftOut::default();
    let mut first = None;
    words.retain_mut(|(name, pronunciations)| {
        let all = pronunciations.len();
        pronunciations.retain(|raw| {
            let Some(unknown) = raw.phones.iter().find(|phone| phones.id(phone).is_none()) else {
                return true;
            };
            first.get_or_insert_with(|| unknown_phone(raw, name, unknown, phones));
            false
        });
        match pronunciations.is_empty() {
            true => left_out.words.push(name.clone()),
            false => left_out.pronunciations += all - pronunciations.len(),
        }
        !pronunciations.is_empty()
    });
    match first {
        Some(error) if words.is_empty() => Err(error),
        _ => Ok(left_out),
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
