//! A column of a set, as declared in manifests.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One column of a set: its name, the number of its values per utterance, and how a value is stored.
///
/// In the Parquet file a column with one value for each utterance has the element's own type; any other is a list of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Unique in the set: lower-case letters, digits and underscores.
    pub name: String,
    /// Number of values per utterance.
    pub extent: Extent,
    /// Type of a value.
    pub element: Element,
    /// Encoding of the values.
    pub codec: Codec,
    /// Version of this declaration and of the meaning of the values. A program skips a column whose version it does not
    /// know.
    pub version: u32,
    /// Whether the column may be absent from some utterances.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// Number of values per utterance in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Extent {
    /// A fixed number for each frame, frame after frame: `[frames × values]`.
    PerFrame {
        /// Values in a frame.
        values: u32,
    },
    /// A fixed number for the whole utterance: `[values]`.
    PerClip {
        /// Values in an utterance.
        values: u32,
    },
    /// Any number: words, phones.
    Sequence,
}

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Element {
    /// Unsigned 8 bits; with [`Codec::Linear`], real numbers in 255 steps.
    U8,
    /// Unsigned 16 bits: ids of senones.
    U16,
    /// Unsigned 32 bits.
    U32,
    /// Signed 16 bits.
    I16,
    /// A finite half-precision float.
    F16,
    /// A finite single-precision float.
    F32,
    /// A text.
    Utf8,
    /// A text with start and duration ([`Span`](crate::Span)), in three Parquet columns: `NAME`, `NAME.start`, `NAME.duration`.
    Span,
}

/// Encoding of a column's values. With every codec, pages are compressed with zstd.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// One value after another.
    Plain,
    /// The first bytes of all values, then the second, …, which compresses better: Parquet's BYTE_STREAM_SPLIT.
    Split,
    /// Real numbers, each as one of 256 equally spaced ones.
    Linear(Linear),
}

/// A scale of 256 equally spaced numbers: `u` from 0 to 255 represents low + u (high − low) / 255.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// The number represented by 0.
    pub low: f32,
    /// The number represented by 255; greater than `low`.
    pub high: f32,
}

impl Linear {
    /// Returns the nearest value on the scale; for numbers outside the scale the nearer end, and 0 for NaN.
    #[must_use]
    pub fn quantise(&self, value: f32) -> u8 {
        ((value - self.low) * (255.0 / (self.high - self.low))).round() as u8
    }

    /// Returns the number that a value on the scale represents.
    #[must_use]
    pub fn value(&self, step: u8) -> f32 {
        self.low + f32::from(step) * ((self.high - self.low) / 255.0)
    }
}

impl Column {
    /// A column of version 1 that is present in every utterance.
    #[must_use]
    pub fn new(name: &str, extent: Extent, element: Element, codec: Codec) -> Self {
        Column { name: name.to_owned(), extent, element, codec, version: 1, optional: false }
    }

    /// A column of version 1 that may be absent from some utterances.
    #[must_use]
    pub fn optional(self) -> Self {
        Column { optional: true, ..self }
    }

    /// Whether an utterance has exactly one value, which is stored without a list.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        self.extent == Extent::PerClip { values: 1 }
    }

    /// The Parquet columns that store it: names and types of their values.
    pub(crate) fn leaves(&self) -> Vec<(String, Element)> {
        let name = &self.name;
        match self.element {
            Element::Span => vec![
                (name.clone(), Element::Utf8),
                (format!("{name}.start"), Element::U32),
                (format!("{name}.duration"), Element::U32),
            ],
            element => vec![(name.clone(), element)],
        }
    }
}

impl Extent {
    /// Number of values in an utterance of `frames` frames; `None` if it varies by utterance.
    #[must_use]
    pub fn count(self, frames: u32) -> Option<u64> {
        match self {
            Extent::PerFrame { values } => Some(u64::from(frames) * u64::from(values)),
            Extent::PerClip { values } => Some(values.into()),
            Extent::Sequence => None,
        }
    }
}

impl fmt::Display for Column {
    /// `tags: u8, 5 per clip`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {}", self.name, self.element, self.extent)?;
        if self.optional { f.write_str(", optional") } else { Ok(()) }
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Extent::PerFrame { values } => write!(f, "{values} per frame"),
            Extent::PerClip { values } => write!(f, "{values} per clip"),
            Extent::Sequence => f.write_str("a sequence"),
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Element::U8 => "u8",
            Element::U16 => "u16",
            Element::U32 => "u32",
            Element::I16 => "i16",
            Element::F16 => "f16",
            Element::F32 => "f32",
            Element::Utf8 => "text",
            Element::Span => "text with times",
        })
    }
}
