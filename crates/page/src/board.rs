//! The state shown by the page, collected from the coordinator's notes. Pure: every note carries its own time.

use crate::arrivals::Arrivals;
use crate::curves::Curve;
use crate::lists::{Checkpoint, Happening, LISTED, Quarantined, SetAside, Standing};
use crate::note::{Note, Setting, Wires};
use crate::pace::Pace;
use std::collections::{BTreeMap, VecDeque};
use stentor_experiment::Source;
use stentor_messages::{Millis, View};
use stentor_runlog::{Encoding, Event, OfSource};
use stentor_scores::{FRAME_ERROR, LOSS};

/// The state behind the page. Its size is bounded, however long the run.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) setting: Setting,
    pub(crate) curves: Curves,
    pub(crate) pace: Pace,
    pub(crate) view: Option<View>,
    pub(crate) wires: Wires,
    pub(crate) now_ms: Millis,
    pub(crate) last: Option<LastRound>,
    /// Encodings of the newest threshold round and of the newest block round; two-tier runs have both.
    pub(crate) signs: Option<Signs>,
    pub(crate) block: Option<Encoding>,
    pub(crate) arrivals: Arrivals,
    pub(crate) hosts: BTreeMap<String, String>,
    pub(crate) checkpoints: VecDeque<Checkpoint>,
    pub(crate) quarantined: Quarantined,
    /// Newest last.
    pub(crate) happenings: VecDeque<Happening>,
    pub(crate) ended: Option<String>,
}

/// Curves over committed frames.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Curves {
    /// Loss, nats per frame.
    pub(crate) annotated: Curve,
    pub(crate) machine_labeled: Curve,
    pub(crate) dev: Curve,
    /// Percent of the dev frames.
    pub(crate) dev_frame_error: Curve,
    pub(crate) tau: Curve,
    /// Share of values sent.
    pub(crate) density: Curve,
    /// Uplink payload per frame.
    pub(crate) bytes_per_frame: Curve,
}

/// The newest round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastRound {
    /// Source of most of its batches.
    pub(crate) source: Source,
    pub(crate) encoding: Encoding,
    pub(crate) at_ms: Millis,
}

/// A round with thresholded values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signs {
    pub(crate) tau: f32,
    /// Share of values sent, and the share that τ is chosen for.
    pub(crate) density: f64,
    pub(crate) aim: f64,
}

impl Board {
    pub(crate) fn new(setting: Setting) -> Self {
        Self {
            setting,
            curves: Curves::default(),
            pace: Pace::default(),
            view: None,
            wires: Wires::default(),
            now_ms: 0,
            last: None,
            signs: None,
            block: None,
            arrivals: Arrivals::default(),
            hosts: BTreeMap::new(),
            checkpoints: VecDeque::new(),
            quarantined: Quarantined::default(),
            happenings: VecDeque::new(),
            ended: None,
        }
    }

    /// Takes an event that an earlier incarnation of the coordinator logged.
    pub(crate) fn remember(&mut self, event: &Event) {
        self.event(event, None);
        // A checkpoint is published after it is scored. Other outcomes are in the log: it was abandoned, or void after
        // a fall-back.
        if let Event::Dev { checkpoint, .. } = event {
            self.checkpoint(checkpoint).standing = Standing::Published;
        }
    }

    /// Takes a note from the coordinator.
    pub(crate) fn take(&mut self, note: Note) {
        match note {
            Note::Event(event, at_ms) => {
                self.pace.take(&event);
                self.event(&event, Some(at_ms));
            }
            Note::Joining { identity, host } => {
                self.hosts.insert(identity, host);
            }
            Note::Arrived(arrival, at_ms) => self.arrivals.take(arrival, at_ms),
            Note::Published { checkpoint, at_ms } => {
                let entry = self.checkpoint(&checkpoint);
                (entry.standing, entry.at_ms) = (Standing::Published, Some(at_ms));
            }
            Note::View(view, wires, now_ms) => {
                let here = |name: &str| {
                    view.members.iter().any(|m| m.identity == name)
                        || view.applicants.iter().any(|a| a == name)
                };
                self.hosts.retain(|name, _| here(name));
                self.arrivals.members.retain(|name, _| here(name));
                (self.view, self.wires, self.now_ms) = (Some(*view), wires, now_ms);
            }
            Note::Ended(words) => self.ended = Some(words),
        }
    }

