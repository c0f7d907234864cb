//! The experiment file: one TOML document that describes data, features, models, schedule, exchange and checkpoints.
//!
//! The coordinator reads it and serves it to the workers, so that nobody trains with another one. One file of this
//! crate per section; each key's doc gives unit, default and bounds. The crate knows no file system and no network:
//! [`Experiment::parse`] takes text.

mod batch;
mod checkpoint;
mod cluster;
mod data;
mod error;
mod exchange;
mod features;
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
pub use model::{Family, Model, Preset};
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

/// A whole experiment, validated. Every worker of a run holds the same one.
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
    /// Passes, interleaving and learning rate.
    #[serde(default)]
    pub schedule: Schedule,
    /// The optimiser and gradient clipping.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// What is minimised.
    #[serde(default)]
    pub objective: Objective,
    /// How the workers agree.
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
    /// # Errors
    /// [`Error::Syntax`] with line and column, [`Error::UnknownKey`] with the nearest known key, [`Error::Type`] for a value of
    /// another type than its key, and [`Error::Value`] for one outside its bounds or in conflict with another one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let experiment: Experiment = toml::from_str(text).map_err(|e| Error::from_toml(&e, text))?;
        experiment.validate()?;
        Ok(experiment)
    }

    /// Checks every value's bounds and the rules across sections.
    ///
    /// # Errors
    /// [`Error::Value`] naming the key, what was found and what was expected.
    pub fn validate(&self) -> Result<(), Error> {
        self.run.validate()?;
        self.data.validate()?;
        self.features.validate()?;
        self.model.validate()?;
        self.batch.validate()?;
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

    /// Whether the settings serve a strategy: also asked when a run is to switch to it.
    ///
    /// # Errors
    /// [`Error::Value`], in two tiers: replicas of a group share an optimiser that remembers, so when groups are dealt anew
    /// after they met, all must remember the same; and sums inside a group go down as they are.
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
            "\"reset\" or \"average\" in two tiers that threshold gradients and step with an optimiser that remembers",
            "\"keep\"",
        )?;
        require(
            self.exchange.gtc.downlink == GtcDownlink::Exact,
            "exchange.gtc.downlink",
            "\"exact\" in two tiers: a group is small",
            "\"rethreshold\"",
        )
    }

    /// Whether GTC thresholds gradients or the own optimiser's updates: `auto` resolved.
    #[must_use]
    pub fn thresholds(&self) -> GtcApply {
        match (self.exchange.gtc.apply, self.optimizer.kind) {
            (GtcApply::Auto, OptimizerKind::Sgd) => GtcApply::Gradient,
            (GtcApply::Auto, OptimizerKind::Adam) => GtcApply::Update,
            (apply, _) => apply,
        }
    }

    /// Whether GTC takes each gradient times its source's factor on the learning rate, and the sum at the rate without it: what a
    /// residual keeps of a batch is then released at that batch's factor, whatever source the round is of that releases it.
    ///
    /// With SGD, whose step is as long as the gradient. Adam on gradients divides the factor out again: there the sum is taken
    /// at the whole rate of the round's source.
    #[must_use]
    pub fn scales_gradients(&self) -> bool {
        self.thresholds() == GtcApply::Gradient && self.optimizer.kind == OptimizerKind::Sgd
    }

    /// Every folder or URL that the file names, with its key.
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

    /// The experiment with relative locations, of data, output and start alike, meant from `base`, the experiment file's own folder.
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

    /// The experiment as TOML with every default written out: what the coordinator serves and `config show` prints.
    ///
    /// # Panics
    /// Never: every section serialises to a TOML table.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("sections are plain tables")
    }
}

#[cfg(test)]
mod tests;
