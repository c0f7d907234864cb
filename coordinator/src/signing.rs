//! Signatures of a run: the coordinator's key, and what it accepts of an earlier process.

use crate::Error;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stentor_checkpoint::{
    FinalObject, LogHead, ModelCopy, Newest, Proof, SIGNED, SignedRun, Signer, Trust, deploy_signed,
    newest_valid, newest_valid_with, signed_result,
};
use stentor_experiment::Experiment;
use stentor_runlog::{Event, EventLog, newest_segment};
use stentor_runtime::metrics;
use stentor_signature::{Digest, PublicKeys, SigningKey};
use stentor_store::Store;

/// The keys of a coordinator that signs its run.
#[derive(Debug, Clone)]
pub struct Signing {
    key: Arc<SigningKey>,
    /// Keys with which earlier coordinators of the run have signed, or those of the run whose model it starts from.
    earlier: PublicKeys,
    /// Whether the model that the run starts from may be one that none of these keys has signed.
    unsigned_start: bool,
}

impl Signing {
    /// Signs with `key`, and accepts what was signed with it or with `earlier` keys.
    #[must_use]
    pub fn new(key: SigningKey, earlier: PublicKeys) -> Self {
        Self { key: Arc::new(key), earlier, unsigned_start: false }
    }

    /// Accepts a model to start from that has no signature, or that of another key.
    #[must_use]
    pub fn with_unsigned_start(mut self) -> Self {
        self.unsigned_start = true;
        self
    }

    /// Reads the keys from files; `None` if the run is not to be signed.
    ///
    /// # Errors
    /// [`Error::Keys`].
    pub fn read(key: Option<&Path>, earlier: &[PathBuf]) -> Result<Option<Self>, Error> {
        let Some(path) = key else { return Ok(None) };
        stentor_runtime::warn_if_exposed(path, "this key");
        let key = SigningKey::read(path).map_err(Error::Keys)?;
        let earlier = PublicKeys::read(earlier).map_err(Error::Keys)?;
        tracing::info!(key = %key.public().id(), "checkpoints and event log are signed");
        Ok(Some(Self::new(key, earlier)))
    }

    fn keys(&self) -> PublicKeys {
        self.earlier.clone().and(self.key.public())
    }
}

/// What is known of the signatures of a run's folder before this process has claimed it.
#[derive(Debug, Default)]
pub(crate) struct Known {
    signing: Option<Signing>,
    /// `None`: the run is not signed, or has not begun.
    run: Option<SignedRun>,
    trust: Option<Trust>,
}

impl Known {
    /// Looks whether the run that `experiment` resumes is signed.
    ///
    /// # Errors
    /// [`Error::KeyMissing`] if it is and this process has no key; [`Error::Checkpoint`] if it is signed with another key;
    /// [`Error::OtherRun`] if it has another name.
    pub(crate) async fn of_resumed(
        run: &Store,
        experiment: &Experiment,
        signing: Option<Signing>,
    ) -> Result<Self, Error> {
        let output = || experiment.run.output.clone();
        let Some(own) = &signing else {
            return match SignedRun::read_unverified(run).await? {
                Some(_) => Err(Error::KeyMissing { output: output() }),
                None => Ok(Self::default()),
            };
        };
        let keys = own.keys();
        let found = SignedRun::read(run, &keys).await?;
        if let Some(found) = &found
            && found.name != experiment.run.name
        {
            let named = |name: &str| format!("run `{name}`, by {SIGNED}");
            let (expected, found) = (named(&experiment.run.name), named(&found.name));
            return Err(Error::OtherRun { output: output(), expected, found });
        }
        let trust = found.as_ref().map(|found| Trust::of_run(keys, found));
        Ok(Self { signing, run: found, trust })
    }

    /// A run that begins now.
    pub(crate) fn fresh(signing: Option<Signing>) -> Self {
        Self { signing, ..Self::default() }
    }

    /// Whether the run is to be signed from now on, or is already.
    pub(crate) fn signs(&self) -> bool {
        self.signing.is_some()
    }

    /// Whether the run is to be signed from now on, and has not been until now.
    pub(crate) fn begins(&self) -> bool {
        self.signs() && self.run.is_none()
    }

    /// The digest that the manifest of the run's own copy of the model that it started from must have.
    pub(crate) fn start(&self) -> Option<Digest> {
        self.run.as_ref()?.start
    }

    /// Reads the model that the run starts from, of another run. Where this one signs, the model must be signed too, because else
    /// whoever can write to that run's folder would decide what this run publishes with its signature.
    ///
    /// # Errors
    /// [`Error::StartUnproven`] and [`Error::StartUnread`].
    pub(crate) async fn read_start(&self, place: &Store) -> Result<ModelCopy, Error> {
        let trust = self.signing.as_ref().filter(|own| !own.unsigned_start).map(|own| Trust::new(own.keys()));
        ModelCopy::read_trusted(place, trust.as_ref()).await.map_err(|source| match source.is_forgery() {
            true => Error::StartUnproven(source),
            false => Error::StartUnread(source),
        })
    }

