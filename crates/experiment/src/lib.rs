//! The experiment file: one TOML document that describes data, features, models, schedule, exchange and checkpoints.
//!
//! The coordinator reads it and serves it to the workers, so that all train with the same settings. Each section has
//! its own file in this crate; each key's documentation gives unit, default and bounds. The crate uses no file system
//! and no network: [`Experiment::parse`] takes text.

mod augment;
mod batch;
mod checkpoint;
mod cluster;
mod data;
mod error;
mod exchange;
mod features;
mod interval;
mod location;
mod model;
mod objective;
mod optimizer;
mod reference;
mod run;
mod schedule;
mod store_kind;
mod toml_error;
mod warning;

pub use augment::Augment;
pub use batch::Batch;
pub use checkpoint::Checkpoint;
pub use cluster::{Cluster, Membership, Poison};
pub use data::{Data, Source};
pub use error::Error;
pub use exchange::{
    BlockDeltas, BlockMoments, BlockPreset, Bmuf, BmufMomentum, BmufWeights, Exchange, Gtc, GtcApply,
    GtcDownlink, Strategy, TwoTier,
};
pub use features::Features;
pub use interval::Interval;
pub use model::{Architecture, Lstm, Model, Preset};
pub use objective::{Objective, ResidualMass};
pub use optimizer::{Optimizer, OptimizerKind};
pub use reference::{Key, Section, Word, reference};
pub use run::Run;
pub use schedule::{Interleave, Schedule};
pub use store_kind::StoreKind;
pub use warning::Warning;

use error::require;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A whole experiment, validated. Every worker of a run has the same one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Name, seed and output of the run.
    pub run: Run,
    /// Where the shards are.
    pub data: Data,
    /// Filter bank and stacking; checked against the shards.
    #[serde(default)]
    pub features: Features,
    /// The acoustic model to train.
    #[serde(default)]
    pub model: Model,
    /// How utterances are cut into chunks and batches.
    #[serde(default)]
    pub batch: Batch,
    /// SpecAugment (Park et al., Interspeech 2019, section 2, without time warping): in training, stretches of mel bins and of frames
    /// of each chunk are replaced by the mean, which is 0 after normalisation. Dev evaluation and labeling see everything. Which
    /// stretches are masked depends on `run.seed`, the batch and the chunk. Off by default.
    #[serde(default, skip_serializing_if = "Augment::is_default")]
    pub augment: Augment,
    /// Passes, interleaving and learning rate.
    #[serde(default)]
    pub schedule: Schedule,
    /// The optimiser and gradient clipping.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// The training objective.
    #[serde(default)]
    pub objective: Objective,
    /// How contributions become one update.
    #[serde(default)]
    pub exchange: Exchange,
    /// Workers, membership and deadlines.
    #[serde(default)]
    pub cluster: Cluster,
    /// How often state is saved and how much of it is kept.
    #[serde(default)]
    pub checkpoint: Checkpoint,
}

