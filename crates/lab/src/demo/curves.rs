//! Learning curves from a run's event log.

use crate::runs;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;
use stentor_checkpoint::checkpoint_age;
use stentor_experiment::Source;
use stentor_runlog::{Deltas, Encoding, Event, Timeline};
use stentor_scores::{FRAME_ERROR, LOSS};

/// Maximum number of points of a training curve; more could not be distinguished on a screen.
const POINTS: usize = 120;

/// The curves of one run: committed frames and value.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Curves {
    /// Dev frame error, in percent.
    pub(crate) dev: Vec<(f64, f64)>,
    /// The rounds that count and have frames of the source.
    pub(crate) rounds: BTreeMap<Source, Vec<Round>>,
    /// Contributions of all rounds, including those that a fall-back made void.
    pub(crate) sent: Sent,
    /// The contributions among them that were sent as signs.
    pub(crate) signs: Sent,
}

/// The loss of a round's batches of one source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Round {
    pub(crate) committed_frames: f64,
    /// Frames of this round: the weight of its loss.
    pub(crate) frames: f64,
    /// Nats per frame.
    pub(crate) loss: f64,
}

/// Number of contributions and of the values in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) contributions: u64,
    pub(crate) values: u64,
}

/// The curves of the run in `folder`; without events they are empty.
pub(crate) fn read(folder: &Path) -> Result<Curves> {
    Ok(Curves::of(&runs::events(folder)?))
}

impl Curves {
    fn of(events: &[Event]) -> Self {
        let timeline = Timeline::of(events);
        let mut curves = Curves::default();
        for event in events {
            match event {
                Event::Round { contributors, values_sent, encoding, .. } => {
                    curves.sent.add(contributors.len(), *values_sent);
                    if is_signs(encoding) {
                        curves.signs.add(contributors.len(), *values_sent);
                    }
                }
                Event::Dev { checkpoint, committed_frames, scores } => {
                    let Some(frame_error) = scores.get(FRAME_ERROR) else { continue };
                    let of = checkpoint_age(checkpoint);
                    if of.is_none_or(|(lineage, round)| timeline.has_checkpoint(lineage, round)) {
                        let at = *committed_frames as f64;
                        // A checkpoint that was scored twice is one point.
                        curves.dev.retain(|point| point.0 < at);
                        curves.dev.push((at, frame_error));
                    }
                }
                _ => {}
            }
        }
        for event in timeline.rounds(events) {
            let Event::Round { committed_frames, .. } = event else { continue };
            for part in event.by_source() {
                let Some(loss) = part.scores.get(LOSS) else { continue };
                let (committed_frames, frames) = (*committed_frames as f64, part.frames as f64);
                let round = Round { committed_frames, frames, loss };
                curves.rounds.entry(part.source).or_default().push(round);
            }
        }
        curves
    }

    /// Loss by source, nats per frame, averaged over stretches of rounds.
    pub(crate) fn loss(&self) -> impl Iterator<Item = (Source, Vec<(f64, f64)>)> {
        self.rounds.iter().map(|(source, rounds)| (*source, thinned(rounds)))
    }
}

impl Sent {
    fn add(&mut self, contributions: usize, values: u64) {
        self.contributions += contributions as u64;
        self.values += values;
    }
}

fn is_signs(encoding: &Encoding) -> bool {
    match encoding {
        Encoding::Threshold { .. } => true,
        Encoding::Block { deltas, .. } => matches!(deltas, Deltas::Threshold { .. }),
        Encoding::Dense { .. } => false,
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
    use crate::runs::tests::{dev, round};
    use stentor_checkpoint::checkpoint_name;
    use stentor_experiment::Source::{Annotated, MachineLabeled};
    use stentor_runlog::OfSource;
    use stentor_scores::Scores;

    fn losses(events: &[Event]) -> BTreeMap<Source, Vec<(f64, f64)>> {
        Curves::of(events).loss().collect()
    }

    #[test]
    fn sources_are_separate_and_a_fall_back_voids_what_came_after_the_checkpoint() {
        let mut again = round(2, MachineLabeled, 30, 10, 2.5);
        if let Event::Round { fence, .. } = &mut again {
            fence.lineage = 2;
        }
        let events = [
            round(0, Annotated, 10, 10, 4.0),
            round(1, MachineLabeled, 20, 10, 3.0),
            dev(2, 20, 70.0),
            round(2, Annotated, 30, 10, 2.0),
            dev(3, 30, 60.0),
            Event::FellBack {
                lineage: 2,
                round: 2,
                checkpoint: Some(checkpoint_name(1, 2)),
                committed_frames: Some(20),
                reason: "killed".to_owned(),
            },
            dev(2, 20, 70.0),
            again,
        ];
        let losses = losses(&events);
        assert_eq!(losses[&Annotated], [(10.0, 4.0)]);
        assert_eq!(losses[&MachineLabeled], [(20.0, 3.0), (30.0, 2.5)]);
        let curves = Curves::of(&events);
        assert_eq!(curves.dev, [(20.0, 70.0)]);
        assert_eq!(curves.sent.contributions, 8, "void contributions count as sent, too");
    }

    #[test]
    fn a_short_round_counts_less() {
        let round = |frames, loss| Round { committed_frames: 0.0, frames, loss };
        assert_eq!(mean_loss(&[round(30.0, 2.0), round(10.0, 4.0)]), Some(2.5));
        assert_eq!(mean_loss(&[]), None);
    }

    #[test]
    fn a_round_that_only_exchanges_group_models_is_not_a_point() {
        let events = [round(0, MachineLabeled, 20, 20, 3.0), round(1, MachineLabeled, 20, 0, -0.0)];
        assert_eq!(losses(&events)[&MachineLabeled], [(20.0, 3.0)]);
    }

    #[test]
    fn a_round_with_batches_of_both_sources_is_a_point_of_each() {
        let mut both = round(0, Annotated, 30, 30, 3.0);
        if let Event::Round { by_source, .. } = &mut both {
            let of = |source, frames, loss| OfSource {
                source,
                frames,
                scores: Scores::default().with(LOSS, loss),
            };
            *by_source = vec![of(Annotated, 10, 5.0), of(MachineLabeled, 20, 2.0)];
        }
        let losses = losses(&[both]);
        assert_eq!(
            (&losses[&Annotated][..], &losses[&MachineLabeled][..]),
            (&[(30.0, 5.0)][..], &[(30.0, 2.0)][..])
        );
    }

    #[test]
    fn long_curves_are_averaged_to_a_few_points() {
        let events: Vec<Event> = (0..960).map(|n| round(n, Annotated, n, 9, (n % 2) as f64)).collect();
        let points = &losses(&events)[&Annotated];
        assert!(points.len() <= POINTS && points.len() > POINTS / 2, "{}", points.len());
        assert!(points.iter().all(|(_, loss)| (0.4..=0.6).contains(loss)));
    }
}
