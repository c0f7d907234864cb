//! Made-up files and sets for tests of commands.

use crate::material::{Format, LexiconFile, UnknownPhones, WordFiles};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use stentor_inventory::{Inventory, Senone};
use stentor_shards::{
    FeatureManifest, FeatureRow, FeatureSetOptions, FeatureWriter, LabelLayout, LabelManifest, LabelRow,
    encode_label_shard, publish_shard,
};
use stentor_store::Store;
use tempfile::TempDir;

/// A folder for the files of a test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as a location.
    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes `words.dict` and `lm.arpa`, a model of pairs of words with `<unk>`.
    pub(crate) fn write_words(&self, lexicon: &str, sentences: &str) {
        self.write("words.dict", lexicon);
        let vocabulary = stentor_language::Vocabulary::with_unknown();
        let mut counts = stentor_language::Counts::new(vocabulary, 2).unwrap();
        counts.add_text(sentences.as_bytes()).unwrap();
        let model = stentor_language::estimate(&counts).unwrap().model;
        let mut text = Vec::new();
        stentor_language::arpa::write(&model, &mut text).unwrap();
        std::fs::write(self.path("lm.arpa"), text).unwrap();
    }

    /// Options that name the files of [`Folder::write_words`].
    pub(crate) fn words(&self) -> WordFiles {
        WordFiles {
            lexicon: LexiconFile {
                path: self.path("words.dict"),
                format: Format::Cmu,
                unknown_phones: UnknownPhones::Error,
            },
            lm: self.path("lm.arpa"),
        }
    }

    /// Writes a set in place of one that may be there.
    pub(crate) async fn write_set(
        &self,
        name: &str,
        options: FeatureSetOptions,
        rows: Vec<FeatureRow>,
    ) -> FeatureManifest {
        let mut writer = FeatureWriter::new(self.emptied(name), options).unwrap();
        for row in rows {
            writer.push(row).await.unwrap();
        }
        writer.finish(None, BTreeMap::new()).await.unwrap()
    }

    /// Writes labels of a model named `model`, those of the set's utterances in their order.
    pub(crate) async fn write_labels(
        &self,
        name: &str,
        set: &FeatureManifest,
        top_k: usize,
        labels: Vec<LabelRow>,
    ) {
        self.write_labels_of("model", name, set, top_k, labels).await;
    }

    /// The same of a model with another name, which stands for its fingerprint.
    pub(crate) async fn write_labels_of(
        &self,
        model: &str,
        name: &str,
        set: &FeatureManifest,
        top_k: usize,
        labels: Vec<LabelRow>,
    ) {
        let store = self.emptied(name);
        let layout = LabelLayout { top_k, senones: set.senones.len() };
        let (mut labels, mut shards) = (labels.into_iter(), Vec::new());
        for shard in &set.shards {
            let mut of_group = |rows: u32| labels.by_ref().take(rows as usize).collect();
            let groups: Vec<Vec<_>> = shard.row_groups.iter().map(|group| of_group(group.rows)).collect();
            let (bytes, info) = encode_label_shard(&shard.file, &groups, layout).unwrap();
            publish_shard(&store, &info.file, bytes).await.unwrap();
            shards.push(info);
        }
        let senones = set.senones.clone();
        let manifest = LabelManifest::new(model.to_owned(), set, top_k, senones, shards).unwrap();
        manifest.publish(&store).await.unwrap();
    }

    fn emptied(&self, name: &str) -> Store {
        let folder = self.path(name);
        if Path::new(&folder).exists() {
            std::fs::remove_dir_all(folder).unwrap();
        }
        Store::open(&self.at(name)).unwrap()
    }
}

/// Phones of one state each, numbered in this order.
pub(crate) fn inventory(phones: &[&str]) -> Inventory {
    let senones = phones.iter().map(|phone| Senone::of_state((*phone).to_owned(), 0, &[]));
    Inventory::new(senones.collect()).unwrap()
}
