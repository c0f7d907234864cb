//! Information in the names of phones: silence, and the position in a word.

/// Names of silence and noise in dictionaries and aligners. All names that start with `+` or a bracket, such as
/// `+BREATH+`, `[noise]` and `<unk>`, are silence too.
const SILENCE: &[&str] = &["SIL", "SPN", "NSN", "sil", "sp", "spn", "nsn", "pau", "<sil>", "<eps>", "h#"];

/// Position of a phone in a word, as given by the suffixes of Kaldi's phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WordPosition {
    /// `_B`: the first phone of a word.
    Begin,
    /// `_I`: neither the first nor the last.
    Inside,
    /// `_E`: the last.
    End,
    /// `_S`: the only one.
    Single,
}

/// Splits a phone's name into the name without its word position and that position; `None` if the name has no such
/// suffix.
#[must_use]
pub fn split_position(phone: &str) -> (&str, Option<WordPosition>) {
    use WordPosition::{Begin, End, Inside, Single};
    [("_B", Begin), ("_I", Inside), ("_E", End), ("_S", Single)]
        .into_iter()
        .find_map(|(suffix, position)| Some((phone.strip_suffix(suffix)?, Some(position))))
        .unwrap_or((phone, None))
}

/// Whether a phone is silence or noise, regardless of a word-position suffix (`SIL_B`). `more` lists additional names
/// of silence.
#[must_use]
pub fn is_silence(phone: &str, more: &[String]) -> bool {
    let (plain, _) = split_position(phone);
    phone.starts_with(['+', '[', '<', '(', '{'])
        || SILENCE.contains(&plain)
        || more.iter().any(|name| name == phone || name == plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_known_by_its_usual_names_and_by_those_given() {
        for phone in ["SIL", "sil", "SIL_B", "sp", "spn", "NSN", "+NOISE+", "+SPN+", "pau"] {
            assert!(is_silence(phone, &[]), "{phone}");
        }
        for phone in ["S", "AH", "sil2", "S_B", "nix"] {
            assert!(!is_silence(phone, &[]), "{phone}");
        }
        assert!(is_silence("nix", &["nix".to_owned()]));
        assert!(is_silence("nix_E", &["nix".to_owned()]));
    }

    #[test]
    fn a_suffix_says_where_in_a_word_a_phone_stands() {
        assert_eq!(split_position("AH_B"), ("AH", Some(WordPosition::Begin)));
        assert_eq!(split_position("S_S"), ("S", Some(WordPosition::Single)));
        assert_eq!(split_position("ng_I"), ("ng", Some(WordPosition::Inside)));
        assert_eq!(split_position("AH_E"), ("AH", Some(WordPosition::End)));
        for plain in ["AH", "_", "B", "AH_b", "AH_X", ""] {
            assert_eq!(split_position(plain), (plain, None));
        }
    }
}
