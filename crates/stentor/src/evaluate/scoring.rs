use super::sets::reference;
use crate::labeled::{Labeled, LabeledRow, posteriors};
use anyhow::{Context, Result};
use rayon::prelude::*;
use stentor_evaluate::{
    Decoder, DecoderSettings, DevUtterance, FrameErrors, PhoneErrors, PhoneModel, Score, Scoreboard,
};
use stentor_inventory::PhoneSet;
use stentor_shards::FeatureRow;

/// Number of frames kept in memory for choosing the decoder's settings (20 minutes at 30 ms); more would not change the
/// choice.
const DEV_FRAMES: usize = 40_000;

/// Errors over a whole set.
#[derive(Default)]
pub(super) struct Scored {
    pub(super) board: Scoreboard,
    pub(super) utterances: u64,
    /// Number of utterances without an alignment.
    pub(super) unannotated: u64,
}

/// Scores a set, one row group at a time. Phones are decoded if there is a phone model.
pub(super) async fn score(
    set: &Labeled,
    phones: &PhoneSet,
    decoding: Option<(&PhoneModel, DecoderSettings)>,
) -> Result<Scored> {
    let decoder = decoding.map(|(model, settings)| Decoder::new(phones, model, settings)).transpose()?;
    let decoder = decoding.map(|(model, _)| model).zip(decoder.as_ref());
    let mut scored = Scored::default();
    for place in set.places() {
        let rows = set.read(place).await?;
        let scores: Vec<(String, Option<Score>)> = rows
            .into_par_iter()
            .map(|row| {
                let group = row.features.group.clone();
                score_utterance(phones, decoder, row).map(|score| (group, score))
            })
            .collect::<Result<_>>()
            .with_context(|| set.location().to_owned())?;
        for (group, score) in scores {
            match score {
                Some(score) => {
                    scored.board.add(&group, score);
                    scored.utterances += 1;
                }
                None => scored.unannotated += 1,
            }
        }
    }
    Ok(scored)
}

fn score_utterance(
    phones: &PhoneSet,
    decoder: Option<(&PhoneModel, &Decoder)>,
    mut row: LabeledRow,
) -> Result<Option<Score>> {
    let Some(alignment) = row.features.alignment.take() else { return Ok(None) };
    let spoken = decoder.map(|(model, _)| reference(&row, &alignment, phones, model)).transpose();
    let LabeledRow { features: FeatureRow { utterance, .. }, labels, .. } = row;
    let posteriors = posteriors(labels, phones.senones())?;
    let frames = FrameErrors::score(phones, &posteriors, &alignment).with_context(|| utterance.clone())?;
    let phone_errors = match decoder.zip(spoken.context(utterance)?) {
        Some(((_, decoder), spoken)) => {
            PhoneErrors::compare(&spoken, &phones.spoken(&decoder.decode(&posteriors)?.phones))
        }
        None => PhoneErrors::default(),
    };
    Ok(Some(Score { frames, phones: phone_errors, ..Score::default() }))
}

/// The annotated utterances for choosing settings.
pub(super) async fn dev_utterances(
    set: &Labeled,
    phones: &PhoneSet,
    model: &PhoneModel,
) -> Result<Vec<DevUtterance>> {
    let mut utterances = Vec::new();
    let mut frames = 0;
    for place in set.places() {
        for mut row in set.read(place).await? {
            let Some(alignment) = row.features.alignment.take() else { continue };
            frames += alignment.len();
            let reference = reference(&row, &alignment, phones, model);
            let reference = reference.context(row.features.utterance)?;
            let posteriors = posteriors(row.labels, phones.senones())?;
            utterances.push(DevUtterance { posteriors, reference });
        }
        if frames >= DEV_FRAMES {
            break;
        }
    }
    Ok(utterances)
}
