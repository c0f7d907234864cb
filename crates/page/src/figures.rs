//! Figures of the exchange: those common to all strategies, and those of GTC and BMUF.

use crate::arrivals::Lag;
use crate::board::Board;
use crate::curves::short;
use serde::Serialize;
use stentor_exchange::strategy::Decision;
use stentor_runlog::{Deltas, Encoding};

#[derive(Debug, Serialize)]
pub(crate) struct Exchange {
    /// Encoding of the newest round: `dense`, `threshold` or `block`.
    last_round: Option<&'static str>,
    /// Bytes up and down over the whole run, headers included.
    bytes_per_frame: Option<f64>,
    /// Uplink payload in the newest rounds.
    payload_per_frame: Option<f64>,
    /// Bytes that dense would have sent up for the batches of the newest rounds, divided by the bytes sent.
    compression: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Gtc {
    tau: Option<f64>,
    /// Share of values sent, and the target share.
    density: Option<f64>,
    aim: Option<f64>,
    /// Mean over the members of the 2-norm.
    residual_norm: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Bmuf {
    block: u32,
    momentum: Option<f64>,
    learning_rate: Option<f64>,
    /// `f32`, `bf16` or `threshold`, with its τ.
    deltas: Option<&'static str>,
    tau: Option<f64>,
    /// Number of groups in an exchange, with two tiers.
    groups: Option<usize>,
}

impl Exchange {
    pub(crate) fn of(board: &Board) -> Self {
        let whole = board.wires;
        Self {
            last_round: board.last.map(|last| last.encoding.name()),
            bytes_per_frame: (whole.frames > 0).then(|| short(whole.bytes as f64 / whole.frames as f64)),
            payload_per_frame: board.pace.bytes_up_per_frame().map(short),
            compression: board.pace.compression(board.setting.parameters).map(short),
        }
    }
}

impl Gtc {
    pub(crate) fn of(board: &Board) -> Self {
        let members = &board.arrivals.members;
        let norms: f64 = members.values().map(|Lag { residual_norm, .. }| residual_norm).sum();
        let signs = board.signs;
        Self {
            tau: signs.map(|signs| short(signs.tau.into())),
            density: signs.map(|signs| short(signs.density)),
            aim: signs.map(|signs| short(signs.aim)),
            residual_norm: (!members.is_empty()).then(|| short(norms / members.len() as f64)),
        }
    }
}

impl Bmuf {
    pub(crate) fn of(board: &Board, decision: &dyn Decision) -> Self {
        let exchange = &board.setting.experiment.exchange;
        let members = board.view.as_ref().map_or(0, |view| view.members.len());
        let groups = decision.groups(exchange).map(|groups| groups.groups(members));
        let block = exchange.bmuf.block;
        let Some(Encoding::Block { momentum, learning_rate, deltas, .. }) = board.block else {
            return Self { block, momentum: None, learning_rate: None, deltas: None, tau: None, groups };
        };
        let (deltas, tau) = match deltas {
            Deltas::Model => ("f32", None),
            Deltas::Bf16 => ("bf16", None),
            Deltas::Threshold { tau } => ("threshold", Some(short(tau.into()))),
        };
        Self {
            block,
            momentum: Some(short(momentum)),
            learning_rate: Some(short(learning_rate)),
            deltas: Some(deltas),
            tau,
            groups,
        }
    }
}
