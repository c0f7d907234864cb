use crate::layout::{CHECKPOINTS, MANIFEST, checkpoint_store};
use crate::name::check_name;
use crate::result::deployed_name;
use crate::{Action, Error, Retained, Standing, read_manifest, retention};
use std::collections::BTreeSet;
use stentor_store::Store;

/// The folders among the checkpoints of `run`, sorted by name.
///
/// # Errors
/// [`Error::Store`].
pub async fn folders(run: &Store) -> Result<Vec<Retained>, Error> {
    let objects = run.child(CHECKPOINTS).list("").await?;
    let names: BTreeSet<&str> = objects.iter().filter_map(|object| Some(object.split_once('/')?.0)).collect();
    let deployed = match deployed_name(run).await {
        Err(error) if !error.is_damage() => return Err(error),
        other => other.ok().flatten(),
    };
    let mut folders = Vec::new();
    for name in names.into_iter().filter(|name| check_name(name).is_ok()) {
        let has_manifest = objects.iter().any(|o| o.strip_prefix(name).is_some_and(|o| o[1..] == *MANIFEST));
        let standing = if deployed.as_deref() == Some(name) {
            Standing::Deployed
        } else if has_manifest {
            match read_manifest(run, name).await {
                Ok(manifest) => Standing::Published {
                    lineage: manifest.lineage,
                    round: manifest.round,
                    dev: manifest.dev.map(|dev| dev.scores),
                },
                Err(error) if error.is_damage() => Standing::Damaged,
                Err(error) => return Err(error),
            }
        } else {
            Standing::Unpublished
        };
        folders.push(Retained { name: name.to_owned(), standing });
    }
    Ok(folders)
}

/// Deletes what [`retention`] selects and returns the names of the deleted folders. Only the run's one coordinator may
/// call this. `needed`: checkpoints that the run would fall back to, or deploy.
///
/// # Errors
/// [`Error::Store`]; folders deleted before the error stay deleted, and a later call continues.
pub async fn retain(run: &Store, keep: usize, needed: &BTreeSet<String>) -> Result<Vec<String>, Error> {
    let mut deleted = Vec::new();
    for Action::Delete(name) in retention(&folders(run).await?, keep, needed) {
        let folder = checkpoint_store(run, &name);
        folder.delete(MANIFEST).await?;
        for object in folder.list("").await? {
            folder.delete(&object).await?;
        }
        deleted.push(name);
    }
    Ok(deleted)
}

/// Removes unfinished files in checkpoints of `run` whose writers died: [`Store::sweep`].
pub async fn sweep(run: &Store) {
    run.child(CHECKPOINTS).sweep("").await;
}
