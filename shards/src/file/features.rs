use super::decode::RowGroupBytes;
use super::{ShardRow, element, list, values_of};
use crate::{Error, FeatureLayout, FeatureRow};
use arrow::array::builder::{Float16Builder, ListBuilder, StringBuilder, UInt16Builder, UInt32Builder};
use arrow::array::cast::AsArray;
use arrow::array::{Array, ListArray, RecordBatch, StringArray, UInt32Array};
use arrow::datatypes::UInt16Type;
use arrow::datatypes::{DataType, Field, SchemaRef};
use half::f16;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesBuilder;
use std::sync::Arc;
use stentor_inventory::SenoneId;

/// Place of the column of features; the only one that is not read through Arrow.
const FEATURES: usize = 4;

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
        ["features", "alignment"]
            .iter()
            .fold(builder.set_compression(Compression::ZSTD(ZstdLevel::default())), |builder, column| {
                builder.set_column_encoding(values_of(column), Encoding::BYTE_STREAM_SPLIT)
            })
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
                alignment.values().append_slice(SenoneId::column(ids));
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

    fn decode(group: &RowGroupBytes<'_>, layout: FeatureLayout) -> Result<Vec<(u32, Self)>, ParquetError> {
        let features = group.halves(FEATURES)?;
        let mut rest = features.as_slice();
        let mut rows = Vec::new();
        for batch in group.batches(&[0, 1, 2, 3, 5, 6])? {
            let columns = Columns::of(&batch)
                .ok_or_else(|| ParquetError::General("a column has another type".to_owned()))?;
            for row in 0..batch.num_rows() {
                let frames = columns.frames.value(row);
                let values = (frames as usize).saturating_mul(layout.dimension);
                let (own, others) =
                    rest.split_at_checked(values).ok_or_else(|| uneven(features.len(), layout))?;
                rest = others;
                rows.push((frames, columns.row(row, own)));
            }
        }
        if rest.is_empty() { Ok(rows) } else { Err(uneven(features.len(), layout)) }
    }
}

fn uneven(values: usize, layout: FeatureLayout) -> ParquetError {
    let dimension = layout.dimension;
    ParquetError::General(format!(
        "column `features` has {values} values, not {dimension} for each of `frames`"
    ))
}

/// All columns but the features.
struct Columns<'a> {
    utterance: &'a StringArray,
    speaker: &'a StringArray,
    group: &'a StringArray,
    frames: &'a UInt32Array,
    alignment: &'a ListArray,
    ids: &'a [SenoneId],
    text: &'a StringArray,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let column = |name| batch.column_by_name(name).map(AsRef::as_ref);
        let alignment: &ListArray = column("alignment")?.as_list_opt()?;
        Some(Columns {
            utterance: column("utterance")?.as_string_opt()?,
            speaker: column("speaker")?.as_string_opt()?,
            group: column("group")?.as_string_opt()?,
            frames: column("frames")?.as_primitive_opt()?,
            alignment,
            ids: SenoneId::of_column(alignment.values().as_primitive_opt::<UInt16Type>()?.values()),
            text: column("text")?.as_string_opt()?,
        })
    }

    fn row(&self, row: usize, features: &[f16]) -> FeatureRow {
        let offsets = self.alignment.value_offsets();
        let alignment = || self.ids[offsets[row] as usize..offsets[row + 1] as usize].to_vec();
        FeatureRow {
            utterance: self.utterance.value(row).to_owned(),
            speaker: self.speaker.value(row).to_owned(),
            group: self.group.value(row).to_owned(),
            features: features.to_vec(),
            alignment: self.alignment.is_valid(row).then(alignment),
            text: self.text.is_valid(row).then(|| self.text.value(row).to_owned()),
        }
    }
}
