//! The beginnings that pronunciations share.

use crate::error::{Error, finite};
use crate::lexicon::Lexicon;
use std::collections::BTreeMap;

/// A sequence of phones with which pronunciations begin, and after which at least one phone follows.
#[derive(Debug)]
pub(super) struct Prefix {
    /// Its last phone; meaningless for the empty one.
    pub(super) phone: u32,
    /// By the phone that follows.
    pub(super) next: BTreeMap<u32, Continuation>,
}

/// What one more phone makes of a prefix.
#[derive(Debug)]
pub(super) struct Continuation {
    /// The longer prefix, if the phone is not the last of all pronunciations.
    pub(super) longer: Option<usize>,
    /// The words of which the phone is the last, each with its cost.
    pub(super) words: Vec<(u32, f64)>,
    /// The look-ahead cost: the least of all words that have the phone here.
    pub(super) ahead: f64,
}

/// All prefixes; the empty one is the first.
///
/// # Errors
/// If a look-ahead cost is not finite.
pub(super) fn prefixes(lexicon: &Lexicon, look_ahead: impl Fn(u32) -> f64) -> Result<Vec<Prefix>, Error> {
    let mut prefixes = vec![Prefix { phone: 0, next: BTreeMap::new() }];
    for pronunciation in lexicon.pronunciations() {
        let word = pronunciation.word;
        let ahead = finite(look_ahead(word), || format!("the look-ahead cost of word {word}"))?;
        let mut at = 0;
        for (place, phone) in pronunciation.phones.iter().enumerate() {
            let fresh = prefixes.len();
            let continuation = prefixes[at].next.entry(*phone).or_insert_with(|| Continuation {
                longer: None,
                words: Vec::new(),
                ahead: f64::INFINITY,
            });
            continuation.ahead = continuation.ahead.min(ahead);
            if place + 1 == pronunciation.phones.len() {
                continuation.words.push((word, pronunciation.cost));
                break;
            }
            at = *continuation.longer.get_or_insert(fresh);
            if at == fresh {
                prefixes.push(Prefix { phone: *phone, next: BTreeMap::new() });
            }
        }
    }
    Ok(prefixes)
}

impl Prefix {
    /// The phones that follow, in order.
    pub(super) fn phones(&self) -> Vec<u32> {
        self.next.keys().copied().collect()
    }

    /// The least look-ahead cost of some of the phones that follow.
    pub(super) fn ahead(&self, phones: &[u32]) -> f64 {
        phones.iter().filter_map(|phone| Some(self.next.get(phone)?.ahead)).fold(f64::INFINITY, f64::min)
    }
}
