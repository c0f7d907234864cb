//! The target classes: every state of a phone that the annotated part holds.

use anyhow::bail;
use std::collections::{BTreeSet, HashMap};
use stentor_shards::{MAX_SENONES, Senone};

/// Names that dictionaries and aligners give to silence and noise; so are all names that start with `+` or a bracket, as
/// `+BREATH+`, `[noise]` and `<unk>` do.
const SILENCE: &[&str] = &["SIL", "SPN", "NSN", "sil", "sp", "spn", "nsn", "pau", "<sil>", "<eps>", "h#"];

/// Whether a phone is silence or noise. A Kaldi position suffix (`SIL_B`) does not matter. `more` are further names.
pub(super) fn is_silence(phone: &str, more: &[String]) -> bool {
    let plain =
        ["_B", "_I", "_E", "_S"].iter().find_map(|suffix| phone.strip_suffix(suffix)).unwrap_or(phone);
    phone.starts_with(['+', '[', '<', '(', '{'])
        || SILENCE.contains(&plain)
        || more.iter().any(|name| name == phone || name == plain)
}

/// How a state was found in the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// It is there.
    Exact(u16),
    /// It is not; this is the nearest state of the same phone, the earlier one of two.
    Nearest(u16),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inventory {
    senones: Vec<Senone>,
    /// States and ids of each phone, in order.
    phones: HashMap<String, Vec<(u8, u16)>>,
}

impl Inventory {
    /// Ids follow the order of phone and state.
    ///
    /// # Errors
    /// More states than ids, or none at all.
    pub(super) fn new(states: &BTreeSet<(String, u8)>, more_silence: &[String]) -> anyhow::Result<Self> {
        if states.is_empty() {
            bail!("no annotated utterance has an alignment, so there is nothing to train on");
        }
        if states.len() > MAX_SENONES {
            bail!(
                "the alignments hold {} different states, at most {MAX_SENONES} can be told apart: are the symbols states?",
                states.len()
            );
        }
        let mut phones: HashMap<String, Vec<(u8, u16)>> = HashMap::new();
        let mut senones = Vec::with_capacity(states.len());
        for (id, (phone, state)) in states.iter().enumerate() {
            phones.entry(phone.clone()).or_default().push((*state, id as u16));
            senones.push(Senone {
                name: format!("{phone}.{state}"),
                phone: phone.clone(),
                silence: is_silence(phone, more_silence),
                state: *state,
            });
        }
        Ok(Self { senones, phones })
    }

    pub(super) fn senones(&self) -> &[Senone] {
        &self.senones
    }

    /// The id of a state; none for a phone that training never saw.
    pub(super) fn find(&self, phone: &str, state: u8) -> Option<Match> {
        let states = self.phones.get(phone)?;
        let &(nearest, id) = states.iter().min_by_key(|(s, _)| s.abs_diff(state))?;
        Some(if nearest == state { Match::Exact(id) } else { Match::Nearest(id) })
    }
}