impl Experiment {
    /// Parses and validates an experiment file.
    ///
    /// [`Error::Syntax`] with line and column, [`Error::UnknownKey`] with the nearest known key, [`Error::Type`] for a
    /// value that does not have the type of its key, and [`Error::Value`] for one that is out of bounds or in conflict
    /// with another one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut experiment: Experiment = toml::from_str(text).map_err(|e| Error::from_toml(&e, text))?;
        let look_ahead = experiment.model.architecture.look_ahead();
        experiment.batch.right_context = experiment.batch.right_context.max(look_ahead);
        experiment.validate()?;
        Ok(experiment)
    }

    /// Checks every value's bounds and the rules across sections.
    ///
    /// # Errors
    /// [`Error::Value`] with the key, what was found and what was expected.
    pub fn validate(&self) -> Result<(), Error> {
        self.run.validate()?;
        self.data.validate()?;
        self.features.validate()?;
        self.model.validate()?;
        self.batch.validate()?;
        let look_ahead = self.model.architecture.look_ahead();
        require(
            self.batch.right_context >= look_ahead,
            "batch.right_context",
            "at least `model.look_ahead`: frames after a chunk that the model hears for its last frames",
            self.batch.right_context,
        )?;
        self.augment.validate(self.features.mel_bins)?;
        self.schedule.validate()?;
        self.optimizer.validate()?;
        self.objective.validate()?;
        self.exchange.validate()?;
        self.cluster.validate()?;
        self.checkpoint.validate()?;
        for (key, location) in self.locations() {
            location::validate(key, location)?;
        }
        self.validate_for(self.exchange.strategy)
    }

    /// Checks whether the settings permit a strategy; also called when a run is to switch to it.
    ///
    /// # Errors
    /// [`Error::Value`], with two tiers: replicas of a group share an optimiser's state, so when groups are formed anew
    /// after a group exchange, all must have the same state; and sums inside a group are sent unchanged.
    pub fn validate_for(&self, strategy: Strategy) -> Result<(), Error> {
        if strategy != Strategy::TwoTier {
            return Ok(());
        }
        let remembers = self.optimizer.kind == OptimizerKind::Adam || self.optimizer.momentum > 0.0;
        let shared = self.thresholds() == GtcApply::Gradient;
        let moments = self.exchange.bmuf.moments;
        require(
            !(shared && remembers && moments == BlockMoments::Keep),
            "exchange.bmuf.moments",
            "\"reset\" or \"average\" with two tiers that threshold gradients and an optimiser that has state",
            "\"keep\"",
        )?;
        require(
            self.exchange.gtc.downlink == GtcDownlink::Exact,
            "exchange.gtc.downlink",
            "\"exact\" with two tiers: sums inside a group are not thresholded again",
            "\"rethreshold\"",
        )
    }

    /// Returns whether GTC thresholds gradients or the updates of each worker's optimiser: `auto` resolved.
    #[must_use]
    pub fn thresholds(&self) -> GtcApply {
        match (self.exchange.gtc.apply, self.optimizer.kind) {
            (GtcApply::Auto, OptimizerKind::Sgd) => GtcApply::Gradient,
            (GtcApply::Auto, OptimizerKind::Adam) => GtcApply::Update,
            (apply, _) => apply,
        }
    }

    /// Returns whether GTC multiplies each gradient by its source's factor on the learning rate and applies the sum at
    /// the rate without the factor. The part of a batch that a residual keeps is then applied with that batch's factor,
    /// whatever the source of the round that releases it.
    ///
    /// So with SGD, whose step is proportional to the gradient. Adam on gradients would divide the factor out again:
    /// there the sum is applied at the full rate of the round's source.
    #[must_use]
    pub fn scales_gradients(&self) -> bool {
        self.thresholds() == GtcApply::Gradient && self.optimizer.kind == OptimizerKind::Sgd
    }

    /// Returns every folder or URL in the file, with its key.
    pub(crate) fn locations(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let Experiment { run, data, model, .. } = self;
        let optional = [
            ("data.unannotated", &data.unannotated),
            ("data.labels", &data.labels),
            ("data.annotated_labels", &data.annotated_labels),
            ("data.dev", &data.dev),
            ("model.start", &model.start),
        ];
        let named = optional.into_iter().filter_map(|(key, location)| Some((key, location.as_deref()?)));
        named.chain([("run.output", &*run.output), ("data.annotated", &*data.annotated)])
    }

    /// Returns the experiment with relative locations (of data, output and start) resolved against `base`, the
    /// experiment file's folder.
    #[must_use]
    pub fn rebased(mut self, base: &str) -> Self {
        let Experiment { run, data, model, .. } = &mut self;
        let optional = [
            &mut data.unannotated,
            &mut data.labels,
            &mut data.annotated_labels,
            &mut data.dev,
            &mut model.start,
        ];
        let locations = optional.into_iter().flatten().chain([&mut data.annotated, &mut run.output]);
        for location in locations {
            if !location.contains("://") && !location.starts_with('/') {
                *location = format!("{}/{location}", base.trim_end_matches('/'));
            }
        }
        self
    }

    /// Returns the experiment as TOML, as the coordinator serves it and keeps it in the run's folder: with every default written out,
    /// but without tables that programs of the protocol's version before do not know, as long as nothing in them is set.
    ///
    /// # Panics
    /// Never: every section serialises to a TOML table.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("sections are plain tables")
    }

    /// Returns the experiment as TOML with every default written out, for people: what `config show` prints.
    ///
    /// # Panics
    /// As [`Experiment::to_toml`].
    #[must_use]
    pub fn to_complete_toml(&self) -> String {
        let toml = self.to_toml();
        if !self.augment.is_default() {
            return toml;
        }
        let augment = toml::to_string(&self.augment).expect("sections are plain tables");
        toml.replacen("\n[schedule]\n", &format!("\n[augment]\n{augment}\n[schedule]\n"), 1)
    }
}

#[cfg(test)]
mod tests;
