//! Rounds without computation, to measure the exchange by itself: a member that joins a real coordinator, uses given
//! gradients instead of computing them, and records when each round's update was applied.

use crate::client::{Client, Doing};
use crate::exchange::{Exchange, Update};
use crate::reducers::Reducers;
use crate::replica::Replica;
use crate::{Connector, Error};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use stentor_acoustic::{Device, ModelShape};
use stentor_dataset::Dataset;
use stentor_exchange::strategy::Rate;
use stentor_experiment::Experiment;
use stentor_proto::v1;

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
    let mut assignment = stentor_proto::required(reply.assignment, "assignment")?;
    let fence = stentor_proto::required(assignment.fence.clone(), "fence")?;
    let first = v1::Heartbeat {
        run_id: fence.run_id,
        identity: identity.to_owned(),
        session: reply.session,
        doing: "measuring".into(),
    };
    let _dismissed = client.attend(first, Duration::from_secs(1), Doing::default()).await?;
    let mut replica = Replica::new(model, &experiment, stentor_proto::strategy(assignment.strategy)?);
    let reducers = Reducers::new(url, &experiment.exchange.reducers, client.connector(), replica.len())?;
    let ranges: Vec<_> = reducers.ranges().collect();
    let mut exchange = Exchange::new(client, reducers, &experiment, &reply.checkpoint);
    let rate = Rate { base: experiment.schedule.learning_rate, multiplier: 1.0 };
    for round in 0..rounds {
        let encoding = stentor_proto::encoding(assignment.encoding)?;
        replica.begin(stentor_proto::strategy(assignment.strategy)?, &encoding)?;
        replica.pretend(|gradient| gradients.fill(round, gradient), rate)?;
        let start = next_multiple(every);
        tokio::time::sleep(start.duration_since(SystemTime::now()).unwrap_or_default()).await;
        let since = |moment: SystemTime| moment.elapsed().unwrap_or_default().as_secs_f64();

        let coded = stentor_runtime::busy(|| replica.contribute(&encoding, &ranges))?;
        let encode_s = since(start);
        let header = v1::ContributionHeader {
            identity: identity.to_owned(),
            slot: assignment.slot,
            frames: 1,
            values_sent: coded.values_sent,
            suggested_tau: coded.suggested_tau,
            ..Default::default()
        };
        let Update { header, sums, spoke, send, wait, fetch } =
            exchange.run(&assignment, header, &coded).await?;
        let applying = SystemTime::now();
        stentor_runtime::busy(|| replica.apply(encoding, &sums, spoke, header.frames, rate))?;
        let traffic = exchange.take_traffic();
        tell(Round {
            round,
            total_s: since(start),
            encode_s,
            send_s: send.as_secs_f64(),
            wait_s: wait.as_secs_f64(),
            fetch_s: fetch.as_secs_f64(),
            apply_s: since(applying),
            bytes_out: traffic.sent_bytes,
            bytes_in: traffic.received_bytes,
            cpu_s: stentor_runtime::cpu_seconds(),
        });
        match header.next {
            Some(next) => assignment = next,
            None => break,
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
