use crate::layout::{FINAL, MANIFEST, MODEL, checkpoint_store};
use crate::load::{published, read_manifest_with, read_object};
use crate::name::check_name;
use crate::signed::{Proof, SignedResult, Signer, Trust};
use crate::{Error, FinalObject, LogHead};
use serde::{Deserialize, Serialize};
use stentor_signature::{Context, PublicKeys, Signed};
use stentor_store::Store;

/// `final.json`: the run's result.
#[derive(Debug, Serialize, Deserialize)]
struct Final {
    checkpoint: String,
    /// In a run that signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signed: Option<Signed<SignedResult>>,
}

/// Makes checkpoint `name` the result of `run`, which [`DeployedModel::load`](crate::DeployedModel::load) loads.
///
/// # Errors
/// An error about the checkpoint if its model cannot be read, [`Error::Store`].
pub async fn deploy(run: &Store, name: &str) -> Result<(), Error> {
    let manifest = read_manifest_with(run, name, Proof::None).await?;
    read_object(run, &manifest, MODEL).await?;
    write(run, Final { checkpoint: name.to_owned(), signed: None }).await
}

/// Like [`deploy`], for a run that signs: the checkpoint must have the run's own signature, or one of `others`. `events`: the last
/// segment of the event log; `objects`: others that are final.
///
/// # Errors
/// As [`deploy`]; an error about the checkpoint's signature.
pub async fn deploy_signed(
    run: &Store,
    name: &str,
    (signer, others): (&Signer, &PublicKeys),
    events: Option<LogHead>,
    objects: Vec<FinalObject>,
) -> Result<(), Error> {
    let trust = Trust::of_signer(signer, others);
    let manifest = read_manifest_with(run, name, Proof::Signature(&trust)).await?;
    read_object(run, &manifest, MODEL).await?;
    let result = SignedResult { run: signer.run().to_owned(), checkpoint: name.to_owned(), events, objects };
    let signed = Signed::new(result, Context::Result, signer.key()).map_err(Error::Signing)?;
    write(run, Final { checkpoint: name.to_owned(), signed: Some(signed) }).await
}

async fn write(run: &Store, result: Final) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(&result);
    let text = text.expect("a struct of strings is JSON");
    Ok(run.put(FINAL, text.into()).await?)
}

/// The result of a finished run, whose signature is checked; `None` if the run is not finished.
///
/// # Errors
/// [`Error::Unsigned`], [`Error::Signature`], [`Error::OtherRun`]; [`Error::Manifest`] if it cannot be parsed, [`Error::Store`].
pub async fn signed_result(run: &Store, trust: &Trust) -> Result<Option<SignedResult>, Error> {
    let Some(found) = read(run).await? else { return Ok(None) };
    let location = || format!("{}/{FINAL}", run.location());
    let signed = found.signed.ok_or_else(|| Error::Unsigned { location: location() })?;
    let result = signed.verified(Context::Result, trust.keys());
    let result = result.map_err(|source| Error::Signature { location: location(), source })?;
    trust.check_run(&result.run, location)?;
    // Programs without keys read the name outside the signature.
    if result.checkpoint != found.checkpoint {
        let (expected, found) = (result.checkpoint, found.checkpoint);
        return Err(Error::Misplaced { location: location(), expected, found });
    }
    Ok(Some(result))
}

async fn read(run: &Store) -> Result<Option<Final>, Error> {
    let bytes = match run.get(FINAL).await {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    let location = || format!("{}/{FINAL}", run.location());
    let found: Final = serde_json::from_slice(&bytes)
        .map_err(|e| Error::Manifest { location: location(), reason: e.to_string() })?;
    check_name(&found.checkpoint)?;
    Ok(Some(found))
}

/// The checkpoint that `final.json` names; `None` if the run is not finished.
pub(crate) async fn deployed_name(run: &Store) -> Result<Option<String>, Error> {
    Ok(read(run).await?.map(|found| found.checkpoint))
}

/// The folder of the checkpoint for `store`: itself if it is a checkpoint, or the one that its run deploys; and whom to trust there.
pub(crate) async fn model_folder(
    store: &Store,
    trust: Option<&Trust>,
) -> Result<(Store, Option<Trust>), Error> {
    let Some(name) = deployed_name(store).await? else {
        if store.exists(MANIFEST).await? {
            return Ok((store.clone(), trust.cloned()));
        }
        let checkpoints = published(store).await?;
        return Err(Error::NoModel { location: store.location().to_owned(), checkpoints });
    };
    let Some(trust) = trust else { return Ok((checkpoint_store(store, &name), None)) };
    let trust = trust.for_run(store).await?;
    let result = signed_result(store, &trust).await?;
    let name = result.map_or(name, |result| result.checkpoint);
    Ok((checkpoint_store(store, &name), Some(trust)))
}
