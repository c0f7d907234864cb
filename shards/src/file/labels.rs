use super::decode::RowGroupBytes;
use super::{ShardRow, element, list, values_of};
use crate::{Error, LabelLayout, LabelRow};
use arrow::array::builder::{Int16Builder, ListBuilder, StringBuilder, UInt16Builder, UInt32Builder};
use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrowPrimitiveType, RecordBatch};
use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::datatypes::{Int16Type, UInt16Type, UInt32Type};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesBuilder;
use std::sync::Arc;
use stentor_inventory::SenoneId;

impl ShardRow for LabelRow {
    type Layout = LabelLayout;

    fn columns() -> Vec<Field> {
        vec![
            Field::new("utterance", DataType::Utf8, false),
            Field::new("frames", DataType::UInt32, false),
            list("ids", DataType::UInt16),
            list("log_probs", DataType::Int16),
            list("residual", DataType::UInt16),
        ]
    }

    fn properties(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        ["ids", "log_probs", "residual"]
            .iter()
            .fold(builder.set_compression(Compression::ZSTD(ZstdLevel::default())), |builder, column| {
                builder.set_column_encoding(values_of(column), Encoding::BYTE_STREAM_SPLIT)
            })
    }

    fn check(&self, layout: LabelLayout) -> Result<(), Error> {
        LabelRow::check(self, layout)
    }

    fn frames(&self, _: LabelLayout) -> usize {
        LabelRow::frames(self)
    }

    fn values(&self) -> usize {
        self.ids.len().max(self.utterance.len())
    }

    fn to_batch(rows: &[Self], _: LabelLayout, schema: SchemaRef) -> Result<RecordBatch, Error> {
        let total = rows.iter().map(|row| row.ids.len()).sum();
        let mut utterance = StringBuilder::new();
        let mut frames = UInt32Builder::with_capacity(rows.len());
        let mut ids =
            ListBuilder::new(UInt16Builder::with_capacity(total)).with_field(element(DataType::UInt16));
        let mut log_probs =
            ListBuilder::new(Int16Builder::with_capacity(total)).with_field(element(DataType::Int16));
        let mut residual = ListBuilder::new(UInt16Builder::new()).with_field(element(DataType::UInt16));
        for row in rows {
            utterance.append_value(&row.utterance);
            frames.append_value(row.frames() as u32);
            ids.values().append_slice(SenoneId::column(&row.ids));
            ids.append(true);
            log_probs.values().append_slice(&row.log_probs);
            log_probs.append(true);
            residual.values().append_slice(&row.residual);
            residual.append(true);
        }
        RecordBatch::try_new(
            schema,
            vec![
                Arc::new(utterance.finish()),
                Arc::new(frames.finish()),
                Arc::new(ids.finish()),
                Arc::new(log_probs.finish()),
                Arc::new(residual.finish()),
            ],
        )
        .map_err(|e| Error::parquet("a new shard", e))
    }

    fn decode(group: &RowGroupBytes<'_>, _: LabelLayout) -> Result<Vec<(u32, Self)>, ParquetError> {
        let mut rows = Vec::new();
        for batch in group.batches(&[0, 1, 2, 3, 4])? {
            let decoded = from_batch(&batch);
            rows.extend(
                decoded.ok_or_else(|| ParquetError::General("a column has another type".to_owned()))?,
            );
        }
        Ok(rows)
    }
}

fn from_batch(batch: &RecordBatch) -> Option<Vec<(u32, LabelRow)>> {
    let column = |name| batch.column_by_name(name).map(AsRef::as_ref);
    let utterance = column("utterance")?.as_string_opt::<i32>()?;
    let frames = column("frames")?.as_primitive_opt::<UInt32Type>()?;
    let ids = List::<UInt16Type>::of(column("ids")?)?;
    let log_probs = List::<Int16Type>::of(column("log_probs")?)?;
    let residual = List::<UInt16Type>::of(column("residual")?)?;
    let row = |row: usize| {
        let decoded = LabelRow {
            utterance: utterance.value(row).to_owned(),
            ids: SenoneId::of_column(ids.row(row)).to_vec(),
            log_probs: log_probs.row(row).to_vec(),
            residual: residual.row(row).to_vec(),
        };
        (frames.value(row), decoded)
    };
    Some((0..batch.num_rows()).map(row).collect())
}

/// A list column and the values of all its rows.
struct List<'a, T: ArrowPrimitiveType> {
    offsets: &'a [i32],
    values: &'a [T::Native],
}

impl<'a, T: ArrowPrimitiveType> List<'a, T> {
    fn of(column: &'a dyn Array) -> Option<Self> {
        let list = column.as_list_opt::<i32>()?;
        Some(List { offsets: list.value_offsets(), values: list.values().as_primitive_opt::<T>()?.values() })
    }

    fn row(&self, row: usize) -> &'a [T::Native] {
        &self.values[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}
