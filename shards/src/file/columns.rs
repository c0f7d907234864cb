//! Conversion between columns of rows and Arrow arrays, as stored in Parquet.

use super::row_group::RowGroupBytes;
use crate::column::{Codec, Column, Element, Extent};
use crate::registry::{FRAMES, UTTERANCE};
use crate::row::{Row, Span, Value, Values};
use arrow::array::builder::{ListBuilder, PrimitiveBuilder, StringBuilder};
use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, ListArray, StringArray};
use arrow::datatypes::{
    DataType, Field, Float16Type, Float32Type, Int16Type, Schema, UInt8Type, UInt16Type, UInt32Type,
};
use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesBuilder;
use parquet::schema::types::ColumnPath;
use std::sync::Arc;

/// Returns the Arrow schema of these columns.
pub(super) fn schema(columns: &[Column]) -> Schema {
    Schema::new(columns.iter().flat_map(fields).collect::<Vec<_>>())
}

fn fields(column: &Column) -> Vec<Field> {
    let field = |(name, value): (String, Element)| match column.is_scalar() {
        true => Field::new(name, data_type(value), column.optional),
        false => Field::new(name, DataType::List(Arc::new(element(data_type(value)))), column.optional),
    };
    column.leaves().into_iter().map(field).collect()
}

/// Values of a list; `element` is Parquet's standard name for them.
fn element(value: DataType) -> Field {
    Field::new("element", value, false)
}

fn data_type(element: Element) -> DataType {
    match element {
        Element::U8 => DataType::UInt8,
        Element::U16 => DataType::UInt16,
        Element::U32 => DataType::UInt32,
        Element::I16 => DataType::Int16,
        Element::F16 => DataType::Float16,
        Element::F32 => DataType::Float32,
        Element::Utf8 | Element::Span => DataType::Utf8,
    }
}

/// Adds the encoding of each column.
pub(super) fn properties(builder: WriterPropertiesBuilder, columns: &[Column]) -> WriterPropertiesBuilder {
    let split = columns.iter().filter(|column| column.codec != Codec::Plain);
    split.fold(builder, |builder, column| {
        let mut path = vec![column.name.clone()];
        if !column.is_scalar() {
            path.extend(["list".to_owned(), "element".to_owned()]);
        }
        builder.set_column_encoding(ColumnPath::new(path), Encoding::BYTE_STREAM_SPLIT)
    })
}

/// Returns the arrays of a column of validated rows.
pub(super) fn arrays(column: &Column, rows: &[Row]) -> Vec<ArrayRef> {
    let is_scalar = column.is_scalar();
    match (column.name.as_str(), column.element) {
        (UTTERANCE, _) => vec![texts(true, rows.iter().map(|row| Some([row.utterance.as_str()])))],
        (FRAMES, _) => {
            vec![numbers::<UInt32Type>(true, rows.iter().map(|row| Some(std::slice::from_ref(&row.frames))))]
        }
        (_, Element::U8) => vec![numbers::<UInt8Type>(is_scalar, of(column, rows))],
        (_, Element::U16) => vec![numbers::<UInt16Type>(is_scalar, of(column, rows))],
        (_, Element::U32) => vec![numbers::<UInt32Type>(is_scalar, of(column, rows))],
        (_, Element::I16) => vec![numbers::<Int16Type>(is_scalar, of(column, rows))],
        (_, Element::F16) => vec![numbers::<Float16Type>(is_scalar, of(column, rows))],
        (_, Element::F32) => vec![numbers::<Float32Type>(is_scalar, of(column, rows))],
        (_, Element::Utf8) => {
            vec![texts(is_scalar, of(column, rows).map(|row| row.map(|t| t.iter().map(String::as_str))))]
        }
        (_, Element::Span) => {
            let spans = || of::<Span>(column, rows);
            let each = |get: fn(&Span) -> u32| {
                let values: Vec<Option<Vec<u32>>> =
                    spans().map(|row| row.map(|spans| spans.iter().map(get).collect())).collect();
                numbers::<UInt32Type>(false, values.iter().map(Option::as_deref))
            };
            vec![
                texts(false, spans().map(|row| row.map(|spans| spans.iter().map(|span| span.text.as_str())))),
                each(|span| span.start_ms),
                each(|span| span.duration_ms),
            ]
        }
    }
}

