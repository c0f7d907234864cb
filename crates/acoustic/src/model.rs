use crate::error::Error;
use crate::parameters::{NamedSlice, NamedValues, ParameterVector};
use crate::pass::Pass;
use crate::shape::{FrameSizes, ModelShape};
use tch::Tensor;

/// The outputs of a forward pass.
pub struct Outputs {
    /// Senone logits, `[batch, output frames, senones]`. Padding frames contain arbitrary finite values.
    pub logits: Tensor,
    /// Each inner layer's output, `[batch, frames, width]`, lowest first; empty unless requested.
    pub hidden: Vec<Tensor>,
    /// Values for the backward pass, unless libtorch performs it.
    pub(crate) tape: Option<Box<dyn Tape>>,
}

/// The record of a forward pass that libtorch's autograd did not make.
pub(crate) trait Tape: Send {
    /// Adds the gradient of `loss` to the flat gradient.
    fn backward(self: Box<Self>, parameters: &ParameterVector, loss: &Tensor) -> Result<(), Error>;
}

impl Outputs {
    /// Outputs whose gradient libtorch computes.
    #[must_use]
    pub fn new(logits: Tensor, hidden: Vec<Tensor>) -> Self {
        Self { logits, hidden, tape: None }
    }
}

impl std::fmt::Debug for Outputs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outputs")
            .field("logits", &self.logits)
            .field("hidden", &self.hidden)
            .finish_non_exhaustive()
    }
}

/// The state that a streaming model carries from one frame to the next. Its contents depend on the model family.
#[derive(Debug)]
pub struct StreamState {
    /// Recurrent state, such as `[1, batch, width]` per layer.
    pub(crate) tensors: Vec<Tensor>,
}

/// A model family: frames in, senone logits out, named parameters in one flat vector.
///
/// Sequences are padded on the right. A padding frame never changes a valid frame's logits, in either direction.
pub trait AcousticModel: Send {
    /// The model's size.
    fn shape(&self) -> &ModelShape;

    /// Its parameters.
    fn parameters(&self) -> &ParameterVector;

    /// Sizes of a frame, and the frame-rate ratio.
    fn frames(&self) -> FrameSizes {
        self.shape().frames()
    }

    /// Whether the model can run frame by frame ([`stream`](Self::stream)); if not, it needs whole utterances.
    fn streams(&self) -> bool;

    /// Values of working memory per frame of a forward pass without a gradient, excluding the output layer. It limits
    /// how many frames pass through the model together.
    fn values_per_frame(&self) -> usize;

    /// Returns copies of its buffers: values that belong to the model and are not trained, such as fixed scales of its
    /// inputs. They are the same on every replica, because only [`load_buffers`](Self::load_buffers) changes them.
    /// Checkpoints store them beside the parameters, and no buffer has the name of a parameter.
    fn buffers(&self) -> Vec<NamedValues> {
        Vec::new()
    }

    /// Overwrites all buffers by name, in any order. Nothing changes unless every name and shape matches.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], [`Error::ParameterShape`] or [`Error::MissingParameter`], naming the first
    /// mismatch.
    fn load_buffers(&self, buffers: &[NamedSlice<'_>]) -> Result<(), Error> {
        match buffers.first() {
            None => Ok(()),
            Some((name, ..)) => Err(Error::UnknownParameter { name: (*name).to_owned() }),
        }
    }

    /// Forward pass over `features`, `[batch, frames, inputs]` f32, each sequence from a zero state; the first
    /// `lengths[b]` frames of sequence `b` are valid. Differentiable unless run under [`tch::no_grad`].
    ///
    /// # Errors
    /// [`Error::Shape`] if sizes disagree, [`Error::Torch`] if libtorch fails.
    fn forward_with(&self, features: &Tensor, lengths: &[i64], pass: Pass) -> Result<Outputs, Error>;

    /// [`forward_with`](Self::forward_with) for inference, without inner layers.
    ///
    /// # Errors
    /// See [`forward_with`](Self::forward_with).
    fn forward(&self, features: &Tensor, lengths: &[i64]) -> Result<Outputs, Error> {
        self.forward_with(features, lengths, Pass::default())
    }

    /// Adds the gradient of the scalar `loss`, computed from `outputs`, to the parameters' flat gradient. Consumes the
    /// values that the forward pass kept for it: one call per forward pass.
    ///
    /// # Errors
    /// [`Error::Torch`] if libtorch fails, for instance if `loss` does not depend on `outputs`.
    fn backward(&self, outputs: Outputs, loss: &Tensor) -> Result<(), Error> {
        let parameters = self.parameters();
        match outputs.tape {
            Some(tape) => tape.backward(parameters, loss),
            None => {
                parameters.accumulate(&Tensor::f_run_backward(&[loss], parameters.views(), false, false)?)
            }
        }
    }

    /// Returns the top inner layer's output, `[batch, output frames, width]`, for `features` as in
    /// [`forward_with`](Self::forward_with), without gradients. [`logits`](Self::logits) converts it to logits, a few
    /// frames at a time if all logits together would be large.
    ///
    /// # Errors
    /// See [`forward_with`](Self::forward_with).
    fn top_layer(&self, features: &Tensor, lengths: &[i64]) -> Result<Tensor, Error>;

    /// Returns the logits, `[.., senones]`, of outputs of the top inner layer, `[.., width]`.
    ///
    /// # Errors
    /// [`Error::Torch`] if libtorch fails.
    fn logits(&self, top_layer: &Tensor) -> Result<Tensor, Error>;

    /// Returns the same model with the same parameters in memory, for another thread.
    ///
    /// # Errors
    /// [`Error::NotFrozen`] for a model that can still learn.
    fn share(&self) -> Result<Box<dyn AcousticModel>, Error>;

    /// Returns the state before the first frame, for `batch` parallel sequences.
    ///
    /// # Errors
    /// [`Error::NotStreaming`] for a model that needs whole utterances.
    fn start_stream(&self, batch: usize) -> Result<StreamState, Error>;

    /// Returns the logits `[batch, output frames, senones]` of the next `frames` (one or more), `[batch, frames,
    /// inputs]`, and advances the state. Results agree with those of the whole utterance within rounding if each piece
    /// except the last is a multiple of the frame-rate ratio.
    ///
    /// # Errors
    /// [`Error::NotStreaming`] for a model that needs whole utterances, [`Error::Shape`] if sizes disagree.
    fn stream(&self, features: &Tensor, state: &mut StreamState) -> Result<Tensor, Error>;
}

impl dyn AcousticModel + '_ {
    /// Overwrites all parameters and buffers by name, in any order: everything that a checkpoint contains of a model.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], [`Error::ParameterShape`] or [`Error::MissingParameter`], naming the first
    /// mismatch; [`Error::Frozen`].
    pub fn restore<'a>(&self, tensors: impl IntoIterator<Item = NamedSlice<'a>>) -> Result<(), Error> {
        let own = self.buffers();
        let is_buffer = |(name, ..): &NamedSlice<'_>| own.iter().any(|buffer| buffer.name == *name);
        let (buffers, parameters): (Vec<_>, Vec<_>) = tensors.into_iter().partition(is_buffer);
        self.load_buffers(&buffers)?;
        self.parameters().load_named(parameters)
    }
}
