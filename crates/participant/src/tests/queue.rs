use super::*;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};

/// A shell like the real one: it carries out one action after the other, and listens only when none is left. Calls are answered, and
/// a session may be over at any moment.
struct Shell {
    participant: Participant,
    queue: VecDeque<Action>,
    /// The calls that are under way.
    contribution: Option<Fence>,
    is_staging: bool,
    is_fetching: bool,
    grace: bool,
    has_ended: bool,
    late_fetch: bool,
}

impl Shell {
    fn new(late_fetch: bool) -> Self {
        let (participant, first) = Participant::new("b");
        Self {
            participant,
            queue: first.into(),
            contribution: None,
            is_staging: false,
            is_fetching: false,
            grace: false,
            has_ended: false,
            late_fetch,
        }
    }

    fn tell(&mut self, input: Input) {
        if matches!(input, Input::Over { .. } | Input::Again { .. }) {
            self.give_up();
        }
        self.participant.step(input, &mut self.queue);
    }

    fn give_up(&mut self) {
        (self.contribution, self.is_staging, self.is_fetching) = (None, false, false);
    }

    /// Carries out the next action, or hears the answer of a call. `chance` decides what is answered.
    fn go_on(&mut self, chance: u8) {
        let Some(action) = self.queue.pop_front() else { return self.listen(chance) };
        let finished = chance.is_multiple_of(4);
        let input = match action {
            Action::Join { .. } => {
                self.give_up();
                self.grace = false;
                Input::Admitted { session: 5, assignment: Box::new(assignment(0, 1)), checkpoint: None }
            }
            Action::Prepare { .. } => {
                Input::Prepared { rules: Rules { late_fetch: self.late_fetch, ..ELASTIC } }
            }
            Action::Begin(_) => Input::Begun { parameters_digest: None, brings: 0 },
            Action::Compute(_) => Input::Computed { planned_frames: 10, score: Some(score(10)) },
            Action::Encode(_) => Input::Encoded(encoded()),
            Action::Contribute(arrival) => {
                self.give_up();
                self.contribution = Some(arrival.fence);
                return;
            }
            Action::Stage(_) => return self.is_staging = true,
            Action::Fetch { .. } => return self.is_fetching = true,
            Action::Apply(_) => Input::Applied { update_digest: 9 },
            Action::Save { .. } | Action::SaveSums { .. } => Input::Saved { written: Vec::new() },
            Action::Score { .. } => Input::Scored(frame_sums(10, 1.0, 5)),
            Action::Report { .. } => Input::Reported,
            Action::MeasureResidual => Input::Residual { norm: f64::from(chance % 2) },
            Action::Look { .. } => Input::Looked { published: finished },
            Action::StartGrace => return self.grace = true,
            Action::End(_) => return self.has_ended = true,
            Action::Attend { .. }
            | Action::RecordNonFinite(_)
            | Action::TellStaged
            | Action::Leave { .. } => return,
        };
        self.tell(input);
    }

    fn listen(&mut self, chance: u8) {
        if std::mem::take(&mut self.is_staging) {
            self.tell(Input::Staged { complete: true });
        } else if self.is_fetching && !chance.is_multiple_of(3) {
            self.is_fetching = false;
            self.tell(Input::Fetched { complete: !chance.is_multiple_of(8) });
        } else if let Some(fence) = self.contribution {
            if chance.is_multiple_of(5) {
                let fence = Fence { membership_epoch: fence.membership_epoch + 1, ..fence };
                return self.tell(Input::Again { fence, sum_group: SumGroup::default() });
            }
            self.contribution = None;
            let next = (!chance.is_multiple_of(4)).then(|| assignment(fence.round + 1, 1));
            let boundary = Boundary {
                checkpoint: (next.is_none() || chance.is_multiple_of(2)).then(|| "1000-1".into()),
                finished: next.is_none(),
                ..Boundary::default()
            };
            self.tell(closed(fence, &[0, 1], boundary, next));
        } else if self.is_fetching {
            self.is_fetching = false;
            self.tell(Input::Fetched { complete: true });
        } else {
            panic!("the worker waits, and no call is under way: {:?}", self.participant);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whenever_a_session_ends_the_worker_has_something_to_do_until_it_has_ended(
        late_fetch: bool,
        steps in vec((any::<u8>(), any::<u8>()), 1..200),
    ) {
        let mut shell = Shell::new(late_fetch);
        for (happens, chance) in steps {
            match happens {
                0..25 => shell.tell(over()),
                25..28 => shell.tell(Input::Stop),
                28..60 if std::mem::take(&mut shell.grace) => shell.tell(Input::GraceOver),
                _ => shell.go_on(chance),
            }
            if shell.has_ended {
                break;
            }
        }
        // From now on only the worker acts, and the last checkpoint is never published.
        shell.tell(over());
        for _ in 0..100 {
            if shell.has_ended || shell.contribution.is_some() {
                break;
            }
            if std::mem::take(&mut shell.grace) {
                shell.tell(Input::GraceOver);
            }
            shell.go_on(1);
        }
        assert!(shell.has_ended || shell.contribution.is_some(), "it waits forever: {:?}", shell.participant);
    }
}
