//! Opens the data sets named in an experiment's `[data]` section, and checks that they belong together before any work
//! begins.
//!
//! Coordinator and workers build the same [`Dataset`] from the same experiment, and therefore the same plan. The
//! contents of a batch therefore never have to be sent.

mod error;
mod rows;
mod warning;

pub use error::Error;
pub use rows::{BadRowGroup, Part, Place, UnitRows};
pub use warning::Warning;

use stentor_experiment::{Experiment, Source};
use stentor_inventory::Inventory;
use stentor_plan::{Catalogue, Plan, RowGroup};
use stentor_shards::{Column, FeatureManifest, FeatureSet, LabelSet, Normalisation};
use stentor_store::{Cache, Store};

/// The shard sets of an experiment and the plan over them.
#[derive(Debug)]
pub struct Dataset {
    annotated: Part,
    machine_labeled: Option<Part>,
    dev: Option<FeatureSet>,
    normalisation: Normalisation,
    plan: Plan,
}

impl Dataset {
    /// Opens every manifest named by `experiment` and checks that they belong together.
    ///
    /// # Errors
    /// [`Error::Set`] if a set cannot be read, with its key; [`Error::Mismatch`] if features, senones or labels differ
    /// between two sets or from `[features]`; [`Error::Unannotated`]; [`Error::NotNormalised`]; [`Error::Plan`].
    pub async fn open(experiment: &Experiment) -> Result<Self, Error> {
        Self::open_cached(experiment, None).await
    }

    /// Like [`Dataset::open`], but reads row groups from network stores through `cache`.
    ///
    /// # Errors
    /// See [`Dataset::open`].
    pub async fn open_cached(experiment: &Experiment, cache: Option<&Cache>) -> Result<Self, Error> {
        let data = &experiment.data;
        let annotated = open_features("data.annotated", &data.annotated, cache).await?;
        let manifest = annotated.manifest();
        check_settings(experiment, manifest, &data.annotated)?;
        check_annotated("data.annotated", &data.annotated, &annotated).await?;
        let Some(normalisation) = manifest.normalisation.clone() else {
            return Err(Error::NotNormalised { location: data.annotated.clone() });
        };
        let annotated_labels = match &data.annotated_labels {
            Some(location) => Some(open_labels("data.annotated_labels", location, manifest, cache).await?),
            None => None,
        };
        let machine_labeled = match (&data.unannotated, &data.labels) {
            (Some(unannotated), Some(labels)) => {
                let features = open_features("data.unannotated", unannotated, cache).await?;
                check_same(manifest, &data.annotated, features.manifest(), unannotated)?;
                let labels = open_labels("data.labels", labels, features.manifest(), cache).await?;
                Some(Part::new(features, Some(labels)))
            }
            _ => None,
        };
        let dev = match &data.dev {
            Some(location) => {
                let dev = open_features("data.dev", location, cache).await?;
                check_same(manifest, &data.annotated, dev.manifest(), location)?;
                check_annotated("data.dev", location, &dev).await?;
                Some(dev)
            }
            None => None,
        };
        let plan = Plan::new(
            catalogue(manifest),
            machine_labeled.as_ref().map(|part| catalogue(part.features().manifest())),
            &experiment.batch,
            &experiment.schedule,
            experiment.run.seed,
        )?;
        let annotated = Part::new(annotated, annotated_labels);
        Ok(Self { annotated, machine_labeled, dev, normalisation, plan })
    }

    /// Settings of `experiment`, with which the data were opened, that are valid for these data but probably not
    /// intended.
    #[must_use]
    pub fn warnings(&self, experiment: &Experiment) -> Vec<Warning> {
        Warning::all(&self.plan, experiment)
    }

    /// Returns the same data with another model's normalisation.
    #[must_use]
    pub fn seen_with(self, normalisation: Normalisation) -> Self {
        Self { normalisation, ..self }
    }

    /// The normalisation that the run's model applies to the frames of every set, including the dev data: the means and
    /// deviations of the annotated set, which become part of the model. The means in the manifests of other sets are
    /// ignored.
    #[must_use]
    pub fn normalisation(&self) -> &Normalisation {
        &self.normalisation
    }

