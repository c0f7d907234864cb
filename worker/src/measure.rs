//! Rounds without computation, to measure the exchange by itself: a member that joins a real coordinator, uses given
//! gradients instead of computing them, and records when each round's update was applied.

use crate::client::{Client, Doing};
use crate::exchange::Exchange;
use crate::reducers::{Reducers, update_digest};
use crate::replica::Replica;
use crate::{Connector, Error, wire};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use stentor_acoustic::{Device, ModelShape};
use stentor_dataset::Dataset;
use stentor_exchange::strategy::{Coded, Rate};
use stentor_experiment::Experiment;
use stentor_participant::{Action, Apply, BatchScore, Encoded, Input, Participant, Rules};
use stentor_proto::v1;
use stentor_scores::{Sums, frame_sums};

/// The times of a round in seconds, and its traffic.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Round {
    /// Number of the round.
    pub round: u64,
    /// From the moment at which all members have their gradients until this one has applied its update.
    pub total_s: f64,
    /// Time to encode the contribution.
    pub encode_s: f64,
    /// Time to send payloads to the reducers, including the wait for previous slots.
    pub send_s: f64,
    /// Time until the round closed.
    pub wait_s: f64,
    /// Time to fetch the sums from the reducers.
    pub fetch_s: f64,
    /// Time to decode the sums and apply them to the parameters.
    pub apply_s: f64,
    /// Bytes sent, including headers.
    pub bytes_out: u64,
    /// Bytes received, including headers.
    pub bytes_in: u64,
    /// User and system time of the process so far, in seconds.
    pub cpu_s: f64,
}

/// A source of gradients.
pub trait Gradients {
    /// Replaces the gradient of the previous round, initially zero, by that of `round`.
    fn fill(&mut self, round: u64, gradient: &mut [f32]);
}

