use crate::error::Error;
use crate::layer::{BLOCK, State};
use crate::network::Network;

/// A unidirectional [`Network`] in the middle of a stream of frames.
///
/// Memory does not grow with the stream.
#[derive(Debug, Clone)]
pub struct Stream<'n> {
    network: &'n Network,
    /// One for each layer.
    states: Vec<State>,
    frames: u64,
    /// Outputs of two layers for the frames in progress.
    below: Vec<f32>,
    above: Vec<f32>,
}

impl<'n> Stream<'n> {
    pub(crate) fn new(network: &'n Network) -> Self {
        let directions = network.layers().iter().flat_map(|layer| layer.directions.first());
        let states = directions.map(|direction| direction.start()).collect();
        Self { network, states, frames: 0, below: Vec::new(), above: Vec::new() }
    }

    /// The number of frames so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Appends the log posteriors, `[frames, outputs]`, of the next normalised frames, `[frames, inputs]`, to `out`. They do not
    /// depend on how the frames of a stream are divided into pieces: each has the bits of
    /// [`Network::log_posteriors`].
    ///
    /// # Errors
    /// [`Error::Frames`], [`Error::Feature`]; the stream is then as before.
    pub fn push(&mut self, features: &[f32], out: &mut Vec<f32>) -> Result<(), Error> {
        self.network.check(features, self.frames)?;
        let first = out.len();
        self.logits(features, out);
        self.network.normalise(&mut out[first..]);
        Ok(())
    }

    /// Appends the logits of frames that have been checked.
    pub(crate) fn logits(&mut self, features: &[f32], logits: &mut Vec<f32>) {
        let network = self.network;
        for block in features.chunks(BLOCK * network.inputs()) {
            self.below.clear();
            self.below.extend_from_slice(block);
            for (layer, state) in network.layers().iter().zip(&mut self.states) {
                layer.advance(network.level(), &self.below, state, &mut self.above);
                std::mem::swap(&mut self.below, &mut self.above);
            }
            network.output_layer(&self.below, logits);
            self.frames += (block.len() / network.inputs()) as u64;
        }
    }
}
