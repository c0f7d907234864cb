use crate::labeled::{LabeledRow, check_same_senones, places};
use anyhow::{Context, Result, bail};
use stentor_evaluate::{PhoneModel, PhoneStatistics};
use stentor_inventory::{PhoneSet, SenoneId};
use stentor_shards::{FeatureManifest, FeatureSet};
use stentor_store::Store;

/// Number of frames after which a phone model no longer improves (30 h at 30 ms); more are not read.
const PHONE_MODEL_FRAMES: u64 = 3_600_000;

/// The phones of an utterance without silence: those stored in the set, otherwise those of its frames.
pub(super) fn reference(
    row: &LabeledRow,
    alignment: &[SenoneId],
    phones: &PhoneSet,
    model: &PhoneModel,
) -> Result<Vec<u16>> {
    let Some(said) = &row.said else {
        return Ok(phones.spoken(&model.phones_of(phones, alignment)?));
    };
    // An unknown phone always counts as an error: its number matches no output.
    Ok(said.iter().map(|name| phones.named(name).unwrap_or(u16::MAX)).collect())
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
