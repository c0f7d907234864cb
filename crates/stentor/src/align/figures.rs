//! What was aligned, and what was not.

use super::aligning::{Agreement, Outcome};
use super::reason::Reason;
use crate::text::{Text, counted};
use indicatif::HumanCount;
use serde::Serialize;
use std::collections::BTreeMap;
use stentor_evaluate::LabelerFigures;
use stentor_shards::{FeatureManifest, LabelManifest};

/// How many utterances are named on a line of the summary; the JSON has all.
const NAMED: usize = 5;

/// An utterance that was left out.
#[derive(Debug, Serialize)]
struct LeftOut {
    utterance: String,
    /// The word, or what is wrong; empty where the reason says all.
    detail: String,
}

/// What `--json` gets.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    /// Of the new set, if one is written.
    pub(super) fingerprint: Option<String>,
    features_fingerprint: String,
    model_fingerprint: String,
    /// Utterances that were aligned.
    pub(super) utterances: u64,
    /// Those of them that took the wider beam.
    retried: u64,
    left_out: BTreeMap<Reason, Vec<LeftOut>>,
    /// Frames of all aligned utterances.
    frames: u64,
    /// Frames that had an alignment before.
    compared_frames: u64,
    /// Frames that have the same phone as before.
    same_phone_frames: u64,
    /// Frames that have the same senone as before.
    same_senone_frames: u64,
    #[serde(skip)]
    dimension: usize,
    labeler: Option<LabelerFigures>,
}

impl Figures {
    pub(super) fn new(
        features: &FeatureManifest,
        labels: &LabelManifest,
        labeler: Option<LabelerFigures>,
    ) -> Self {
        Self {
            fingerprint: None,
            features_fingerprint: features.fingerprint.clone(),
            model_fingerprint: labels.teacher_fingerprint.clone(),
            utterances: 0,
            retried: 0,
            left_out: BTreeMap::new(),
            frames: 0,
            compared_frames: 0,
            same_phone_frames: 0,
            same_senone_frames: 0,
            dimension: features.dimension,
            labeler,
        }
    }

    pub(super) fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::LeftOut { utterance, reason, detail } => {
                let left_out = LeftOut { utterance: utterance.clone(), detail: detail.clone() };
                self.left_out.entry(*reason).or_default().push(left_out);
            }
            Outcome::Aligned(utterance) => {
                self.utterances += 1;
                self.retried += u64::from(utterance.is_retried);
                self.frames += utterance.row.frames(self.dimension) as u64;
                let Agreement { frames, same_senone, same_phone } = utterance.agreement.unwrap_or_default();
                self.compared_frames += frames;
                self.same_senone_frames += same_senone;
                self.same_phone_frames += same_phone;
            }
        }
    }

    /// Why utterances were left out, with numbers and names.
    pub(super) fn reasons(&self) -> String {
        let lines = self.left_out.iter().map(|(reason, utterances)| line(*reason, utterances));
        lines.collect::<Vec<_>>().join("; ")
    }

    pub(super) fn text(&self, out: Option<&str>) -> String {
        let mut text = Text::default();
        text.heading(match out {
            Some(out) => format!("feature set {out}"),
            None => "alignments".to_owned(),
        });
        let retried = match self.retried {
            0 => String::new(),
            retried => format!(", {} with the wider beam", HumanCount(retried)),
        };
        text.item("aligned", format!("{}{retried}", counted(self.utterances, "utterance")));
        for (reason, utterances) in &self.left_out {
            text.item("left out", line(*reason, utterances));
        }
        text.item("frames", HumanCount(self.frames));
        if self.compared_frames > 0 {
            let percent = |frames: u64| 100.0 * frames as f64 / self.compared_frames as f64;
            text.item(
                "as before",
                format!(
                    "{:.1} % of {} frames have the same phone, {:.1} % the same senone",
                    percent(self.same_phone_frames),
                    HumanCount(self.compared_frames),
                    percent(self.same_senone_frames)
                ),
            );
        }
        self.fingerprint.iter().for_each(|fingerprint| text.item("fingerprint", fingerprint));
        text.finish()
    }
}

fn line(reason: Reason, utterances: &[LeftOut]) -> String {
    let name = |LeftOut { utterance, detail }: &LeftOut| match detail.as_str() {
        "" => utterance.clone(),
        detail => format!("{utterance} ({detail})"),
    };
    let names: Vec<String> = utterances.iter().take(NAMED).map(name).collect();
    let more = if utterances.len() > NAMED { ", …" } else { "" };
    format!(
        "{} {}: {}{more}",
        counted(utterances.len() as u64, "utterance"),
        reason.words(),
        names.join(", ")
    )
}
