//! A system's errors on a test set, counted by group so that two systems can be compared.

use crate::words::{Interval, WordErrors};
use crate::{
    Difference, FrameErrors, PairedErrors, PhoneErrors, paired_bootstrap, paired_bootstrap_over_seeds,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// Errors on some utterances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    /// Frame errors.
    pub frames: FrameErrors,
    /// Phone errors; all zero if nothing was decoded.
    pub phones: PhoneErrors,
    /// Word errors; all zero if no words were recognised, as in figures of older versions.
    #[serde(default)]
    pub words: WordErrors,
}

impl AddAssign for Score {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.phones += other.phones;
        self.words += other.words;
    }
}

/// Errors by group (dialogue, session or speaker); groups vary independently.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scoreboard {
    /// Errors by the group's name.
    pub groups: BTreeMap<String, Score>,
}

/// The error rate in which two systems are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Frame error rate over all frames.
    Frames,
    /// Frame error rate over frames whose reference is not silence.
    SpeechFrames,
    /// Phone error rate.
    Phones,
    /// Word error rate.
    Words,
}

impl Measure {
    /// All error rates, in the order of tables.
    pub const ALL: [Measure; 4] = [Measure::Frames, Measure::SpeechFrames, Measure::Phones, Measure::Words];

    /// Returns the name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Frames => "frame error rate",
            Self::SpeechFrames => "frame error rate, speech only",
            Self::Phones => "phone error rate",
            Self::Words => "word error rate",
        }
    }

    fn of(self, score: &Score) -> (u64, u64) {
        match self {
            Self::Frames => (score.frames.errors, score.frames.frames),
            Self::SpeechFrames => (score.frames.speech_errors, score.frames.speech_frames),
            Self::Phones => (score.phones.errors(), score.phones.reference),
            Self::Words => (score.words.errors(), score.words.reference),
        }
    }
}

impl Scoreboard {
    /// Adds an utterance's errors to its group.
    pub fn add(&mut self, group: &str, score: Score) {
        *self.groups.entry(group.to_owned()).or_default() += score;
    }

    /// Returns the sum over all groups.
    #[must_use]
    pub fn total(&self) -> Score {
        let mut total = Score::default();
        self.groups.values().for_each(|&score| total += score);
        total
    }

    /// Compares this system with `baseline` on the same test set: see [`paired_bootstrap`]. `None` if the two were not
    /// scored on the same groups and references.
    #[must_use]
    pub fn compare(
        &self,
        baseline: &Scoreboard,
        measure: Measure,
        resamples: u32,
        seed: u64,
    ) -> Option<Difference> {
        paired_bootstrap(&self.pieces(baseline, measure)?, resamples, seed)
    }

    /// Returns the errors of both by group, in the order of names; `None` as for [`Scoreboard::compare`].
    pub(crate) fn pieces(&self, baseline: &Scoreboard, measure: Measure) -> Option<Vec<PairedErrors>> {
        let pair = |(name, score): (&String, &Score)| {
            let (system, total) = measure.of(score);
            let (errors, same) = measure.of(baseline.groups.get(name)?);
            (same == total).then_some(PairedErrors { total, baseline: errors, system })
        };
        let pieces: Vec<PairedErrors> = self.groups.iter().map(pair).collect::<Option<_>>()?;
        (pieces.len() == baseline.groups.len()).then_some(pieces)
    }
}

/// Returns the 95 % interval of an error rate of a system that was trained with several seeds, one element of `runs` for
/// each: see [`paired_bootstrap_over_seeds`]. The rate of a system is its difference to one without errors. `None` as for
/// [`PairedRuns::compare`].
#[must_use]
pub fn rate_interval(runs: &[&Scoreboard], measure: Measure, resamples: u32, seed: u64) -> Option<Interval> {
    let groups = |board: &'_ Scoreboard| board.groups.keys().cloned().collect::<Vec<_>>();
    let first = groups(runs.first()?);
    let piece = |score: &Score| {
        let (system, total) = measure.of(score);
        PairedErrors { total, baseline: 0, system }
    };
    let pieces = |board: &&Scoreboard| {
        (groups(board) == first).then(|| board.groups.values().map(piece).collect::<Vec<_>>())
    };
    let runs: Vec<Vec<PairedErrors>> = runs.iter().map(pieces).collect::<Option<_>>()?;
    let found = paired_bootstrap_over_seeds(&runs, resamples, seed)?;
    Some(Interval { low: found.low, high: found.high, units: found.pieces })
}

/// Two systems that were trained with the same seeds, scored on the same test set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PairedRuns {
    /// Name of the system.
    pub system: String,
    /// Name of the system it is compared with.
    pub baseline: String,
    /// Errors of system and baseline, one pair for each seed.
    pub seeds: Vec<(Scoreboard, Scoreboard)>,
}

