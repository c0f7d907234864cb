//! The steady gain of block momentum in the composition of all parts: the real plan deals batches of both sources, the real state
//! machine makes blocks of them and sets η, and the real filter takes the mean of the workers' models.
//!
//! Under a constant gradient, here one unit for each batch whatever its source, BMUF's model moves in a block N times as far as
//! one worker does (Chen & Huo 2016: η = 1 − 1/N, ζ = 1). It does so only where no block is cut short and η is the same in each.
//! `cargo xtask bench gain` prints [`Steady`] of each of [`Case::all`].

use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use stentor_exchange::{BlockMomentum, WeightedMean};
use stentor_experiment::{BmufMomentum, Experiment};
use stentor_plan::{Catalogue, Plan, RowGroup};
use stentor_rounds::{Action, Arrival, Assignment, Closing, Core, Encoding, Input, Report, Settings};
use stentor_scores::frame_sums;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    /// `schedule.interleave`.
    pub interleave: &'static str,
    /// Workers, N.
    pub workers: u32,
    /// Requested share of annotated batches in the run, 0 to 1; the run has whole units of them.
    pub annotated_share: f64,
    /// `exchange.bmuf.block`, batches of a worker.
    pub block: u32,
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Steady {
    /// The run.
    #[serde(flatten)]
    pub case: Case,
    /// Distance that the deployed model moved in the blocks after the first 5N, divided by a worker's distance: N is correct.
    pub gain: f64,
    /// Batches of a worker between two exchanges, on average over all but the run's last block.
    pub batches_per_exchange: f64,
}

impl Case {
    /// All that are measured: every interleaving, number of workers and share, with the shortest block here and, with few
    /// workers, the one that deploy/kubernetes ships.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut cases = Vec::new();
        for interleave in ["sub-epoch", "batch", "segregated"] {
            for (workers, block) in [(2, 10), (4, 10), (8, 10), (64, 10), (2, 50), (4, 50), (8, 50)] {
                for annotated_share in [0.05, 0.1, 0.2, 0.5] {
                    cases.push(Self { interleave, workers, annotated_share, block });
                }
            }
        }
        // What deploy/kubernetes ships, on a large cluster.
        cases.push(Self { interleave: "sub-epoch", workers: 64, annotated_share: 0.1, block: 50 });
        cases
    }

    /// Runs it.
    ///
    /// # Errors
    /// If the state machine stops the run before its data are used up, or the case's settings are refused.
    pub fn measure(self) -> Result<Steady, Failure> {
        super::stay_on_this_thread();
        let settings = self.settings()?;
        let (kind, plan) = (settings.experiment.exchange.bmuf.kind, settings.plan.clone());
        let mut run = Run { core: Core::new(settings, None, 0), answers: VecDeque::new(), now: 0 };
        let mut filter = BlockMomentum::new(vec![0.0], kind);
        let mut exchanges = Vec::new();
        let mut assignments = run.begin(self.workers)?;
        while !assignments.is_empty() {
            exchanges.push(exchange(&mut filter, kind, &plan, &assignments)?);
            assignments = run.round(&assignments)?;
        }
        self.steady(&exchanges)
    }

    /// Of all exchanges but the last, the first 5N are left out of the gain: by then it is within 1 % of the steady one.
    fn steady(self, exchanges: &[Exchange]) -> Result<Steady, Failure> {
        let whole = exchanges.split_last().map_or(exchanges, |(_, whole)| whole);
        let steady = whole.get(5 * self.workers as usize..).unwrap_or_default();
        if steady.is_empty() {
            return Err(
                format!("expected more than {} blocks, found {}", 5 * self.workers, whole.len()).into()
            );
        }
        let moved: f64 = steady.iter().map(|exchange| exchange.moved).sum();
        let gradient: f64 = steady.iter().map(|exchange| exchange.mean_moved).sum();
        let batches: f64 = whole.iter().map(|exchange| f64::from(exchange.batches)).sum();
        let batches_per_exchange = batches / whole.len() as f64 / f64::from(self.workers);
        Ok(Steady { gain: moved / gradient, batches_per_exchange, case: self })
    }

    /// Data for 6N + 20 blocks. Everything that the case does not name is the default.
    fn settings(&self) -> Result<Settings, Failure> {
        let text = format!(
            "[run]\nname = \"gain\"\noutput = \"o\"\n[data]\nannotated = \"a\"\nunannotated = \"u\"\nlabels = \"l\"\n\
             [schedule]\npasses = 1\nannotated_passes = 1\ninterleave = \"{}\"\n[cluster]\nworkers = {}\n\
             [exchange]\nstrategy = \"bmuf\"\n[exchange.bmuf]\nblock = {}\n",
            self.interleave, self.workers, self.block
        );
        let experiment = Experiment::parse(&text)?;
        let batches = f64::from(self.workers * self.block) * f64::from(6 * self.workers + 20);
        let batch = &experiment.batch;
        let frames = u64::from(batch.chunk_frames) * u64::from(batch.chunks) * u64::from(batch.unit_batches);
        let catalogue = |share: f64| {
            let units = (batches * share / f64::from(batch.unit_batches)).ceil().max(1.0) as u64;
            // Units of different sizes, as real ones are: frames weigh the mean.
            let row_groups =
                (0..units).map(|unit| RowGroup { frames: frames + unit % 7 * 100, utterances: 1 });
            Catalogue { row_groups: row_groups.collect() }
        };
        let (annotated, machine_labeled) =
            (catalogue(self.annotated_share), catalogue(1.0 - self.annotated_share));
        let plan = Plan::new(annotated, Some(machine_labeled), batch, &experiment.schedule, 7)?;
        Ok(Settings { experiment, plan, parameters: 1, has_dev: false, dev_frames: 0, first_lineage: 1 })
    }
}

