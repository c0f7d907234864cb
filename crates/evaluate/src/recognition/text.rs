//! The figures for the terminal.

use super::{PerplexityFigures, RecognitionFigures};
use crate::MeasuredDifference;
use crate::report::{Align, TextTable, decimal};
use crate::words::Interval;
use std::fmt::Write;

/// Outputs of each frame that are enough.
const OUTPUTS_KEPT: usize = 256;

/// Words that the text names; the figures have more.
const NAMED: usize = 8;

impl RecognitionFigures {
    /// Returns the figures as text for the terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = self.counts();
        let mut table = TextTable::new(&[
            ("WER %", Align::Right),
            ("S", Align::Right),
            ("D", Align::Right),
            ("I", Align::Right),
            ("words", Align::Right),
        ]);
        let words = self.words;
        let counts = [words.substitutions, words.deletions, words.insertions, words.reference].map(whole);
        let rate = self.wer.map_or_else(|| "–".to_owned(), |rate| decimal(rate, 2));
        table.row([rate].into_iter().chain(counts));
        text += &format!("\n{}\n", table.render());
        text += &match self.wer_interval {
            Some(Interval { low, high, units }) => format!(
                "95 % interval of the word error rate: {} to {} % ({} groups resampled)\n",
                decimal(low, 2),
                decimal(high, 2),
                whole(units as u64)
            ),
            None => "no interval: it needs words and at least two groups\n".to_owned(),
        };
        for MeasuredDifference { difference: d, .. } in &self.differences {
            text += &format!(
                "difference: {} points against the baseline's {} %, 95 % interval {} to {}, p = {}\n",
                decimal(d.points, 2),
                decimal(d.baseline, 2),
                decimal(d.low, 2),
                decimal(d.high, 2),
                decimal(d.p_value, 4)
            );
        }
        text += &self.labels();
        text += &self.scales();
        text += &self.words_known();
        text += &format!("normaliser: version {}\n", self.normaliser_version);
        text
    }

    /// What was recognised, and what was not scored.
    fn counts(&self) -> String {
        let mut text = format!(
            "utterances: {} ({} h), groups: {}\n",
            whole(self.utterances.len() as u64),
            decimal(self.audio_hours, 2),
            whole(self.by_group.groups.len() as u64)
        );
        if self.without_text > 0 {
            text += &format!("utterances left out, without a text: {}\n", whole(self.without_text));
        }
        if self.no_path > 0 {
            text += &format!(
                "utterances without a possible path, counted as empty: {}; a larger beam may help\n",
                whole(self.no_path)
            );
        }
        if self.incomplete > 0 {
            text += &format!(
                "utterances that did not end with a word or a pause: {}; the audio was cut, or the beam is too narrow\n",
                whole(self.incomplete)
            );
        }
        if let Some(speed) = self.times_real_time {
            text += &format!(
                "search: {} s, {} × real time\n",
                decimal(self.decoding_seconds, 1),
                decimal(speed, if speed < 10.0 { 1 } else { 0 })
            );
        }
        text
    }

    /// That the labels keep fewer outputs than `stentor recognise` itself has them keep; nothing if they do not.
    fn labels(&self) -> String {
        let Self { outputs, outputs_kept: kept, .. } = *self;
        if kept >= outputs.min(OUTPUTS_KEPT) {
            return String::new();
        }
        format!(
            "the labels keep only {} of {} outputs of each frame, and more would give better words: label with --top-k {}\n",
            whole(kept as u64),
            whole(outputs as u64),
            outputs.min(OUTPUTS_KEPT)
        )
    }

    /// The scales that words were recognised with, to four decimals.
    pub fn named_scales(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let scales = [
            ("acoustic scale", "acoustic_scale"),
            ("prior exponent", "prior_exponent"),
            ("word penalty", "word_penalty"),
        ];
        scales.into_iter().filter_map(|(name, key)| {
            let value = self.settings.get(key)?.as_f64()?;
            Some((name, (value * 1e4).round() / 1e4))
        })
    }

    /// The scales that words were recognised with, and how they were chosen.
    fn scales(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.named_scales() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{name} {value}", if text.is_empty() { "scales: " } else { ", " });
        }
        let tuned = self.settings.get("tuned").filter(|tuned| !tuned.is_null());
        let count = |key: &str| tuned.and_then(|tuned| tuned.get(key)?.as_u64());
        let chosen = match (self.dev_wer, count("tried"), count("utterances")) {
            (Some(wer), Some(tried), Some(utterances)) => {
                let more = count("not_used").filter(|more| *more > 0);
                let more = more.map_or_else(String::new, |more| format!(" of {}", whole(utterances + more)));
                let (tried, utterances) = (whole(tried), whole(utterances));
                let searches =
                    count("searches").map_or_else(String::new, |count| format!(" in {count} searches"));
                // Absent if it is so.
                let is_settled = tuned.and_then(|tuned| tuned.get("is_settled")?.as_bool()).unwrap_or(true);
                format!(
                    "chosen of {tried} combinations{searches} on {utterances}{more} dev utterances, WER {} %{}",
                    decimal(wer, 2),
                    if is_settled {
                        ""
                    } else {
                        "; better ones may lie further away: tune again from --settings"
                    }
                )
            }
            _ if tuned.is_some() => "tuned before".to_owned(),
            _ => "not tuned".to_owned(),
        };
        format!("{text} ({chosen})\n")
    }

    /// Which words could be recognised, and how well lexicon and language model fit the references.
    fn words_known(&self) -> String {
        let known = &self.vocabulary;
        let mut text = format!("vocabulary: {} words", whole(known.words));
        for (count, why) in [
            (known.without_probability, "of the lexicon are not in the language model"),
            (known.without_pronunciation, "of the language model are not in the lexicon"),
        ] {
            if count > 0 {
                text += &format!("; {} {why}", whole(count));
            }
        }
        text.push('\n');
        if known.left_out > 0 || known.left_out_pronunciations > 0 {
            text += &format!(
                "left out, because the model does not have a phone: {} words{}, {} pronunciations of other words\n",
                whole(known.left_out),
                listed(known.left_out_words.iter().cloned(), known.left_out),
                whole(known.left_out_pronunciations)
            );
        }
        if self.words.reference > 0 {
            let share = 100.0 * self.unknown_words as f64 / self.words.reference as f64;
            let named = self.frequent_unknown_words.iter().map(|(word, count)| format!("{word} {count}"));
            let kinds = self.frequent_unknown_words.len() as u64;
            text += &format!(
                "words of the references that cannot be recognised: {} ({} %){}\n",
                whole(self.unknown_words),
                decimal(share, 2),
                listed(named, kinds)
            );
        }
        if let Some(PerplexityFigures { known, all, .. }) = self.perplexity {
            let all = all.map_or_else(|| "none, the model has no <unk>".to_owned(), |all| decimal(all, 1));
            text += &format!(
                "perplexity of the references: {} of known words, all words {all}\n",
                decimal(known, 1)
            );
        }
        text
    }
}

fn whole(number: u64) -> String {
    decimal(number as f64, 0)
}

/// The first of some words in parentheses; nothing without any. `all`: how many there are.
fn listed(words: impl Iterator<Item = String>, all: u64) -> String {
    let named: Vec<String> = words.take(NAMED).collect();
    let more = if all > named.len() as u64 { ", …" } else { "" };
    match named.is_empty() {
        true => String::new(),
        false => format!(" ({}{more})", named.join(", ")),
    }
}
