//! What is tied: phones, their states, and what counts as a neighbour.

use crate::{Error, Span, Topology, Triphone};
use serde::{Deserialize, Serialize};
use stentor_inventory::{PhoneId, PhoneTable};

/// How far a phone's neighbours are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Context {
    /// Only in the phone's own word. Beside its first and last phone stands the boundary, whatever is said before and after. So a
    /// word always has the same senones, and a pause between words changes nothing.
    WithinWords,
    /// In the words before and after, too.
    AcrossWords,
}

/// The phones whose states are tied, and what stands beside them.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheme {
    /// All phones.
    pub phones: PhoneTable,
    /// Those whose neighbours do not matter: silence and noise.
    pub context_independent: Vec<PhoneId>,
    /// What stands beside a phone where there is no other: at both ends of an utterance, beside phones without context, and at the
    /// edges of words if [`Scheme::context`] says so. It is one of the phones without context: the pause between words.
    pub boundary: PhoneId,
    /// How far neighbours are looked for.
    pub context: Context,
    /// The states of phones.
    pub topology: Topology,
}

impl Scheme {
    /// Checks that the phones exist.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Boundary`].
    pub fn check(&self) -> Result<(), Error> {
        self.context_independent.iter().try_for_each(|&phone| self.known(phone))?;
        self.known(self.boundary)?;
        match self.has_context(self.boundary) {
            true => {
                Err(Error::Boundary { phone: self.phones.name(self.boundary).unwrap_or_default().to_owned() })
            }
            false => Ok(()),
        }
    }

    /// # Errors
    /// [`Error::Unknown`] for a phone beyond the table.
    pub(crate) fn known(&self, phone: PhoneId) -> Result<(), Error> {
        let phones = self.phones.len();
        match phone.index() < phones {
            true => Ok(()),
            false => Err(Error::Unknown { what: "phone", found: phone.index(), limit: phones }),
        }
    }

    /// Whether a phone's neighbours matter.
    #[must_use]
    pub fn has_context(&self, phone: PhoneId) -> bool {
        !self.context_independent.contains(&phone)
    }

    /// The phones of an utterance with their neighbours, `[spans]`.
    #[must_use]
    pub fn triphones(&self, spans: &[Span]) -> Vec<Triphone> {
        let edge = |span: &Span| span.begins_word && self.context == Context::WithinWords;
        let neighbour = |beside: Option<&Span>, has_edge: bool| match beside {
            Some(beside) if !has_edge && self.has_context(beside.phone) => beside.phone,
            _ => self.boundary,
        };
        let triphone = |(place, span): (usize, &Span)| {
            if !self.has_context(span.phone) {
                return Triphone { centre: span.phone, left: self.boundary, right: self.boundary };
            }
            let before = place.checked_sub(1).and_then(|before| spans.get(before));
            let after = spans.get(place + 1);
            Triphone {
                centre: span.phone,
                left: neighbour(before, edge(span)),
                right: neighbour(after, after.is_some_and(edge)),
            }
        };
        spans.iter().enumerate().map(triphone).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheme(context: Context) -> Scheme {
        let names = ["SIL", "NOISE", "A", "B"].map(str::to_owned);
        Scheme {
            phones: PhoneTable::new(names.to_vec()).unwrap(),
            context_independent: vec![PhoneId::new(0), PhoneId::new(1)],
            boundary: PhoneId::new(0),
            context,
            topology: Topology::Single,
        }
    }

    /// Phones by their first letters; `|` begins a word.
    fn triphones(context: Context, said: &str) -> String {
        let mut spans: Vec<Span> = Vec::new();
        let mut begins_word = false;
        for letter in said.chars() {
            match "SNAB".find(letter) {
                Some(phone) => {
                    let phone = PhoneId::new(phone as u16);
                    spans.push(Span { phone, frames: 1, begins_word: std::mem::take(&mut begins_word) });
                }
                None => begins_word = true,
            }
        }
        let letter = |phone: PhoneId| &"SNAB"[phone.index()..=phone.index()];
        let shown = |t: Triphone| [letter(t.left), letter(t.centre), letter(t.right)].concat();
        scheme(context).triphones(&spans).into_iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn neighbours_are_looked_for_in_the_same_word_or_across_words_but_never_across_silence() {
        assert_eq!(triphones(Context::WithinWords, "|AB|B|BAN|A"), "SAB ABS SBS SBA BAS SNS SAS");
        assert_eq!(triphones(Context::AcrossWords, "|AB|B|BAN|A"), "SAB ABB BBB BBA BAS SNS SAS");
        // Noise within a word stands between its phones, as the boundary does.
        assert_eq!(triphones(Context::WithinWords, "S|ANB"), "SSS SAS SNS SBS");
        assert_eq!(triphones(Context::AcrossWords, ""), "");
    }

    #[test]
    fn a_boundary_with_context_or_beyond_the_table_is_refused() {
        let bad = |change: fn(&mut Scheme)| {
            let mut scheme = scheme(Context::WithinWords);
            change(&mut scheme);
            scheme.check().unwrap_err()
        };
        assert_eq!(scheme(Context::AcrossWords).check(), Ok(()));
        assert_eq!(bad(|s| s.boundary = PhoneId::new(2)), Error::Boundary { phone: "A".to_owned() });
        let unknown = Error::Unknown { what: "phone", found: 4, limit: 4 };
        assert_eq!(bad(|s| s.boundary = PhoneId::new(4)), unknown);
        assert_eq!(bad(|s| s.context_independent.push(PhoneId::new(4))), unknown);
    }
}