    fn event(&mut self, event: &Event, at_ms: Option<Millis>) {
        match event {
            Event::Round { .. } => self.round(event),
            Event::Members { members, reason, .. } => {
                let names: Vec<&str> = members.values().map(String::as_str).collect();
                let now = if names.is_empty() { "none".into() } else { names.join(", ") };
                self.happened(at_ms, format!("Members: {reason}. Now: {now}."));
            }
            Event::Switched { from, to, .. } => {
                self.pace.clear();
                self.happened(at_ms, format!("The strategy changed from {} to {}.", from.name(), to.name()));
            }
            Event::Commanded { command, caller, address } => {
                let from = address.as_deref().map(|from| format!(" at {from}")).unwrap_or_default();
                self.happened(at_ms, format!("Command of {caller}{from}: {command}."));
            }
            Event::Dev { checkpoint, committed_frames, scores } => {
                let curves = &mut self.curves;
                let of_dev = [(LOSS, &mut curves.dev), (FRAME_ERROR, &mut curves.dev_frame_error)];
                for (criterion, curve) in of_dev {
                    if let Some(value) = scores.get(criterion) {
                        curve.push(*committed_frames, value, 1.0);
                    }
                }
                let entry = self.checkpoint(checkpoint);
                (entry.committed_frames, entry.dev) = (Some(*committed_frames), *scores);
            }
            Event::FellBack { checkpoint, committed_frames, reason, .. } => {
                self.pace.clear();
                if let Some(frames) = committed_frames {
                    self.curves.cut(*frames);
                    self.checkpoints.retain(|c| c.committed_frames.is_none_or(|of| of <= *frames));
                }
                if let Some(name) = checkpoint {
                    self.checkpoint(name).standing = Standing::Published;
                }
                let to = checkpoint.as_deref().map_or("the beginning".into(), |c| format!("checkpoint {c}"));
                self.happened(at_ms, format!("The run fell back to {to}: {reason}."));
            }
            Event::Quarantined { source, file, row_group, frames, reason, worker } => {
                let worker = worker.clone();
                let source = *source;
                self.quarantined.add(
                    source,
                    SetAside {
                        source: source.name(),
                        file: file.clone(),
                        row_group: *row_group,
                        frames: *frames,
                        reason: reason.clone(),
                        worker,
                    },
                );
                self.happened(at_ms, format!("Row group {row_group} of {file} was quarantined: {reason}."));
            }
            Event::Unscored { checkpoint, identity, loss } => {
                self.happened(
                    at_ms,
                    format!(
                        "Checkpoint {checkpoint} has no dev score: {identity} computed a loss of {loss}."
                    ),
                );
            }
            Event::Refused { fence, identity, loss, gradient_norm, .. } => {
                let round = fence.round;
                self.happened(
                    at_ms,
                    format!(
                        "{identity}'s contribution to round {round} was rejected: loss {loss}, gradient norm {gradient_norm}."
                    ),
                );
            }
            Event::Forged { object, reason } => {
                self.happened(at_ms, format!("{object} is forged and is not used: {reason}."));
            }
            Event::Abandoned { checkpoint, reason } => {
                let entry = self.checkpoint(checkpoint);
                (entry.standing, entry.at_ms) = (Standing::Abandoned, at_ms);
                self.happened(at_ms, format!("Checkpoint {checkpoint} was abandoned: {reason}."));
            }
        }
    }

    fn round(&mut self, event: &Event) {
        let &Event::Round {
            source,
            ref contributors,
            frames,
            committed_frames,
            values_sent,
            bytes_up,
            encoding,
            at_ms,
            ..
        } = event
        else {
            return;
        };
        let weight = frames as f64;
        for OfSource { source, frames, scores } in event.by_source() {
            let Some(loss) = scores.get(LOSS) else { continue };
            let curve = match source {
                Source::Annotated => &mut self.curves.annotated,
                Source::MachineLabeled => &mut self.curves.machine_labeled,
            };
            curve.push(committed_frames, loss, frames as f64);
        }
        self.curves.bytes_per_frame.push(committed_frames, bytes_up as f64 / weight.max(1.0), weight);
        match encoding {
            Encoding::Threshold { tau, density: aim } => {
                let values = (self.setting.parameters * contributors.len()).max(1);
                let density = values_sent as f64 / values as f64;
                self.curves.tau.push(committed_frames, tau.into(), 1.0);
                self.curves.density.push(committed_frames, density, 1.0);
                self.signs = Some(Signs { tau, density, aim });
            }
            Encoding::Block { .. } => self.block = Some(encoding),
            Encoding::Dense { .. } => {}
        }
        self.last = Some(LastRound { source, encoding, at_ms });
    }

    /// Returns the entry of a checkpoint, creating it if necessary.
    fn checkpoint(&mut self, name: &str) -> &mut Checkpoint {
        let place = match self.checkpoints.iter().position(|c| c.name == name) {
            Some(place) => place,
            None => {
                if self.checkpoints.len() == LISTED {
                    self.checkpoints.pop_front();
                }
                let name = name.to_owned();
                self.checkpoints.push_back(Checkpoint { name, ..Checkpoint::default() });
                self.checkpoints.len() - 1
            }
        };
        &mut self.checkpoints[place]
    }

    fn happened(&mut self, at_ms: Option<Millis>, words: String) {
        if self.happenings.len() == LISTED {
            self.happenings.pop_front();
        }
        self.happenings.push_back(Happening { at_ms, words });
    }
}

impl Curves {
    fn cut(&mut self, frames: u64) {
        let Self { annotated, machine_labeled, dev, dev_frame_error, tau, density, bytes_per_frame } = self;
        [annotated, machine_labeled, dev, dev_frame_error, tau, density, bytes_per_frame]
            .into_iter()
            .for_each(|curve| curve.cut(frames));
    }
}