/// The end of a block.
#[derive(Debug, Clone, PartialEq)]
struct Exchange {
    /// Mean distance that the workers moved, weighted by frames.
    mean_moved: f64,
    /// Distance that W moved.
    moved: f64,
    /// Batches of all workers.
    batches: u32,
}

/// Every worker moves one unit a batch from the block's start; their mean, by frames, closes the block.
fn exchange(
    filter: &mut BlockMomentum,
    kind: BmufMomentum,
    plan: &Plan,
    assignments: &[Assignment],
) -> Result<Exchange, Failure> {
    let encoding = assignments.first().map(|assignment| assignment.encoding);
    let Some(Encoding::Block { momentum, learning_rate, .. }) = encoding else {
        return Err(format!("expected a block, found {encoding:?}").into());
    };
    if kind == BmufMomentum::Nesterov && filter.look_ahead_eta() != momentum {
        filter.look_ahead(momentum)?;
    }
    let (start, before) = (filter.start()[0], filter.deployed()[0]);
    let mut mean = WeightedMean::new(1);
    for assignment in assignments {
        let frames = assignment.leases.iter().map(|lease| plan.planned_frames(lease)).sum();
        mean.add(frames, &[start + batches(assignment) as f32])?;
    }
    let mean = mean.finish()?;
    filter.close(&mean, momentum, learning_rate)?;
    Ok(Exchange {
        mean_moved: f64::from(mean[0]) - f64::from(start),
        moved: f64::from(filter.deployed()[0]) - f64::from(before),
        batches: assignments.iter().map(batches).sum(),
    })
}

fn batches(assignment: &Assignment) -> u32 {
    assignment.leases.iter().map(|lease| lease.batches).sum()
}

/// The state machine, with workers that all answer at once.
struct Run {
    core: Core,
    /// The next inputs from workers and publisher.
    answers: VecDeque<Input>,
    now: u64,
}

/// Slots go by the order of names.
fn identity(slot: u32) -> String {
    format!("worker-{slot:04}")
}

impl Run {
    /// All join; their first assignments.
    fn begin(&mut self, workers: u32) -> Result<Vec<Assignment>, Failure> {
        let joins = (0..workers).map(|n| Input::Join { session: u64::from(n), identity: identity(n) });
        self.answers.extend(joins);
        let mut first = BTreeMap::new();
        while let Some(input) = self.answers.pop_front() {
            for action in self.step(input) {
                if let Action::Admit { assignment, .. } = action {
                    first.insert(assignment.slot, assignment);
                }
            }
        }
        if first.len() != workers as usize {
            return Err(format!("expected {workers} members, found {}", first.len()).into());
        }
        Ok(first.into_values().collect())
    }

