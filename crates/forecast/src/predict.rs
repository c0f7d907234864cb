use crate::scenario::{Applied, Scenario};
use crate::size::{signs_bytes, sum_bytes, sum_density};
use serde::{Deserialize, Serialize};
use stentor_experiment::BlockDeltas;

/// Strategies, distinguished as far as the cost of a batch differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Whole gradients.
    Dense,
    /// Signs up, exact sum down.
    Gtc,
    /// Signs up, re-thresholded sum down.
    GtcRethresholded,
    /// Models, once per block.
    Bmuf,
    /// GTC within groups, with the exact sum down, and models between groups once per block.
    TwoTier,
}

/// Where contributions are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reducers {
    /// In the coordinator's process: all transfers share one link.
    Coordinator,
    /// On each worker's host, each reducer for one range of the vector.
    EachWorker,
}

/// The cost of a batch for a worker. For strategies that exchange once per block it includes the batch's share of the
/// block's exchange.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// The strategy.
    pub method: Method,
    /// Placement of the reducers.
    pub reducers: Reducers,
    /// Forward and backward pass, seconds.
    pub compute_s: f64,
    /// Encoding of the contribution, seconds.
    pub encode_s: f64,
    /// Transfer up, with one round trip, seconds.
    pub up_s: f64,
    /// Work of the reducers that does not overlap with the transfer up, seconds.
    pub reduce_s: f64,
    /// Transfer down, with one round trip, seconds; for means only the part that does not overlap with the transfer
    /// up.
    pub down_s: f64,
    /// Decoding and applying the update, seconds.
    pub apply_s: f64,
    /// The sum of all these times, seconds.
    pub total_s: f64,
    /// Payload of a worker's contribution, bytes.
    pub bytes_up: f64,
    /// Payload of the update, bytes.
    pub bytes_down: f64,
    /// Batches per second of the whole cluster, divided by those of one worker alone.
    pub speedup: f64,
}

impl Method {
    /// All methods, in the order of the table.
    pub const ALL: [Method; 5] =
        [Method::Dense, Method::Gtc, Method::GtcRethresholded, Method::Bmuf, Method::TwoTier];

    /// Name for display.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Method::Dense => "dense",
            Method::Gtc => "GTC, exact sum",
            Method::GtcRethresholded => "GTC, re-thresholded",
            Method::Bmuf => "BMUF",
            Method::TwoTier => "two tiers",
        }
    }

    /// Whether all workers have the same model after every batch.
    #[must_use]
    pub fn agrees_every_batch(self) -> bool {
        matches!(self, Method::Dense | Method::Gtc | Method::GtcRethresholded)
    }
}

impl Reducers {
    /// Both placements, in the order of the table.
    pub const ALL: [Reducers; 2] = [Reducers::Coordinator, Reducers::EachWorker];
}

/// Forecasts every strategy with both placements of the reducers.
#[must_use]
pub fn forecast(scenario: &Scenario) -> Vec<Forecast> {
    let methods = Method::ALL.into_iter();
    methods.flat_map(|m| Reducers::ALL.map(|r| one(scenario, m, r))).collect()
}

/// The form in which a sum of signs is sent down.
#[derive(Debug, Clone, Copy)]
enum Down {
    Exact,
    Rethresholded,
}

/// One exchange: seconds of its phases, bytes of a contribution and of an update, and the number of senders.
#[derive(Debug, Clone, Copy, Default)]
struct Exchange {
    encode_s: f64,
    /// Work of the reducers while contributions arrive; `reduce_s` is the work after that.
    streamed_s: f64,
    reduce_s: f64,
    apply_s: f64,
    up: f64,
    down: f64,
    senders: f64,
    /// Whether parts of the update are sent down while later parts of contributions arrive. True for means; sums of
    /// signs are encoded at the end.
    overlaps: bool,
}

