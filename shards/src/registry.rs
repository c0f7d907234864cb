//! The columns that this program gives a meaning to, and the bounds of every column. What is read is held against these
//! bounds before anything is allocated by it.

use crate::column::{Codec, Column, Element, Extent};

/// Name of the column that says which utterance a row is of. Every set has it.
pub(crate) const UTTERANCE: &str = "utterance";
/// Name of the column that says how many frames the utterance has. Every set has it.
pub(crate) const FRAMES: &str = "frames";

/// Frames of an utterance: at 10 ms, two days.
pub(crate) const MAX_FRAMES: u32 = 1 << 24;
/// Values of a declared column in a frame, or in an utterance.
pub(crate) const MAX_VALUES: u32 = 1 << 16;
/// Values of a sequence.
pub(crate) const MAX_ITEMS: u64 = 1 << 20;
/// Bytes of a text.
pub(crate) const MAX_TEXT: u64 = 1 << 24;
/// Columns that a manifest declares.
const MAX_COLUMNS: usize = 64;
/// Bytes of a column's name.
const MAX_NAME: usize = 64;

/// Version of a column whose name has no entry here.
const VERSION: u32 = 1;

/// Declared columns whose names this program gives a meaning to: name, extent, type, and the newest version that it
/// knows. A name that is not here may be declared with any extent and type.
const KNOWN: [(&str, Extent, Element, u32); 2] =
    [(PHONES, Extent::Sequence, Element::Span, 1), (WORDS, Extent::Sequence, Element::Span, 1)];
const PHONES: &str = "phones";
const WORDS: &str = "words";

impl Column {
    /// Name of [`Column::phones`].
    pub const PHONES: &'static str = PHONES;
    /// Name of [`Column::words`].
    pub const WORDS: &'static str = WORDS;

    /// What is said in phones, silence left out, with the times of the alignment. Frames do not hold all of it: a phone can
    /// be shorter than a frame, and then no frame's centre lies in it.
    #[must_use]
    pub fn phones() -> Self {
        Column::new(PHONES, Extent::Sequence, Element::Span, Codec::Plain)
    }

    /// What is said in words, with their times.
    #[must_use]
    pub fn words() -> Self {
        Column::new(WORDS, Extent::Sequence, Element::Span, Codec::Plain)
    }

    /// What makes it impossible as a declaration, in words.
    pub(crate) fn flaw(&self) -> Option<String> {
        let name = &self.name;
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_letter) {
            return Some(format!(
                "`{name}` is no name of a column: expected 1 to {MAX_NAME} of a to z, 0 to 9 and _"
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
                bad("texts with times are a sequence".to_owned())
            }
            (Element::Utf8, Extent::PerFrame { .. }, _) => bad("a frame has no texts".to_owned()),
            (Element::Utf8 | Element::Span, _, Codec::Split) => bad("texts cannot be split".to_owned()),
            (element, _, Codec::Linear(_)) if element != Element::U8 => {
                bad(format!("a scale of 256 numbers is for u8, found {element}"))
            }
            (_, _, Codec::Linear(scale))
                if !(scale.low < scale.high && (scale.high - scale.low).is_finite()) =>
            {
                bad(format!("expected a scale that rises, found {} to {}", scale.low, scale.high))
            }
            _ => None,
        }
    }

    /// How many values the Parquet column of `rows` utterances with `frames` frames in all may have, where a missing or
    /// empty list counts as one.
    pub(crate) fn stored_values(&self, rows: u64, frames: u64) -> std::ops::RangeInclusive<u64> {
        let all = match self.extent {
            Extent::PerFrame { values } => frames.saturating_mul(values.into()),
            Extent::PerClip { values } => rows.saturating_mul(values.into()),
            Extent::Sequence => return rows..=rows.saturating_mul(MAX_ITEMS),
        };
        if self.optional { rows.min(all)..=all } else { all..=all }
    }
}

/// The newest version of a column of this name that this program knows.
pub(crate) fn newest(name: &str) -> u32 {
    KNOWN.iter().find(|(known, ..)| *known == name).map_or(VERSION, |(.., version)| *version)
}

/// What is wrong with the columns that a manifest declares beside those of its kind, in words.
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

/// The columns of every feature set, in their order.
pub(crate) fn of_features(dimension: usize) -> Vec<Column> {
    vec![
        text(UTTERANCE),
        text("speaker"),
        text("group"),
        frames(),
        Column::new("features", per_frame(dimension), Element::F16, Codec::Split),
        Column::new("alignment", per_frame(1), Element::U16, Codec::Split).optional(),
        text("text").optional(),
    ]
}

/// The columns of every label set, in their order.
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
