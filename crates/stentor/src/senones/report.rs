//! The figures of a tree that was grown.

use super::words;
use crate::text::{Text, counted};
use anyhow::Result;
use indicatif::HumanCount;
use serde::Serialize;
use std::collections::BTreeMap;
use stentor_inventory::PhoneId;
use stentor_senones::{Context, Grown, Questions, Statistics, Topology};

/// What `--json` gets.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) fingerprint: String,
    pub(super) senones: usize,
    topology: Topology,
    context: Context,
    /// What stands beside phones at the edges of words or utterances.
    boundary: String,
    pub(super) utterances: u64,
    pub(super) frames: f64,
    questions: usize,
    /// Log likelihood of all frames with a Gaussian for each root, and for each senone.
    log_likelihood_roots: f64,
    log_likelihood: f64,
    /// Log likelihood gained by a frame.
    pub(super) gain_per_frame: f64,
    /// The gain of each split, in the order in which they were made.
    pub(super) gains: Vec<f64>,
    pub(super) phones: BTreeMap<String, Phone>,
    pub(super) seen: Seen,
}

/// The senones of a phone.
#[derive(Debug, Default, Serialize)]
pub(super) struct Phone {
    pub(super) senones: usize,
    pub(super) frames: f64,
}

/// What the speech has of all states of triphones.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    /// States of triphones with a frame.
    pub(super) states: usize,
    /// States of triphones that there could be.
    pub(super) of_states: usize,
    /// Senones without a frame: no model can learn them.
    pub(super) senones_without_frames: Vec<String>,
    /// Frames of the rarest senone that has any.
    fewest_frames: f64,
}

impl Report {
    pub(super) fn new(
        grown: &Grown,
        statistics: &Statistics,
        questions: &Questions,
        utterances: u64,
    ) -> Result<Self> {
        let tree = &grown.tree;
        let scheme = tree.scheme();
        let inventory = tree.inventory()?;
        let mut phones: BTreeMap<String, Phone> = BTreeMap::new();
        for (senone, leaf) in inventory.senones().iter().zip(tree.leaves()) {
            let phone = phones.entry(senone.phone.clone()).or_default();
            phone.senones += 1;
            phone.frames += leaf.frames;
        }
        let unseen = inventory.senones().iter().zip(tree.leaves()).filter(|(_, leaf)| leaf.frames == 0.0);
        let frames: f64 = tree.leaves().iter().map(|leaf| leaf.frames).sum();
        let with_frames = tree.leaves().iter().map(|leaf| leaf.frames).filter(|frames| *frames > 0.0);
        let name = |phone: PhoneId| scheme.phones.name(phone).unwrap_or_default().to_owned();
        // Phones with context stand between each other and the boundary, all others by themselves.
        let with_context = scheme.phones.ids().filter(|&phone| scheme.has_context(phone)).count();
        let without = scheme.phones.len() - with_context;
        let of_phones = with_context * (with_context + 1).pow(2) + without;
        Ok(Self {
            fingerprint: tree.fingerprint()?,
            senones: tree.senones(),
            topology: scheme.topology,
            context: scheme.context,
            boundary: name(scheme.boundary),
            utterances,
            frames,
            questions: questions.len(),
            log_likelihood_roots: grown.roots,
            log_likelihood: grown.log_likelihood(),
            gain_per_frame: (grown.log_likelihood() - grown.roots) / frames.max(1.0),
            gains: grown.gains.clone(),
            phones,
            seen: Seen {
                states: statistics.len(),
                of_states: of_phones * usize::from(scheme.topology.states()),
                senones_without_frames: unseen.map(|(senone, _)| senone.name.clone()).collect(),
                fewest_frames: with_frames.fold(f64::INFINITY, f64::min),
            },
        })
    }

    pub(super) fn text(&self, path: &str) -> String {
        let mut text = Text::default();
        text.heading(path);
        let per_phone = self.phones.len();
        text.item(
            "senones",
            format!("{} of {}", HumanCount(self.senones as u64), counted(per_phone as u64, "phone")),
        );
        text.item("states of a phone", words::topology(self.topology));
        text.item("neighbours", words::neighbours(self.context, &self.boundary));
        text.item(
            "from",
            format!("{} frames of {}", HumanCount(self.frames as u64), counted(self.utterances, "utterance")),
        );
        let last = self.gains.last().map_or_else(String::new, |gain| format!(", the last gained {gain:.1}"));
        text.item(
            "splits",
            format!(
                "{} by {} about either neighbour{last}",
                HumanCount(self.gains.len() as u64),
                counted(self.questions as u64, "question")
            ),
        );
        text.item("log likelihood", format!("{:+.3} a frame by the splits", self.gain_per_frame));
        let Seen { states, of_states, senones_without_frames, fewest_frames } = &self.seen;
        let share = 100.0 * *states as f64 / (*of_states).max(1) as f64;
        text.item(
            "states of triphones",
            format!(
                "{} were said, {share:.1} % of all; the tree maps the others",
                HumanCount(*states as u64)
            ),
        );
        if fewest_frames.is_finite() {
            text.item("rarest senone", format!("{} frames", HumanCount(*fewest_frames as u64)));
        }
        if !senones_without_frames.is_empty() {
            text.item("without a frame", senones_without_frames.join(" "));
        }
        text.item("fingerprint", &self.fingerprint);
        text.heading("senones and frames of each phone");
        for (name, phone) in &self.phones {
            text.row([
                name.clone(),
                HumanCount(phone.senones as u64).to_string(),
                counted(phone.frames as u64, "frame"),
            ]);
        }
        text.finish()
    }
}
