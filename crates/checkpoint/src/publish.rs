use crate::layout::{MANIFEST, MODEL, checkpoint_store};
use crate::name::check_name;
use crate::signed::Signer;
use crate::{Error, Manifest, seal};
use stentor_signature::Digest;
use stentor_store::{Put, Store};

/// Publishes the objects that `manifest` lists as a checkpoint of `run`, by writing the manifest. The objects must
/// already be in the store. Their sizes are checked; their digests were computed by their writers.
///
/// May be repeated: publishing the same manifest again changes nothing and returns [`Put::AlreadyThere`].
///
/// # Errors
/// [`Error::MissingObject`] or [`Error::ObjectSize`] if an object does not match the manifest, [`Error::NameTaken`] if
/// a checkpoint with this name has other content, [`Error::Unloadable`] for a manifest that could not be read back,
/// [`Error::Store`].
pub async fn publish(run: &Store, manifest: &Manifest) -> Result<Put, Error> {
    Ok(put(run, manifest, None).await?.0)
}

/// Like [`publish`], with a signature within the manifest, so that nobody sees the one without the other. Returns the digest of
/// the manifest's file.
///
/// # Errors
/// As [`publish`]; [`Error::NoDigest`] for an object without a digest that cannot be forged, [`Error::Signing`].
pub async fn publish_signed(run: &Store, manifest: &Manifest, signer: &Signer) -> Result<Digest, Error> {
    if let Some(object) = manifest.objects.iter().find(|object| object.blake3.is_none()) {
        let location = checkpoint_store(run, &manifest.name).location().to_owned();
        return Err(Error::NoDigest { location, object: object.name.clone() });
    }
    Ok(put(run, manifest, Some(signer)).await?.1)
}

async fn put(run: &Store, manifest: &Manifest, signer: Option<&Signer>) -> Result<(Put, Digest), Error> {
    check_name(&manifest.name)?;
    let bytes = seal::encode(manifest, signer)?;
    let folder = checkpoint_store(run, &manifest.name);
    let missing =
        |object: &str| Error::MissingObject { location: folder.location().into(), object: object.into() };
    if manifest.object(MODEL).is_none() {
        return Err(missing(MODEL));
    }
    for object in &manifest.objects {
        let found = match folder.size(&object.name).await {
            Err(stentor_store::Error::NotFound { .. }) => return Err(missing(&object.name)),
            other => other?,
        };
        if found != object.bytes {
            let location = format!("{}/{}", folder.location(), object.name);
            return Err(Error::ObjectSize { location, expected: object.bytes, found });
        }
    }
    let put = folder.put_once(MANIFEST, bytes.clone()).await?;
    if put == Put::AlreadyThere && folder.get(MANIFEST).await? != bytes {
        return Err(Error::NameTaken { location: format!("{}/{MANIFEST}", folder.location()) });
    }
    Ok((put, Digest::of(&bytes)))
}