fn of<'a, V: Value>(column: &'a Column, rows: &'a [Row]) -> impl Iterator<Item = Option<&'a [V]>> {
    rows.iter().map(|row| row.get(&column.name).and_then(V::of))
}

fn numbers<'a, T: ArrowPrimitiveType>(
    is_scalar: bool,
    rows: impl Iterator<Item = Option<&'a [T::Native]>>,
) -> ArrayRef {
    if is_scalar {
        let mut builder = PrimitiveBuilder::<T>::new();
        rows.for_each(|row| builder.append_option(row.and_then(|values| values.first().copied())));
        return Arc::new(builder.finish());
    }
    let mut builder = ListBuilder::new(PrimitiveBuilder::<T>::new()).with_field(element(T::DATA_TYPE));
    for row in rows {
        builder.values().append_slice(row.unwrap_or_default());
        builder.append(row.is_some());
    }
    Arc::new(builder.finish())
}

fn texts<'a>(
    is_scalar: bool,
    rows: impl Iterator<Item = Option<impl IntoIterator<Item = &'a str>>>,
) -> ArrayRef {
    if is_scalar {
        let mut builder = StringBuilder::new();
        rows.for_each(|row| builder.append_option(row.and_then(|texts| texts.into_iter().next())));
        return Arc::new(builder.finish());
    }
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(element(DataType::Utf8));
    for row in rows {
        let is_there = row.is_some();
        row.into_iter().flatten().for_each(|text| builder.values().append_value(text));
        builder.append(is_there);
    }
    Arc::new(builder.finish())
}

/// Decodes the values of each row of a row group in a column; only their types are checked. The `frames` of its rows
/// bound how much is read. Halves with an extent per frame, which are most of what workers read, are decoded without
/// Arrow's reader ([`halves`](super::halves)).
pub(super) fn read(
    group: &RowGroupBytes<'_>,
    column: &Column,
    frames: &[u32],
) -> Result<Vec<Option<Values>>, ParquetError> {
    let all = frames.iter().map(|frames| u64::from(*frames)).sum();
    let bound = column.stored_values(frames.len() as u64, all);
    if let Column {
        element: Element::F16,
        extent: Extent::PerFrame { values },
        codec: Codec::Split,
        optional: false,
        ..
    } = column
    {
        let halves = group.halves(&column.name, &bound)?;
        // The number of values equals the bound, which is computed from the frames.
        let (mut rest, mut rows) = (halves.as_slice(), Vec::with_capacity(frames.len()));
        for frames in frames {
            let (own, others) = rest.split_at(*frames as usize * *values as usize);
            rows.push(Some(Values::F16(own.to_vec())));
            rest = others;
        }
        return Ok(rows);
    }
    let leaves = column.leaves();
    let leaves = leaves.iter().map(|(name, _)| group.arrays(name, &bound));
    let leaves: Vec<Vec<ArrayRef>> = leaves.collect::<Result<_, _>>()?;
    let failed = |what: &str| ParquetError::General(format!("column `{}`: {what}", column.name));
    let rows = match column.element {
        Element::U8 => number_rows::<UInt8Type>(&leaves[0]).map(wrap),
        Element::U16 => number_rows::<UInt16Type>(&leaves[0]).map(wrap),
        Element::U32 => number_rows::<UInt32Type>(&leaves[0]).map(wrap),
        Element::I16 => number_rows::<Int16Type>(&leaves[0]).map(wrap),
        Element::F16 => number_rows::<Float16Type>(&leaves[0]).map(wrap),
        Element::F32 => number_rows::<Float32Type>(&leaves[0]).map(wrap),
        Element::Utf8 => text_rows(&leaves[0]).map(wrap),
        Element::Span => {
            let (texts, starts) = (text_rows(&leaves[0]), number_rows::<UInt32Type>(&leaves[1]));
            let (texts, (starts, durations)) = texts
                .zip(starts.zip(number_rows::<UInt32Type>(&leaves[2])))
                .ok_or_else(|| failed("it has another type"))?;
            let rows =
                texts.into_iter().zip(starts).zip(durations).map(|((texts, starts), durations)| {
                    match (texts, starts, durations) {
                        (None, None, None) => Some(None),
                        (Some(t), Some(s), Some(d)) if t.len() == s.len() && s.len() == d.len() => {
                            Some(Some(spans(t, &s, &d)))
                        }
                        _ => None,
                    }
                });
            let rows: Option<Vec<_>> = rows.collect();
            Some(wrap(rows.ok_or_else(|| failed("the numbers of texts and of their times differ"))?))
        }
    };
    let rows = rows.ok_or_else(|| failed("it has another type"))?;
    if rows.len() != frames.len() {
        return Err(failed("it has a different number of rows from `frames`"));
    }
    Ok(rows)
}

