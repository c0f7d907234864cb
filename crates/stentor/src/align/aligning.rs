//! From an utterance's text and labels to its alignment.

use super::reason::Reason;
use super::transcripts::{Transcript, Transcripts};
use crate::labeled::posteriors;
use anyhow::{Context, Result};
use stentor_audio::{FrameClock, Micros};
use stentor_inventory::{Inventory, SenoneId};
use stentor_recogniser::{Aligned, SaidPhone, Unaligned, WordAligner};
use stentor_shards::{FeatureRow, LabelRow, Row};

/// What utterances are aligned with.
pub(super) struct Aligning<'a> {
    pub(super) aligner: &'a WordAligner,
    pub(super) transcripts: Transcripts<'a>,
    pub(super) senones: &'a Inventory,
    pub(super) clock: FrameClock,
}

/// What became of an utterance.
pub(super) enum Outcome {
    Aligned(Box<Utterance>),
    LeftOut { utterance: String, reason: Reason, detail: String },
}

/// An aligned utterance.
pub(super) struct Utterance {
    /// With the new alignment.
    pub(super) row: FeatureRow,
    /// Its values in the columns that stay the same.
    pub(super) further: Row,
    /// Phones and pauses in order.
    pub(super) phones: Vec<Timed>,
    /// Words in order.
    pub(super) words: Vec<Timed>,
    /// Whether the first beam was too narrow.
    pub(super) is_retried: bool,
    /// `None` if the utterance had no alignment before.
    pub(super) agreement: Option<Agreement>,
}

/// A phone, a pause or a word, and when it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timed {
    pub(super) text: String,
    pub(super) start: Micros,
    pub(super) end: Micros,
    pub(super) is_silence: bool,
}

/// Frames that have the same senone, and the same phone, as before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Agreement {
    pub(super) frames: u64,
    pub(super) same_senone: u64,
    pub(super) same_phone: u64,
}

impl Aligning<'_> {
    pub(super) fn utterance(
        &self,
        ((mut row, further), labels): ((FeatureRow, Row), LabelRow),
    ) -> Result<Outcome> {
        let utterance = row.utterance.clone();
        let left_out =
            |reason, detail: String| Ok(Outcome::LeftOut { utterance: utterance.clone(), reason, detail });
        let Some(text) = &row.text else { return left_out(Reason::NoText, String::new()) };
        let transcript = match self.transcripts.of(text) {
            Err(word) => return left_out(Reason::UnknownWord, word),
            Ok(Transcript { words, .. }) if words.is_empty() => {
                return left_out(Reason::NoWords, text.clone());
            }
            Ok(transcript) => transcript,
        };
        let posteriors = posteriors(labels, self.aligner.outputs())?;
        let mut frame = |frame: usize, row: &mut [f32]| posteriors.log_into(frame, row);
        let found = self.aligner.align(&transcript.ids, posteriors.frames(), &mut frame);
        let Aligned { senones, phones, is_retried, .. } = match found.with_context(|| utterance.clone())? {
            Ok(aligned) => aligned,
            Err(unaligned) => {
                let reason = match unaligned {
                    Unaligned::TooShort { .. } => Reason::TooShort,
                    Unaligned::NoPath { .. } => Reason::NoPath,
                };
                return left_out(reason, unaligned.to_string());
            }
        };
        let before = row.alignment.replace(senones);
        let agreement = before.zip(row.alignment.as_ref()).map(|(before, now)| self.agreement(&before, now));
        let words =
            words(&transcript.words, &phones).map(|(word, start, end)| self.timed(word, start, end, false));
        let words = words.collect();
        let phones = phones.iter().map(|said| {
            let is_silence = self
                .senones
                .of_phone(&said.phone)
                .iter()
                .any(|id| self.senones.get(*id).is_some_and(|senone| senone.silence));
            self.timed(&said.phone, said.start, said.end, is_silence)
        });
        let phones = phones.collect();
        Ok(Outcome::Aligned(Box::new(Utterance { row, further, phones, words, is_retried, agreement })))
    }

    /// Something that is said from one frame up to but not including another. Its ends are halfway between the centres of frames;
    /// the first frame begins with the utterance.
    fn timed(&self, text: &str, start: usize, end: usize, is_silence: bool) -> Timed {
        let edge = |frame: usize| match frame {
            0 => 0,
            frame => (self.clock.centre(frame) - self.clock.frame() / 2).max(0),
        };
        Timed { text: text.to_owned(), start: edge(start), end: edge(end), is_silence }
    }

    fn agreement(&self, before: &[SenoneId], now: &[SenoneId]) -> Agreement {
        let phone = |id: SenoneId| self.senones.get(id).map(|senone| &senone.phone);
        let mut agreement = Agreement::default();
        for (&before, &now) in before.iter().zip(now) {
            agreement.frames += 1;
            agreement.same_senone += u64::from(before == now);
            agreement.same_phone += u64::from(phone(before) == phone(now));
        }
        agreement
    }
}

/// Each word with its first frame and the frame after its last.
fn words<'a>(
    words: &'a [String],
    phones: &'a [SaidPhone],
) -> impl Iterator<Item = (&'a String, usize, usize)> {
    phones.chunk_by(|a, b| a.word == b.word).filter_map(move |phones| {
        let word = words.get(phones.first()?.word?)?;
        Some((word, phones.first()?.start, phones.last()?.end))
    })
}
