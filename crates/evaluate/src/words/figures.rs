//! The figures of `stentor score`, as `--json` writes them, and as text.

use crate::Difference;
use crate::report::{Align, TextTable, decimal};
use crate::words::{Scored, Tally, Unit, WordScore};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Format of [`WordFigures`]; raised with every change that old readers cannot take.
pub const WORD_FIGURES_VERSION: u32 = 1;

/// Notes in brackets that the text names.
const NOTES: usize = 5;

/// A 95 % interval of a word error rate, percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Units that were drawn from.
    pub units: usize,
}

/// Word errors of one system on one test set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WordFigures {
    /// [`WORD_FIGURES_VERSION`].
    pub schema_version: u32,
    /// Version of the normaliser: rates can be compared where it is the same.
    pub normaliser: u32,
    /// Word error rate, percent; absent where the reference has no words.
    pub wer: Option<f64>,
    /// Its 95 % interval; absent with fewer than two units.
    pub interval: Option<Interval>,
    /// Errors of all utterances.
    pub total: WordScore,
    /// Errors by speaker, where speakers are known.
    pub by_speaker: BTreeMap<String, WordScore>,
    /// Errors by group, where groups are known.
    pub by_group: BTreeMap<String, WordScore>,
    /// What the bootstrap drew.
    pub unit: Unit,
    /// What normalisation found in the reference.
    pub reference: Tally,
    /// What normalisation found in the hypothesis.
    pub hypothesis: Tally,
    /// Against a baseline on the same reference, where one was given.
    pub difference: Option<Difference>,
}

impl WordFigures {
    /// The figures of a system, and its difference to a baseline; the bootstrap draws `resamples` times from `seed`.
    #[must_use]
    pub fn new(scored: &Scored, baseline: Option<&Scored>, resamples: u32, seed: u64) -> Self {
        let total = scored.total();
        Self {
            schema_version: WORD_FIGURES_VERSION,
            normaliser: scored.normaliser,
            wer: total.words.rate(),
            interval: scored.interval(resamples, seed),
            total,
            by_speaker: scored.by_speaker(),
            by_group: scored.by_group(),
            unit: scored.unit,
            reference: scored.reference.clone(),
            hypothesis: scored.hypothesis.clone(),
            difference: baseline.and_then(|baseline| scored.compare(baseline, resamples, seed)),
        }
    }

    /// The figures for the terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = self.table();
        text += &match self.interval {
            Some(Interval { low, high, units }) => format!(
                "\n95 % interval of the word error rate: {} to {} % ({} {} resampled)\n",
                decimal(low, 2),
                decimal(high, 2),
                decimal(units as f64, 0),
                self.unit.plural()
            ),
            None => {
                "\nno interval: it needs words and at least two utterances, speakers or groups\n".to_owned()
            }
        };
        if let Some(d) = self.difference {
            text += &format!(
                "difference: {} points against the baseline's {} %, 95 % interval {} to {}, p = {}\n",
                decimal(d.points, 2),
                decimal(d.baseline, 2),
                decimal(d.low, 2),
                decimal(d.high, 2),
                decimal(d.p_value, 4)
            );
        }
        text += &format!("normaliser: version {}\n", self.normaliser);
        for (side, tally) in [("reference", &self.reference), ("hypothesis", &self.hypothesis)] {
            text += &told(side, tally);
        }
        text
    }

    fn table(&self) -> String {
        let mut table = TextTable::new(&[
            ("", Align::Left),
            ("WER %", Align::Right),
            ("S", Align::Right),
            ("D", Align::Right),
            ("I", Align::Right),
            ("words", Align::Right),
            ("utterances", Align::Right),
            ("with errors %", Align::Right),
        ]);
        let rate = |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), |rate| decimal(rate, 2));
        let mut row = |name: String, score: &WordScore| {
            let words = score.words;
            let counts = [words.substitutions, words.deletions, words.insertions, words.reference];
            let counts = counts.into_iter().chain([score.utterances]).map(|n| decimal(n as f64, 0));
            let cells = [name, rate(words.rate())].into_iter().chain(counts);
            table.row(cells.chain([rate(score.wrong_rate())]));
        };
        row("all".to_owned(), &self.total);
        self.by_speaker.iter().for_each(|(name, score)| row(format!("speaker {name}"), score));
        self.by_group.iter().for_each(|(name, score)| row(format!("group {name}"), score));
        table.render()
    }
}

/// What a reader must know of one side's texts; nothing where they are words alone.
fn told(side: &str, tally: &Tally) -> String {
    let mut text = String::new();
    let dropped: u64 = tally.dropped.values().sum();
    if dropped > 0 {
        let mut notes: Vec<(&String, &u64)> = tally.dropped.iter().collect();
        notes.sort_by_key(|(note, count)| (std::cmp::Reverse(**count), *note));
        let named = notes.iter().take(NOTES).map(|(note, count)| format!("{note} {count}"));
        let named = named.collect::<Vec<_>>().join(", ");
        let more = if notes.len() > NOTES { ", …" } else { "" };
        text +=
            &format!("{side}: notes in brackets dropped: {} ({named}{more})\n", decimal(dropped as f64, 0));
    }
    if tally.unspelt > 0 {
        text += &format!(
            "{side}: words with digits or signs, compared as written: {}; write them out in both texts\n",
            decimal(tally.unspelt as f64, 0)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::{Labels, Names, Transcripts, score};

    fn texts(texts: &[(&str, &str)]) -> Transcripts {
        texts.iter().map(|(id, text)| (id.to_string(), text.to_string())).collect()
    }

    fn scored(hypothesis: [&str; 3]) -> Scored {
        let reference = texts(&[("a-1", "hold the line"), ("a-2", "[cough] press 1"), ("b-1", "good bye")]);
        let hypothesis = texts(&[("a-1", hypothesis[0]), ("a-2", hypothesis[1]), ("b-1", hypothesis[2])]);
        let speakers: Names = texts(&[("a-1", "a"), ("a-2", "a"), ("b-1", "b")]);
        score(&reference, &hypothesis, Labels { speakers: Some(&speakers), groups: None }).unwrap()
    }

    #[test]
    fn the_text_has_a_line_for_each_speaker_and_says_what_was_dropped() {
        let baseline = scored(["hold", "press one", "good bye"]);
        let figures =
            WordFigures::new(&scored(["hold a line", "press one", "good bye"]), Some(&baseline), 100, 1);
        let text = figures.to_text();
        assert!(
            text.starts_with(
                "            WER %   S   D   I   words   utterances   with errors %\n\
                 all         28.57   2   0   0       7            3           66.67\n\
                 speaker a   40.00   2   0   0       5            2          100.00\n\
                 speaker b    0.00   0   0   0       2            1            0.00\n\n\
                 95 % interval of the word error rate: 0.00 to 40.00 % (2 speakers resampled)\n\
                 difference: −14.29 points against the baseline's 42.86 %, 95 % interval −20.00 to 0.00, p = "
            ),
            "{text}"
        );
        assert!(
            text.contains("normaliser: version 1\nreference: notes in brackets dropped: 1 ([cough] 1)\n")
        );
        assert!(text.ends_with(
            "reference: words with digits or signs, compared as written: 1; write them out in both texts\n"
        ));
    }

    #[test]
    fn figures_survive_their_json() {
        let figures = WordFigures::new(&scored(["hold", "1", "bye"]), None, 100, 1);
        let json = serde_json::to_string(&figures).unwrap();
        assert_eq!(serde_json::from_str::<WordFigures>(&json).unwrap(), figures);
    }
}
