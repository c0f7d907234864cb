//! One utterance of any set: values by column name.

use crate::RowError;
use crate::column::{Column, Element};
use crate::registry::{FRAMES, MAX_FRAMES, MAX_ITEMS, MAX_TEXT, UTTERANCE};
use half::f16;
use std::collections::BTreeMap;

/// One utterance, with its values by column.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name, unique in the corpus.
    pub utterance: String,
    /// Its number of frames.
    pub frames: u32,
    columns: BTreeMap<String, Values>,
}

/// The values of one utterance in one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Of [`Element::U8`].
    U8(Vec<u8>),
    /// Of [`Element::U16`].
    U16(Vec<u16>),
    /// Of [`Element::U32`].
    U32(Vec<u32>),
    /// Of [`Element::I16`].
    I16(Vec<i16>),
    /// Of [`Element::F16`].
    F16(Vec<f16>),
    /// Of [`Element::F32`].
    F32(Vec<f32>),
    /// Of [`Element::Utf8`].
    Utf8(Vec<String>),
    /// Of [`Element::Span`].
    Span(Vec<Span>),
}

/// A text with its time: a word, a phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The text.
    pub text: String,
    /// Start, in milliseconds from the start of the utterance.
    pub start_ms: u32,
    /// Duration in milliseconds.
    pub duration_ms: u32,
}

/// A type whose values can be stored in columns.
pub trait Value: Sized + 'static {
    /// The type in declarations.
    const ELEMENT: Element;

    /// Returns the values, if they have this type.
    fn of(values: &Values) -> Option<&[Self]>;

    /// Returns the values without a copy, if they have this type.
    fn take(values: Values) -> Option<Vec<Self>>;

    /// Wraps the values as those of a column.
    fn wrap(values: Vec<Self>) -> Values;
}

macro_rules! values {
    ($($variant:ident: $type:ty),*) => {
        $(impl Value for $type {
            const ELEMENT: Element = Element::$variant;

            fn of(values: &Values) -> Option<&[Self]> {
                match values {
                    Values::$variant(values) => Some(values),
                    _ => None,
                }
            }

            fn take(values: Values) -> Option<Vec<Self>> {
                match values {
                    Values::$variant(values) => Some(values),
                    _ => None,
                }
            }

            fn wrap(values: Vec<Self>) -> Values {
                Values::$variant(values)
            }
        })*

        impl Values {
            /// Returns their type.
            #[must_use]
            pub fn element(&self) -> Element {
                match self {
                    $(Values::$variant(_) => Element::$variant,)*
                }
            }

            /// Number of values.
            #[must_use]
            pub fn len(&self) -> usize {
                match self {
                    $(Values::$variant(values) => values.len(),)*
                }
            }
        }
    };
}

values!(U8: u8, U16: u16, U32: u32, I16: i16, F16: f16, F32: f32, Utf8: String, Span: Span);

impl<V: Value> From<Vec<V>> for Values {
    fn from(values: Vec<V>) -> Self {
        V::wrap(values)
    }
}

impl Values {
    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of values, or for texts of bytes: the quantity that Parquet counts in 32 bits.
    pub(crate) fn size(&self) -> usize {
        self.texts().map_or(self.len(), |texts| texts.map(|text| text.len().max(1)).sum())
    }

    fn texts(&self) -> Option<Box<dyn Iterator<Item = &str> + '_>> {
        match self {
            Values::Utf8(texts) => Some(Box::new(texts.iter().map(String::as_str))),
            Values::Span(spans) => Some(Box::new(spans.iter().map(|span| span.text.as_str()))),
            _ => None,
        }
    }

    /// Returns the index of the first value that no column may contain.
    fn bad_value(&self) -> Option<usize> {
        match self {
            Values::F16(values) => first_not_finite(values),
            Values::F32(values) => values.iter().position(|value| !value.is_finite()),
            Values::Span(spans) => {
                let unordered = |pair: &[Span]| pair[1].start_ms < pair[0].start_ms;
                let endless = |span: &Span| span.start_ms.checked_add(span.duration_ms).is_none();
                let second = spans.windows(2).position(unordered).map(|first| first + 1);
                second.or_else(|| spans.iter().position(endless))
            }
            _ => None,
        }
    }
}

/// Returns the index of the first half that is infinite or NaN.
pub(crate) fn first_not_finite(values: &[f16]) -> Option<usize> {
    // If all exponent bits are set, the value is infinite or NaN. The loop has no branches: a worker checks 10^8 values
    // a second.
    let finite = |value: &f16| value.to_bits() & 0x7c00 != 0x7c00;
    match values.iter().fold(true, |all, value| all & finite(value)) {
        true => None,
        false => values.iter().position(|value| !finite(value)),
    }
}

impl Row {
    /// Creates a row without columns.
    #[must_use]
    pub fn new(utterance: String, frames: u32) -> Self {
        Row { utterance, frames, columns: BTreeMap::new() }
    }

    /// Returns the row with these values in a column, replacing any earlier ones.
    #[must_use]
    pub fn with(mut self, column: &str, values: impl Into<Values>) -> Self {
        self.set(column, values);
        self
    }

    /// Sets the values of a column, replacing any earlier ones.
    pub fn set(&mut self, column: &str, values: impl Into<Values>) {
        self.columns.insert(column.to_owned(), values.into());
    }

