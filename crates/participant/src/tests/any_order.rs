use super::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, ProptestConfig, any, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as Generate;

fn any_fence() -> impl Generate<Value = Fence> {
    (0..2u64, 0..3u64, 0..3u64).prop_map(|(lineage, membership_epoch, round)| Fence {
        lineage: 1000 + 1000 * lineage,
        membership_epoch,
        round,
    })
}

fn any_assignment() -> impl Generate<Value = Assignment> {
    (any_fence(), 0..4u32, any::<bool>(), any::<bool>()).prop_map(|(fence, batches, speaks, digest)| {
        let sum_group = SumGroup { slots: vec![0, 1], group: 0, speaks };
        Assignment { fence, sum_group, digest, ..assignment(0, batches) }
    })
}

fn any_boundary() -> impl Generate<Value = Boundary> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(writes, scores, writes_model)| Boundary {
        checkpoint: writes.then(|| "1000-1".into()),
        dev_share: scores.then_some((0, 2)),
        writes_model,
        finished: false,
    })
}

fn any_update() -> impl Generate<Value = Input> {
    let next = option::of(any_assignment());
    (any_fence(), any::<bool>(), any_boundary(), next).prop_map(|(fence, counted, boundary, next)| {
        closed(fence, if counted { &[0, 1][..] } else { &[0][..] }, boundary, next)
    })
}

fn any_input() -> impl Generate<Value = Input> {
    let finite = prop_oneof![9 => Just(1.0), 1 => Just(f64::NAN)];
    let rules = (any::<bool>(), any::<bool>()).prop_map(|(fixed, late_fetch)| Rules { fixed, late_fetch });
    prop_oneof![
        1 => Just(Input::Stop),
        4 => any_assignment().prop_map(|assignment| Input::Admitted {
            session: 5,
            assignment: Box::new(assignment),
            checkpoint: None,
        }),
        4 => rules.prop_map(|rules| Input::Prepared { rules }),
        6 => (0..3u64).prop_map(|brings| Input::Begun { parameters_digest: None, brings }),
        12 => finite.prop_map(|loss_sum| Input::Computed {
            planned_frames: 10,
            score: Some(BatchScore { sums: frame_sums(10, loss_sum, 5), ..score(10) }),
        }),
        6 => any::<bool>().prop_map(|some| Input::Encoded(if some { encoded() } else { Encoded::default() })),
        8 => any::<bool>().prop_map(|complete| Input::Staged { complete }),
        8 => prop_oneof![7 => Just(true), 1 => Just(false)].prop_map(|complete| Input::Fetched { complete }),
        3 => any_fence().prop_map(|fence| Input::Again { fence, sum_group: SumGroup::default() }),
        12 => any_update(),
        8 => Just(Input::Applied { update_digest: 9 }),
        4 => Just(Input::Saved { written: Vec::new() }),
        3 => Just(Input::Scored(frame_sums(10, 1.0, 5))),
        3 => Just(Input::Reported),
        2 => (0..2u32).prop_map(|norm| Input::Residual { norm: f64::from(norm) }),
        2 => prop_oneof![3 => Just(false), 1 => Just(true)].prop_map(|published| Input::Looked { published }),
        1 => Just(Input::GraceOver),
        1 => Just(over()),
    ]
}

/// What a shell may do, by what it was told before.
#[derive(Debug, Default)]
struct Rulebook {
    is_member: bool,
    has_ended: bool,
    /// The contribution that is under way: its round, and whether the round has closed and the sums have come since.
    contribution: Option<Fence>,
    has_closed: bool,
    has_sums: bool,
    fetches: bool,
    /// A report may follow what was saved.
    has_saved: bool,
}

impl Rulebook {
    fn hears(&mut self, input: &Input) {
        match input {
            Input::Closed(closed) => self.has_closed |= self.contribution == Some(closed.fence),
            Input::Fetched { complete } => self.has_sums |= *complete && self.fetches,
            Input::Saved { .. } => self.has_saved = true,
            _ => {}
        }
    }

    fn checks(&mut self, action: &Action) {
        assert!(!self.has_ended, "{action:?} after the end");
        match action {
            Action::Join { .. } => *self = Self::default(),
            Action::Attend { .. } => self.is_member = true,
            Action::Leave { .. } => {
                assert!(self.is_member, "leaves without being a member");
                self.is_member = false;
            }
            Action::End(_) => self.has_ended = true,
            other => assert!(self.is_member, "{other:?} without being a member"),
        }
        match action {
            Action::Begin(_) => (self.contribution, self.has_saved) = (None, false),
            Action::Contribute(arrival) => {
                self.contribution = Some(arrival.fence);
                (self.has_closed, self.has_sums, self.fetches) = (false, false, false);
            }
            Action::Stage(staging) => assert_eq!(self.contribution, Some(staging.fence)),
            Action::Fetch { fence, .. } => {
                assert_eq!(self.contribution, Some(*fence));
                self.fetches = true;
            }
            Action::TellStaged => assert!(self.contribution.is_some()),
            Action::Apply(_) => assert!(self.has_closed && self.has_sums, "applies without close or sums"),
            Action::Report { .. } => assert!(self.has_saved, "reports before anything is saved"),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_happens_in_whatever_order_nothing_is_done_out_of_order(
        inputs in vec(any_input(), 0..200)
    ) {
        let (mut participant, first) = Participant::new("b");
        let mut rulebook = Rulebook::default();
        first.iter().for_each(|action| rulebook.checks(action));
        for input in inputs {
            rulebook.hears(&input);
            let mut queue = VecDeque::new();
            participant.step(input, &mut queue);
            queue.iter().for_each(|action| rulebook.checks(action));
        }
        prop_assert_eq!(participant.has_ended(), rulebook.has_ended);
    }
}
