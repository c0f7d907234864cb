use crate::text::{Text, per_frame};
use anyhow::Result;
use indicatif::{DecimalBytes, HumanCount};
use serde::Serialize;
use stentor_shards::{Kind, ShardSummary, examine_shard};
use stentor_store::Store;

#[derive(Debug, Serialize)]
pub(super) struct Shard {
    location: String,
    holds: Kind,
    bytes: u64,
    row_groups: usize,
    utterances: u64,
    frames: u64,
    values_per_frame: u64,
    bytes_per_frame: f64,
    columns: Vec<stentor_shards::ColumnSummary>,
}

pub(super) async fn shard(store: &Store, file: &str) -> Result<Shard> {
    let location = format!("{}/{file}", store.location());
    let summary = examine_shard(&location, &store.get(file).await?)?;
    let ShardSummary { kind, bytes, row_groups, utterances, frames, values_per_frame, columns } = summary;
    Ok(Shard {
        location,
        holds: kind,
        bytes,
        row_groups,
        utterances,
        frames,
        values_per_frame,
        bytes_per_frame: per_frame(bytes, frames),
        columns,
    })
}

impl Shard {
    pub(super) fn render(&self, text: &mut Text) {
        text.heading(format_args!("shard of {} {}", self.holds, self.location));
        text.item("utterances", HumanCount(self.utterances));
        let each = match self.holds {
            Kind::Features => "values",
            Kind::Labels => "labels",
        };
        text.item("frames", format_args!("{} of {} {each}", HumanCount(self.frames), self.values_per_frame));
        text.item("row groups", HumanCount(self.row_groups as u64));
        text.item(
            "size",
            format_args!("{}, {:.1} bytes per frame", DecimalBytes(self.bytes), self.bytes_per_frame),
        );
        text.heading("columns");
        for column in &self.columns {
            text.row([
                column.name.clone(),
                format!("{} values", HumanCount(column.values)),
                DecimalBytes(column.stored_bytes).to_string(),
                format!("{:.2} bytes per frame", per_frame(column.stored_bytes, self.frames)),
                column.compression.clone(),
            ]);
        }
    }
}
