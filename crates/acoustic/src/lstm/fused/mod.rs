//! The recurrent layers on the CPU, with hand-written forward and backward passes: libtorch only multiplies matrices.
//!
//! This trains faster than libtorch's LSTM on the CPU for three reasons: chunks of different lengths are packed, so
//! that no padding is computed; a time step's element-wise operations are one pass over values that are still in the
//! cache; and the gradient of the features, which is not needed, is not computed.

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

/// Values that a forward pass keeps for the backward pass. Rows of all matrices are packed frames.
struct Tape {
    packing: Packing,
    /// The model's features.
    input: Matrix,
    /// The layers, lowest first.
    layers: Vec<Layer>,
    /// Layers' outputs as returned, `[rows, ..]`, where gradients arrive: (layer, leaf).
    leaves: Vec<(usize, Tensor)>,
}

/// One layer's values.
struct Layer {
    /// h of all directions, concatenated.
    output: Matrix,
    /// The input of the layer above, in a pass with dropout.
    dropped: Option<Dropped>,
    directions: Vec<Direction>,
}

/// A layer's output after dropout.
struct Dropped {
    /// The factor of each value.
    factors: Matrix,
    /// The values after multiplication.
    output: Matrix,
}

impl Layer {
    /// The input of the layer above.
    fn passed_on(&self) -> &Matrix {
        self.dropped.as_ref().map_or(&self.output, |dropped| &dropped.output)
    }
}

/// One direction's values.
struct Direction {
    /// i, f, g, o after a forward pass; the gradient of their pre-activations after a backward pass.
    gates: Matrix,
    cell: Matrix,
}
