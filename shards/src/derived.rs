//! Feature sets that are made of others: the same utterances with other senones.

use crate::manifest::{Manifest as _, ShardInfo, check, publish_shard};
use crate::{CREATED_BY, Declared, Error, FeatureManifest, FeatureRow, FeatureSet, ObjectInfo, Row, TREE};
use crate::{FeatureSetOptions, FeatureWriter, Part, Values};
use bytes::Bytes;
use std::collections::BTreeMap;
use stentor_inventory::Inventory;
use stentor_store::Store;

/// The senones of a derived set.
#[derive(Debug, Clone)]
pub struct Senones {
    /// In the order of ids.
    pub inventory: Inventory,
    /// The file of the tying tree that they are of.
    pub tree: Option<Bytes>,
}

impl FeatureSet {
    /// Publishes this set in another folder with other senones. Its utterances must have no alignments, so its shards stay as
    /// they are: in a local folder they become further names of the same files, elsewhere they are copied.
    ///
    /// # Errors
    /// [`Error::ShardSize`], [`Error::Checksum`], [`Error::ManifestContent`], [`Error::AlreadyPublished`], [`Error::Store`].
    pub async fn republish_unaligned(
        &self,
        to: &Store,
        senones: Senones,
        notes: BTreeMap<String, String>,
    ) -> Result<FeatureManifest, Error> {
        let mut manifest = self.manifest().clone();
        manifest.created_by = CREATED_BY.to_owned();
        manifest.tree = senones.tree.as_ref().map(|tree| ObjectInfo::new(TREE, tree));
        manifest.senones = senones.inventory;
        manifest.notes.extend(notes);
        check(&manifest, to.location())?;
        manifest.fingerprint = manifest.compute_fingerprint();
        for shard in &manifest.shards {
            copy(self.store(), to, shard).await?;
        }
        if let Some(info) = &manifest.phone_strings {
            publish_shard(to, &info.file, info.read(self.store()).await?).await?;
        }
        if let Some(tree) = senones.tree {
            publish_shard(to, TREE, tree).await?;
        }
        manifest.publish(to).await?;
        Ok(manifest)
    }

    /// Publishes this set in another folder with other senones and the same row groups. `align` gets each aligned utterance with
    /// its values in the declared columns, and returns its new alignment, or `None` to leave the utterance out.
    ///
    /// # Errors
    /// Those of `align`; [`Error::NewerColumn`], because its values cannot be copied; [`Error::PhoneStrings`] for a set of an
    /// earlier version; otherwise those of [`crate::Set::read`] and of a [`FeatureWriter`].
    pub async fn republish<E: From<Error>>(
        &self,
        to: &Store,
        senones: Senones,
        notes: BTreeMap<String, String>,
        mut align: impl FnMut(&FeatureRow, &Row) -> Result<Option<Vec<stentor_inventory::SenoneId>>, E>,
    ) -> Result<FeatureManifest, E> {
        let manifest = self.manifest();
        let names: Vec<&str> = manifest.columns.iter().map(Declared::name).collect();
        let known = |column: &Declared| match column {
            Declared::Known(column) => Some(column.clone()),
            Declared::Newer(_) => None,
        };
        if let Some(info) = &manifest.phone_strings {
            let file = format!("{}/{}", self.location(), info.file);
            let reason = "a column `phones` with times".to_owned();
            return Err(Error::PhoneStrings { file, reason }.into());
        }
        let options = FeatureSetOptions {
            dimension: manifest.dimension,
            columns: manifest.columns.iter().filter_map(known).collect(),
            tree: senones.tree,
            row_group_frames: u64::MAX,
            shard_frames: u64::MAX,
            ..FeatureSetOptions::new(manifest.settings.clone(), senones.inventory, manifest.corpus_nyquist_hz)
        };
        let mut writer = FeatureWriter::new(to.clone(), options)?;
        for (shard, info) in manifest.shards.iter().enumerate() {
            for row_group in 0..info.row_groups.len() {
                for (mut row, further) in self.read_with(shard, row_group, &names).await? {
                    if row.alignment.is_some() {
                        let Some(alignment) = align(&row, &further)? else { continue };
                        row.alignment = Some(alignment);
                    }
                    let mut values: Vec<(&str, Values)> = Vec::new();
                    for &name in &names {
                        values.extend(further.get(name).map(|own| (name, own.clone())));
                    }
                    writer.push_with(row, values).await?;
                }
                writer.end_row_group().await?;
            }
            writer.end_shard().await?;
        }
        let notes = manifest.notes.clone().into_iter().chain(notes).collect();
        Ok(writer.finish(manifest.normalisation.clone(), notes).await?)
    }
}

/// Makes a shard of one folder available in another.
async fn copy(from: &Store, to: &Store, shard: &ShardInfo) -> Result<(), Error> {
    let place = || format!("{}/{}", from.location(), shard.file);
    let found = from.size(&shard.file).await?;
    if found != shard.bytes {
        return Err(Error::ShardSize { file: place(), expected: shard.bytes, found });
    }
    if to.link_from(from, &shard.file).await {
        return Ok(());
    }
    let bytes = from.get(&shard.file).await?;
    let found = crate::manifest::checksum(&bytes);
    if found != shard.checksum {
        let expected = shard.checksum.clone();
        return Err(Error::Checksum { file: place(), part: Part::File, expected, found });
    }
    publish_shard(to, &shard.file, bytes).await
}
