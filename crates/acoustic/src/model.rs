use crate::error::Error;
use crate::parameters::{NamedSlice, NamedValues, ParameterVector};
use crate::pass::Pass;
use crate::shape::{FrameSizes, ModelShape};
use tch::Tensor;

/// What a forward pass puts out.
pub struct Outputs {
    /// Senone logits, `[batch, output frames, senones]`. Padding frames hold arbitrary finite values.
    pub logits: Tensor,
    /// Each inner layer's output, `[batch, frames, width]`, lowest first; empty unless asked for.
    pub hidden: Vec<Tensor>,
    /// What the backward pass needs where it is not libtorch's.
    pub(crate) tape: Option<Box<dyn Tape>>,
}

/// The memory of a forward pass that libtorch's autograd did not record.
pub(crate) trait Tape: Send {
    /// Adds the gradient of `loss` to the flat gradient.
    fn backward(self: Box<Self>, parameters: &ParameterVector, loss: &Tensor) -> Result<(), Error>;
}

impl Outputs {
    /// Outputs whose gradient is libtorch's own affair.
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

/// What a model that streams carries from one frame to the next. Its content is the model family's own affair.
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

    /// Whether it can run frame by frame ([`stream`](Self::stream)); one that cannot needs whole utterances.
    fn streams(&self) -> bool;

    /// Values of working memory for each frame of a forward pass without a gradient, the output layer left out. It bounds
    /// how many frames go through the model together.
    fn values_per_frame(&self) -> usize;

    /// Copies of its buffers: values that belong to the model and are not trained, such as fixed scales of its inputs.
    /// They are the same on every replica, because nothing changes them but [`load_buffers`](Self::load_buffers).
    /// Checkpoints hold them beside the parameters, and no buffer has a parameter's name.
    fn buffers(&self) -> Vec<NamedValues> {
        Vec::new()
    }

    /// Overwrites all buffers by name, in any order. Nothing changes unless every name and shape fits.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], [`Error::ParameterShape`], [`Error::MissingParameter`] naming the first misfit.
    fn load_buffers(&self, buffers: &[NamedSlice<'_>]) -> Result<(), Error> {
        match buffers.first() {
            None => Ok(()),
            Some((name, ..)) => Err(Error::UnknownParameter { name: (*name).to_owned() }),
        }
    }

    /// Forward pass over `features`, `[batch, frames, inputs]` f32, each sequence from a zero state; `lengths[b]` of
    /// sequence `b`'s frames are valid. Differentiable unless run under [`tch::no_grad`].
    ///
    /// # Errors
    /// [`Error::Shape`] where sizes disagree, [`Error::Torch`] where libtorch refuses.
    fn forward_with(&self, features: &Tensor, lengths: &[i64], pass: Pass) -> Result<Outputs, Error>;

    /// [`forward_with`](Self::forward_with) of a model in use, without inner layers.
    ///
    /// # Errors
    /// As there.
    fn forward(&self, features: &Tensor, lengths: &[i64]) -> Result<Outputs, Error> {
        self.forward_with(features, lengths, Pass::default())
    }

    /// Adds the gradient of the scalar `loss`, computed from `outputs`, to the parameters' flat gradient. Consumes what
    /// the forward pass kept for it: one call for each forward pass.
    ///
    /// # Errors
    /// [`Error::Torch`] where libtorch refuses, for instance when `loss` does not depend on `outputs`.
    fn backward(&self, outputs: Outputs, loss: &Tensor) -> Result<(), Error> {
        let parameters = self.parameters();
        match outputs.tape {
            Some(tape) => tape.backward(parameters, loss),
            None => {
                parameters.accumulate(&Tensor::f_run_backward(&[loss], parameters.views(), false, false)?)
            }
        }
    }

    /// The top inner layer's output, `[batch, output frames, width]`, of `features` as [`forward_with`](Self::forward_with)
    /// takes them, without gradients: what [`logits`](Self::logits) makes logits of, a few frames at a time where all of them
    /// would be large.
    ///
    /// # Errors
    /// As there.
    fn top_layer(&self, features: &Tensor, lengths: &[i64]) -> Result<Tensor, Error>;

    /// Logits, `[.., senones]`, of outputs of the top inner layer, `[.., width]`.
    ///
    /// # Errors
    /// [`Error::Torch`] where libtorch refuses.
    fn logits(&self, top_layer: &Tensor) -> Result<Tensor, Error>;

    /// The same model on the same parameters, for another thread.
    ///
    /// # Errors
    /// [`Error::NotFrozen`] for a model that can still learn.
    fn share(&self) -> Result<Box<dyn AcousticModel>, Error>;

    /// The state before the first frame, for `batch` sequences at a time.
    ///
    /// # Errors
    /// [`Error::NotStreaming`] for a model that needs whole utterances.
    fn start_stream(&self, batch: usize) -> Result<StreamState, Error>;

    /// Logits `[batch, output frames, senones]` of the next `frames` (one or more), `[batch, frames, inputs]`; the state moves
    /// on. Frame by frame and whole utterance agree within rounding, where each piece but the last is a multiple of the
    /// frame-rate ratio.
    ///
    /// # Errors
    /// [`Error::NotStreaming`] for a model that needs whole utterances, [`Error::Shape`] where sizes disagree.
    fn stream(&self, features: &Tensor, state: &mut StreamState) -> Result<Tensor, Error>;
}

impl dyn AcousticModel + '_ {
    /// Overwrites all parameters and buffers by name, in any order: what a checkpoint holds of a model.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], [`Error::ParameterShape`], [`Error::MissingParameter`] naming the first misfit;
    /// [`Error::Frozen`].
    pub fn restore<'a>(&self, tensors: impl IntoIterator<Item = NamedSlice<'a>>) -> Result<(), Error> {
        let own = self.buffers();
        let is_buffer = |(name, ..): &NamedSlice<'_>| own.iter().any(|buffer| buffer.name == *name);
        let (buffers, parameters): (Vec<_>, Vec<_>) = tensors.into_iter().partition(is_buffer);
        self.load_buffers(&buffers)?;
        self.parameters().load_named(parameters)
    }
}