fn one(scenario: &Scenario, method: Method, reducers: Reducers) -> Forecast {
    let every_block = 1.0 / f64::from(scenario.block.max(1));
    let batch = |exchange| Phases::of(scenario, reducers, exchange);
    let phases = match method {
        Method::Dense => batch(dense(scenario)),
        Method::Gtc => batch(signs(scenario, reducers, scenario.workers, Down::Exact)),
        Method::GtcRethresholded => batch(signs(scenario, reducers, scenario.workers, Down::Rethresholded)),
        Method::Bmuf => batch(block(scenario, reducers, scenario.workers)).times(every_block),
        Method::TwoTier => {
            let inside = batch(signs(scenario, reducers, scenario.members(), Down::Exact));
            inside.plus(batch(block(scenario, reducers, scenario.groups())).times(every_block))
        }
    };
    let Phases { encode_s, up_s, reduce_s, down_s, apply_s, bytes_up, bytes_down } = phases;
    let total_s = scenario.batch_s + encode_s + up_s + reduce_s + down_s + apply_s;
    let speedup = scenario.workers as f64 * scenario.batch_s / total_s;
    Forecast {
        method,
        reducers,
        compute_s: scenario.batch_s,
        encode_s,
        up_s,
        reduce_s,
        down_s,
        apply_s,
        total_s,
        bytes_up,
        bytes_down,
        speedup: if total_s > 0.0 { speedup } else { scenario.workers as f64 },
    }
}

fn dense(scenario: &Scenario) -> Exchange {
    let Scenario { rates, workers, .. } = scenario;
    let values = scenario.parameters as f64;
    Exchange {
        encode_s: values * rates.copy,
        streamed_s: *workers as f64 * values * rates.sum,
        reduce_s: values * rates.mean,
        apply_s: values * (rates.copy + rates.step),
        up: 4.0 * values,
        down: 4.0 * values,
        senders: *workers as f64,
        overlaps: true,
    }
}

/// GTC among `members` workers; all groups exchange at the same time.
fn signs(scenario: &Scenario, reducers: Reducers, members: usize, update: Down) -> Exchange {
    let (values, density) = (scenario.parameters as f64, scenario.density);
    let cuts = cuts(scenario, reducers);
    let up = cuts * signs_bytes(values / cuts, density);
    let rates = &scenario.rates;
    let (down, sent, close_s) = match update {
        Down::Exact => {
            let down = cuts * sum_bytes(values / cuts, density, members);
            (down, sum_density(density, members), values * rates.exact)
        }
        Down::Rethresholded => (up, density, values * rates.rethreshold),
    };
    // Each group has its own sum.
    let groups = scenario.workers.div_ceil(members) as f64;
    Exchange {
        encode_s: values * rates.threshold,
        streamed_s: 0.0,
        reduce_s: scenario.workers as f64 * values * density * rates.count + groups * close_s,
        apply_s: match scenario.applied {
            Applied::Sparse => values * sent * rates.apply,
            Applied::Whole => values * (sent * rates.apply + rates.step),
        },
        up,
        down,
        senders: scenario.workers as f64,
        overlaps: false,
    }
}

/// A block exchange of models from `senders` workers or groups.
fn block(scenario: &Scenario, reducers: Reducers, senders: usize) -> Exchange {
    let (values, rates, n) = (scenario.parameters as f64, &scenario.rates, senders as f64);
    let whole = Exchange {
        encode_s: values * rates.copy,
        streamed_s: n * values * rates.sum,
        reduce_s: values * rates.mean,
        apply_s: values * (rates.copy + rates.step),
        up: 4.0 * values,
        down: 4.0 * values,
        senders: n,
        overlaps: true,
    };
    match scenario.deltas {
        BlockDeltas::F32 => whole,
        BlockDeltas::Bf16 => Exchange { encode_s: values * rates.bf16, up: 2.0 * values, ..whole },
        BlockDeltas::Threshold => {
            let (cuts, density) = (cuts(scenario, reducers), scenario.delta_density);
            let sent = sum_density(density, senders);
            Exchange {
                encode_s: values * rates.threshold,
                streamed_s: 0.0,
                reduce_s: n * values * density * rates.count + values * rates.exact,
                apply_s: values * (sent * rates.apply + rates.step),
                up: cuts * signs_bytes(values / cuts, density),
                down: cuts * sum_bytes(values / cuts, density, senders),
                senders: n,
                overlaps: false,
            }
        }
    }
}

