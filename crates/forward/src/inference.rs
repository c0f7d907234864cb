//! What a network computes: whole utterances, and streams.

use crate::error::Error;
use crate::network::Network;
use crate::stream::Stream;

impl Network {
    /// A stream before its first frame.
    ///
    /// # Errors
    /// [`Error::NotStreaming`] for a bidirectional network.
    pub fn stream(&self) -> Result<Stream<'_>, Error> {
        if self.streams() { Ok(Stream::new(self)) } else { Err(Error::NotStreaming) }
    }

    /// The log posteriors of a whole utterance, `[frames, outputs]`, from its normalised features, `[frames, inputs]`.
    ///
    /// # Errors
    /// [`Error::Frames`], [`Error::Feature`].
    pub fn log_posteriors(&self, features: &[f32]) -> Result<Vec<f32>, Error> {
        let mut logits = self.logits(features)?;
        self.normalise(&mut logits);
        Ok(logits)
    }

    /// The logits of a whole utterance: [`log_posteriors`](Self::log_posteriors) before the softmax.
    ///
    /// # Errors
    /// [`Error::Frames`], [`Error::Feature`].
    pub fn logits(&self, features: &[f32]) -> Result<Vec<f32>, Error> {
        self.check(features, 0)?;
        let mut logits = Vec::new();
        if self.streams() {
            let mut stream = Stream::new(self);
            stream.logits(features, &mut logits);
            stream.last_logits(&mut logits);
        } else {
            let hidden = self.layers().iter().fold(None, |below: Option<Vec<f32>>, layer| {
                Some(layer.whole(self.level(), below.as_deref().unwrap_or(features)))
            });
            self.output_layer(&hidden.unwrap_or_default(), &mut logits);
        }
        Ok(logits)
    }
}
