//! Layers of LSTM cells.

use crate::cell::step;
use crate::level::Level;
use crate::weights::Weights;

/// Frames whose input products are computed together: enough that weights are read from memory seldom, few enough that the
/// sums stay in the cache.
pub(crate) const BLOCK: usize = 32;

/// One layer: a forward direction, and in bidirectional networks a backward one.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) directions: Vec<Direction>,
}

/// One direction of a layer.
#[derive(Debug, Clone)]
pub(crate) struct Direction {
    /// `[4·width, inputs]`; rows are ordered by gate: i, f, g, o.
    pub(crate) input: Weights,
    /// `[4·width, width]`.
    pub(crate) recurrent: Weights,
    /// Sum of input bias and recurrent bias, `[4·width]`.
    pub(crate) bias: Vec<f32>,
}

/// What a direction carries from one frame to the next.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// h, `[width]`.
    output: Vec<f32>,
    /// c, `[width]`.
    cell: Vec<f32>,
}

/// In which order a direction reads its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Forward,
    Backward,
}

/// Where a direction writes its outputs: columns `column..column + width` of rows of `stride` values.
#[derive(Debug, Clone, Copy)]
struct Columns {
    stride: usize,
    column: usize,
}

impl Layer {
    /// Number of outputs per frame.
    pub(crate) fn outputs(&self) -> usize {
        self.directions.iter().map(Direction::width).sum()
    }

    /// Runs a unidirectional layer over the next frames: from `[frames, inputs]` to `[frames, width]`.
    pub(crate) fn advance(&self, level: Level, frames: &[f32], state: &mut State, outputs: &mut Vec<f32>) {
        let Some(direction) = self.directions.first() else { return };
        outputs.clear();
        outputs.resize(frames.len() / direction.inputs() * direction.width(), 0.0);
        let place = Columns { stride: direction.width(), column: 0 };
        direction.run(level, Order::Forward, frames, state, outputs, place);
    }

    /// Runs all directions over a whole utterance: from `[frames, inputs]` to `[frames, directions × width]`.
    pub(crate) fn whole(&self, level: Level, frames: &[f32]) -> Vec<f32> {
        let stride = self.outputs();
        let count = self.directions.first().map_or(0, |direction| frames.len() / direction.inputs());
        let mut outputs = vec![0.0; count * stride];
        let mut column = 0;
        for (direction, order) in self.directions.iter().zip([Order::Forward, Order::Backward]) {
            let place = Columns { stride, column };
            direction.run(level, order, frames, &mut direction.start(), &mut outputs, place);
            column += direction.width();
        }
        outputs
    }
}

impl Direction {
    fn width(&self) -> usize {
        self.bias.len() / 4
    }

    fn inputs(&self) -> usize {
        self.input.inputs()
    }

    /// The state before the first frame.
    pub(crate) fn start(&self) -> State {
        State { output: vec![0.0; self.width()], cell: vec![0.0; self.width()] }
    }

    fn run(
        &self,
        level: Level,
        order: Order,
        frames: &[f32],
        state: &mut State,
        outputs: &mut [f32],
        place: Columns,
    ) {
        let mut gates = Vec::with_capacity(BLOCK.min(frames.len() / self.inputs()) * self.bias.len());
        let mut block = |(frames, outputs): (&[f32], &mut [f32])| {
            gates.clear();
            (0..frames.len() / self.inputs()).for_each(|_| gates.extend_from_slice(&self.bias));
            self.input.add_product(level, frames, &mut gates);
            let steps = gates.chunks_exact_mut(self.bias.len()).zip(outputs.chunks_exact_mut(place.stride));
            let mut step = |(gates, output): (&mut [f32], &mut [f32])| {
                self.recurrent.add_product(level, &state.output, gates);
                step(level, gates, &mut state.cell, &mut state.output);
                output[place.column..][..self.width()].copy_from_slice(&state.output);
            };
            match order {
                Order::Forward => steps.for_each(&mut step),
                Order::Backward => steps.rev().for_each(&mut step),
            }
        };
        let blocks = frames.chunks(BLOCK * self.inputs()).zip(outputs.chunks_mut(BLOCK * place.stride));
        match order {
            Order::Forward => blocks.for_each(&mut block),
            Order::Backward => blocks.rev().for_each(&mut block),
        }
    }
}
