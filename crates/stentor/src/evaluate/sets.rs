use anyhow::{Context, Result, bail};
use stentor_evaluate::{PhoneModel, PhoneReference, PhoneStatistics, Posteriors};
use stentor_inventory::{PhoneSet, SenoneId};
use stentor_shards::{
    Column, FeatureManifest, FeatureRow, FeatureSet, LabelManifest, LabelRow, LabelSet, PhoneStrings, Row,
    ShardInfo, Span,
};
use stentor_store::Store;

/// Number of frames after which a phone model no longer improves (30 h at 30 ms); more are not read.
const PHONE_MODEL_FRAMES: u64 = 3_600_000;

/// Features and a model's labels of them.
pub(super) struct Labeled {
    features: FeatureSet,
    labels: LabelSet,
    phones: SaidIn,
}

/// Where a set stores the phones of its utterances.
enum SaidIn {
    /// In the column `phones`.
    Column,
    /// In an object beside the shards, as in earlier versions.
    Strings(PhoneStrings),
    /// Only in the alignments of frames.
    Frames,
}

/// An utterance with a model's labels.
pub(super) struct LabeledRow {
    pub(super) features: FeatureRow,
    pub(super) labels: LabelRow,
    /// Its phones without silence, if the set stores them in addition to the alignment.
    pub(super) said: Option<Vec<String>>,
}

impl Labeled {
    pub(super) async fn open(features: FeatureSet, labels: &str) -> Result<Self> {
        let labels = LabelSet::open(&Store::open(labels)?).await?;
        let both = || format!("{} and {}", labels.location(), features.location());
        labels.check_pairs(features.manifest()).with_context(both)?;
        let phones = match features.phone_strings().await? {
            _ if features.has(Column::PHONES) => SaidIn::Column,
            Some(strings) => SaidIn::Strings(strings),
            None => SaidIn::Frames,
        };
        Ok(Self { features, labels, phones })
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

    /// The reference for phone errors.
    pub(super) fn phone_reference(&self) -> PhoneReference {
        match self.phones {
            SaidIn::Column | SaidIn::Strings(_) => PhoneReference::Alignment,
            SaidIn::Frames => PhoneReference::Frames,
        }
    }

    /// All row groups, in order.
    pub(super) fn places(&self) -> Vec<(usize, usize)> {
        places(&self.features().shards)
    }

    /// The utterances of one row group with their labels.
    pub(super) async fn read(&self, (shard, row_group): (usize, usize)) -> Result<Vec<LabeledRow>> {
        let further: &[&str] = if matches!(self.phones, SaidIn::Column) { &[Column::PHONES] } else { &[] };
        let (features, labels) = tokio::try_join!(
            self.features.read_with(shard, row_group, further),
            self.labels.read(shard, row_group)
        )?;
        let dimension = self.features().dimension;
        for ((features, _), labels) in features.iter().zip(&labels) {
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
        let labeled = |((features, mut further), labels): ((FeatureRow, Row), LabelRow)| {
            let said = match &self.phones {
                SaidIn::Column => {
                    let spans: Vec<Span> = further.take(Column::PHONES)?;
                    Some(spans.into_iter().map(|span| span.text).collect())
                }
                SaidIn::Strings(strings) => {
                    let said = strings.of(&features.utterance);
                    said.map(|phones| phones.into_iter().map(str::to_owned).collect())
                }
                SaidIn::Frames => None,
            };
            if said.is_none() && features.alignment.is_some() && !matches!(self.phones, SaidIn::Frames) {
                let location = self.features.location();
                bail!("{}: {location}: expected the phones of every aligned utterance", features.utterance);
            }
            Ok(LabeledRow { features, labels, said })
        };
        features.into_iter().zip(labels).map(labeled).collect()
    }
}

impl LabeledRow {
    /// The phones of the utterance without silence: those stored in the set, otherwise those of its frames.
    pub(super) fn reference(
        &self,
        alignment: &[SenoneId],
        phones: &PhoneSet,
        model: &PhoneModel,
    ) -> Result<Vec<u16>> {
        let Some(said) = &self.said else {
            return Ok(phones.spoken(&model.phones_of(phones, alignment)?));
        };
        // An unknown phone always counts as an error: its number matches no output.
        Ok(said.iter().map(|name| phones.named(name).unwrap_or(u16::MAX)).collect())
    }
}

fn places(shards: &[ShardInfo]) -> Vec<(usize, usize)> {
    let of = |(shard, info): (usize, &ShardInfo)| {
        (0..info.row_groups.len()).map(move |row_group| (shard, row_group))
    };
    shards.iter().enumerate().flat_map(of).collect()
}

/// Opens a feature set with annotated utterances. Reads until the first one, which comes first in sets of `stentor
/// prepare`.
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

/// The posteriors of one utterance.
pub(super) fn posteriors(labels: LabelRow, senones: usize) -> Result<Posteriors> {
    let nats: Vec<f32> = labels.log_probabilities().collect();
    let mass: Vec<f32> = labels.residual_masses().collect();
    Posteriors::new(senones, labels.ids, &nats, &mass)
        .with_context(|| format!("labels of {}", labels.utterance))
}

/// Estimates bigram, durations and priors from the annotated utterances of a feature set.
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

/// Checks that ids mean the same in both sets.
pub(super) fn check_same_senones(
    location: &str,
    set: &FeatureManifest,
    test: &FeatureManifest,
) -> Result<()> {
    if set.senones == test.senones {
        return Ok(());
    }
    let (found, expected) = (&set.senones, &test.senones);
    bail!(
        "{location}: expected the test set's senones ({expected}), found others ({found}); prepare both together, and apply the \
         same tree to both if any"
    )
}
