use crate::layout::{CHECKPOINTS, MANIFEST, MODEL, checkpoint_store};
use crate::name::check_name;
use crate::{Error, Manifest, Object, digest, seal};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use stentor_store::Store;
use xxhash_rust::xxh3::Xxh3;

/// Maximum number of bytes of an object that are in memory while it is verified.
const PIECE: u64 = 8 << 20;
/// Number of objects that are verified concurrently: a checkpoint of many workers has many objects, and a distant
/// store takes long to answer each request.
const AT_ONCE: usize = 8;

/// The newest valid checkpoint, and the damaged ones that were skipped.
#[derive(Debug, Default)]
pub struct Newest {
    /// `None` if there is no valid checkpoint.
    pub manifest: Option<Manifest>,
    /// Damaged checkpoints, newest first as far as their age is known. Of those older than `manifest`, only the
    /// manifests are checked.
    pub broken: Vec<Broken>,
}

/// A checkpoint that cannot be used.
#[derive(Debug)]
pub struct Broken {
    /// The name of its folder.
    pub name: String,
    /// What is wrong with it.
    pub error: Error,
}

/// Reads the manifest of checkpoint `name`, but not the objects that it lists.
///
/// # Errors
/// [`Error::Store`] if it does not exist, otherwise what is wrong with it.
pub async fn read_manifest(run: &Store, name: &str) -> Result<Manifest, Error> {
    check_name(name)?;
    let folder = checkpoint_store(run, name);
    let manifest = read_manifest_in(&folder).await?;
    if manifest.name != name {
        let location = format!("{}/{MANIFEST}", folder.location());
        return Err(Error::Misplaced { location, expected: name.to_owned(), found: manifest.name });
    }
    Ok(manifest)
}

/// Whether checkpoint `name` is published. It then stays whole until retention deletes it.
///
/// # Errors
/// [`Error::Name`]; [`Error::Store`] if the store does not answer.
pub async fn is_published(run: &Store, name: &str) -> Result<bool, Error> {
    check_name(name)?;
    Ok(checkpoint_store(run, name).exists(MANIFEST).await?)
}

/// The manifest of the checkpoint in `folder`, whatever the folder's name.
pub(crate) async fn read_manifest_in(folder: &Store) -> Result<Manifest, Error> {
    let bytes = folder.get(MANIFEST).await?;
    let location = format!("{}/{MANIFEST}", folder.location());
    let manifest = seal::decode(&bytes, &location)?;
    if manifest.object(MODEL).is_none() {
        return Err(Error::MissingObject {
            location: folder.location().to_owned(),
            object: MODEL.to_owned(),
        });
    }
    Ok(manifest)
}

/// Reads the manifest of checkpoint `name` and verifies size and digest of every object, in bounded memory. This reads
/// the whole checkpoint; to read only one object, use [`read_manifest`] and [`read_object`].
///
/// # Errors
/// As [`read_manifest`]; [`Error::MissingObject`], [`Error::ObjectSize`], [`Error::ObjectDigest`] for the first object
/// that does not match the manifest.
pub async fn load_manifest(run: &Store, name: &str) -> Result<Manifest, Error> {
    let manifest = read_manifest(run, name).await?;
    verify(&checkpoint_store(run, name), &manifest).await?;
    Ok(manifest)
}

/// Reads and verifies an object of a checkpoint.
///
/// # Errors
/// [`Error::MissingObject`] if the manifest does not list it or the store does not have it, [`Error::ObjectSize`],
/// [`Error::ObjectDigest`], [`Error::Store`].
pub async fn read_object(run: &Store, manifest: &Manifest, name: &str) -> Result<Bytes, Error> {
    read_object_in(&checkpoint_store(run, &manifest.name), manifest, name).await
}

pub(crate) async fn read_object_in(folder: &Store, manifest: &Manifest, name: &str) -> Result<Bytes, Error> {
    let object = manifest.object(name).ok_or_else(|| missing(folder, name))?;
    let bytes = folder.get(name).await.map_err(|e| absent(folder, name, e))?;
    let found = Found { bytes: bytes.len() as u64, digest: digest(&bytes) };
    compare(folder, object, found)?;
    Ok(bytes)
}

