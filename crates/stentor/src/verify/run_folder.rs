use super::{Found, Object, checkpoint, parsed};
use anyhow::Result;
use stentor_checkpoint::{
    DeployedModel, Error, FINAL, FinalObject, LogHead, MANIFEST, Proof, SIGNED, SignedResult, SignedRun,
    Standing, Trust, checkpoint_store, folders, signed_result, start_store,
};
use stentor_experiment::Experiment;
use stentor_runlog::{EVENTS, Segment, check_log};
use stentor_signature::Digest;
use stentor_store::Store;

/// Lists everything that belongs to a run: experiment, event log, the model with which it started, every published
/// checkpoint. Checkpoint folders without a manifest were never published, and are skipped.
pub(super) async fn objects(run: &Store, trust: Option<&Trust>) -> Result<Found> {
    let mut found = Found::default();
    let signed = Signed::find(run, trust, &mut found).await?;
    let mut started_from = None;
    if run.exists(EXPERIMENT).await? {
        let text = run.get(EXPERIMENT).await?;
        let mut object = parsed(EXPERIMENT, &text, Experiment::parse);
        object.faults.extend(signed.fault(EXPERIMENT, &text));
        found.objects.push(object);
        let experiment = std::str::from_utf8(&text).ok().and_then(|text| Experiment::parse(text).ok());
        started_from = experiment.and_then(|experiment| experiment.model.start);
    }
    let events = found.objects.len();
    let start = start_store(run);
    if start.exists(MANIFEST).await? {
        let listed = checkpoint::objects(&start, "start/", signed.proof_of_start()).await?;
        found.objects.extend(listed.objects);
        started_from = None;
    }
    let mut heads = signed.heads();
    let folders = folders(run).await?;
    // A run may have ended before its first checkpoint and before the copy was made.
    if let Some(source) = started_from.filter(|_| folders.iter().any(|f| f.standing != Standing::Unpublished))
    {
        let fault = format!(
            "missing: the copy of `{source}`, from which the run started; resuming and replaying need it"
        );
        found.objects.push(Object::without_bytes(format!("start/{MANIFEST}"), fault));
    }
    for folder in folders {
        if folder.standing != Standing::Unpublished {
            let prefix = format!("checkpoints/{}/", folder.name);
            let store = checkpoint_store(run, &folder.name);
            let mut listed = checkpoint::objects(&store, &prefix, signed.proof()).await?;
            // A whole checkpoint, in the folder of another one.
            let read = stentor_checkpoint::read_manifest_with(run, &folder.name, signed.proof()).await;
            if let Err(error @ stentor_checkpoint::Error::Misplaced { .. }) = read {
                let name = format!("{prefix}{MANIFEST}");
                listed.objects.push(Object::without_bytes(name, error.to_string()));
            }
            heads.extend(listed.events.map(|head| (format!("checkpoint {}", folder.name), head)));
            found.is_signed |= listed.is_signed;
            found.objects.extend(listed.objects);
        }
    }
    let log = check_log(run, signed.trust.as_ref(), &heads).await?;
    found.is_signed |= log.iter().any(|segment| segment.is_signed);
    found.objects.splice(events..events, log.into_iter().map(segment));
    for name in [FINAL, SUMMARY] {
        if run.exists(name).await? {
            let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).map(drop);
            let text = run.get(name).await?;
            let mut object = parsed(name, &text, json);
            object.faults.extend(signed.fault(name, &text));
            if name == FINAL && object.faults.is_empty() {
                object.faults.extend(deployed_fault(run, trust).await?);
            }
            found.objects.push(object);
        }
    }
    signed.missing(&mut found.objects);
    Ok(found)
}

const EXPERIMENT: &str = "experiment.toml";
const SUMMARY: &str = "summary.json";

fn segment(Segment { name, bytes, faults, .. }: Segment) -> Object {
    Object { name: format!("{EVENTS}/{name}"), bytes, row_groups: None, faults }
}

/// What a run's own signatures say, as far as they are checked.
#[derive(Default)]
struct Signed {
    /// The reader's keys, for this run if it has a name for signatures.
    trust: Option<Trust>,
    run: Option<SignedRun>,
    /// The result of a finished run.
    result: Option<SignedResult>,
}

impl Signed {
    async fn find(run: &Store, trust: Option<&Trust>, found: &mut Found) -> Result<Self> {
        let Some(trust) = trust else {
            found.is_signed = run.exists(SIGNED).await?;
            return Ok(Self::default());
        };
        let mut signed = Self { trust: Some(trust.clone()), ..Self::default() };
        match SignedRun::read(run, trust.keys()).await {
            Ok(Some(of_run)) => {
                signed.trust = Some(Trust::of_run(trust.keys().clone(), &of_run));
                let bytes = Some(run.size(SIGNED).await?);
                found.objects.push(Object { name: SIGNED.into(), bytes, row_groups: None, faults: vec![] });
                signed.run = Some(of_run);
            }
            Ok(None) => {
                let fault = "missing: the run is not signed, or somebody has removed what says so".to_owned();
                found.objects.push(Object::without_bytes(SIGNED.into(), fault));
            }
            Err(error) if error.is_damage() => {
                found.objects.push(Object::without_bytes(SIGNED.into(), error.to_string()));
            }
            Err(error) => return Err(error.into()),
        }
        let keys = signed.trust.as_ref().unwrap_or(trust);
        signed.result = match signed_result(run, keys).await {
            // What is wrong with it is said where it is listed.
            Err(error) if error.is_damage() => None,
            other => other?,
        };
        Ok(signed)
    }

    fn proof(&self) -> Proof<'_> {
        self.trust.as_ref().into()
    }

    /// The copy of the model that the run started from is another run's: its digest is the proof.
    fn proof_of_start(&self) -> Proof<'_> {
        match (&self.trust, &self.run) {
            (None, _) => Proof::None,
            (Some(trust), None) => Proof::Signature(trust),
            (Some(trust), Some(run)) => run.start.map_or(Proof::Signature(trust), Proof::Digest),
        }
    }

    /// The segment of the event log with which the run ended.
    fn heads(&self) -> Vec<(String, LogHead)> {
        let head = self.result.as_ref().and_then(|result| result.events.clone());
        head.map(|head| (FINAL.to_owned(), head)).into_iter().collect()
    }

    /// Whether an object of a finished run is another one than its result says.
    fn fault(&self, name: &str, bytes: &[u8]) -> Option<String> {
        let FinalObject { blake3, .. } = self.objects().find(|object| object.name == name)?;
        let found = Digest::of(bytes);
        (*blake3 != found).then(|| {
            format!("forged or damaged: {FINAL} is signed for BLAKE3 digest {blake3}, found {found}")
        })
    }

    /// Adds the objects of a finished run that are not there.
    fn missing(&self, objects: &mut Vec<Object>) {
        for FinalObject { name, .. } in self.objects() {
            if !objects.iter().any(|object| object.name == *name) {
                objects.push(Object::without_bytes(name.clone(), format!("missing: {FINAL} names it")));
            }
        }
    }

    fn objects(&self) -> impl Iterator<Item = &FinalObject> {
        self.result.iter().flat_map(|result| &result.objects)
    }
}

/// Checks the checkpoint that a finished run names as its result.
async fn deployed_fault(run: &Store, trust: Option<&Trust>) -> Result<Option<String>, Error> {
    match DeployedModel::load_trusted(run, trust).await {
        Ok(_) => Ok(None),
        Err(error) if error.is_damage() => Ok(Some(format!("the run's result cannot be used: {error}"))),
        Err(error) => Err(error),
    }
}