impl PairedRuns {
    /// Returns the difference over all seeds: see [`paired_bootstrap_over_seeds`]. `None` if not all were scored on the
    /// same groups and references.
    #[must_use]
    pub fn compare(&self, measure: Measure, resamples: u32, seed: u64) -> Option<Difference> {
        let pieces = |(system, baseline): &(Scoreboard, Scoreboard)| system.pieces(baseline, measure);
        let runs: Vec<Vec<PairedErrors>> = self.seeds.iter().map(pieces).collect::<Option<_>>()?;
        let same =
            |(board, _): &(Scoreboard, Scoreboard)| board.groups.keys().eq(self.seeds[0].0.groups.keys());
        self.seeds.iter().all(same).then(|| paired_bootstrap_over_seeds(&runs, resamples, seed))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(errors: &[(&str, u64)]) -> Scoreboard {
        let mut board = Scoreboard::default();
        for &(group, errors) in errors {
            let frames = FrameErrors { frames: 100, errors, speech_frames: 80, speech_errors: errors / 2 };
            board.add(group, Score { frames, ..Score::default() });
        }
        board
    }

    #[test]
    fn utterances_of_a_group_are_one_piece_of_evidence() {
        let system = board(&[("a", 40), ("a", 20), ("b", 30)]);
        assert_eq!(system.groups.len(), 2);
        assert_eq!(system.total().frames.rate(), Some(30.0));
        let found =
            system.compare(&board(&[("a", 40), ("a", 40), ("b", 50)]), Measure::Frames, 100, 1).unwrap();
        assert_eq!(found.pieces, 2);
        assert!((found.points + 40.0 / 3.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn over_seeds_the_difference_includes_all_and_reports_their_number() {
        let pair = |own: u64| (board(&[("a", own), ("b", own)]), board(&[("a", 50), ("b", 50)]));
        let runs = |seeds| PairedRuns { system: "gtc".into(), baseline: "annotated".into(), seeds };
        let found = runs(vec![pair(40), pair(44)]).compare(Measure::Frames, 1000, 1).unwrap();
        assert_eq!((found.points, found.low, found.high, found.seeds), (-8.0, -10.0, -6.0, 2));
        let other = (board(&[("a", 1), ("c", 1)]), board(&[("a", 1), ("c", 1)]));
        assert_eq!(runs(vec![pair(40), other]).compare(Measure::Frames, 1000, 1), None);
        assert_eq!(runs(vec![]).compare(Measure::Frames, 1000, 1), None);
    }

    #[test]
    fn the_interval_of_a_rate_covers_groups_and_seeds() {
        let one = board(&[("a", 40), ("b", 60)]);
        let found = rate_interval(&[&one], Measure::Frames, 1000, 1).unwrap();
        assert_eq!((found.low, found.high, found.units), (40.0, 60.0, 2));
        let other = board(&[("a", 50), ("b", 70)]);
        let found = rate_interval(&[&one, &other], Measure::Frames, 1000, 1).unwrap();
        assert_eq!((found.low, found.high), (40.0, 70.0));
        let other = board(&[("a", 40), ("c", 60)]);
        assert_eq!(rate_interval(&[&one, &other], Measure::Frames, 1000, 1), None);
        assert_eq!(rate_interval(&[&one], Measure::Words, 1000, 1), None, "no words recognised");
        assert_eq!(rate_interval(&[], Measure::Frames, 1000, 1), None);
    }

    #[test]
    fn figures_of_older_versions_have_no_words() {
        let old = r#"{"groups": {"a": {"frames": {"frames": 9, "errors": 1, "speech_frames": 0, "speech_errors": 0},
            "phones": {"reference": 5, "substitutions": 1, "insertions": 0, "deletions": 0}}}}"#;
        let board: Scoreboard = serde_json::from_str(old).unwrap();
        assert_eq!((board.total().phones.reference, board.total().words.rate()), (5, None));
    }

    #[test]
    fn systems_scored_on_different_data_are_not_compared() {
        let system = board(&[("a", 40), ("b", 30)]);
        assert_eq!(system.compare(&board(&[("a", 40), ("c", 30)]), Measure::Frames, 100, 1), None);
        assert_eq!(system.compare(&board(&[("a", 40), ("b", 9), ("c", 30)]), Measure::Frames, 100, 1), None);
        assert_eq!(system.compare(&board(&[("a", 40), ("b", 9), ("b", 30)]), Measure::Frames, 100, 1), None);
        assert_eq!(
            system.compare(&board(&[("a", 4), ("b", 3)]), Measure::Phones, 100, 1),
            None,
            "none decoded"
        );
    }
}
