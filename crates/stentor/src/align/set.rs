//! The new set: the old one with other alignments.

use super::aligning::{Timed, Utterance};
use crate::labeled::Labeled;
use anyhow::Result;
use std::collections::BTreeMap;
use stentor_audio::Micros;
use stentor_shards::{
    Column, Declared, Error, FeatureManifest, FeatureSetOptions, FeatureWriter, Span, Values,
};
use stentor_store::Store;

/// Notes of the manifest: the fingerprints of the set that it was made from, and of the model that aligned it.
const MADE_FROM: &str = "made_from";
const ALIGNED_BY: &str = "aligned_by";
/// What is added to the times of phones and words to find the frames, in microseconds: nothing, as they come from the frames.
const SHIFT: &str = "alignment_shift_us";

/// Writes the new set, with the shards and row groups of the old one.
pub(super) struct NewSet {
    writer: FeatureWriter,
    kept: Vec<String>,
    /// The last row group of each shard.
    last: Vec<usize>,
}

impl NewSet {
    /// # Errors
    /// [`Error::AlreadyPublished`] if the folder has a set that was made from another one, or by another model; as
    /// [`FeatureWriter::new`].
    pub(super) async fn new(store: Store, labeled: &Labeled) -> Result<Self> {
        match FeatureManifest::load(&store).await {
            Err(Error::NoManifest { .. }) => {}
            Ok(there) if notes(labeled).iter().all(|(name, note)| there.notes.get(name) == Some(note)) => {}
            Err(error @ Error::Store(_)) => return Err(error.into()),
            _ => return Err(Error::AlreadyPublished { location: store.location().to_owned() }.into()),
        }
        let manifest = labeled.features();
        let known = |column: &Declared| match column {
            Declared::Known(column) => Some(column.clone()),
            Declared::Newer(_) => None,
        };
        let kept = Self::kept_columns(manifest);
        let others = manifest.columns.iter().filter(|column| kept.contains(&column.name())).filter_map(known);
        let options = FeatureSetOptions {
            columns: [Column::phones(), Column::words()].into_iter().chain(others).collect(),
            tree: labeled.feature_set().tree().await?,
            row_group_frames: u64::MAX,
            shard_frames: u64::MAX,
            ..FeatureSetOptions::new(
                manifest.settings.clone(),
                manifest.senones.clone(),
                manifest.corpus_nyquist_hz,
            )
        };
        Ok(Self {
            writer: FeatureWriter::new(store, options)?,
            kept: kept.into_iter().map(str::to_owned).collect(),
            last: manifest.shards.iter().map(|shard| shard.row_groups.len().saturating_sub(1)).collect(),
        })
    }

    /// The declared columns that stay the same.
    pub(super) fn kept_columns(manifest: &FeatureManifest) -> Vec<&str> {
        let names = manifest.columns.iter().map(Declared::name);
        names.filter(|name| ![Column::PHONES, Column::WORDS].contains(name)).collect()
    }

    pub(super) async fn push(&mut self, utterance: Utterance) -> Result<()> {
        let Utterance { row, further, phones, words, .. } = utterance;
        let said = phones.iter().filter(|said| !said.is_silence);
        let mut values = vec![
            (Column::PHONES, Values::from(spans(said))),
            (Column::WORDS, Values::from(spans(words.iter()))),
        ];
        for name in &self.kept {
            values.extend(further.get(name).map(|own| (name.as_str(), own.clone())));
        }
        Ok(self.writer.push_with(row, values).await?)
    }

    /// Ends a row group after all its utterances, and the shard with its last one.
    pub(super) async fn end_row_group(&mut self, (shard, row_group): (usize, usize)) -> Result<()> {
        self.writer.end_row_group().await?;
        if self.last.get(shard) == Some(&row_group) {
            self.writer.end_shard().await?;
        }
        Ok(())
    }

    /// Publishes the set.
    pub(super) async fn finish(self, labeled: &Labeled) -> Result<FeatureManifest> {
        let manifest = labeled.features();
        let mut notes: BTreeMap<String, String> =
            manifest.notes.clone().into_iter().chain(notes(labeled)).collect();
        notes.insert(SHIFT.to_owned(), "0".to_owned());
        Ok(self.writer.finish(manifest.normalisation.clone(), notes).await?)
    }
}

fn notes(labeled: &Labeled) -> [(String, String); 2] {
    let (set, model) = (&labeled.features().fingerprint, &labeled.labels().teacher_fingerprint);
    [(MADE_FROM.to_owned(), set.clone()), (ALIGNED_BY.to_owned(), model.clone())]
}

/// As a column has them, in milliseconds.
fn spans<'a>(timed: impl Iterator<Item = &'a Timed>) -> Vec<Span> {
    let milliseconds = |time: Micros| u32::try_from(time.max(0) / 1_000).unwrap_or(u32::MAX);
    let span = |Timed { text, start, end, .. }: &Timed| {
        let start_ms = milliseconds(*start);
        Span { text: text.clone(), start_ms, duration_ms: milliseconds(*end).saturating_sub(start_ms) }
    };
    timed.map(span).collect()
}
