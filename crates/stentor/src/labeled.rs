//! Feature sets with a model's labels of them.

use anyhow::{Context, Result, bail};
use stentor_evaluate::{PhoneReference, Posteriors};
use stentor_shards::{
    Column, FeatureManifest, FeatureRow, FeatureSet, LabelManifest, LabelRow, LabelSet, PhoneStrings, Row,
    ShardInfo, Span,
};
use stentor_store::Store;

/// Features and a model's labels of them.
pub(crate) struct Labeled {
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
pub(crate) struct LabeledRow {
    pub(crate) features: FeatureRow,
    pub(crate) labels: LabelRow,
    /// Its phones without silence, if the set stores them in addition to the alignment.
    pub(crate) said: Option<Vec<String>>,
}

impl Labeled {
    pub(crate) async fn open(features: FeatureSet, labels: &str) -> Result<Self> {
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

    pub(crate) fn feature_set(&self) -> &FeatureSet {
        &self.features
    }

    pub(crate) fn features(&self) -> &FeatureManifest {
        self.features.manifest()
    }

    pub(crate) fn labels(&self) -> &LabelManifest {
        self.labels.manifest()
    }

    pub(crate) fn location(&self) -> &str {
        self.labels.location()
    }

    /// The reference for phone errors.
    pub(crate) fn phone_reference(&self) -> PhoneReference {
        match self.phones {
            SaidIn::Column | SaidIn::Strings(_) => PhoneReference::Alignment,
            SaidIn::Frames => PhoneReference::Frames,
        }
    }

    /// All row groups, in order.
    pub(crate) fn places(&self) -> Vec<(usize, usize)> {
        places(&self.features().shards)
    }

    /// The utterances of one row group with their labels.
    pub(crate) async fn read(&self, place: (usize, usize)) -> Result<Vec<LabeledRow>> {
        let further: &[&str] = if matches!(self.phones, SaidIn::Column) { &[Column::PHONES] } else { &[] };
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
        self.read_with(place, further).await?.into_iter().map(labeled).collect()
    }

    /// The utterances of one row group with their values in these declared columns, and their labels.
    pub(crate) async fn read_with(
        &self,
        (shard, row_group): (usize, usize),
        further: &[&str],
    ) -> Result<Vec<((FeatureRow, Row), LabelRow)>> {
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
        Ok(features.into_iter().zip(labels).collect())
    }
}

/// The row groups of shards, in order: shard and place in it.
pub(crate) fn places(shards: &[ShardInfo]) -> Vec<(usize, usize)> {
    let of = |(shard, info): (usize, &ShardInfo)| {
        (0..info.row_groups.len()).map(move |row_group| (shard, row_group))
    };
    shards.iter().enumerate().flat_map(of).collect()
}

/// The posteriors of one utterance.
pub(crate) fn posteriors(labels: LabelRow, senones: usize) -> Result<Posteriors> {
    let nats: Vec<f32> = labels.log_probabilities().collect();
    let mass: Vec<f32> = labels.residual_masses().collect();
    Posteriors::new(senones, labels.ids, &nats, &mass)
        .with_context(|| format!("labels of {}", labels.utterance))
}

/// Checks that ids mean the same in both sets.
pub(crate) fn check_same_senones(
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

/// Checks that what is chosen on a dev set is not chosen on the test set. `location`: that of the dev set.
pub(crate) fn check_is_not_test(location: &str, dev: &FeatureManifest, test: &FeatureManifest) -> Result<()> {
    if dev.fingerprint != test.fingerprint {
        return Ok(());
    }
    bail!(
        "{location}: expected a dev set, found the test set of --features: both have the fingerprint {}; what is chosen on a set says \
         nothing about others, so name another one, such as `dev` of `stentor prepare`",
        test.fingerprint
    )
}

/// Checks that the labels of dev and test are of one model: what is chosen for one model does not fit another.
pub(crate) fn check_same_model(dev: &Labeled, test: &Labeled) -> Result<()> {
    let [found, expected] = [dev, test].map(|set| &set.labels().teacher_fingerprint);
    if found == expected {
        return Ok(());
    }
    bail!(
        "{}: expected labels of the model that {} are of (fingerprint {expected}), found those of another one (fingerprint {found}); \
         label both sets with the same model, or name it with --model",
        dev.location(),
        test.location()
    )
}
