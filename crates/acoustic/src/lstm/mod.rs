//! Stacks of LSTM layers and a linear output layer.

mod fused;
mod native;

use crate::error::Error;
use crate::model::{AcousticModel, Outputs, StreamState};
use crate::parameters::{NamedSlice, ParameterSlot, ParameterVector};
use crate::pass::{Dropout, InnerLayers, Pass};
use crate::random::Stream;
use crate::shape::ModelShape;
use stentor_experiment::{Architecture, Lstm};
use tch::{Device, Kind, Tensor};

/// Parameters of one layer and direction, in this order: input weight `[4·width, inputs]`, recurrent weight `[4·width,
/// width]`, input bias and recurrent bias `[4·width]`; rows are ordered by gate: i, f, g, o. The layout is that of
/// [`Architecture::parameters`].
const PER_DIRECTION: usize = 4;

/// LSTM of any depth and width (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000 and no peepholes):
/// a unidirectional student or a bidirectional teacher.
///
/// In a bidirectional layer each direction is a separate LSTM; the backward one reads each sequence from its last valid
/// frame, so that padding has no effect. A layer's output is the concatenation of forward and backward.
#[derive(Debug)]
pub struct LstmModel {
    shape: ModelShape,
    settings: Lstm,
    parameters: ParameterVector,
    engine: Engine,
}

/// Implementation of the recurrent layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    /// libtorch's LSTM and autograd: any device.
    Native,
    /// Our own forward and backward pass: main memory only, and faster on the CPU.
    Fused,
}

impl Engine {
    fn on(device: Device) -> Self {
        if device == Device::Cpu { Engine::Fused } else { Engine::Native }
    }
}

/// Initial values of a parameter: LSTM weights uniform within ±1/√width; the forget gate's input bias 1, so that a
/// newly initialised cell remembers (Jozefowicz et al. 2015), and all other biases 0; output weights uniform within
/// ±1/√fan-in.
fn fill(settings: &Lstm, seed: u64, slot: &ParameterSlot, values: &mut [f32]) {
    let width = settings.width as usize;
    let uniform = |values: &mut [f32], fan_in: usize| {
        let stream = Stream::new(seed, &slot.name);
        let bound = 1.0 / (fan_in as f32).sqrt();
        values.iter_mut().zip(0..).for_each(|(value, n)| *value = stream.uniform(n, bound));
    };
    if slot.name == "output.weight" {
        uniform(values, settings.directions() * width);
    } else if slot.name.ends_with("_weight") {
        uniform(values, width);
    } else if slot.name.ends_with("input_bias") {
        values[width..2 * width].fill(1.0);
    }
}

/// Values of working memory per frame: the inputs, the layers' outputs, and the gates of one layer.
pub(crate) fn values_per_frame(settings: &Lstm, inputs: usize) -> usize {
    inputs + settings.directions() * settings.width as usize * (settings.layers as usize + 8)
}

/// Returns the settings of a shape of this family after checking its sizes.
fn checked(shape: &ModelShape) -> Result<Lstm, Error> {
    shape.validate()?;
    let Architecture::Lstm(settings) = &shape.architecture;
    Ok(settings.resolved())
}

impl LstmModel {
    /// Builds a model with initial parameters drawn from `seed`.
    ///
    /// # Errors
    /// See [`build`](crate::build).
    pub fn new(shape: &ModelShape, seed: u64, device: Device) -> Result<Self, Error> {
        let settings = checked(shape)?;
        let fill = |slot: &ParameterSlot, values: &mut [f32]| fill(&settings, seed, slot, values);
        let parameters = ParameterVector::new(shape.parameters(), fill, device)?;
        Ok(Self { shape: shape.clone(), settings, parameters, engine: Engine::on(device) })
    }

