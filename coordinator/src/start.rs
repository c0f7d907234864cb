//! The model that a run starts from (`model.start`): checked against the experiment before any worker joins, and copied
//! to the run.

use crate::resume::{described, difference};
use crate::signing::Known;
use crate::{Error, Start};
use stentor_checkpoint::{
    DeployedModel, MANIFEST, Manifest, ModelCopy, ModelDescription, Origin, Proof, start_store,
};
use stentor_dataset::Dataset;
use stentor_experiment::Experiment;
use stentor_inventory::Inventory;
use stentor_shards::Normalisation;
use stentor_signature::Digest;
use stentor_store::Store;

/// A model that fits the run.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) origin: Origin,
    pub(crate) normalisation: Normalisation,
    /// The model to copy, if the run does not have a copy yet.
    copy: Option<ModelCopy>,
    /// The digest of the copy's manifest, in a run that signs.
    pub(crate) digest: Option<Digest>,
}

impl Started {
    /// The model that `experiment` names, or the run's copy of it if there is one; the model at `model.start` must be the
    /// same. `None` if weights are drawn.
    pub(crate) async fn open(
        run: &Store,
        start: Start,
        experiment: &Experiment,
        dataset: &Dataset,
        known: &Known,
    ) -> Result<Option<Self>, Error> {
        let Some(location) = &experiment.model.start else { return Ok(None) };
        let place = Store::open(location).map_err(|error| Error::StartUnread(error.into()))?;
        let kept = match start {
            // A copy that was made before the run was signed has no digest that counts.
            Start::Resume if known.begins() => Kept::Nothing,
            Start::Fresh => Kept::Nothing,
            Start::Resume => Kept::find(run, known.start().into()).await?,
        };
        let (manifest, copy) = match kept {
            Kept::Whole(kept) => {
                refuse_another(run, &kept, &place).await?;
                (*kept, None)
            }
            Kept::Nothing => {
                let copy = known.read_start(&place).await?;
                (copy.manifest().clone(), Some(copy))
            }
            Kept::Damaged(damage) => {
                let lost = |error| match error {
                    Error::StartUnread(source) => Error::StartLost {
                        copy: start_store(run).location().to_owned(),
                        damage: damage.to_string(),
                        location: location.clone(),
                        source: Box::new(source),
                    },
                    other => other,
                };
                let copy = known.read_start(&place).await.map_err(lost)?;
                tracing::warn!(%damage, "the damaged copy of the model that the run started from is replaced");
                (copy.manifest().clone(), Some(copy))
            }
        };
        // The copy of a run that signs has a digest that nobody can forge.
        let copy = if known.signs() { copy.map(ModelCopy::with_digest) } else { copy };
        let digest = match &copy {
            Some(copy) if known.signs() => Some(copy.manifest_digest()?),
            _ => known.start(),
        };
        if let (Some(expected), Some(found)) = (known.start(), digest)
            && expected != found
        {
            let location = location.clone();
            return Err(stentor_checkpoint::Error::Replaced { location, expected, found }.into());
        }
        let normalisation = fit(&manifest, experiment, dataset).map_err(|misfit| {
            let Misfit { expected, found, remedy } = misfit;
            Error::StartMisfit { location: location.clone(), expected, found, remedy }
        })?;
        let origin = Origin::of(&manifest, experiment.model.new_output);
        tracing::info!(location, %origin, "starting from a trained model");
        Ok(Some(Self { origin, normalisation, copy, digest }))
    }

    /// Copies the model into the run's folder, unless it is there.
    pub(crate) async fn keep(&self, run: &Store) -> Result<(), Error> {
        match &self.copy {
            Some(copy) => Ok(copy.write(&start_store(run)).await?),
            None => Ok(()),
        }
    }
}

/// The state of the copy in the run's folder.
enum Kept {
    Whole(Box<Manifest>),
    Nothing,
    Damaged(stentor_checkpoint::Error),
}

impl Kept {
    /// `proof`: what shows that it is the copy that the run's first coordinator has made.
    async fn find(run: &Store, proof: Proof<'_>) -> Result<Self, Error> {
        let folder = start_store(run);
        if !folder.exists(MANIFEST).await? {
            return Ok(Kept::Nothing);
        }
        match ModelCopy::read_in(&folder, proof).await {
            Ok(copy) => Ok(Kept::Whole(Box::new(copy.manifest().clone()))),
            Err(error) if error.is_damage() => Ok(Kept::Damaged(error)),
            Err(error) => Err(error.into()),
        }
    }
}