    /// Whom to trust about checkpoints of the run.
    pub(crate) fn proof(&self) -> Proof<'_> {
        self.trust.as_ref().into()
    }

    /// The newest checkpoint that can be restored. In a run that signs, a forged one is skipped as a damaged one is; but where none
    /// is left, the run does not begin anew.
    ///
    /// # Errors
    /// [`Error::NothingSigned`].
    pub(crate) async fn newest(&self, run: &Store) -> Result<Newest, Error> {
        let newest = match (&self.signing, &self.trust) {
            (Some(_), None) => {
                let mut newest = newest_valid(run).await?;
                // Nothing of it is signed.
                if let Some(manifest) = newest.manifest.take() {
                    return Err(self.nothing_signed(run, manifest.name, format!("there is no {SIGNED}")));
                }
                newest
            }
            _ => newest_valid_with(run, self.proof()).await?,
        };
        match newest.broken.iter().find(|broken| broken.error.is_forgery()) {
            Some(broken) if newest.manifest.is_none() => {
                Err(self.nothing_signed(run, broken.name.clone(), broken.error.to_string()))
            }
            _ => Ok(newest),
        }
    }

    fn nothing_signed(&self, run: &Store, checkpoint: String, reason: String) -> Error {
        Error::NothingSigned { output: run.location().to_owned(), checkpoint, reason }
    }

    /// Whether the result of a finished run is the one that was signed, as far as this process can tell.
    pub(crate) async fn is_result(&self, run: &Store, summary: &[u8]) -> Result<bool, Error> {
        let Some(trust) = &self.trust else { return Ok(!self.signs()) };
        match signed_result(run, trust).await {
            Ok(Some(result)) => {
                let digest = Digest::of(summary);
                let is_summary =
                    |object: &FinalObject| object.name == "summary.json" && object.blake3 == digest;
                Ok(result.objects.iter().any(is_summary))
            }
            Ok(None) => Ok(false),
            Err(error) if error.is_damage() => {
                tracing::warn!(%error, "the run's result is not the one that was signed");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Begins to sign, after the claim: a new run becomes a signed one. `start`: the digest of the manifest of the copy of the model
    /// that the run starts from.
    pub(crate) async fn begin(
        self,
        run: &Store,
        name: &str,
        start: Option<Digest>,
    ) -> Result<Option<SignedBy>, Error> {
        let Some(Signing { key, earlier, .. }) = self.signing else { return Ok(None) };
        let signed = match self.run {
            Some(signed) => signed,
            None => {
                let signed = SignedRun::new(name, start)?;
                signed.write(run, &key).await?;
                signed
            }
        };
        let signer = Signer::new(key, &signed);
        let trust = Trust::of_signer(&signer, &earlier);
        Ok(Some(SignedBy { signer, earlier, trust, start: signed.start }))
    }
}

/// What the coordinator of a signed run signs and checks with.
#[derive(Debug, Clone)]
pub(crate) struct SignedBy {
    pub(crate) signer: Signer,
    earlier: PublicKeys,
    trust: Trust,
    start: Option<Digest>,
}

impl SignedBy {
    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The event log, whose segments follow those that earlier coordinators have signed; and the names of newer ones that are not
    /// signed.
    pub(crate) async fn log(&self, run: &Store, log: EventLog) -> Result<(EventLog, Vec<String>), Error> {
        let (head, refused) = newest_segment(run, &self.trust).await?;
        Ok((log.signed(self.signer.clone(), head), refused))
    }

    /// Publishes and signs the result of the run.
    pub(crate) async fn deploy(
        &self,
        run: &Store,
        checkpoint: &str,
        events: Option<LogHead>,
        objects: Vec<FinalObject>,
    ) -> Result<(), stentor_checkpoint::Error> {
        deploy_signed(run, checkpoint, (&self.signer, &self.earlier), events, objects).await
    }
}

/// Number of checkpoints whose manifests' digests are kept. A member may still load one that is not the newest any more.
const MOST_MANIFESTS: usize = 16;

/// The digests of the manifests that members may load, in a run that signs.
#[derive(Debug, Default)]
pub(crate) struct Manifests {
    pub(crate) start: Option<Digest>,
    checkpoints: BTreeMap<String, Digest>,
}

impl Manifests {
    /// Those that are known when the process begins.
    pub(crate) fn of(signed: &SignedBy, newest: Option<(String, Digest)>) -> Self {
        Self { start: signed.start, checkpoints: newest.into_iter().collect() }
    }

    pub(crate) fn published(&mut self, checkpoint: &str, digest: Digest) {
        self.checkpoints.insert(checkpoint.to_owned(), digest);
        // The order of names is that of age, and members start from the newest.
        while self.checkpoints.len() > MOST_MANIFESTS {
            self.checkpoints.pop_first();
        }
    }

    pub(crate) fn of_checkpoint(&self, checkpoint: &str) -> Option<Digest> {
        self.checkpoints.get(checkpoint).copied()
    }
}

/// Kinds of what may be forged, as labels of the metric.
const CHECKPOINT: &str = "checkpoint";
const EVENT_LOG: &str = "event log";

/// Reports what was found in the run's folder without its signature: checkpoints that were skipped, with the reason, and segments of
/// the event log.
pub(crate) fn report_forged(checkpoints: Vec<(String, String)>, segments: Vec<String>) -> Vec<Event> {
    // Recording 0 makes the first increase visible to alerts.
    metrics::forged_objects(checkpoints.len() as u64, CHECKPOINT);
    metrics::forged_objects(segments.len() as u64, EVENT_LOG);
    let segment = |name: String| {
        let reason = "it has no signature of this run; `stentor verify --public-key` says more".to_owned();
        (format!("events/{name}"), reason)
    };
    let checkpoint = |(name, reason)| (format!("checkpoints/{name}"), reason);
    let all = checkpoints.into_iter().map(checkpoint).chain(segments.into_iter().map(segment));
    all.map(|(object, reason)| {
        tracing::error!(object, reason, "forged: somebody else has written to the run's folder");
        Event::Forged { object, reason }
    })
    .collect()
}
