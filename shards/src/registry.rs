//! The columns that this program defines, and the bounds of every column. Data are checked against these bounds before
//! anything is allocated for them.

use crate::column::{Codec, Column, Element, Extent};

/// Name of the column with the utterance of a row. Every set has it.
pub(crate) const UTTERANCE: &str = "utterance";
/// Name of the column with the utterance's number of frames. Every set has it.
pub(crate) const FRAMES: &str = "frames";

/// Name of the column with the senone of each frame.
pub(crate) const ALIGNMENT: &str = "alignment";

/// Maximum number of frames in an utterance: at 10 ms, two days.
pub(crate) const MAX_FRAMES: u32 = 1 << 24;
/// Maximum number of values of a declared column, per frame or per utterance.
pub(crate) const MAX_VALUES: u32 = 1 << 16;
/// Maximum number of values in a sequence.
pub(crate) const MAX_ITEMS: u64 = 1 << 20;
/// Maximum length of a text in bytes.
pub(crate) const MAX_TEXT: u64 = 1 << 24;
/// Maximum number of columns that a manifest declares.
const MAX_COLUMNS: usize = 64;
/// Maximum length of a column's name in bytes.
const MAX_NAME: usize = 64;

/// Version of a column whose name is not listed here.
const VERSION: u32 = 1;

/// Declared columns that this program defines: name, extent, type, and the newest version that it knows. Names that are
/// not listed may be declared with any extent and type.
const KNOWN: [(&str, Extent, Element, u32); 2] =
    [(PHONES, Extent::Sequence, Element::Span, 1), (WORDS, Extent::Sequence, Element::Span, 1)];
const PHONES: &str = "phones";
const WORDS: &str = "words";

impl Column {
    /// Name of [`Column::phones`].
    pub const PHONES: &'static str = PHONES;
    /// Name of [`Column::words`].
    pub const WORDS: &'static str = WORDS;

    /// The spoken phones, without silence, with the times of the alignment. Frames do not contain all of them: a phone
    /// can be so short that no frame's centre lies in it.
    #[must_use]
    pub fn phones() -> Self {
        Column::new(PHONES, Extent::Sequence, Element::Span, Codec::Plain)
    }

    /// The spoken words with their times.
    #[must_use]
    pub fn words() -> Self {
        Column::new(WORDS, Extent::Sequence, Element::Span, Codec::Plain)
    }

    /// Returns why the declaration is invalid, or `None` if it is valid.
    pub(crate) fn flaw(&self) -> Option<String> {
        let name = &self.name;
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_letter) {
            return Some(format!(
                "`{name}` is not a valid column name: expected 1 to {MAX_NAME} characters of a to z, 0 to 9 and _"
            ));
        }
        let bad = |what: String| Some(format!("column `{name}`: {what}"));
        if let Some((_, extent, element, _)) = KNOWN.iter().find(|(known, ..)| known == name)
            && (*extent, *element) != (self.extent, self.element)
        {
            let (found, of) = (self.element, self.extent);
            return bad(format!("expected {element}, {extent}, found {found}, {of}"));
        }
        if let Extent::PerFrame { values } | Extent::PerClip { values } = self.extent
            && !(1..=MAX_VALUES).contains(&values)
        {
            return bad(format!("expected 1 to {MAX_VALUES} values, found {values}"));
        }
        match (self.element, self.extent, self.codec) {
            (Element::Span, Extent::PerFrame { .. } | Extent::PerClip { .. }, _) => {
                bad("texts with times must be a sequence".to_owned())
            }
            (Element::Utf8, Extent::PerFrame { .. }, _) => bad("texts cannot be per frame".to_owned()),
            (Element::Utf8 | Element::Span, _, Codec::Split) => bad("texts cannot be split".to_owned()),
            (element, _, Codec::Linear(_)) if element != Element::U8 => {
                bad(format!("a scale of 256 numbers is for u8, found {element}"))
            }
            (_, _, Codec::Linear(scale))
                if !(scale.low < scale.high && (scale.high - scale.low).is_finite()) =>
            {
                bad(format!("expected a scale with low < high, found {} to {}", scale.low, scale.high))
            }
            _ => None,
        }
    }

    /// Returns the range of the number of values in the Parquet column of `rows` utterances with `frames` frames in
    /// total, where a missing or empty list counts as one value.
    pub(crate) fn stored_values(&self, rows: u64, frames: u64) -> std::ops::RangeInclusive<u64> {
        let all = match self.extent {
            Extent::PerFrame { values } => frames.saturating_mul(values.into()),
            Extent::PerClip { values } => rows.saturating_mul(values.into()),
            Extent::Sequence => return rows..=rows.saturating_mul(MAX_ITEMS),
        };
        if self.optional { rows.min(all)..=all } else { all..=all }
    }
}

/// Returns the newest version of a column of this name that this program knows.
pub(crate) fn newest(name: &str) -> u32 {
    KNOWN.iter().find(|(known, ..)| *known == name).map_or(VERSION, |(.., version)| *version)
}

/// Returns what is wrong with the columns that a manifest declares in addition to those of its kind.
pub(crate) fn flaw<'a>(own: &[Column], declared: impl Iterator<Item = &'a str> + Clone) -> Option<String> {
    if declared.clone().count() > MAX_COLUMNS {
        return Some(format!("over {MAX_COLUMNS} columns are declared"));
    }
    let mut names: Vec<&str> = own.iter().map(|column| column.name.as_str()).collect();
    for name in declared {
        if names.contains(&name) {
            return Some(format!("column `{name}` is declared twice"));
        }
        names.push(name);
    }
    None
}

/// The columns of every feature set, in order.
pub(crate) fn of_features(dimension: usize) -> Vec<Column> {
    vec![
        text(UTTERANCE),
        text("speaker"),
        text("group"),
        frames(),
        Column::new("features", per_frame(dimension), Element::F16, Codec::Split),
        Column::new(ALIGNMENT, per_frame(1), Element::U16, Codec::Split).optional(),
        text("text").optional(),
    ]
}

/// The columns of every label set, in order.
pub(crate) fn of_labels(top_k: usize) -> Vec<Column> {
    vec![
        text(UTTERANCE),
        frames(),
        Column::new("ids", per_frame(top_k), Element::U16, Codec::Split),
        Column::new("log_probs", per_frame(top_k), Element::I16, Codec::Split),
        Column::new("residual", per_frame(1), Element::U16, Codec::Split),
    ]
}

fn text(name: &str) -> Column {
    Column::new(name, Extent::PerClip { values: 1 }, Element::Utf8, Codec::Plain)
}

fn frames() -> Column {
    Column::new(FRAMES, Extent::PerClip { values: 1 }, Element::U32, Codec::Plain)
}

fn per_frame(values: usize) -> Extent {
    Extent::PerFrame { values: u32::try_from(values).unwrap_or(u32::MAX) }
}
