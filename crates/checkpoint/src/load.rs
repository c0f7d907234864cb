use crate::layout::{CHECKPOINTS, MANIFEST, MODEL, checkpoint_store};
use crate::name::check_name;
use crate::seal::{self, Unsealed};
use crate::signed::Proof;
use crate::{Error, Manifest, Object, digest};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use stentor_signature::{Digest, Hasher, KeyId};
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
    /// The digest of the manifest's file, if there is a valid checkpoint.
    pub digest: Option<Digest>,
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
    read_manifest_with(run, name, Proof::None).await
}

/// Like [`read_manifest`], for a reader that demands a proof.
///
/// # Errors
/// As [`read_manifest`]; without the proof [`Error::Unsigned`], [`Error::Signature`], [`Error::OtherRun`], [`Error::Replaced`] or
/// [`Error::NoDigest`].
pub async fn read_manifest_with(run: &Store, name: &str, proof: Proof<'_>) -> Result<Manifest, Error> {
    Ok(read(run, name, proof).await?.manifest)
}

async fn read(run: &Store, name: &str, proof: Proof<'_>) -> Result<Unsealed, Error> {
    check_name(name)?;
    let folder = checkpoint_store(run, name);
    let read = read_manifest_in(&folder, proof).await?;
    if read.manifest.name != name {
        let location = format!("{}/{MANIFEST}", folder.location());
        return Err(Error::Misplaced { location, expected: name.to_owned(), found: read.manifest.name });
    }
    Ok(read)
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
pub(crate) async fn read_manifest_in(folder: &Store, proof: Proof<'_>) -> Result<Unsealed, Error> {
    let bytes = folder.get(MANIFEST).await?;
    let location = format!("{}/{MANIFEST}", folder.location());
    let read = seal::decode(&bytes, &location, proof)?;
    if read.manifest.object(MODEL).is_none() {
        return Err(Error::MissingObject {
            location: folder.location().to_owned(),
            object: MODEL.to_owned(),
        });
    }
    Ok(read)
}

/// Reads the manifest of checkpoint `name` and verifies size and digest of every object, in bounded memory. This reads
/// the whole checkpoint; to read only one object, use [`read_manifest`] and [`read_object`].
///
/// # Errors
/// As [`read_manifest`]; [`Error::MissingObject`], [`Error::ObjectSize`], [`Error::ObjectDigest`] for the first object
/// that does not match the manifest.
pub async fn load_manifest(run: &Store, name: &str) -> Result<Manifest, Error> {
    Ok(load_manifest_with(run, name, Proof::None).await?.0)
}

/// Like [`load_manifest`], for a reader that demands a proof; also returns the digest of the manifest's file.
///
/// # Errors
/// As [`load_manifest`] and [`read_manifest_with`].
pub async fn load_manifest_with(
    run: &Store,
    name: &str,
    proof: Proof<'_>,
) -> Result<(Manifest, Digest), Error> {
    let Unsealed { manifest, digest, .. } = read(run, name, proof).await?;
    verify(&checkpoint_store(run, name), &manifest).await?;
    Ok((manifest, digest))
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
    let blake3 = object.blake3.map(|_| Digest::of(&bytes));
    let found = Found { bytes: bytes.len() as u64, digest: digest(&bytes), blake3 };
    compare(folder, object, found)?;
    Ok(bytes)
}

/// The newest valid checkpoint of `run`. Damaged ones are skipped and listed in [`Newest::broken`].
///
/// # Errors
/// [`Error::Store`] if the store does not answer: falling back to an older checkpoint would then lose work because of
/// a temporary fault.
pub async fn newest_valid(run: &Store) -> Result<Newest, Error> {
    newest_valid_with(run, Proof::None).await
}

/// Like [`newest_valid`]; a checkpoint without the proof is skipped as a damaged one is.
///
/// # Errors
/// As [`newest_valid`].
pub async fn newest_valid_with(run: &Store, proof: Proof<'_>) -> Result<Newest, Error> {
    let mut newest = Newest::default();
    let mut manifests = Vec::new();
    for name in published(run).await? {
        match read(run, &name, proof).await {
            Ok(read) => manifests.push(read),
            Err(error) if error.is_damage() => newest.broken.insert(0, Broken { name, error }),
            Err(error) => return Err(error),
        }
    }
    manifests.sort_by(|a, b| b.manifest.age().cmp(&a.manifest.age()));
    for Unsealed { manifest, digest, .. } in manifests {
        match verify(&checkpoint_store(run, &manifest.name), &manifest).await {
            Ok(()) => {
                (newest.manifest, newest.digest) = (Some(manifest), Some(digest));
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

/// A checkpoint, of which every object was read.
#[derive(Debug)]
pub struct Verified {
    /// Its manifest.
    pub manifest: Manifest,
    /// The digest of the manifest's file.
    pub digest: Digest,
    /// The key that has signed the manifest, as it says.
    pub key: Option<KeyId>,
    /// What is wrong with each object of the manifest.
    pub objects: Vec<(Object, Option<Error>)>,
}

/// Verifies every object of the checkpoint in `folder`, whatever the folder's name. Returns for each what is wrong
/// with it.
///
/// # Errors
/// As [`read_manifest`]; [`Error::Store`] if the store does not answer.
pub async fn verify_objects(folder: &Store) -> Result<Vec<(Object, Option<Error>)>, Error> {
    Ok(verify_objects_with(folder, Proof::None).await?.objects)
}

/// Like [`verify_objects`], for a reader that demands a proof.
///
/// # Errors
/// As [`read_manifest_with`].
pub async fn verify_objects_with(folder: &Store, proof: Proof<'_>) -> Result<Verified, Error> {
    let Unsealed { manifest, digest, key } = read_manifest_in(folder, proof).await?;
    let checks = manifest.objects.clone().into_iter().map(async |object| {
        match verify_object(folder.clone(), object.clone()).await {
            Ok(()) => Ok((object, None)),
            Err(error) if error.is_damage() => Ok((object, Some(error))),
            Err(error) => Err(error),
        }
    });
    let objects = stream::iter(checks.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await?;
    Ok(Verified { manifest, digest, key, objects })
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
    compare(&folder, &object, Found { bytes, digest: object.digest, blake3: object.blake3 })?;
    let (mut hash, mut blake3) = (Xxh3::new(), object.blake3.map(|_| Hasher::default()));
    let mut at = 0;
    while at < bytes {
        let end = bytes.min(at + PIECE);
        let piece = folder.get_range(name, at..end).await.map_err(|e| absent(&folder, name, e))?;
        hash.update(&piece);
        blake3.iter_mut().for_each(|hash| hash.update(&piece));
        at = end;
    }
    let blake3 = blake3.map(|hash| hash.digest());
    compare(&folder, &object, Found { bytes, digest: hash.digest(), blake3 })
}

/// Actual length and digests of an object.
#[derive(Clone, Copy)]
struct Found {
    bytes: u64,
    digest: u64,
    /// If the manifest has one.
    blake3: Option<Digest>,
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
    match (object.blake3, found.blake3) {
        (Some(expected), Some(found)) if expected != found => {
            Err(Error::Replaced { location: location(), expected, found })
        }
        _ => Ok(()),
    }
}

fn missing(folder: &Store, object: &str) -> Error {
    Error::MissingObject { location: folder.location().to_owned(), object: object.to_owned() }
}

fn absent(folder: &Store, object: &str, error: stentor_store::Error) -> Error {
    if error.is_not_found() { missing(folder, object) } else { error.into() }
}