/// Refuses a place that now contains another model than the run started from. A place that is empty now is accepted.
async fn refuse_another(run: &Store, kept: &Manifest, place: &Store) -> Result<(), Error> {
    let there = match DeployedModel::describe(place).await {
        Ok(there) => there,
        Err(error) => {
            tracing::info!(%error, "`model.start` cannot be read; the run continues with its copy");
            return Ok(());
        }
    };
    let (expected, found) = (Origin::of(kept, false), Origin::of(&there, false));
    if expected.digest == found.digest && kept.features_fingerprint == there.features_fingerprint {
        return Ok(());
    }
    Err(Error::OtherStart {
        location: place.location().to_owned(),
        copy: start_store(run).location().to_owned(),
        expected: expected.to_string(),
        found: found.to_string(),
    })
}

/// Why a model does not fit a run.
#[derive(Debug, PartialEq)]
struct Misfit {
    expected: String,
    found: String,
    remedy: &'static str,
}

/// Compares a model with the experiment: features first, because sizes follow from them, then layers, then outputs.
/// Returns the model's normalisation.
fn fit(manifest: &Manifest, experiment: &Experiment, dataset: &Dataset) -> Result<Normalisation, Misfit> {
    let misfit = |expected, found, remedy| Err(Misfit { expected, found, remedy });
    let (own, new_output) = (dataset.manifest(), experiment.model.new_output);
    let outputs = manifest.senones.as_ref();
    let same_outputs = manifest.features_fingerprint == own.inputs_fingerprint();
    let same_frames =
        |outputs: &Inventory| own.inputs_fingerprint_with(outputs) == manifest.features_fingerprint;
    if !same_outputs && !outputs.is_some_and(same_frames) {
        let settings = serde_json::to_value(&own.settings).unwrap_or_default();
        let of = |words: String, fingerprint: &str| match words.is_empty() {
            // 0 as the highest frequency means that of each corpus.
            true => format!("features {fingerprint}, other mel bins or senones"),
            false => words,
        };
        let prepare = "prepare the data with the settings of the model's run, or start from another model";
        return misfit(
            of(described("features", &settings, &manifest.features), &own.inputs_fingerprint()),
            of(described("features", &manifest.features, &settings), &manifest.features_fingerprint),
            prepare,
        );
    }
    let expected = ModelDescription {
        model: serde_json::to_value(experiment.model.architecture.resolved()).unwrap_or_default(),
        inputs: own.dimension,
        senones: manifest.model.senones,
    };
    if manifest.model != expected {
        return misfit(
            difference(&expected, &manifest.model),
            difference(&manifest.model, &expected),
            "give `[model]` the sizes of that model, or start from another",
        );
    }
    if !same_outputs && !new_output {
        let (expected, found) = unlike(&own.senones, outputs.unwrap_or(&Inventory::default()));
        return misfit(
            expected,
            found,
            "set `model.new_output = true` to draw a new output layer, or train on data with the model's senones",
        );
    }
    let stored = manifest.normalisation.clone();
    let normalisation = stored.map(|stored| Normalisation { mean: stored.mean, std: stored.std });
    let flaw = normalisation.as_ref().map_or(Some("none".to_owned()), |n| n.flaw(own.dimension));
    match (normalisation, flaw) {
        (Some(normalisation), None) => Ok(normalisation),
        (_, flaw) => misfit(
            "means and deviations of its training features".to_owned(),
            flaw.unwrap_or_default(),
            "start from a model that was trained on features of `stentor prepare`",
        ),
    }
}

/// Describes the difference of two inventories: expected and found.
fn unlike(own: &Inventory, others: &Inventory) -> (String, String) {
    if own.len() != others.len() || own.senones() == others.senones() {
        return (own.to_string(), others.to_string());
    }
    let mut pairs = own.senones().iter().zip(others.senones());
    let first = pairs.position(|(own, other)| own != other).unwrap_or_default();
    let name =
        |of: &Inventory| of.senones().get(first).map_or_else(String::new, |senone| senone.name.clone());
    (format!("senone {first} to be `{}`", name(own)), format!("`{}`", name(others)))
}
