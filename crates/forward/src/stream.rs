use crate::error::Error;
use crate::layer::{BLOCK, State};
use crate::network::Network;

/// A unidirectional [`Network`] in the middle of a stream of frames.
///
/// A network with look-ahead gives the log posteriors of a frame when it has read as many frames more; at the end it reads the last
/// frame again. Memory does not grow with the stream.
#[derive(Debug, Clone)]
pub struct Stream<'n> {
    network: &'n Network,
    /// One for each layer.
    states: Vec<State>,
    frames: u64,
    /// Outputs that are of no frame, because the network has not read enough frames yet.
    early: usize,
    /// The last frame, if the network has look-ahead.
    last: Vec<f32>,
    /// Outputs of two layers for the frames in progress.
    below: Vec<f32>,
    above: Vec<f32>,
}

impl<'n> Stream<'n> {
    pub(crate) fn new(network: &'n Network) -> Self {
        let directions = network.layers().iter().flat_map(|layer| layer.directions.first());
        let states = directions.map(|direction| direction.start()).collect();
        Self {
            network,
            states,
            frames: 0,
            early: network.look_ahead(),
            last: Vec::new(),
            below: Vec::new(),
            above: Vec::new(),
        }
    }

    /// The number of frames that it has read.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Reads the next normalised frames, `[frames, inputs]`, and appends the log posteriors, `[frames, outputs]`, that are known now to
    /// `out`: without look-ahead those of the same frames. They do not
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

    /// Ends the stream: appends the log posteriors of the frames whose look-ahead is not complete.
    pub fn finish(mut self, out: &mut Vec<f32>) {
        let (network, first) = (self.network, out.len());
        self.last_logits(out);
        network.normalise(&mut out[first..]);
    }

    /// Appends the logits of frames that have been checked.
    pub(crate) fn logits(&mut self, features: &[f32], logits: &mut Vec<f32>) {
        let network = self.network;
        self.frames += (features.len() / network.inputs()) as u64;
        if network.look_ahead() > 0
            && let Some(last) = features.len().checked_sub(network.inputs())
        {
            self.last.clear();
            self.last.extend_from_slice(&features[last..]);
        }
        self.read(features, logits);
    }

    /// Appends the logits of the frames whose look-ahead is not complete.
    pub(crate) fn last_logits(&mut self, logits: &mut Vec<f32>) {
        let again = self.last.repeat(self.network.look_ahead());
        self.read(&again, logits);
    }

    fn read(&mut self, features: &[f32], logits: &mut Vec<f32>) {
        let network = self.network;
        for block in features.chunks(BLOCK * network.inputs()) {
            self.below.clear();
            self.below.extend_from_slice(block);
            for (layer, state) in network.layers().iter().zip(&mut self.states) {
                layer.advance(network.level(), &self.below, state, &mut self.above);
                std::mem::swap(&mut self.below, &mut self.above);
            }
            let read = block.len() / network.inputs();
            let early = self.early.min(read);
            self.early -= early;
            let width = self.below.len() / read;
            network.output_layer(&self.below[early * width..], logits);
        }
    }
}
