use crate::error::Error;
use crate::layer::{Direction, Layer};
use crate::level::Level;
use crate::softmax::log_softmax;
use crate::weights::Weights;
use std::collections::BTreeMap;
use stentor_experiment::Architecture;

/// A parameter: its name, its shape, and its values in row-major order.
pub type NamedSlice<'a> = (&'a str, &'a [usize], &'a [f32]);

/// A trained acoustic model, for inference.
///
/// It is computed in the calling thread. Any number of threads may use one network.
#[derive(Clone)]
pub struct Network {
    level: Level,
    inputs: usize,
    layers: Vec<Layer>,
    output: Weights,
    output_bias: Vec<f32>,
    streams: bool,
    look_ahead: usize,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("level", &self.level)
            .field("inputs", &self.inputs)
            .field("layers", &self.layers.len())
            .field("outputs", &self.outputs())
            .field("streams", &self.streams)
            .field("look_ahead", &self.look_ahead)
            .finish_non_exhaustive()
    }
}

impl Network {
    /// A network of this architecture with `inputs` values per frame and `outputs` senones. The parameters may be in any order;
    /// they are copied.
    ///
    /// # Errors
    /// [`Error::Architecture`] and [`Error::Size`] for an impossible size; [`Error::MissingParameter`],
    /// [`Error::UnknownParameter`], [`Error::RepeatedParameter`] and [`Error::ParameterShape`] if the parameters are those of
    /// another model; [`Error::ParameterValue`] if one is not a finite number.
    pub fn new<'a>(
        architecture: &Architecture,
        inputs: usize,
        outputs: usize,
        parameters: impl IntoIterator<Item = NamedSlice<'a>>,
    ) -> Result<Self, Error> {
        Self::for_level(Level::best(), architecture, inputs, outputs, parameters)
    }

    pub(crate) fn for_level<'a>(
        level: Level,
        architecture: &Architecture,
        inputs: usize,
        outputs: usize,
        parameters: impl IntoIterator<Item = NamedSlice<'a>>,
    ) -> Result<Self, Error> {
        architecture.validate().map_err(Error::Architecture)?;
        for (what, found) in [("inputs", inputs), ("outputs", outputs)] {
            if !(1..=MAX_SIZE).contains(&found) {
                return Err(Error::Size { what, expected: "1 to 1048576", found });
            }
        }
        let Architecture::Lstm(settings) = architecture.resolved();
        let ordered = in_order(architecture.parameters(inputs, outputs), parameters)?;
        // Four parameters for each layer and direction, then the two of the output layer.
        let (directions, output) = ordered.as_chunks();
        let [output, output_bias] = output else { unreachable!("the layout ends with the output layer") };
        let directions: Vec<Direction> = directions.iter().map(direction).collect();
        let layers = directions.chunks(settings.directions());
        Ok(Self {
            level,
            inputs,
            layers: layers.map(|directions| Layer { directions: directions.to_vec() }).collect(),
            output: output.pack(),
            output_bias: output_bias.values.to_vec(),
            streams: architecture.streams(),
            look_ahead: architecture.look_ahead() as usize,
        })
    }

    /// Values per frame.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of senones.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.output_bias.len()
    }

    /// Whether it can run frame by frame; if not, it needs whole utterances.
    #[must_use]
    pub fn streams(&self) -> bool {
        self.streams
    }

    /// Frames that it reads before it gives the output of a frame.
    #[must_use]
    pub fn look_ahead(&self) -> usize {
        self.look_ahead
    }

    pub(crate) fn level(&self) -> Level {
        self.level
    }

    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Appends the logits of frames of the top layer.
    pub(crate) fn output_layer(&self, hidden: &[f32], logits: &mut Vec<f32>) {
        let first = logits.len();
        for _ in 0..hidden.len() / self.output.inputs() {
            logits.extend_from_slice(&self.output_bias);
        }
        self.output.add_product(self.level, hidden, &mut logits[first..]);
    }

    /// Replaces logits by log posteriors.
    pub(crate) fn normalise(&self, logits: &mut [f32]) {
        logits.chunks_exact_mut(self.outputs()).for_each(|frame| log_softmax(self.level, frame));
    }

    /// Checks features of which the first frame has the number `first`.
    pub(crate) fn check(&self, features: &[f32], first: u64) -> Result<(), Error> {
        let inputs = self.inputs;
        if !features.len().is_multiple_of(inputs) {
            return Err(Error::Frames { inputs, values: features.len() });
        }
        match features.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(place) => {
                let (frame, index) = (first + (place / inputs) as u64, place % inputs);
                Err(Error::Feature { frame, index, found: features[place] })
            }
        }
    }
}

