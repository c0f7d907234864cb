use super::{ShardRow, element, list, values_of};
use crate::{Error, LabelLayout, LabelRow};
use arrow_array::RecordBatch;
use arrow_array::builder::{Int16Builder, ListBuilder, StringBuilder, UInt16Builder, UInt32Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, UInt16Type, UInt32Type};
use arrow_schema::{DataType, Field, SchemaRef};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::WriterPropertiesBuilder;
use std::sync::Arc;

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
            ids.values().append_slice(&row.ids);
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

    fn from_batch(batch: &RecordBatch) -> Option<Vec<(u32, Self)>> {
        let column = |index: usize| batch.columns().get(index).map(AsRef::as_ref);
        let utterance = column(0)?.as_string_opt::<i32>()?;
        let frames = column(1)?.as_primitive_opt::<UInt32Type>()?;
        let ids = column(2)?.as_list_opt::<i32>()?;
        let id_values = ids.values().as_primitive_opt::<UInt16Type>()?.values();
        let log_probs = column(3)?.as_list_opt::<i32>()?;
        let log_prob_values = log_probs.values().as_primitive_opt::<Int16Type>()?.values();
        let residual = column(4)?.as_list_opt::<i32>()?;
        let residual_values = residual.values().as_primitive_opt::<UInt16Type>()?.values();
        let span = |offsets: &[i32], row: usize| offsets[row] as usize..offsets[row + 1] as usize;
        let row = |row: usize| {
            let decoded = LabelRow {
                utterance: utterance.value(row).to_owned(),
                ids: id_values[span(ids.value_offsets(), row)].to_vec(),
                log_probs: log_prob_values[span(log_probs.value_offsets(), row)].to_vec(),
                residual: residual_values[span(residual.value_offsets(), row)].to_vec(),
            };
            (frames.value(row), decoded)
        };
        Some((0..batch.num_rows()).map(row).collect())
    }
}