/// The newest valid checkpoint of `run`. Damaged ones are skipped and listed in [`Newest::broken`].
///
/// # Errors
/// [`Error::Store`] if the store does not answer: falling back to an older checkpoint would then lose work because of
/// a temporary fault.
pub async fn newest_valid(run: &Store) -> Result<Newest, Error> {
    let mut newest = Newest::default();
    let mut manifests = Vec::new();
    for name in published(run).await? {
        match read_manifest(run, &name).await {
            Ok(manifest) => manifests.push(manifest),
            Err(error) if error.is_damage() => newest.broken.insert(0, Broken { name, error }),
            Err(error) => return Err(error),
        }
    }
    manifests.sort_by(|a, b| b.age().cmp(&a.age()));
    for manifest in manifests {
        match verify(&checkpoint_store(run, &manifest.name), &manifest).await {
            Ok(()) => {
                newest.manifest = Some(manifest);
                break;
            }
            Err(error) if error.is_damage() => newest.broken.push(Broken { name: manifest.name, error }),
            Err(error) => return Err(error),
        }
    }
    newest.broken.sort_by(|a, b| b.name.cmp(&a.name));
    Ok(newest)
}

/// Names of the folders that have a manifest, sorted.
pub(crate) async fn published(run: &Store) -> Result<Vec<String>, Error> {
    let objects = run.child(CHECKPOINTS).list("").await?;
    let names = objects.iter().filter_map(|object| object.strip_suffix(MANIFEST)?.strip_suffix('/'));
    Ok(names.filter(|name| check_name(name).is_ok()).map(ToOwned::to_owned).collect())
}

/// Verifies every object of the checkpoint in `folder`, whatever the folder's name. Returns for each what is wrong
/// with it.
///
/// # Errors
/// As [`read_manifest`]; [`Error::Store`] if the store does not answer.
pub async fn verify_objects(folder: &Store) -> Result<Vec<(Object, Option<Error>)>, Error> {
    let manifest = read_manifest_in(folder).await?;
    let checks = manifest.objects.into_iter().map(async |object| {
        match verify_object(folder.clone(), object.clone()).await {
            Ok(()) => Ok((object, None)),
            Err(error) if error.is_damage() => Ok((object, Some(error))),
            Err(error) => Err(error),
        }
    });
    stream::iter(checks.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await
}

/// Fails with the first object, in the order of the manifest, that does not match it.
async fn verify(folder: &Store, manifest: &Manifest) -> Result<(), Error> {
    let checks = manifest.objects.iter().cloned().map(|object| verify_object(folder.clone(), object));
    stream::iter(checks.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await
}

async fn verify_object(folder: Store, object: Object) -> Result<(), Error> {
    let name = &object.name;
    let bytes = folder.size(name).await.map_err(|e| absent(&folder, name, e))?;
    // A wrong size is reported as such, and not as a wrong digest.
    compare(&folder, &object, Found { bytes, digest: object.digest })?;
    let mut hash = Xxh3::new();
    let mut at = 0;
    while at < bytes {
        let end = bytes.min(at + PIECE);
        hash.update(&folder.get_range(name, at..end).await.map_err(|e| absent(&folder, name, e))?);
        at = end;
    }
    compare(&folder, &object, Found { bytes, digest: hash.digest() })
}

/// Actual length and digest of an object.
#[derive(Clone, Copy)]
struct Found {
    bytes: u64,
    digest: u64,
}

fn compare(folder: &Store, object: &Object, found: Found) -> Result<(), Error> {
    let location = || format!("{}/{}", folder.location(), object.name);
    if found.bytes != object.bytes {
        return Err(Error::ObjectSize { location: location(), expected: object.bytes, found: found.bytes });
    }
    if found.digest != object.digest {
        return Err(Error::ObjectDigest {
            location: location(),
            expected: object.digest,
            found: found.digest,
        });
    }
    Ok(())
}

fn missing(folder: &Store, object: &str) -> Error {
    Error::MissingObject { location: folder.location().to_owned(), object: object.to_owned() }
}

fn absent(folder: &Store, object: &str, error: stentor_store::Error) -> Error {
    if error.is_not_found() { missing(folder, object) } else { error.into() }
}
