//! The target classes: every state of a phone that the annotated part holds.

use super::alignments::{Alignments, Found};
use super::settings::Settings;
use super::split::Set;
use super::work::Work;
use anyhow::{Context, bail};
use std::collections::BTreeSet;
use stentor_audio::{FrameClock, frame_labels};
use stentor_inventory::{Inventory, MAX_SENONES};

/// Every state that labels a frame of the annotated part. One that is too short for any frame would be an output of the
/// model that never learns.
///
/// # Errors
/// When alignments cannot be read; more states than ids, or none at all.
pub(super) fn take_inventory(
    settings: &Settings,
    work: &Work<'_>,
    alignments: &Alignments,
) -> anyhow::Result<Inventory> {
    let clock = FrameClock::new(&settings.features);
    let mut states: BTreeSet<(String, u8)> = BTreeSet::new();
    let mut example = "";
    for (utterance, set) in work.data.utterances.iter().zip(work.sets) {
        if *set != Some(Set::Annotated) {
            continue;
        }
        example = &utterance.id;
        if let Found::States(spans) = alignments.find(utterance, work.data)? {
            let end = spans.last().map_or(0, |span| span.end) + settings.shift;
            let frames = (0..).take_while(|&j| clock.centre(j) < end).count();
            // One that does not fit is left out later, and said.
            for place in frame_labels(&spans, frames, clock, settings.shift).unwrap_or_default() {
                let span = &spans[place];
                states.insert((span.phone.clone(), span.state));
            }
        }
    }
    inventory_of(states, &settings.silence_phones)
        .with_context(|| format!("looking up alignments of the annotated utterances, `{example}` for one"))
}

/// Ids follow the order of phone and state.
fn inventory_of(states: BTreeSet<(String, u8)>, more_silence: &[String]) -> anyhow::Result<Inventory> {
    if states.is_empty() {
        bail!("no annotated utterance has an alignment, so there is nothing to train on");
    }
    if states.len() > MAX_SENONES {
        bail!(
            "the alignments hold {} different states, at most {MAX_SENONES} can be told apart: are the symbols states?",
            states.len()
        );
    }
    Ok(Inventory::of_states(states, more_silence)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_phone_and_state() {
        let states = [("SIL", 0), ("AH", 2), ("AH", 0), ("+BREATH+", 1)];
        let states = states.map(|(phone, state)| (phone.to_owned(), state));
        let inventory = inventory_of(BTreeSet::from(states), &[]).unwrap();
        let names: Vec<&str> = inventory.senones().iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["+BREATH+.1", "AH.0", "AH.2", "SIL.0"]);
    }

    #[test]
    fn without_a_single_alignment_there_is_no_inventory() {
        let error = inventory_of(BTreeSet::new(), &[]).unwrap_err();
        assert!(error.to_string().contains("nothing to train on"));
    }
}
