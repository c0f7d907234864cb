//! What a column of a set is, as manifests declare it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One column of a set: its name, how many values an utterance has in it, and how a value is stored.
///
/// In the Parquet file a column with one value for each utterance has the element's own type; any other is a list of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Unique in the set: small letters, digits and underscores.
    pub name: String,
    /// How many values an utterance has.
    pub extent: Extent,
    /// Type of a value.
    pub element: Element,
    /// How values are encoded.
    pub codec: Codec,
    /// Of this declaration and of what the values mean. A program skips a column of a version that it does not know.
    pub version: u32,
    /// Whether utterances may be without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// How many values an utterance has in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Extent {
    /// So many for each frame, frame after frame: `[frames × values]`.
    PerFrame {
        /// Values in a frame.
        values: u32,
    },
    /// So many for the whole utterance: `[values]`.
    PerClip {
        /// Values in an utterance.
        values: u32,
    },
    /// As many as there are: words, phones.
    Sequence,
}

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Element {
    /// 8 bits without sign; with [`Codec::Linear`] real numbers in 255 steps.
    U8,
    /// 16 bits without sign: ids of senones.
    U16,
    /// 32 bits without sign.
    U32,
    /// 16 bits with sign.
    I16,
    /// A half float, finite.
    F16,
    /// A float, finite.
    F32,
    /// A text.
    Utf8,
    /// A text with start and duration ([`Span`](crate::Span)), in three Parquet columns: `NAME`, `NAME.start`, `NAME.duration`.
    Span,
}

/// How a column's values are encoded. Whatever the codec, pages are compressed with zstd.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// One after the other.
    Plain,
    /// The first bytes of all values, then the second, …, which compresses better: Parquet's BYTE_STREAM_SPLIT.
    Split,
    /// Real numbers, each as one of 256 equally spaced ones.
    Linear(Linear),
}

/// A scale of 256 equally spaced numbers: `u` of 0 to 255 stands for low + u (high − low) / 255.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// What 0 stands for.
    pub low: f32,
    /// What 255 stands for; above `low`.
    pub high: f32,
}

impl Linear {
    /// The nearest number on the scale; its end for what lies off it, and 0 for NaN.
    #[must_use]
    pub fn quantise(&self, value: f32) -> u8 {
        ((value - self.low) * (255.0 / (self.high - self.low))).round() as u8
    }

    /// What a number on the scale stands for.
    #[must_use]
    pub fn value(&self, step: u8) -> f32 {
        self.low + f32::from(step) * ((self.high - self.low) / 255.0)
    }
}

impl Column {
    /// A column of version 1 that every utterance has.
    #[must_use]
    pub fn new(name: &str, extent: Extent, element: Element, codec: Codec) -> Self {
        Column { name: name.to_owned(), extent, element, codec, version: 1, optional: false }
    }

    /// The same, but utterances may be without it.
    #[must_use]
    pub fn optional(self) -> Self {
        Column { optional: true, ..self }
    }

    /// Whether an utterance has exactly one value, which is stored without a list around it.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        self.extent == Extent::PerClip { values: 1 }
    }

    /// The Parquet columns that hold it: names and types of their values.
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
    /// Values of an utterance of `frames` frames; none where each utterance has its own number of them.
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
