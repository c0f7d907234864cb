//! Tests of the participant alone: a test gives the inputs and looks at the actions.

mod any_order;
mod ends;
mod queue;
mod rounds;
mod sessions;

use crate::{Action, Apply, Batch, BatchScore, Encoded, Input, Participant, Rules, Staging};
use std::collections::VecDeque;
use stentor_exchange::Encoding;
use stentor_experiment::{Source, Strategy};
use stentor_messages::{Arrival, Assignment, Boundary, Closed, Fence, SumGroup};
use stentor_plan::Lease;
use stentor_scores::frame_sums;

const ELASTIC: Rules = Rules { fixed: false, late_fetch: false };
const ENCODING: Encoding = Encoding::Threshold { tau: 0.5, density: 0.01 };

fn fence(round: u64) -> Fence {
    Fence { lineage: 1000, membership_epoch: 1, round }
}

fn lease(source: Source, batches: u32) -> Lease {
    Lease { source, pass: 0, unit: 3, first_batch: 4, batches }
}

/// A round of two members, in which this one, at slot 1, computes `batches` batches.
fn assignment(round: u64, batches: u32) -> Assignment {
    let leases = if batches > 0 { vec![lease(Source::Annotated, batches)] } else { Vec::new() };
    Assignment {
        fence: fence(round),
        slot: 1,
        members: 2,
        leases,
        ahead: Vec::new(),
        committed_frames: 1000,
        total_frames: 10_000,
        encoding: ENCODING,
        strategy: Strategy::Gtc,
        sum_group: SumGroup { slots: vec![0, 1], group: 0, speaks: true },
        digest: true,
    }
}

fn score(frames: u64) -> BatchScore {
    BatchScore { sums: frame_sums(frames, frames as f64, frames / 2), gradient_norm: 3.0 }
}

fn encoded() -> Encoded {
    Encoded {
        has_payloads: true,
        sections: 1,
        payload_bytes: 40,
        values_sent: 5,
        residual_norm: 2.0,
        suggested_tau: 0.25,
    }
}

fn apply(actions: &[Action]) -> Apply {
    match actions {
        [Action::Apply(apply)] => **apply,
        other => panic!("expected an update to apply, found {other:?}"),
    }
}

fn staging(actions: &[Action]) -> Staging {
    let found = actions.iter().find_map(|action| match action {
        Action::Stage(staging) => Some((**staging).clone()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("expected a payload to stage, found {actions:?}"))
}

/// The round of `fence` has closed with the contributions of `contributors`.
fn closed(fence: Fence, contributors: &[u32], boundary: Boundary, next: Option<Assignment>) -> Input {
    Input::Closed(Box::new(Closed {
        fence,
        source: Source::Annotated,
        encoding: ENCODING,
        contributors: contributors.to_vec(),
        frames: 20,
        boundary,
        next,
    }))
}

fn over() -> Input {
    Input::Over { reason: "the connection broke".into() }
}

/// A participant that a test tells what happens.
struct Worker(Participant);

impl Worker {
    /// A member that has loaded its state, with the actions of its first round.
    fn admitted(assignment: Assignment, rules: Rules) -> (Self, Vec<Action>) {
        let (participant, first) = Participant::new("b");
        assert_eq!(first, [Action::Join { after: None, pause_ms: 0 }]);
        let mut worker = Self(participant);
        let assignment = Box::new(assignment);
        let checkpoint = Some("1000-7".to_owned());
        let actions = worker.hears(Input::Admitted { session: 5, assignment, checkpoint });
        let expected = [Action::Attend { session: 5 }, Action::Prepare { checkpoint: Some("1000-7".into()) }];
        assert_eq!(actions, expected);
        let actions = worker.hears(Input::Prepared { rules });
        (worker, actions)
    }

    /// A member that computes its first batch.
    fn computing(batches: u32, rules: Rules) -> Self {
        let (mut worker, _) = Self::admitted(assignment(0, batches), rules);
        worker.hears(Input::Begun { parameters_digest: Some(77), brings: 0 });
        worker
    }

    /// A member that has announced the contribution of a round with one batch of 10 frames, with the actions.
    fn contributing(rules: Rules) -> (Self, Vec<Action>) {
        let mut worker = Self::computing(1, rules);
        let actions = worker.hears(Input::Computed { planned_frames: 10, score: Some(score(10)) });
        assert_eq!(actions, [Action::Encode(ENCODING)]);
        let actions = worker.hears(Input::Encoded(encoded()));
        (worker, actions)
    }

    /// A member whose round 0 has closed with its contribution, with the actions after the update.
    fn after_round(boundary: Boundary, next: Option<Assignment>, rules: Rules) -> (Self, Vec<Action>) {
        let (mut worker, _) = Self::contributing(rules);
        let actions = worker.finish_exchange(0, boundary, next);
        (worker, actions)
    }

    /// Stages, fetches and applies round `round`, which closes with this member's contribution.
    fn finish_exchange(&mut self, round: u64, boundary: Boundary, next: Option<Assignment>) -> Vec<Action> {
        self.hears(Input::Staged { complete: true });
        self.hears(Input::Fetched { complete: true });
        let actions = self.hears(closed(fence(round), &[0, 1], boundary, next));
        assert!(matches!(actions[..], [Action::Apply(_)]), "{actions:?}");
        self.hears(Input::Applied { update_digest: 99 })
    }

    /// Computes and exchanges a round with one batch.
    fn round(&mut self, round: u64, boundary: Boundary, next: Option<Assignment>) -> Vec<Action> {
        self.hears(Input::Begun { parameters_digest: Some(77), brings: 0 });
        self.hears(Input::Computed { planned_frames: 10, score: Some(score(10)) });
        self.hears(Input::Encoded(encoded()));
        self.finish_exchange(round, boundary, next)
    }

    /// What is to be done after everything that was to be done before is done.
    fn hears(&mut self, input: Input) -> Vec<Action> {
        let mut queue = VecDeque::new();
        self.0.step(input, &mut queue);
        queue.into()
    }
}

/// Why the worker joins again, which is all that it does.
fn joins_again(actions: &[Action]) -> &str {
    match actions {
        [Action::Join { after: Some(reason), .. }] => reason,
        other => panic!("expected to join again, found {other:?}"),
    }
}

/// The contribution among `actions`.
fn contribution(actions: &[Action]) -> Arrival {
    let found = actions.iter().find_map(|action| match action {
        Action::Contribute(arrival) => Some((**arrival).clone()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("expected a contribution, found {actions:?}"))
}

fn batch(actions: &[Action]) -> Batch {
    match actions {
        [Action::Compute(batch)] => *batch,
        other => panic!("expected a batch to compute, found {other:?}"),
    }
}

fn last_boundary() -> Boundary {
    Boundary { checkpoint: Some("1000-1".into()), finished: true, ..Boundary::default() }
}

/// A member that has sent its last report.
fn concluding() -> Worker {
    let (mut worker, actions) = Worker::after_round(last_boundary(), None, ELASTIC);
    assert_eq!(actions, [Action::Save { checkpoint: "1000-1".into(), model: false }]);
    let actions = worker.hears(Input::Saved { written: Vec::new() });
    assert!(matches!(actions[..], [Action::Report { .. }]), "{actions:?}");
    let actions = worker.hears(Input::Reported);
    assert_eq!(actions, [Action::Look { checkpoint: "1000-1".into(), again: false }]);
    worker
}