    /// Work units, batches and their order.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The data of one source.
    #[must_use]
    pub fn part(&self, source: Source) -> Option<&Part> {
        match source {
            Source::Annotated => Some(&self.annotated),
            Source::MachineLabeled => self.machine_labeled.as_ref(),
        }
    }

    /// The data for early stopping.
    #[must_use]
    pub fn dev(&self) -> Option<&FeatureSet> {
        self.dev.as_ref()
    }

    /// The annotated set's manifest: settings and senones.
    #[must_use]
    pub fn manifest(&self) -> &FeatureManifest {
        self.annotated.features().manifest()
    }

    /// The number of the model's outputs.
    #[must_use]
    pub fn senones(&self) -> &Inventory {
        &self.manifest().senones
    }
}

async fn open_features(
    key: &'static str,
    location: &str,
    cache: Option<&Cache>,
) -> Result<FeatureSet, Error> {
    let at = |source| Error::Set { key, location: location.to_owned(), source: Box::new(source) };
    let store = Store::open_cached(location, cache).map_err(|e| at(e.into()))?;
    FeatureSet::open(&store).await.map_err(at)
}

async fn open_labels(
    key: &'static str,
    location: &str,
    features: &FeatureManifest,
    cache: Option<&Cache>,
) -> Result<LabelSet, Error> {
    let at = |source| Error::Set { key, location: location.to_owned(), source: Box::new(source) };
    let store = Store::open_cached(location, cache).map_err(|e| at(e.into()))?;
    let labels = LabelSet::open(&store).await.map_err(at)?;
    labels.check_pairs(features).map_err(at)?;
    if labels.manifest().senones != features.senones {
        return Err(Error::Mismatch {
            what: "senones",
            location: location.to_owned(),
            other: "the features".into(),
            found: format!("{} labeled", labels.manifest().senones.len()),
            expected: format!("the {} of the features, in their order", features.senones.len()),
        });
    }
    Ok(labels)
}

/// Checks that the utterances of a set have alignments. In sets of `stentor prepare`, all or none have: those that have are
/// declared with a column of phones, or an object in sets of earlier versions. Of other sets the first row group is read.
async fn check_annotated(key: &'static str, location: &str, set: &FeatureSet) -> Result<(), Error> {
    let refuse = |found| Err(Error::Unannotated { key, location: location.to_owned(), found });
    let manifest = set.manifest();
    if manifest.senones.is_empty() {
        return refuse("no senones");
    }
    if manifest.utterances() == 0 {
        return refuse("no utterances");
    }
    if set.has(Column::PHONES) || manifest.phone_strings.is_some() {
        return Ok(());
    }
    match set.read(0, 0).await {
        Ok(rows) if rows.iter().all(|row| row.alignment.is_none()) => refuse("none with an alignment"),
        // A row group that cannot be read is left out and counted when it is needed.
        Ok(_) | Err(_) => Ok(()),
    }
}

fn check_settings(experiment: &Experiment, manifest: &FeatureManifest, location: &str) -> Result<(), Error> {
    if manifest.settings == experiment.features {
        return Ok(());
    }
    Err(Error::Mismatch {
        what: "feature settings",
        location: location.to_owned(),
        other: "`[features]` of the experiment".into(),
        found: format!("{:?}", manifest.settings),
        expected: format!("{:?}", experiment.features),
    })
}

/// Checks that two feature sets of one experiment have the same settings and senones. Their means may differ, because
/// only the model's own are used.
fn check_same(
    first: &FeatureManifest,
    first_location: &str,
    second: &FeatureManifest,
    location: &str,
) -> Result<(), Error> {
    let differ = |what, found: String, expected: String| Error::Mismatch {
        what,
        location: location.to_owned(),
        other: first_location.to_owned(),
        found,
        expected,
    };
    if first.settings != second.settings {
        let (found, expected) = (format!("{:?}", second.settings), format!("{:?}", first.settings));
        return Err(differ("feature settings", found, expected));
    }
    if first.senones != second.senones {
        return Err(differ("senones", second.senones.to_string(), first.senones.to_string()));
    }
    Ok(())
}

fn catalogue(manifest: &FeatureManifest) -> Catalogue {
    let row_groups = manifest
        .shards
        .iter()
        .flat_map(|shard| &shard.row_groups)
        .map(|group| RowGroup { frames: group.frames, utterances: group.rows })
        .collect();
    Catalogue { row_groups }
}
