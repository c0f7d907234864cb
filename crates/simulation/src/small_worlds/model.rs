use super::world::{Message, NAMES, World};
use crate::Bug;
use stateright::{Model, Property};
use stentor_plan::{Catalogue, Plan, RowGroup};
use stentor_rounds::{Command, Outcome, Request, Settings};

/// A world and the events that are possible in it.
pub(super) struct Exhaust {
    settings: Settings,
    faults: Faults,
    bug: Option<Bug>,
}

/// The faults that may occur in one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    /// Total number.
    pub(super) most: u32,
    /// Number of operators' commands; the end of a pause is not counted.
    pub(super) orders: u32,
}

/// A possible next event.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Move {
    /// A worker carries out its next step.
    Step(usize),
    /// A message arrives.
    Deliver(Message),
    /// No other event is possible: time passes until a deadline is over.
    Wait,
    Fault(Fault),
    /// An operator gives a command.
    Order(Order),
    /// An operator ends a pause.
    Resume,
}

/// What an operator may want.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Order {
    Checkpoint,
    Pause,
    /// A member is to leave.
    Drain(usize),
    /// A member is removed.
    Drop(usize),
}

impl Order {
    /// Those that differ: the workers do not.
    const ALL: [Order; 4] = [Order::Checkpoint, Order::Pause, Order::Drain(0), Order::Drop(0)];

    pub(super) fn command(self, request: Request) -> Command {
        let identity = |index: usize| NAMES[index].to_owned();
        match self {
            Order::Checkpoint => Command::Checkpoint { request },
            Order::Pause => Command::Pause,
            Order::Drain(index) => Command::Drain { identity: identity(index) },
            Order::Drop(index) => Command::Drop { identity: identity(index) },
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fault {
    /// A worker dies, or its connection breaks: in both cases it joins again.
    Break(usize),
    /// The same, and the coordinator does not notice.
    Vanish(usize),
    /// A message arrives, and will arrive once more.
    Repeat(Message),
    /// A deadline passes while messages are still in transit: they arrive too late.
    Late,
    /// The store fails to write a manifest.
    StoreFails(String),
    /// The coordinator dies, and another one is started.
    Restart,
}

/// The properties that must hold in every state.
pub(super) const PROMISES: [&str; 2] =
    ["nothing that must hold is broken", "where nothing is left to happen the run is finished"];

/// Maximum number of consecutive deadlines without progress.
const MOST_WAITS: u32 = 5;

impl Exhaust {
    /// `cluster`: lines of the experiment's section; `rounds`: as many as two workers need for all batches.
    pub(super) fn new(cluster: &str, rounds: u32, faults: Faults, bug: Option<Bug>) -> Self {
        let cluster = format!("{cluster}\nrestarts = 20\ndeadline_mads = 0");
        let mut settings = crate::settings(&cluster, "").unwrap();
        let experiment = &mut settings.experiment;
        (experiment.schedule.passes, experiment.checkpoint.count) = (1, 1);
        experiment.batch.unit_batches = rounds;
        let frames = u64::from(rounds * experiment.batch.chunks * experiment.batch.chunk_frames);
        let catalogue = Catalogue { row_groups: vec![RowGroup { frames, utterances: 1 }; 2] };
        let plan = Plan::new(catalogue, None, &experiment.batch, &experiment.schedule, 7).unwrap();
        assert_eq!(plan.total_batches(stentor_experiment::Source::Annotated), u64::from(2 * rounds));
        let settings = Settings { plan, has_dev: false, ..settings };
        Self { settings, faults, bug }
    }

    /// Events that happen without a fault.
    fn certain(world: &World) -> Vec<Move> {
        let steps = (0..world.workers.len()).filter(|&index| world.can_step(index)).map(Move::Step);
        let messages = world.messages.values().filter(|m| world.may_arrive(m) && !world.is_of_the_past(m));
        let resumes = world.paused.then_some(Move::Resume);
        steps.chain(messages.cloned().map(Move::Deliver)).chain(resumes).collect()
    }

    /// Messages of broken connections that may still arrive; it makes no difference if they do not.
    fn belated(world: &World) -> impl Iterator<Item = Move> {
        let messages = world.messages.values().filter(|m| world.may_arrive(m) && world.is_of_the_past(m));
        messages.cloned().map(Move::Deliver)
    }

    fn faults(&self, world: &World, moves: &mut Vec<Move>) {
        if world.faults >= self.faults.most {
            return;
        }
        let mut faults = vec![Fault::Late, Fault::Restart];
        for index in (0..world.workers.len()).filter(|&index| world.has_begun(index)) {
            faults.extend([Fault::Break(index), Fault::Vanish(index)]);
        }
        for message in world.messages.values() {
            match message {
                Message::Stored { checkpoint } => faults.push(Fault::StoreFails(checkpoint.clone())),
                Message::FromWorker { .. } => faults.push(Fault::Repeat(message.clone())),
            }
        }
        moves.extend(faults.into_iter().map(Move::Fault));
    }
}

impl Model for Exhaust {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.settings)]
    }

    fn actions(&self, world: &World, moves: &mut Vec<Move>) {
        if world.outcome.is_some() || !world.broken.is_empty() {
            return;
        }
        moves.extend(Self::certain(world));
        if moves.is_empty() && world.waited < MOST_WAITS {
            moves.push(Move::Wait);
        }
        moves.extend(Self::belated(world));
        self.faults(world, moves);
        if world.orders < self.faults.orders {
            moves.extend(Order::ALL.into_iter().filter(|order| world.accepts(*order)).map(Move::Order));
        }
    }

    fn next_state(&self, world: &World, next: Move) -> Option<World> {
        // The checker calls this in threads of its own.
        let _armed = self.bug.map(Bug::arm);
        let mut world = world.clone();
        match next {
            Move::Step(index) => world.work(&self.settings, index),
            Move::Deliver(message) => world.deliver(&self.settings, message),
            Move::Wait => world.wait(&self.settings),
            Move::Order(order) => world.order(&self.settings, order),
            Move::Resume => world.resume(&self.settings),
            Move::Fault(fault) => {
                world.faults += 1;
                match fault {
                    Fault::Vanish(index) => world.vanish(index),
                    Fault::Break(index) => world.break_connection(&self.settings, index),
                    Fault::Repeat(message) => world.repeat(&self.settings, message),
                    Fault::Late => world.pass_deadline(&self.settings),
                    Fault::StoreFails(checkpoint) => world.store_fails(&self.settings, checkpoint),
                    Fault::Restart => world.restart_coordinator(&self.settings),
                }
            }
        }
        world.seal();
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(PROMISES[0], |_, world: &World| world.broken.is_empty()),
            Property::always(PROMISES[1], |_, world: &World| {
                let is_over = world.outcome.is_some() || world.waited >= MOST_WAITS;
                !(is_over && Self::certain(world).is_empty())
                    || matches!(world.outcome, Some(Outcome::Finished { .. }))
            }),
            Property::sometimes(
                "a run finishes after all faults and commands",
                |exhaust: &Self, world: &World| {
                    world.faults == exhaust.faults.most
                        && world.orders == exhaust.faults.orders
                        && world.outcome.is_some()
                },
            ),
        ]
    }
}
