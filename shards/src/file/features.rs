use super::{ShardRow, element, list, values_of};
use crate::{Error, FeatureLayout, FeatureRow};
use arrow_array::builder::{Float16Builder, ListBuilder, StringBuilder, UInt16Builder, UInt32Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, UInt16Type, UInt32Type};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, SchemaRef};
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::WriterPropertiesBuilder;
use std::sync::Arc;

impl ShardRow for FeatureRow {
    type Layout = FeatureLayout;

    fn columns() -> Vec<Field> {
        vec![
            Field::new("utterance", DataType::Utf8, false),
            Field::new("speaker", DataType::Utf8, false),
            Field::new("group", DataType::Utf8, false),
            Field::new("frames", DataType::UInt32, false),
            list("features", DataType::Float16),
            list("alignment", DataType::UInt16).with_nullable(true),
            Field::new("text", DataType::Utf8, true),
        ]
    }

    fn properties(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        builder
            .set_compression(Compression::UNCOMPRESSED)
            .set_column_encoding(values_of("features"), Encoding::PLAIN)
    }

    fn check(&self, layout: FeatureLayout) -> Result<(), Error> {
        FeatureRow::check(self, layout)
    }

    fn frames(&self, layout: FeatureLayout) -> usize {
        FeatureRow::frames(self, layout.dimension)
    }

    fn values(&self) -> usize {
        let text = self.text.as_ref().map_or(0, String::len);
        self.features.len().max(text).max(self.utterance.len()).max(self.speaker.len()).max(self.group.len())
    }

    fn to_batch(rows: &[Self], layout: FeatureLayout, schema: SchemaRef) -> Result<RecordBatch, Error> {
        let total = rows.iter().map(|row| row.features.len()).sum();
        let mut utterance = StringBuilder::new();
        let mut speaker = StringBuilder::new();
        let mut group = StringBuilder::new();
        let mut frames = UInt32Builder::with_capacity(rows.len());
        let mut features = ListBuilder::with_capacity(Float16Builder::with_capacity(total), rows.len())
            .with_field(element(DataType::Float16));
        let mut alignment = ListBuilder::new(UInt16Builder::new()).with_field(element(DataType::UInt16));
        let mut text = StringBuilder::new();
        for row in rows {
            utterance.append_value(&row.utterance);
            speaker.append_value(&row.speaker);
            group.append_value(&row.group);
            frames.append_value(row.frames(layout.dimension) as u32);
            features.values().append_slice(&row.features);
            features.append(true);
            if let Some(ids) = &row.alignment {
                alignment.values().append_slice(ids);
            }
            alignment.append(row.alignment.is_some());
            text.append_option(row.text.as_deref());
        }
        RecordBatch::try_new(
            schema,
            vec![
                Arc::new(utterance.finish()),
                Arc::new(speaker.finish()),
                Arc::new(group.finish()),
                Arc::new(frames.finish()),
                Arc::new(features.finish()),
                Arc::new(alignment.finish()),
                Arc::new(text.finish()),
            ],
        )
        .map_err(|e| Error::parquet("a new shard", e))
    }

    fn from_batch(batch: &RecordBatch) -> Option<Vec<(u32, Self)>> {
        let column = |index: usize| batch.columns().get(index).map(AsRef::as_ref);
        let utterance = column(0)?.as_string_opt::<i32>()?;
        let speaker = column(1)?.as_string_opt::<i32>()?;
        let group = column(2)?.as_string_opt::<i32>()?;
        let frames = column(3)?.as_primitive_opt::<UInt32Type>()?;
        let features = column(4)?.as_list_opt::<i32>()?;
        let values = features.values().as_primitive_opt::<Float16Type>()?.values();
        let alignment = column(5)?.as_list_opt::<i32>()?;
        let ids = alignment.values().as_primitive_opt::<UInt16Type>()?.values();
        let text = column(6)?.as_string_opt::<i32>()?;
        let span = |offsets: &[i32], row: usize| offsets[row] as usize..offsets[row + 1] as usize;
        let owned = |strings: &StringArray, row: usize| strings.value(row).to_owned();
        let row = |row: usize| {
            let decoded = FeatureRow {
                utterance: owned(utterance, row),
                speaker: owned(speaker, row),
                group: owned(group, row),
                features: values[span(features.value_offsets(), row)].to_vec(),
                alignment: alignment
                    .is_valid(row)
                    .then(|| ids[span(alignment.value_offsets(), row)].to_vec()),
                text: text.is_valid(row).then(|| owned(text, row)),
            };
            (frames.value(row), decoded)
        };
        Some((0..batch.num_rows()).map(row).collect())
    }
}