    /// Loads a model for inference from parameters given by name in any order.
    ///
    /// # Errors
    /// See [`load`](crate::load).
    pub fn load<'a>(
        shape: &ModelShape,
        parameters: impl IntoIterator<Item = NamedSlice<'a>>,
        device: Device,
    ) -> Result<Self, Error> {
        let settings = checked(shape)?;
        let parameters = ParameterVector::frozen(shape.parameters(), parameters, device)?;
        Ok(Self { shape: shape.clone(), settings, parameters, engine: Engine::on(device) })
    }

    /// Number of units per layer and direction.
    fn width(&self) -> usize {
        self.settings.width as usize
    }

    fn layers(&self) -> usize {
        self.settings.layers as usize
    }

    fn directions(&self) -> usize {
        self.settings.directions()
    }

    /// The four parameters of a layer and direction.
    fn direction(&self, layer: usize, direction: usize) -> &[Tensor] {
        let first = (layer * self.directions() + direction) * PER_DIRECTION;
        &self.parameters.views()[first..first + PER_DIRECTION]
    }

    /// Computes the logits from the top layer's output.
    fn output(&self, hidden: &Tensor) -> Result<Tensor, Error> {
        let views = self.parameters.views();
        let [weight, bias] = &views[views.len() - 2..] else {
            unreachable!("the layout ends with the output layer")
        };
        Ok(hidden.f_linear(weight, Some(bias))?)
    }

    fn check_input(&self, features: &Tensor, lengths: &[i64]) -> Result<(), Error> {
        let (batch, frames) = self.check_features(features)?;
        if lengths.len() as i64 != batch || lengths.iter().any(|n| !(0..=frames).contains(n)) {
            let expected = format!("{batch} lengths of 0 to {frames} frames");
            return Err(Error::shape("lengths", expected, format!("{lengths:?}")));
        }
        Ok(())
    }

    fn check_features(&self, features: &Tensor) -> Result<(i64, i64), Error> {
        let size = features.size();
        let [batch, frames, inputs] = size[..] else {
            return Err(Error::shape("features", "[batch, frames, inputs]", format!("{size:?}")));
        };
        if inputs != self.shape.inputs as i64 || batch == 0 || frames == 0 {
            let expected = format!("[batch, frames, {}] with at least one frame", self.shape.inputs);
            return Err(Error::shape("features", expected, format!("{size:?}")));
        }
        if features.kind() != Kind::Float {
            return Err(Error::shape("features", "32-bit floats", format!("{:?}", features.kind())));
        }
        Ok((batch, frames))
    }
}

impl AcousticModel for LstmModel {
    fn shape(&self) -> &ModelShape {
        &self.shape
    }

    fn parameters(&self) -> &ParameterVector {
        &self.parameters
    }

    fn streams(&self) -> bool {
        !self.settings.bidirectional
    }

    fn values_per_frame(&self) -> usize {
        values_per_frame(&self.settings, self.shape.inputs)
    }

    fn forward_with(&self, features: &Tensor, lengths: &[i64], pass: Pass) -> Result<Outputs, Error> {
        self.check_input(features, lengths)?;
        if self.engine == Engine::Fused {
            return fused::forward(self, features, lengths, pass);
        }
        let hidden = native::forward(self, features, lengths, pass.dropout())?;
        let logits = self.output(hidden.last().expect("a model has at least one layer"))?;
        let hidden = if pass.inner == InnerLayers::Keep { hidden } else { Vec::new() };
        Ok(Outputs::new(logits, hidden))
    }

    fn top_layer(&self, features: &Tensor, lengths: &[i64]) -> Result<Tensor, Error> {
        self.check_input(features, lengths)?;
        match self.engine {
            Engine::Fused => fused::top_layer(self, features, lengths),
            Engine::Native => tch::no_grad(|| {
                let mut layers = native::forward(self, features, lengths, Dropout::NONE)?;
                Ok(layers.pop().expect("a model has at least one layer"))
            }),
        }
    }

    fn logits(&self, top_layer: &Tensor) -> Result<Tensor, Error> {
        self.output(top_layer)
    }

    fn share(&self) -> Result<Box<dyn AcousticModel>, Error> {
        let (shape, settings) = (self.shape.clone(), self.settings.clone());
        let parameters = self.parameters.share()?;
        Ok(Box::new(Self { shape, settings, parameters, engine: self.engine }))
    }

    fn start_stream(&self, batch: usize) -> Result<StreamState, Error> {
        if self.settings.bidirectional {
            return Err(Error::NotStreaming);
        }
        let size = [1, batch as i64, self.width() as i64];
        let zeros = || Tensor::f_zeros(size, (Kind::Float, self.parameters.device()));
        let tensors = (0..2 * self.layers()).map(|_| zeros()).collect::<Result<_, _>>()?;
        Ok(StreamState { tensors })
    }

    fn stream(&self, features: &Tensor, state: &mut StreamState) -> Result<Tensor, Error> {
        if self.settings.bidirectional {
            return Err(Error::NotStreaming);
        }
        let (batch, _) = self.check_features(features)?;
        let expected = [1, batch, self.width() as i64];
        if state.tensors.len() != 2 * self.layers() || state.tensors.iter().any(|t| t.size() != expected) {
            let found = state.tensors.first().map_or_else(Vec::new, Tensor::size);
            return Err(Error::shape(
                "stream state",
                format!("{expected:?} per layer"),
                format!("{found:?}"),
            ));
        }
        let hidden = native::stream(self, features, state)?;
        self.output(&hidden)
    }
}

#[cfg(test)]
mod tests;
