//! What was said in a set.

use crate::labeled::places;
use anyhow::{Result, ensure};
use stentor_evaluate::RecognisedUtterance;
use stentor_shards::FeatureSet;

/// The texts of a set, as it has them. The aligned words may be fewer: what could not be aligned was said nevertheless.
pub(super) struct Texts {
    /// Utterances with a text, in the order of the set; nothing has been recognised yet.
    pub(super) utterances: Vec<RecognisedUtterance>,
    /// Utterances without one.
    pub(super) without: u64,
}

impl Texts {
    /// Reads the texts alone.
    pub(super) async fn read(set: &FeatureSet) -> Result<Self> {
        let mut texts = Self { utterances: Vec::new(), without: 0 };
        for (shard, row_group) in places(&set.manifest().shards) {
            for mut row in set.rows(shard, row_group, &["group", "text"]).await? {
                let Some(reference) = row.take_option::<String>("text")? else {
                    texts.without += 1;
                    continue;
                };
                texts.utterances.push(RecognisedUtterance {
                    group: row.take::<String>("group")?.concat(),
                    reference: reference.concat(),
                    hypothesis: String::new(),
                    id: row.utterance,
                });
            }
        }
        ensure!(
            !texts.utterances.is_empty(),
            "{}: expected utterances with a text, found none; name a set that `stentor prepare` made of utterances with texts: \
             `test`, `dev` or `annotated`",
            set.location()
        );
        Ok(texts)
    }
}
