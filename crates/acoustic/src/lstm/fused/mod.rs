//! The recurrent layers on the CPU, forward and backward by our own hand: libtorch multiplies matrices, we do the rest.
//!
//! This trains faster than libtorch's own LSTM on the CPU for three reasons: chunks of different lengths are packed, so
//! that no padding is computed; a time step's element-wise work is one pass over values that are still in the cache; and
//! the gradient of the features, which nobody wants, is left out.

mod backward;
mod cell;
mod forward;
mod matrix;
mod packing;
mod vector;

pub(super) use forward::{forward, top_layer};

use matrix::Matrix;
use packing::Packing;
use tch::Tensor;

/// What a forward pass leaves for the backward pass. Rows of all matrices are packed frames.
struct Tape {
    packing: Packing,
    /// The model's features.
    input: Matrix,
    /// Lowest first.
    layers: Vec<Layer>,
    /// Layers' outputs as they were handed out, `[rows, ..]`, where gradients arrive: (layer, leaf).
    leaves: Vec<(usize, Tensor)>,
}

/// One layer's values.
struct Layer {
    /// h of all directions side by side.
    output: Matrix,
    /// What the layer above reads instead, in a pass with dropout.
    dropped: Option<Dropped>,
    directions: Vec<Direction>,
}

/// A layer's output after dropout.
struct Dropped {
    /// What each value was multiplied by.
    factors: Matrix,
    /// The products.
    output: Matrix,
}

impl Layer {
    /// What the layer above reads.
    fn passed_on(&self) -> &Matrix {
        self.dropped.as_ref().map_or(&self.output, |dropped| &dropped.output)
    }
}

/// One direction's values.
struct Direction {
    /// i, f, g, o after a forward pass; the gradient of the sums before them after a backward pass.
    gates: Matrix,
    cell: Matrix,
}
