//! Learning curves from a run's event log: JSON lines in `events/`, in files whose sorted names are in chronological
//! order.

use super::density::Sent;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Maximum number of points of a training curve; more could not be distinguished on a screen.
const POINTS: usize = 120;

/// The curves of one run: committed frames and value.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Curves {
    /// Dev frame error, in percent.
    pub(crate) dev: Vec<(f64, f64)>,
    /// Loss by source, nats per frame, averaged over stretches of rounds.
    pub(crate) loss: BTreeMap<String, Vec<(f64, f64)>>,
    /// All rounds with frames, by source, from which `loss` is averaged.
    pub(crate) rounds: BTreeMap<String, Vec<Round>>,
    /// Contributions of all rounds, including those that a fall-back made void.
    pub(crate) sent: Sent,
    /// The contributions among them that were sent as signs.
    pub(crate) signs: Sent,
}

/// The loss of a round.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(crate) struct Round {
    pub(crate) committed_frames: f64,
    /// Frames of this round: the weight of its loss.
    pub(crate) frames: f64,
    /// Nats per frame.
    pub(crate) loss: f64,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event {
    Round {
        source: String,
        #[serde(flatten)]
        round: Round,
        #[serde(default)]
        contributors: Vec<u64>,
        #[serde(default)]
        values_sent: u64,
        encoding: Option<Encoding>,
        /// Absent in the logs of older programs, whose rounds had one source each.
        #[serde(default)]
        by_source: Vec<OfSource>,
    },
    Dev {
        committed_frames: f64,
        frame_error: f64,
    },
    #[serde(other)]
    Other,
}

/// The encoding of a round's contributions, as far as it is needed here.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Encoding {
    Threshold,
    /// The differences of a block.
    Block {
        deltas: Deltas,
    },
    #[serde(other)]
    Whole,
}

#[derive(Debug, Deserialize)]
struct Deltas {
    kind: String,
}

impl Encoding {
    fn is_signs(&self) -> bool {
        match self {
            Encoding::Threshold => true,
            Encoding::Block { deltas } => deltas.kind == "threshold",
            Encoding::Whole => false,
        }
    }
}

/// A round's batches of one source.
#[derive(Debug, Deserialize)]
struct OfSource {
    source: String,
    frames: f64,
    loss: f64,
}

/// Reads the curves of the run in `folder`; without events they are empty.
pub(crate) fn read(folder: &Path) -> Result<Curves> {
    let events = folder.join("events");
    let Ok(entries) = std::fs::read_dir(&events) else { return Ok(Curves::default()) };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()
        .with_context(|| format!("cannot read {}", events.display()))?;
    files.sort();
    let mut curves = Curves::default();
    for file in files {
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        for (number, line) in text.lines().enumerate() {
            let event = serde_json::from_str(line)
                .with_context(|| format!("line {} of {} is not an event", number + 1, file.display()))?;
            curves.add(event);
        }
    }
    curves.loss = curves.rounds.iter().map(|(source, rounds)| (source.clone(), thinned(rounds))).collect();
    Ok(curves)
}

impl Curves {
    fn add(&mut self, event: Event) {
        if let Event::Round { contributors, values_sent, encoding, .. } = &event {
            self.sent.add(contributors.len(), *values_sent);
            if encoding.as_ref().is_some_and(Encoding::is_signs) {
                self.signs.add(contributors.len(), *values_sent);
            }
        }
        match event {
            // A group exchange between two batches: nothing was computed, so there is no loss.
            Event::Round { round, .. } if round.frames == 0.0 => {}
            Event::Round { source, round, by_source, .. } => {
                let Round { committed_frames, frames, loss } = round;
                for rounds in self.rounds.values_mut() {
                    forget_after(rounds, committed_frames, |round| round.committed_frames);
                }
                let parts = match by_source.is_empty() {
                    true => vec![OfSource { source, frames, loss }],
                    false => by_source,
                };
                for OfSource { source, frames, loss } in parts {
                    self.rounds.entry(source).or_default().push(Round { committed_frames, frames, loss });
                }
            }
            Event::Dev { committed_frames, frame_error } => {
                forget_after(&mut self.dev, committed_frames, |point| point.0);
                self.dev.push((committed_frames, frame_error));
            }
            Event::Other => {}
        }
    }
}

/// Removes points after `frames`: after a fall-back, training repeats these frames, and the earlier points are void.
fn forget_after<T>(points: &mut Vec<T>, frames: f64, at: fn(&T) -> f64) {
    while points.last().is_some_and(|last| at(last) >= frames) {
        points.pop();
    }
}

/// Means over stretches with the same number of rounds, each at the midpoint of its rounds.
fn thinned(rounds: &[Round]) -> Vec<(f64, f64)> {
    let stretch = rounds.len().div_ceil(POINTS).max(1);
    let middle = |rounds: &[Round]| {
        rounds.iter().map(|round| round.committed_frames).sum::<f64>() / rounds.len() as f64
    };
    rounds.chunks(stretch).filter_map(|rounds| Some((middle(rounds), mean_loss(rounds)?))).collect()
}

