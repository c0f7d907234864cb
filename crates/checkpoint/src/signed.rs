//! Signatures of a run: who signs, whom a reader trusts, and the object that makes a run a signed one.

use crate::layout::SIGNED;
use crate::{Error, LogHead};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use stentor_signature::{Context, Digest, PublicKey, PublicKeys, Signed, SigningKey, unique_name};
use stentor_store::{Put, Store};

/// What a signed run is: `signed.json` in its folder, written before anything else that is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRun {
    /// `run.name` of the experiment.
    pub name: String,
    /// A name that no other run has. Every signature of the run contains it.
    pub id: String,
    /// The digest of the manifest of the model that the run started from; `None` if its weights were drawn from the seed.
    pub start: Option<Digest>,
}

/// Signs what the coordinator of a run writes.
#[derive(Debug, Clone)]
pub struct Signer {
    key: Arc<SigningKey>,
    run: Arc<str>,
}

/// Whom a reader trusts, and which run it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    keys: PublicKeys,
    run: Option<String>,
}

/// What shows that an object is the one that the run's coordinator has written.
#[derive(Debug, Clone, Copy, Default)]
pub enum Proof<'a> {
    /// Nothing: whoever can write to the store may have written it.
    #[default]
    None,
    /// The digest of the manifest, from the coordinator.
    Digest(Digest),
    /// Its signature.
    Signature(&'a Trust),
}

impl SignedRun {
    /// A new signed run.
    ///
    /// # Errors
    /// [`Error::Signing`].
    pub fn new(name: &str, start: Option<Digest>) -> Result<Self, Error> {
        let id = unique_name().map_err(Error::Signing)?;
        Ok(Self { name: name.to_owned(), id, start })
    }

    /// Reads it from the folder of a run; `None` if there is none, so that the run is not a signed one.
    ///
    /// # Errors
    /// [`Error::Signature`] if none of `keys` has signed it, [`Error::Manifest`] if it cannot be parsed, [`Error::Store`].
    pub async fn read(run: &Store, keys: &PublicKeys) -> Result<Option<Self>, Error> {
        let Some(signed) = Self::signed(run).await? else { return Ok(None) };
        let location = format!("{}/{SIGNED}", run.location());
        let verified = signed.verified(Context::Run, keys);
        Ok(Some(verified.map_err(|source| Error::Signature { location, source })?))
    }

    /// Reads it, whoever has signed it.
    ///
    /// # Errors
    /// As [`SignedRun::read`].
    pub async fn read_unverified(run: &Store) -> Result<Option<Self>, Error> {
        Ok(Self::signed(run).await?.map(Signed::unverified))
    }

    async fn signed(run: &Store) -> Result<Option<Signed<Self>>, Error> {
        let bytes = match run.get(SIGNED).await {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        let location = format!("{}/{SIGNED}", run.location());
        let parsed = serde_json::from_slice(&bytes);
        parsed.map(Some).map_err(|error| Error::Manifest { location, reason: error.to_string() })
    }

    /// Makes `run` a signed one, by this object.
    ///
    /// # Errors
    /// [`Error::NameTaken`] if it is one already, [`Error::Signing`], [`Error::Store`].
    pub async fn write(&self, run: &Store, key: &SigningKey) -> Result<(), Error> {
        let signed = Signed::new(self.clone(), Context::Run, key).map_err(Error::Signing)?;
        let mut bytes = serde_json::to_vec_pretty(&signed).unwrap_or_default();
        bytes.push(b'\n');
        match run.put_once(SIGNED, bytes.into()).await? {
            Put::Created => Ok(()),
            Put::AlreadyThere => Err(Error::NameTaken { location: format!("{}/{SIGNED}", run.location()) }),
        }
    }
}

impl Signer {
    /// Signs as the coordinator of `run`.
    #[must_use]
    pub fn new(key: Arc<SigningKey>, run: &SignedRun) -> Self {
        Self { key, run: run.id.as_str().into() }
    }

    /// [`SignedRun::id`].
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }
}

impl Trust {
    /// Trusts these keys, for any run.
    #[must_use]
    pub fn new(keys: PublicKeys) -> Self {
        Self { keys, run: None }
    }

    /// Trusts these keys, for this run.
    #[must_use]
    pub fn of_run(keys: PublicKeys, run: &SignedRun) -> Self {
        Self { keys, run: Some(run.id.clone()) }
    }

    /// Trusts a signer of itself, and `others`.
    #[must_use]
    pub fn of_signer(signer: &Signer, others: &PublicKeys) -> Self {
        Self { keys: others.clone().and(signer.key.public()), run: Some(signer.run.to_string()) }
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &PublicKeys {
        &self.keys
    }

    /// The same keys for the run whose folder `run` is.
    ///
    /// # Errors
    /// [`Error::Unsigned`] if it is not a signed one; otherwise as [`SignedRun::read`].
    pub async fn for_run(&self, run: &Store) -> Result<Self, Error> {
        let found = SignedRun::read(run, &self.keys).await?;
        let found =
            found.ok_or_else(|| Error::Unsigned { location: format!("{}/{SIGNED}", run.location()) })?;
        self.check_run(&found.id, || format!("{}/{SIGNED}", run.location()))?;
        Ok(Self { keys: self.keys.clone(), run: Some(found.id) })
    }

    /// Refuses what is signed for another run.
    ///
    /// # Errors
    /// [`Error::OtherRun`].
    pub fn check_run(&self, found: &str, location: impl FnOnce() -> String) -> Result<(), Error> {
        match &self.run {
            Some(expected) if expected != found => Err(Error::OtherRun {
                location: location(),
                expected: expected.clone(),
                found: found.to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

impl From<PublicKey> for Trust {
    fn from(key: PublicKey) -> Self {
        Self::new(key.into())
    }
}

impl From<Option<Digest>> for Proof<'_> {
    fn from(digest: Option<Digest>) -> Self {
        digest.map_or(Proof::None, Proof::Digest)
    }
}

impl<'a> From<Option<&'a Trust>> for Proof<'a> {
    fn from(trust: Option<&'a Trust>) -> Self {
        trust.map_or(Proof::None, Proof::Signature)
    }
}

/// The result of a signed run: in `final.json`, beside the checkpoint's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedResult {
    /// [`SignedRun::id`].
    pub run: String,
    /// The checkpoint to deploy.
    pub checkpoint: String,
    /// The last segment of the event log.
    pub events: Option<LogHead>,
    /// Other objects of the run that are final: experiment and summary.
    pub objects: Vec<FinalObject>,
}

/// An object of a finished run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinalObject {
    /// Name in the run's folder.
    pub name: String,
    /// The digest of its bytes.
    pub blake3: Digest,
}
