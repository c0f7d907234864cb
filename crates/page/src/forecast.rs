//! What the strategies would cost now: the experiment's settings and the newest rounds' computing times on lines of several
//! rates.

use crate::board::Board;
use crate::curves::short;
use serde::Serialize;
use stentor_experiment::{GtcDownlink, Strategy};
use stentor_forecast::{Bandwidth, Forecast, Method, Rates, Reducers, RoundTrip, Scenario, advice, forecast};

/// Lines to choose from, bits a second in each direction.
const LINES: [(&str, f64); 4] =
    [("100 Mbit/s", 1e8), ("1 Gbit/s", 1e9), ("10 Gbit/s", 1e10), ("25 Gbit/s", 2.5e10)];

/// There and back.
const ROUND_TRIP_S: f64 = 0.5e-3;

/// Forecasts for the page.
#[derive(Debug, Serialize)]
pub(crate) struct Costs {
    workers: usize,
    parameters: usize,
    /// Forward and backward pass, seconds.
    batch_s: f64,
    /// From one round's end to the next one's, by batches of a member: what a batch takes here, with everything.
    measured_s: Option<f64>,
    /// What is assumed, in sentences.
    assumed: Vec<String>,
    lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    bits_per_s: f64,
    strategies: Vec<Row>,
    /// In sentences.
    advice: Vec<String>,
}

/// A batch with one strategy, seconds of its parts.
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
    /// None before a round has shown how long a batch takes.
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
        Reducers::Coordinator => "The coordinator sums everything: its one line carries all.",
        Reducers::EachWorker => "Each worker's host has a reducer, so that the load is spread evenly.",
    };
    vec![
        format!(
            "{workers} workers, alike and ready at once, compute {:.1} ms for a batch: the median of the slowest one's over \
             the last {} rounds.",
            batch_s * 1e3,
            board.pace.rounds(),
        ),
        format!(
            "Each host's line carries the rate above in both directions at once; a round trip takes {:.1} ms.",
            ROUND_TRIP_S * 1e3
        ),
        summed.to_owned(),
        format!(
            "GTC sends {} % of the values, a block is {} batches, a group of two tiers {} workers, as the experiment says.",
            short(100.0 * exchange.gtc.density),
            exchange.bmuf.block,
            exchange.two_tier.group,
        ),
        "The arithmetic of coding, summing and applying is left out; `stentor forecast` measures it."
            .to_owned(),
        "Time alone is compared: what a strategy does to the loss, only curves tell.".to_owned(),
    ]
}

/// The forecast's name of what is in force.
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
