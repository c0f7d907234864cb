//! The contents of the output folder: of an earlier run, of this run before it is complete, and of a complete run.

use crate::decide::set::Set;
use crate::summary::Summary;
use crate::{Error, Options};
use std::collections::BTreeMap;
use stentor_audio::Normaliser;
use stentor_shards::{FeatureManifest, FeatureWriter, MANIFEST, Normalisation, PHONE_STRINGS};
use stentor_store::Store;

/// Written when all sets are published: the summary of the run.
pub(crate) const SUMMARY: &str = "prepare.json";

/// The split: written before the sets are published.
pub(crate) const SPLIT: &str = "split.json";

/// Returns the summary of an earlier run with the same inputs, if all its sets exist.
pub(crate) async fn finished(store: &Store, prepared: &str) -> Option<Summary> {
    let summary: Summary = serde_json::from_slice(&store.get(SUMMARY).await.ok()?).ok()?;
    if summary.prepared != prepared {
        return None;
    }
    for (set, written) in &summary.sets {
        let manifest = FeatureManifest::load(&store.child(set.name())).await.ok()?;
        if manifest.fingerprint != written.fingerprint {
            return None;
        }
        let shards = manifest.shards.iter().map(|shard| (&shard.file, shard.bytes));
        let others = manifest.phone_strings.iter().map(|info| (&info.file, info.bytes));
        for (file, bytes) in shards.chain(others) {
            if store.child(set.name()).size(file).await.ok()? != bytes {
                return None;
            }
        }
    }
    Some(summary)
}

/// Whether other inputs were completely prepared here, by any version.
pub(crate) async fn holds_others(store: &Store, prepared: &str) -> bool {
    let Ok(bytes) = store.get(SUMMARY).await else { return false };
    let summary: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    summary["prepared"] != prepared
}

/// Removes only what an earlier run wrote, manifests first, so that a partly deleted set does not look complete.
pub(crate) async fn clear(store: &Store) -> Result<(), Error> {
    store.delete(SUMMARY).await?;
    store.delete(SPLIT).await?;
    for set in Set::ALL {
        let folder = store.child(set.name());
        folder.delete(MANIFEST).await?;
        folder.delete(PHONE_STRINGS).await?;
        for name in folder.list("part-").await?.iter().filter(|name| name.ends_with(".parquet")) {
            folder.delete(name).await?;
        }
        folder.sweep("part-").await;
    }
    Ok(())
}

/// Publishes the sets: writes their manifests, with the means and deviations of the training audio.
pub(crate) async fn publish(
    writers: BTreeMap<Set, FeatureWriter>,
    normaliser: &Normaliser,
    options: &Options,
    prepared: &str,
) -> Result<BTreeMap<Set, FeatureManifest>, Error> {
    let normalisation = Normalisation { mean: normaliser.mean.clone(), std: normaliser.std.clone() };
    let mut manifests = BTreeMap::new();
    for (set, writer) in writers {
        let notes = BTreeMap::from([
            ("set".to_owned(), set.name().to_owned()),
            ("seed".to_owned(), options.seed.to_string()),
            ("prepared".to_owned(), prepared.to_owned()),
            ("alignment_shift_us".to_owned(), options.shift.to_string()),
            ("dead_dimensions".to_owned(), format!("{:?}", normaliser.dead)),
        ]);
        manifests.insert(set, writer.finish(Some(normalisation.clone()), notes).await?);
    }
    Ok(manifests)
}