    /// All contribute and stage; the next assignments, none at the run's end.
    fn round(&mut self, assignments: &[Assignment]) -> Result<Vec<Assignment>, Failure> {
        self.answers.extend(assignments.iter().map(|assignment| Input::Arrived(contribution(assignment))));
        self.answers.extend(assignments.iter().map(|assignment| Input::Staged {
            fence: assignment.fence,
            identity: identity(assignment.slot),
            slot: assignment.slot,
        }));
        let mut closed = None;
        while let Some(input) = self.answers.pop_front() {
            for action in self.step(input) {
                match action {
                    Action::Close(closing) => closed = Some(closing),
                    Action::Stop(outcome) if closed.is_none() => return Err(outcome.words().into()),
                    Action::Violated(violation) => return Err(violation.to_string().into()),
                    Action::Refuse { reason, .. } => return Err(reason.into()),
                    _ => {}
                }
            }
        }
        let Closing { next, .. } = closed.ok_or("a round did not close although all had contributed")?;
        Ok(next.into_values().filter_map(|next| next.assignment).collect())
    }

    /// A step of the state machine, and the answers of workers and publisher.
    fn step(&mut self, input: Input) -> Vec<Action> {
        self.now += 1;
        let actions = self.core.step(self.now, input);
        for action in &actions {
            match action {
                Action::Close(closing) => {
                    let reports = closing.next.iter().filter_map(|(&slot, next)| {
                        let checkpoint = next.boundary.checkpoint.clone()?;
                        let (identity, written, dev) = (identity(slot), Vec::new(), None);
                        Some(Input::Reported(Report { identity, checkpoint, written, dev }))
                    });
                    self.answers.extend(reports);
                }
                Action::Publish(publication) => {
                    self.answers.push_back(Input::Published { checkpoint: publication.name.clone() });
                }
                _ => {}
            }
        }
        actions
    }
}

fn contribution(assignment: &Assignment) -> Arrival {
    let frames = u64::from(batches(assignment));
    Arrival {
        fence: assignment.fence,
        identity: identity(assignment.slot),
        slot: assignment.slot,
        frames,
        sums: frame_sums(frames, frames as f64, 0),
        by_source: BTreeMap::new(),
        gradient_norm: 1.0,
        suggested_tau: 0.0,
        values_sent: 1,
        residual_norm: 0.0,
        payload_bytes: 4,
        parameters_digest: None,
        update_digest: None,
        compute_s: 0.0,
        leaving: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_a_constant_gradient_the_gain_is_the_number_of_workers_whatever_the_interleaving_and_share() {
        let mut wrong = Vec::new();
        for case in Case::all() {
            let (workers, block) = (f64::from(case.workers), f64::from(case.block));
            let steady = case.measure().unwrap();
            let gain_is_right = (steady.gain / workers - 1.0).abs() <= 0.02;
            let blocks_are_whole = (steady.batches_per_exchange / block - 1.0).abs() <= 0.01;
            if !(gain_is_right && blocks_are_whole) {
                wrong.push(steady);
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn blocks_that_are_cut_short_lose_the_gain() {
        // The other way round: what the measure says of blocks of one third, with η in proportion, as they once were.
        let case = Case { interleave: "sub-epoch", workers: 4, annotated_share: 0.1, block: 30 };
        let mut filter = BlockMomentum::new(vec![0.0], BmufMomentum::Classical);
        let eta = stentor_exchange::short_block_momentum(0.75, 10, 30);
        let exchanges: Vec<Exchange> = (0..60)
            .map(|_| {
                let start = filter.start()[0];
                filter.close(&[start + 10.0], eta, 1.0).unwrap();
                let moved = f64::from(filter.deployed()[0]) - f64::from(start);
                Exchange { mean_moved: 10.0, moved, batches: 40 }
            })
            .collect();
        let steady = case.steady(&exchanges).unwrap();
        assert!((steady.gain - 4.0 / 3.0).abs() < 0.01, "{steady:?}");
        assert!((steady.batches_per_exchange - 10.0).abs() < 1e-9, "{steady:?}");
    }
}