    /// Returns the row with values in a column, if there are any.
    #[must_use]
    pub fn with_option<V: Into<Values>>(self, column: &str, values: Option<V>) -> Self {
        match values {
            Some(values) => self.with(column, values),
            None => self,
        }
    }

    /// Returns the values of a column, of any type, or `None` if the row lacks it.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&Values> {
        self.columns.get(column)
    }

    /// Returns the values of a required column.
    ///
    /// # Errors
    /// [`RowError::RowColumn`] if the row lacks the column or it has another type.
    pub fn column<V: Value>(&self, column: &str) -> Result<&[V], RowError> {
        self.get(column).and_then(V::of).ok_or_else(|| self.lacks(column, V::ELEMENT))
    }

    /// Removes and returns the values of a required column.
    ///
    /// # Errors
    /// As [`Row::column`].
    pub fn take<V: Value>(&mut self, column: &str) -> Result<Vec<V>, RowError> {
        self.take_option(column)?.ok_or_else(|| self.lacks(column, V::ELEMENT))
    }

    /// Removes and returns the values of a column, or `None` if the row lacks it.
    ///
    /// # Errors
    /// [`RowError::RowColumn`] if they have another type.
    pub fn take_option<V: Value>(&mut self, column: &str) -> Result<Option<Vec<V>>, RowError> {
        if self.get(column).is_some_and(|values| values.element() != V::ELEMENT) {
            return Err(self.lacks(column, V::ELEMENT));
        }
        Ok(self.columns.remove(column).and_then(V::take))
    }

    /// Moves these columns into a new row of the same utterance.
    pub(crate) fn split(&mut self, columns: &[Column]) -> Row {
        let mut split = Row::new(self.utterance.clone(), self.frames);
        let taken = columns.iter().filter_map(|column| self.columns.remove_entry(&column.name));
        split.columns.extend(taken);
        split
    }

    /// Number of values in the longest column.
    pub(crate) fn size(&self) -> usize {
        self.columns.values().map(Values::size).fold(self.utterance.len(), usize::max)
    }

    /// Checks all rules that apply to every row with these columns.
    ///
    /// # Errors
    /// Any error of [`Row::check_shape`]; [`RowError::NotFinite`], [`RowError::SpanOrder`].
    pub fn check(&self, columns: &[Column]) -> Result<(), RowError> {
        self.check_shape(columns)?;
        for (name, values) in &self.columns {
            let Some(at) = values.bad_value() else { continue };
            let (utterance, column) = (self.utterance.clone(), name.clone());
            if values.element() == Element::Span {
                return Err(RowError::SpanOrder { utterance, column, at });
            }
            let in_frame = (values.len() / self.frames as usize).max(1);
            let (frame, index) = (at / in_frame, at % in_frame);
            return Err(RowError::NotFinite { utterance, column, frame, index });
        }
        Ok(())
    }

    /// Checks that the row has exactly these columns, each with its type and number of values.
    ///
    /// # Errors
    /// [`RowError::EmptyUtterance`], [`RowError::RowColumn`], [`RowError::UndeclaredColumn`], [`RowError::ColumnLength`],
    /// [`RowError::ColumnBound`].
    pub fn check_shape(&self, columns: &[Column]) -> Result<(), RowError> {
        if self.frames == 0 {
            return Err(RowError::EmptyUtterance { utterance: self.utterance.clone() });
        }
        self.bound(FRAMES, "frames", MAX_FRAMES.into(), self.frames.into())?;
        self.bound(UTTERANCE, "bytes", MAX_TEXT, self.utterance.len() as u64)?;
        let declared = |name: &String| columns.iter().any(|column| column.name == *name);
        if let Some(name) = self.columns.keys().find(|name| !declared(name)) {
            let (utterance, column) = (self.utterance.clone(), name.clone());
            return Err(RowError::UndeclaredColumn { utterance, column });
        }
        for column in columns.iter().filter(|column| column.name != UTTERANCE && column.name != FRAMES) {
            match self.get(&column.name) {
                Some(values) if values.element() == column.element => self.check_length(column, values)?,
                None if column.optional => {}
                _ => return Err(self.lacks(&column.name, column.element)),
            }
        }
        Ok(())
    }

    fn check_length(&self, column: &Column, values: &Values) -> Result<(), RowError> {
        let (name, found) = (&column.name, values.len() as u64);
        match column.extent.count(self.frames) {
            Some(expected) if expected != found => {
                return Err(RowError::ColumnLength {
                    utterance: self.utterance.clone(),
                    column: name.clone(),
                    extent: column.extent,
                    frames: self.frames,
                    expected,
                    found,
                });
            }
            Some(_) => {}
            None => self.bound(name, "values", MAX_ITEMS, found)?,
        }
        let longest = values.texts().and_then(|texts| texts.map(str::len).max()).unwrap_or(0);
        self.bound(name, "bytes", MAX_TEXT, longest as u64)
    }

    fn bound(&self, column: &str, what: &'static str, most: u64, found: u64) -> Result<(), RowError> {
        if found <= most {
            return Ok(());
        }
        let (utterance, column) = (self.utterance.clone(), column.to_owned());
        Err(RowError::ColumnBound { utterance, column, what, most, found })
    }

    fn lacks(&self, column: &str, expected: Element) -> RowError {
        let found: Vec<String> =
            self.columns.iter().map(|(name, values)| format!("{name}: {}", values.element())).collect();
        let (utterance, column) = (self.utterance.clone(), column.to_owned());
        RowError::RowColumn { utterance, column, expected, found: found.join(", ") }
    }
}