/// Loss over all frames of these rounds, nats per frame; `None` without frames.
pub(crate) fn mean_loss<'a>(rounds: impl IntoIterator<Item = &'a Round>) -> Option<f64> {
    let add =
        |(sum, frames): (f64, f64), round: &Round| (sum + round.loss * round.frames, frames + round.frames);
    let (sum, frames) = rounds.into_iter().fold((0.0, 0.0), add);
    (frames > 0.0).then(|| sum / frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(files: &[(&str, &str)]) -> (tempfile::TempDir, Result<Curves>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("events")).unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join("events").join(name), text).unwrap();
        }
        let curves = read(folder.path());
        (folder, curves)
    }

    #[test]
    fn sources_are_apart_and_a_fall_back_voids_what_came_after_the_checkpoint() {
        let first = r#"{"event":"round","source":"annotated","committed_frames":10,"loss":4.0,"frames":10}
{"event":"members","members":{},"reason":"joined"}
{"event":"round","source":"machine-labeled","committed_frames":20,"loss":3.0,"frames":10}
{"event":"dev","checkpoint":"a","committed_frames":20,"loss":1.0,"frame_error":70.0}
{"event":"round","source":"annotated","committed_frames":30,"loss":2.0,"frames":10}
"#;
        let second = r#"{"event":"fell-back","lineage":2,"checkpoint":"a","reason":"killed"}
{"event":"round","source":"machine-labeled","committed_frames":30,"loss":2.5,"frames":10}
"#;
        let (_folder, curves) = log(&[("000002-000000.jsonl", second), ("000001-000000.jsonl", first)]);
        let curves = curves.unwrap();
        assert_eq!(curves.dev, [(20.0, 70.0)]);
        assert_eq!(curves.loss["annotated"], [(10.0, 4.0)]);
        assert_eq!(curves.loss["machine-labeled"], [(20.0, 3.0), (30.0, 2.5)]);
    }

    /// These types are a copy: what they keep is held against the log's own.
    #[test]
    fn the_points_are_the_rounds_that_count_in_the_coordinators_log() {
        use stentor_experiment::Source;
        use stentor_runlog::{Encoding, Event, Fence, Timeline};
        use stentor_scores::{LOSS, Scores};
        let round = |lineage, round: u64, loss| Event::Round {
            fence: Fence { lineage, membership_epoch: 1, round },
            source: Source::Annotated,
            contributors: vec![0, 1],
            leases: Vec::new(),
            shares: vec![0, 0],
            frames: 10,
            committed_frames: 10 * (round + 1),
            scores: Scores::default().with(LOSS, loss),
            by_source: Vec::new(),
            gradient_norm: 1.0,
            values_sent: 3,
            bytes_up: 1,
            compute_s: 0.0,
            encoding: Encoding::Threshold { tau: 0.5, density: 0.01 },
            at_ms: 0,
        };
        let back = Event::FellBack {
            lineage: 1001,
            round: 1,
            checkpoint: Some("001000-0000000001".to_owned()),
            committed_frames: Some(10),
            reason: "worker-1 is lost".to_owned(),
        };
        let events = [
            round(1000, 0, 4.0),
            round(1000, 1, 3.5),
            round(1000, 2, 3.25),
            back,
            round(1001, 1, 3.0),
            round(1001, 2, 2.5),
        ];
        let expected: Vec<_> = Timeline::of(&events)
            .rounds(&events)
            .map(|event| match event {
                Event::Round { committed_frames, scores, .. } => {
                    (*committed_frames as f64, scores.get(LOSS).unwrap())
                }
                other => panic!("expected a round, found {other:?}"),
            })
            .collect();
        let text: Vec<String> = events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
        let (_folder, curves) = log(&[("000001-000000.jsonl", &text.join("\n"))]);
        let curves = curves.unwrap();
        assert_eq!(curves.loss["annotated"], expected);
        assert_eq!((curves.sent, curves.signs), (Sent { contributions: 10, values: 15 }, curves.sent));
    }

    #[test]
    fn a_short_round_counts_less() {
        let round = |frames, loss| Round { committed_frames: 0.0, frames, loss };
        assert_eq!(mean_loss(&[round(30.0, 2.0), round(10.0, 4.0)]), Some(2.5));
        assert_eq!(mean_loss(&[]), None);
    }

    #[test]
    fn a_round_in_which_groups_only_meet_is_no_point() {
        let rounds = r#"{"event":"round","source":"machine-labeled","committed_frames":20,"loss":3.0,"frames":20}
{"event":"round","source":"machine-labeled","committed_frames":20,"loss":-0.0,"frames":0}
"#;
        let (_folder, curves) = log(&[("1.jsonl", rounds)]);
        assert_eq!(curves.unwrap().loss["machine-labeled"], [(20.0, 3.0)]);
    }

    #[test]
    fn long_curves_are_averaged_to_a_few_points() {
        let lines: String = (0..960)
            .map(|n| {
                format!(
                    "{{\"event\":\"round\",\"source\":\"annotated\",\"committed_frames\":{n},\"loss\":{},\"frames\":9}}\n",
                    n % 2
                )
            })
            .collect();
        let (_folder, curves) = log(&[("1.jsonl", &lines)]);
        let points = &curves.unwrap().loss["annotated"];
        assert!(points.len() <= POINTS && points.len() > POINTS / 2, "{}", points.len());
        assert!(points.iter().all(|(_, loss)| (0.4..=0.6).contains(loss)));
    }

    #[test]
    fn a_damaged_line_is_named() {
        let (_folder, curves) = log(&[("1.jsonl", "{\"event\":\"members\"}\n{\"event\":")]);
        let error = format!("{:#}", curves.unwrap_err());
        assert!(error.contains("line 2") && error.contains("1.jsonl"), "{error}");
    }
}
