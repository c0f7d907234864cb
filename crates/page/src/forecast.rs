//! Forecast of the strategies' costs: from the experiment's settings and the computing times of the newest rounds, for
//! links of several bandwidths.

use crate::board::Board;
use crate::curves::short;
use serde::Serialize;
use stentor_experiment::{GtcDownlink, Strategy};
use stentor_forecast::{Bandwidth, Forecast, Method, Rates, Reducers, RoundTrip, Scenario, advice, forecast};

/// Bandwidths to choose from, bits per second in each direction.
const LINES: [(&str, f64); 4] =
    [("100 Mbit/s", 1e8), ("1 Gbit/s", 1e9), ("10 Gbit/s", 1e10), ("25 Gbit/s", 2.5e10)];

/// Round-trip time.
const ROUND_TRIP_S: f64 = 0.5e-3;

/// The forecasts shown on the page.
#[derive(Debug, Serialize)]
pub(crate) struct Costs {
    workers: usize,
    parameters: usize,
    /// Forward and backward pass, seconds.
    batch_s: f64,
    /// Time from the end of one round to the end of the next, divided by a member's batches: the measured total time
    /// per batch.
    measured_s: Option<f64>,
    /// The assumptions, in sentences.
    assumed: Vec<String>,
    lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    bits_per_s: f64,
    strategies: Vec<Row>,
    /// The advice, in sentences.
    advice: Vec<String>,
}

/// A batch with one strategy; seconds of each part.
#[derive(Debug, Serialize)]
struct Row {
    method: Method,
    name: &'static str,
    in_force: bool,
    compute_s: f64,
    wire_s: f64,
    total_s: f64,
    bytes: f64,
}

impl Costs {
    /// Returns `None` until a round has shown how long a batch takes.
    pub(crate) fn of(board: &Board) -> Option<Self> {
        let view = board.view.as_ref()?;
        let batch_s = board.pace.batch_seconds().filter(|s| *s > 0.0)?;
        let experiment = &board.setting.experiment;
        let parameters = board.setting.parameters;
        let workers = match view.members.len() {
            0 => experiment.cluster.workers as usize,
            members => members,
        };
        let reducers = match experiment.exchange.reducers.is_empty() {
            true => Reducers::Coordinator,
            false => Reducers::EachWorker,
        };
        let line = |(name, bits): (&'static str, f64)| {
            let (bandwidth, rtt) = (Bandwidth::bits_per_s(bits), RoundTrip::of_seconds(ROUND_TRIP_S));
            let scenario =
                Scenario::new(experiment, parameters, workers, bandwidth, rtt, batch_s, Rates::FREE);
            let mut forecasts = forecast(&scenario);
            forecasts.retain(|f| f.reducers == reducers);
            let advice = advice(&scenario, &forecasts);
            let in_force = method(view.strategy, experiment.exchange.gtc.downlink);
            let strategies = forecasts.iter().map(|f| Row::new(f, in_force)).collect();
            Line { name, bits_per_s: bits, strategies, advice }
        };
        let per_round = board.pace.batches_per_round();
        let measured_s =
            board.pace.seconds_per_round().zip(per_round).map(|(round, batches)| short(round / batches));
        Some(Self {
            workers,
            parameters,
            batch_s: short(batch_s),
            measured_s,
            assumed: assumed(board, workers, batch_s, reducers),
            lines: LINES.into_iter().map(line).collect(),
        })
    }
}

fn assumed(board: &Board, workers: usize, batch_s: f64, reducers: Reducers) -> Vec<String> {
    let exchange = &board.setting.experiment.exchange;
    let summed = match reducers {
        Reducers::Coordinator => "The coordinator sums all contributions: its link carries all transfers.",
        Reducers::EachWorker => "Each worker's host has a reducer, which spreads the load evenly.",
    };
    vec![
        format!(
            "{workers} equal workers, ready at the same time, compute {:.1} ms per batch: the median of the slowest \
             one over the last {} rounds.",
            batch_s * 1e3,
            board.pace.rounds(),
        ),
        format!(
            "Each host's link has the bandwidth above in both directions at once; a round trip takes {:.1} ms.",
            ROUND_TRIP_S * 1e3
        ),
        summed.to_owned(),
        format!(
            "As in the experiment, GTC sends {} % of the values, a block has {} batches, and a two-tier group has {} workers.",
            short(100.0 * exchange.gtc.density),
            exchange.bmuf.block,
            exchange.two_tier.group,
        ),
        "The time to encode, sum and apply is not included; `stentor forecast` measures it.".to_owned(),
        "Only time is compared; compare loss curves for the effect of a strategy on the loss.".to_owned(),
    ]
}

/// Maps the strategy in force to its name in the forecast.
fn method(strategy: Strategy, downlink: GtcDownlink) -> Method {
    match (strategy, downlink) {
        (Strategy::Dense, _) => Method::Dense,
        (Strategy::Gtc, GtcDownlink::Exact) => Method::Gtc,
        (Strategy::Gtc, GtcDownlink::Rethreshold) => Method::GtcRethresholded,
        (Strategy::Bmuf, _) => Method::Bmuf,
        (Strategy::TwoTier, _) => Method::TwoTier,
    }
}

impl Row {
    fn new(forecast: &Forecast, in_force: Method) -> Self {
        let &Forecast { method, compute_s, total_s, bytes_up, bytes_down, .. } = forecast;
        Self {
            method,
            name: method.name(),
            in_force: method == in_force,
            compute_s: short(compute_s),
            wire_s: short(total_s - compute_s),
            total_s: short(total_s),
            bytes: short(bytes_up + bytes_down),
        }
    }
}
