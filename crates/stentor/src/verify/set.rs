use super::Object;
use anyhow::Result;
use stentor_senones::Tree;
use stentor_shards::{FeatureSet, LabelSet, Manifest, Set};
use stentor_store::Store;

pub(super) async fn features(store: &Store) -> Result<Vec<Object>> {
    let set = FeatureSet::open(store).await?;
    let mut objects = shards(&set).await?;
    if let Some(info) = &set.manifest().phone_strings {
        let faults = match set.phone_strings().await {
            Ok(_) => Vec::new(),
            Err(fault) if fault.is_bad_data() || fault.is_missing() => vec![fault.to_string()],
            Err(error) => return Err(error.into()),
        };
        objects.push(Object { name: info.file.clone(), bytes: Some(info.bytes), row_groups: None, faults });
    }
    if let Some(info) = &set.manifest().tree {
        let faults = match set.tree().await {
            Ok(bytes) => {
                let tree = Tree::of(&set.manifest().senones, &bytes.unwrap_or_default());
                tree.err().iter().map(ToString::to_string).collect()
            }
            Err(fault) if fault.is_bad_data() || fault.is_missing() => vec![fault.to_string()],
            Err(error) => return Err(error.into()),
        };
        objects.push(Object { name: info.file.clone(), bytes: Some(info.bytes), row_groups: None, faults });
    }
    Ok(objects)
}

pub(super) async fn labels(store: &Store) -> Result<Vec<Object>> {
    shards(&LabelSet::open(store).await?).await
}

async fn shards<M: Manifest>(set: &Set<M>) -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    for (index, shard) in set.manifest().shards().iter().enumerate() {
        let faults = set.verify(index).await?;
        objects.push(Object {
            name: shard.file.clone(),
            bytes: Some(shard.bytes),
            row_groups: Some(shard.row_groups.len()),
            faults: faults.iter().map(ToString::to_string).collect(),
        });
    }
    Ok(objects)
}