/// Takes part in `rounds` rounds of the run at `url` as `identity`. Every round starts at a multiple of `every` since
/// the epoch, so at the same moment for all members on a machine: a member that is ready early waits.
///
/// # Errors
/// As [`crate::run`].
pub async fn measure(
    url: &str,
    identity: &str,
    rounds: u64,
    every: Duration,
    gradients: &mut dyn Gradients,
    mut tell: impl FnMut(Round),
) -> Result<(), Error> {
    stentor_acoustic::set_threads(1)?;
    let mut client = Client::new(url, Connector::default())?;
    let reply = client.join(identity, Duration::from_secs(120)).await?;
    let experiment = Arc::new(Experiment::parse(&reply.experiment_toml)?);
    let dataset = Dataset::open(&experiment).await?;
    let shape = ModelShape::new(
        &experiment.model.architecture,
        dataset.manifest().dimension,
        dataset.senones().len(),
    )?;
    let model = stentor_acoustic::build(&shape, experiment.run.seed, Device::Cpu)?;
    let first_round = stentor_proto::required(reply.assignment, "assignment")?;
    let run_id = stentor_proto::required(first_round.fence.as_ref(), "fence")?.run_id.clone();
    let first = v1::Heartbeat {
        run_id: run_id.clone(),
        identity: identity.to_owned(),
        session: reply.session,
        doing: "measuring".into(),
    };
    let _dismissed = client.attend(first, Duration::from_secs(1), Doing::default()).await?;
    let first = wire::assignment(first_round)?;
    let mut replica = Replica::new(model, &experiment, first.strategy);
    let reducers = Reducers::new(url, &experiment.exchange.reducers, client.connector(), replica.len())?;
    let ranges: Vec<_> = reducers.ranges().collect();
    let mut exchange = Exchange::new(client, reducers, &run_id, reply.session);
    let rate = Rate { base: experiment.schedule.learning_rate, multiplier: 1.0 };
    let (mut participant, _) = Participant::new(identity);
    let admitted = Input::Admitted {
        session: reply.session,
        assignment: Box::new(first),
        checkpoint: (!reply.checkpoint.is_empty()).then_some(reply.checkpoint),
    };
    let mut actions = VecDeque::new();
    participant.step(admitted, &mut actions);
    let (mut round, mut start, mut encode_s, mut coded) = (0, SystemTime::now(), 0.0, Coded::default());
    while round < rounds {
        let since = |moment: SystemTime| moment.elapsed().unwrap_or_default().as_secs_f64();
        let input = match actions.pop_front() {
            None => Some(exchange.answer().await?),
            Some(Action::Prepare { .. }) => Some(Input::Prepared { rules: Rules::of(&experiment) }),
            Some(Action::Begin(assignment)) => {
                replica.begin(assignment.strategy, &assignment.encoding)?;
                replica.pretend(|gradient| gradients.fill(round, gradient), rate)?;
                start = next_multiple(every);
                tokio::time::sleep(start.duration_since(SystemTime::now()).unwrap_or_default()).await;
                Some(Input::Begun { parameters_digest: None, brings: 1 })
            }
            Some(Action::Compute(_)) => {
                let score = BatchScore { sums: frame_sums(1, 0.0, 0), gradient_norm: 0.0 };
                Some(Input::Computed { planned_frames: 0, score: Some(score) })
            }
            Some(Action::Encode(encoding)) => {
                coded = stentor_runtime::busy(|| replica.contribute(&encoding, &ranges))?;
                encode_s = since(start);
                Some(Input::Encoded(Encoded::from(&coded)))
            }
            Some(Action::Contribute(arrival)) => {
                exchange.contribute(wire::contribution(&run_id, *arrival));
                None
            }
            Some(Action::Stage(staging)) => {
                exchange.stage(*staging, &coded);
                None
            }
            Some(Action::Fetch { fence, group }) => {
                exchange.fetch(fence, group);
                None
            }
            Some(Action::TellStaged) => {
                exchange.tell_staged().await;
                None
            }
            Some(Action::Apply(apply)) => {
                let Apply { encoding, counted, frames, .. } = *apply;
                let (sums, times) = exchange.take_sums();
                let applying = SystemTime::now();
                stentor_runtime::busy(|| replica.apply(encoding, &sums, counted, frames, rate))?;
                let traffic = exchange.take_traffic();
                tell(Round {
                    round,
                    total_s: since(start),
                    encode_s,
                    send_s: times.send.as_secs_f64(),
                    wait_s: times.wait.as_secs_f64(),
                    fetch_s: times.fetch.as_secs_f64(),
                    apply_s: since(applying),
                    bytes_out: traffic.sent_bytes,
                    bytes_in: traffic.received_bytes,
                    cpu_s: stentor_runtime::cpu_seconds(),
                });
                round += 1;
                Some(Input::Applied { update_digest: update_digest(&sums) })
            }
            // Nothing is saved, scored or reported.
            Some(Action::Save { .. } | Action::SaveSums { .. }) => Some(Input::Saved { written: Vec::new() }),
            Some(Action::Score { .. }) => Some(Input::Scored(Sums::default())),
            Some(Action::Report { .. }) => Some(Input::Reported),
            Some(Action::Look { .. } | Action::Leave { .. } | Action::End(_) | Action::Join { .. }) => break,
            Some(
                Action::Attend { .. }
                | Action::RecordNonFinite(_)
                | Action::MeasureResidual
                | Action::StartGrace,
            ) => None,
        };
        if let Some(input) = input {
            participant.step(input, &mut actions);
        }
    }
    Ok(())
}

/// The first multiple of `every` since the epoch that gives all members enough time to get ready.
fn next_multiple(every: Duration) -> SystemTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let turns = (since.as_nanos() + every.as_nanos() / 4) / every.as_nanos().max(1) + 1;
    UNIX_EPOCH + Duration::from_nanos((turns * every.as_nanos()) as u64)
}