/// The largest numbers of inputs and outputs, far above those of any model: shapes cannot overflow.
const MAX_SIZE: usize = 1 << 20;

/// A parameter with the shape that the architecture gives it.
struct Parameter<'a> {
    shape: Vec<usize>,
    values: &'a [f32],
}

impl Parameter<'_> {
    /// Packs a matrix.
    fn pack(&self) -> Weights {
        Weights::pack(self.values, self.shape[1])
    }
}

fn direction([input, recurrent, input_bias, recurrent_bias]: &[Parameter<'_>; 4]) -> Direction {
    let biases = input_bias.values.iter().zip(recurrent_bias.values);
    let bias = biases.map(|(input, recurrent)| input + recurrent).collect();
    Direction { input: input.pack(), recurrent: recurrent.pack(), bias }
}

/// Puts parameters into the architecture's order.
fn in_order<'a>(
    expected: Vec<(String, Vec<usize>)>,
    given: impl IntoIterator<Item = NamedSlice<'a>>,
) -> Result<Vec<Parameter<'a>>, Error> {
    let mut by_name = BTreeMap::new();
    for (name, shape, values) in given {
        if by_name.insert(name, (shape, values)).is_some() {
            return Err(Error::RepeatedParameter { name: name.to_owned() });
        }
    }
    let mut ordered = Vec::with_capacity(expected.len());
    for (name, expected) in expected {
        let Some((found, values)) = by_name.remove(name.as_str()) else {
            return Err(Error::MissingParameter { name });
        };
        if found != expected || values.len() != expected.iter().product::<usize>() {
            let (found, values) = (found.to_vec(), values.len());
            return Err(Error::ParameterShape { name, expected, found, values });
        }
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::ParameterValue { name, index, found: values[index] });
        }
        ordered.push(Parameter { shape: expected, values });
    }
    match by_name.keys().next() {
        None => Ok(ordered),
        Some(name) => Err(Error::UnknownParameter { name: (*name).to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_experiment::Lstm;

    #[test]
    fn every_cpu_gives_the_same_bits() {
        for bidirectional in [false, true] {
            let lstm = Lstm { layers: 2, width: 20, bidirectional, ..Lstm::default() };
            let architecture: Architecture = lstm.into();
            let value = |n: usize| ((n * 7919 % 1000) as f32 / 1000.0) - 0.5;
            let parameters: Vec<_> = architecture
                .parameters(11, 70)
                .into_iter()
                .map(|(name, shape)| {
                    (name, (0..shape.iter().product()).map(value).collect::<Vec<_>>(), shape)
                })
                .collect();
            let features: Vec<f32> = (0..50 * 11).map(value).collect();
            let mut first = None;
            for level in Level::all() {
                let named =
                    parameters.iter().map(|(name, values, shape)| (name.as_str(), &shape[..], &values[..]));
                let network = Network::for_level(level, &architecture, 11, 70, named).unwrap();
                let found = network.log_posteriors(&features).unwrap();
                let found: Vec<u32> = found.iter().map(|value| value.to_bits()).collect();
                assert_eq!(first.get_or_insert_with(|| found.clone()), &found, "{level:?}");
            }
        }
    }
}
