use anyhow::{Context, Result, bail};
use stentor_evaluate::{PhoneModel, PhoneReference, PhoneStatistics, Posteriors};
use stentor_inventory::{PhoneSet, SenoneId};
use stentor_shards::{
    FeatureManifest, FeatureRow, FeatureSet, LabelManifest, LabelRow, LabelSet, PhoneStrings, ShardInfo,
};
use stentor_store::Store;

/// Frames after which a phone model is as good as it gets (30 h at 30 ms); more are not read.
const PHONE_MODEL_FRAMES: u64 = 3_600_000;

/// Features and a model's labels for them.
pub(super) struct Labeled {
    features: FeatureSet,
    labels: LabelSet,
    /// Phones at the alignment's own resolution; sets of earlier versions have none.
    strings: Option<PhoneStrings>,
}

impl Labeled {
    pub(super) async fn open(features: FeatureSet, labels: &str) -> Result<Self> {
        let labels = LabelSet::open(&Store::open(labels)?).await?;
        let both = || format!("{} and {}", labels.location(), features.location());
        labels.check_pairs(features.manifest()).with_context(both)?;
        let strings = features.phone_strings().await?;
        Ok(Self { features, labels, strings })
    }

    pub(super) fn features(&self) -> &FeatureManifest {
        self.features.manifest()
    }

    pub(super) fn labels(&self) -> &LabelManifest {
        self.labels.manifest()
    }

    pub(super) fn location(&self) -> &str {
        self.labels.location()
    }

    /// What phones are compared with.
    pub(super) fn phone_reference(&self) -> PhoneReference {
        match self.strings {
            Some(_) => PhoneReference::Alignment,
            None => PhoneReference::Frames,
        }
    }

    /// The phones of an utterance without silence: those of its alignment, where the set has them, else those that its frames hold.
    pub(super) fn reference(
        &self,
        utterance: &str,
        alignment: &[SenoneId],
        phones: &PhoneSet,
        model: &PhoneModel,
    ) -> Result<Vec<u16>> {
        let Some(strings) = &self.strings else {
            return Ok(phones.spoken(&model.phones_of(phones, alignment)?));
        };
        let said = strings.of(utterance).with_context(|| {
            format!("{}: expected the phones of every aligned utterance", self.features.location())
        })?;
        // One that the model does not know is an error whatever it says: its number is nobody's.
        Ok(said.into_iter().map(|name| phones.named(name).unwrap_or(u16::MAX)).collect())
    }

    /// Places of all row groups, in order.
    pub(super) fn places(&self) -> Vec<(usize, usize)> {
        places(&self.features().shards)
    }

    /// The utterances of one row group with their labels.
    pub(super) async fn read(
        &self,
        (shard, row_group): (usize, usize),
    ) -> Result<Vec<(FeatureRow, LabelRow)>> {
        let (features, labels) =
            tokio::try_join!(self.features.read(shard, row_group), self.labels.read(shard, row_group))?;
        let dimension = self.features().dimension;
        for (features, labels) in features.iter().zip(&labels) {
            if features.utterance != labels.utterance || features.frames(dimension) != labels.frames() {
                bail!(
                    "{}: shard {shard}, row group {row_group}: expected labels of {} ({} frames), found those of {} ({})",
                    self.location(),
                    features.utterance,
                    features.frames(dimension),
                    labels.utterance,
                    labels.frames()
                );
            }
        }
        Ok(features.into_iter().zip(labels).collect())
    }
}

fn places(shards: &[ShardInfo]) -> Vec<(usize, usize)> {
    let of = |(shard, info): (usize, &ShardInfo)| {
        (0..info.row_groups.len()).map(move |row_group| (shard, row_group))
    };
    shards.iter().enumerate().flat_map(of).collect()
}

/// A feature set with annotated utterances. Read until the first one: what `stentor prepare` annotates begins with it.
pub(super) async fn annotated(location: &str) -> Result<FeatureSet> {
    let set = FeatureSet::open(&Store::open(location)?).await?;
    for (shard, row_group) in places(&set.manifest().shards) {
        if set.read(shard, row_group).await?.iter().any(|row| row.alignment.is_some()) {
            return Ok(set);
        }
    }
    bail!(
        "{location}: expected annotated utterances, found none with an alignment; name a set that `stentor prepare` made of \
         utterances with texts: `test`, `dev` or `annotated`"
    )
}

/// The posteriors of one utterance, in numbers.
pub(super) fn posteriors(labels: LabelRow, senones: usize) -> Result<Posteriors> {
    let nats: Vec<f32> = labels.log_probabilities().collect();
    let mass: Vec<f32> = labels.residual_masses().collect();
    Posteriors::new(senones, labels.ids, &nats, &mass)
        .with_context(|| format!("labels of {}", labels.utterance))
}

/// Bigram, durations and priors from the annotated utterances of a feature set.
pub(super) async fn phone_model(
    location: &str,
    phones: &PhoneSet,
    test: &FeatureManifest,
) -> Result<PhoneModel> {
    let set = FeatureSet::open(&Store::open(location)?).await?;
    check_same_senones(location, set.manifest(), test)?;
    let mut statistics = PhoneStatistics::new(phones);
    let mut frames = 0;
    for (shard, row_group) in places(&set.manifest().shards) {
        for row in set.read(shard, row_group).await? {
            let Some(alignment) = &row.alignment else { continue };
            statistics.add(alignment).with_context(|| row.utterance.clone())?;
            frames += alignment.len() as u64;
        }
        if frames >= PHONE_MODEL_FRAMES {
            break;
        }
    }
    statistics.estimate().with_context(|| location.to_owned())
}

/// That ids mean the same in both sets.
pub(super) fn check_same_senones(
    location: &str,
    set: &FeatureManifest,
    test: &FeatureManifest,
) -> Result<()> {
    if set.senones == test.senones {
        return Ok(());
    }
    let (found, expected) = (set.senones.len(), test.senones.len());
    bail!(
        "{location}: expected the test set's {expected} senones, found {found} that differ; prepare both together"
    )
}
