use crate::error::Error;
use crate::lstm::LstmModel;
use crate::parameters::ParameterVector;
use crate::shape::ModelShape;
use stentor_experiment::Family;
use tch::{Device, Tensor};

/// Whether a forward pass keeps what the inner layers put out, for objectives that look at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InnerLayers {
    /// Only the logits are kept.
    Skip,
    /// [`Outputs::hidden`] holds every layer's output.
    Keep,
}

/// What a forward pass puts out.
pub struct Outputs {
    /// Senone logits, `[batch, frames, senones]`. Padding frames hold arbitrary finite values.
    pub logits: Tensor,
    /// Each inner layer's output, `[batch, frames, directions × width]`, lowest first; empty unless asked for.
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

/// What a unidirectional model carries from one frame to the next. Its content is the model family's own affair.
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

    /// Forward pass over `features`, `[batch, frames, inputs]` f32, each sequence from a zero state; `lengths[b]` of
    /// sequence `b`'s frames are valid. Differentiable unless run under [`tch::no_grad`].
    ///
    /// # Errors
    /// [`Error::Shape`] where sizes disagree, [`Error::Torch`] where libtorch refuses.
    fn forward_with(&self, features: &Tensor, lengths: &[i64], inner: InnerLayers) -> Result<Outputs, Error>;

    /// [`forward_with`](Self::forward_with) without inner layers.
    ///
    /// # Errors
    /// As there.
    fn forward(&self, features: &Tensor, lengths: &[i64]) -> Result<Outputs, Error> {
        self.forward_with(features, lengths, InnerLayers::Skip)
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

    /// The top inner layer's output, `[batch, frames, directions × width]`, of `features` as [`forward_with`](Self::forward_with)
    /// takes them, without gradients: what [`logits`](Self::logits) makes logits of, a few frames at a time where all of them
    /// would be large.
    ///
    /// # Errors
    /// As there.
    fn top_layer(&self, features: &Tensor, lengths: &[i64]) -> Result<Tensor, Error>;

    /// Logits, `[.., senones]`, of outputs of the top inner layer, `[.., directions × width]`.
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

    /// Logits `[batch, frames, senones]` of the next `frames` (one or more), `[batch, frames, inputs]`; the state moves
    /// on. Frame by frame and whole utterance agree within rounding.
    ///
    /// # Errors
    /// [`Error::NotStreaming`] for a model that needs whole utterances, [`Error::Shape`] where sizes disagree.
    fn stream(&self, features: &Tensor, state: &mut StreamState) -> Result<Tensor, Error>;
}

/// A model with freshly initialised parameters: the same bits for the same shape and seed, everywhere.
///
/// # Errors
/// [`Error::Shape`] for an impossible shape, [`Error::Torch`] where the device cannot hold the model.
pub fn build(shape: &ModelShape, seed: u64, device: Device) -> Result<Box<dyn AcousticModel>, Error> {
    match shape.model.family {
        Family::Lstm => Ok(Box::new(LstmModel::new(shape, seed, device)?)),
    }
}

/// A model with given parameters, by name in any order, that only infers: it holds no gradient, its parameters are frozen, and
/// any number of threads may [`share`](AcousticModel::share) them.
///
/// # Errors
/// [`Error::Shape`] for an impossible shape, [`Error::UnknownParameter`], [`Error::ParameterShape`] and
/// [`Error::MissingParameter`] where the parameters are another model's, [`Error::Torch`] where the device cannot hold them.
pub fn load<'a>(
    shape: &ModelShape,
    parameters: impl IntoIterator<Item = (&'a str, &'a [usize], &'a [f32])>,
    device: Device,
) -> Result<Box<dyn AcousticModel>, Error> {
    match shape.model.family {
        Family::Lstm => Ok(Box::new(LstmModel::load(shape, parameters, device)?)),
    }
}