/// Number of messages into which a vector is split.
fn cuts(scenario: &Scenario, reducers: Reducers) -> f64 {
    match reducers {
        Reducers::Coordinator => 1.0,
        Reducers::EachWorker => scenario.workers as f64,
    }
}

/// Usable share of a link when contributions and means are transferred in both directions at the same time: the two
/// directions wait for each other in slot order. Measured with 4 workers (`cargo xtask bench exchange --link`).
const BOTH_WAYS: f64 = 0.85;

#[derive(Debug, Clone, Copy)]
struct Phases {
    encode_s: f64,
    up_s: f64,
    reduce_s: f64,
    down_s: f64,
    apply_s: f64,
    bytes_up: f64,
    bytes_down: f64,
}

impl Phases {
    fn of(scenario: &Scenario, reducers: Reducers, exchange: Exchange) -> Self {
        let Exchange { encode_s, streamed_s, reduce_s, apply_s, up, down, senders, overlaps } = exchange;
        // All workers encode at the same time.
        let shared = f64::from(scenario.per_host.max(1));
        let (encode_s, apply_s) = (encode_s * shared, apply_s * shared);
        let workers = scenario.workers as f64;
        // Payload on the busiest link, and the work of the busiest reducer.
        let (in_bytes, out_bytes, work) = match reducers {
            Reducers::Coordinator => (senders * up, workers * down, 1.0),
            Reducers::EachWorker => {
                let others = (workers - 1.0) / workers;
                // A sender sends all ranges; a reducer receives its range from all senders.
                (others * up, others * down, shared / workers)
            }
        };
        let used = if overlaps && reducers == Reducers::EachWorker { BOTH_WAYS } else { 1.0 };
        let seconds = |bytes: f64| scenario.bandwidth.seconds(bytes) / used;
        let (in_s, out_s) = (seconds(in_bytes), seconds(out_bytes));
        let rtt_s = scenario.rtt.seconds();
        let (reduce_s, left_s) = match (overlaps, reducers) {
            // The coordinator's link carries both directions at the same time.
            (true, Reducers::Coordinator) => {
                (((streamed_s + reduce_s) * work - in_s).max(0.0), (out_s - in_s).max(0.0))
            }
            // A worker's link is busy in both directions in either case; only the arithmetic overlaps.
            (true, Reducers::EachWorker) => (((streamed_s + reduce_s) * work - in_s - out_s).max(0.0), out_s),
            (false, _) => ((streamed_s * work - in_s).max(0.0) + reduce_s * work, out_s),
        };
        Self {
            encode_s,
            up_s: in_s + rtt_s,
            reduce_s,
            down_s: left_s + rtt_s,
            apply_s,
            bytes_up: up * senders / workers,
            bytes_down: down,
        }
    }

    fn times(self, share: f64) -> Self {
        Self {
            encode_s: self.encode_s * share,
            up_s: self.up_s * share,
            reduce_s: self.reduce_s * share,
            down_s: self.down_s * share,
            apply_s: self.apply_s * share,
            bytes_up: self.bytes_up * share,
            bytes_down: self.bytes_down * share,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            encode_s: self.encode_s + other.encode_s,
            up_s: self.up_s + other.up_s,
            reduce_s: self.reduce_s + other.reduce_s,
            down_s: self.down_s + other.down_s,
            apply_s: self.apply_s + other.apply_s,
            bytes_up: self.bytes_up + other.bytes_up,
            bytes_down: self.bytes_down + other.bytes_down,
        }
    }
}