/// Returns names and numbers of frames of the rows of a row group.
pub(super) fn keys(group: &RowGroupBytes<'_>) -> Result<Vec<(String, u32)>, ParquetError> {
    let bound = group.rows()..=group.rows();
    let names = text_rows(&group.arrays(UTTERANCE, &bound)?);
    let frames = number_rows::<UInt32Type>(&group.arrays(FRAMES, &bound)?);
    let (names, frames) =
        names.zip(frames).ok_or_else(|| ParquetError::General("a column has another type".to_owned()))?;
    let key = |(name, frames): (Option<Vec<String>>, Option<Vec<u32>>)| {
        Some((name?.into_iter().next()?, frames?.into_iter().next()?))
    };
    if names.len() != frames.len() {
        return Err(ParquetError::General("columns have different numbers of rows".to_owned()));
    }
    let keys: Option<Vec<_>> = names.into_iter().zip(frames).map(key).collect();
    keys.ok_or_else(|| ParquetError::General("a row has no name or no frames".to_owned()))
}

fn spans(texts: Vec<String>, starts: &[u32], durations: &[u32]) -> Vec<Span> {
    let times = starts.iter().zip(durations);
    let span = |(text, (&start_ms, &duration_ms))| Span { text, start_ms, duration_ms };
    texts.into_iter().zip(times).map(span).collect()
}

fn wrap<V: Value>(rows: Vec<Option<Vec<V>>>) -> Vec<Option<Values>> {
    rows.into_iter().map(|row| row.map(V::wrap)).collect()
}

/// Returns rows of numbers, from lists or single values; `None` if the arrays have another type.
fn number_rows<T: ArrowPrimitiveType>(arrays: &[ArrayRef]) -> Option<Vec<Option<Vec<T::Native>>>> {
    let mut rows = Vec::new();
    for array in arrays {
        let scalars = array.as_primitive_opt::<T>();
        let lists = array.as_list_opt::<i32>();
        let values = scalars.or_else(|| lists?.values().as_primitive_opt::<T>())?.values();
        rows.extend((0..array.len()).map(|row| {
            let own = range(lists, row);
            array.is_valid(row).then(|| values[own].to_vec())
        }));
    }
    Some(rows)
}

/// Returns rows of texts, from lists or single values; `None` if the arrays have another type.
fn text_rows(arrays: &[ArrayRef]) -> Option<Vec<Option<Vec<String>>>> {
    let mut rows = Vec::new();
    for array in arrays {
        let lists = array.as_list_opt::<i32>();
        let texts: &StringArray = match lists {
            Some(lists) => lists.values().as_string_opt()?,
            None => array.as_string_opt()?,
        };
        rows.extend((0..array.len()).map(|row| {
            let own = range(lists, row);
            array.is_valid(row).then(|| own.map(|at| texts.value(at).to_owned()).collect())
        }));
    }
    Some(rows)
}

/// Returns the range of a row's values.
fn range(lists: Option<&ListArray>, row: usize) -> std::ops::Range<usize> {
    match lists.map(ListArray::value_offsets) {
        Some(offsets) => offsets[row] as usize..offsets[row + 1] as usize,
        None => row..row + 1,
    }
}
