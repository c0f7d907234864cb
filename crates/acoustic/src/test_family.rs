//! A model family for tests, with features that no product family has yet: several frames become one output frame, and
//! it has a buffer. `ratio` adjacent frames pass through one hidden layer.

use crate::error::Error;
use crate::model::{AcousticModel, Outputs, StreamState};
use crate::parameters::{NamedSlice, NamedValues, ParameterSlot, ParameterVector};
use crate::pass::{InnerLayers, Pass};
use crate::random::Stream;
use crate::shape::{FrameSizes, ModelShape};
use stentor_experiment::Architecture;
use tch::{Device, Kind, Tensor};

const WIDTH: usize = 16;
const SCALE: &str = "input_scale";

pub(crate) struct StackedFrames {
    shape: ModelShape,
    ratio: usize,
    parameters: ParameterVector,
    /// Factor of each input, `[inputs]`: a buffer.
    scale: Tensor,
}

impl StackedFrames {
    pub(crate) fn new(inputs: usize, senones: usize, ratio: usize) -> Self {
        let parameters = vec![
            ("hidden.weight".to_owned(), vec![WIDTH, ratio * inputs]),
            ("hidden.bias".to_owned(), vec![WIDTH]),
            ("output.weight".to_owned(), vec![senones, WIDTH]),
            ("output.bias".to_owned(), vec![senones]),
        ];
        let fill = |slot: &ParameterSlot, values: &mut [f32]| {
            let stream = Stream::new(1, &slot.name);
            values.iter_mut().zip(0..).for_each(|(value, n)| *value = stream.uniform(n, 0.5));
        };
        Self {
            shape: ModelShape::new(&Architecture::default(), inputs, senones).unwrap(),
            ratio,
            parameters: ParameterVector::new(parameters, fill, Device::Cpu).unwrap(),
            scale: Tensor::ones([inputs as i64], (Kind::Float, Device::Cpu)),
        }
    }

    fn hidden(&self, features: &Tensor, lengths: &[i64]) -> Result<Tensor, Error> {
        let (batch, frames, inputs) = features.size3()?;
        let outputs = self.frames().output_frames(frames as usize) as i64;
        let missing = outputs * self.ratio as i64 - frames;
        let valid: Vec<f32> =
            lengths.iter().flat_map(|&n| (0..frames).map(move |t| if t < n { 1.0 } else { 0.0 })).collect();
        let valid = Tensor::f_from_slice(&valid)?.f_view([batch, frames, 1])?;
        let stacked = (features * valid * &self.scale).f_constant_pad_nd([0, 0, 0, missing])?.f_reshape([
            batch,
            outputs,
            self.ratio as i64 * inputs,
        ])?;
        let views = self.parameters.views();
        Ok(stacked.f_linear(&views[0], Some(&views[1]))?.f_tanh()?)
    }
}

impl AcousticModel for StackedFrames {
    fn shape(&self) -> &ModelShape {
        &self.shape
    }

    fn parameters(&self) -> &ParameterVector {
        &self.parameters
    }

    fn frames(&self) -> FrameSizes {
        FrameSizes { ratio: self.ratio, ..self.shape.frames() }
    }

    fn streams(&self) -> bool {
        true
    }

    fn values_per_frame(&self) -> usize {
        self.shape.inputs + WIDTH
    }

    fn buffers(&self) -> Vec<NamedValues> {
        let values = Vec::try_from(&self.scale).unwrap();
        vec![NamedValues { name: SCALE.to_owned(), shape: vec![self.shape.inputs], values }]
    }

    fn load_buffers(&self, buffers: &[NamedSlice<'_>]) -> Result<(), Error> {
        let [(SCALE, shape, values)] = *buffers else {
            return Err(Error::MissingParameter { name: SCALE.to_owned() });
        };
        if *shape != [self.shape.inputs] {
            let (expected, found) = (vec![self.shape.inputs], shape.to_vec());
            return Err(Error::ParameterShape { name: SCALE.to_owned(), expected, found });
        }
        Ok(self.scale.shallow_clone().f_copy_(&Tensor::f_from_slice(values)?)?)
    }

    fn forward_with(&self, features: &Tensor, lengths: &[i64], pass: Pass) -> Result<Outputs, Error> {
        let hidden = self.hidden(features, lengths)?;
        let size = <[i64; 3]>::try_from(hidden.size()).unwrap();
        let logits = match pass.dropout().factors(0, size, Device::Cpu)? {
            Some(factors) => self.logits(&(&hidden * factors))?,
            None => self.logits(&hidden)?,
        };
        let hidden = if pass.inner == InnerLayers::Keep { vec![hidden] } else { Vec::new() };
        Ok(Outputs::new(logits, hidden))
    }

    fn top_layer(&self, features: &Tensor, lengths: &[i64]) -> Result<Tensor, Error> {
        tch::no_grad(|| self.hidden(features, lengths))
    }

    fn logits(&self, top_layer: &Tensor) -> Result<Tensor, Error> {
        let views = self.parameters.views();
        Ok(top_layer.f_linear(&views[2], Some(&views[3]))?)
    }

    fn share(&self) -> Result<Box<dyn AcousticModel>, Error> {
        Err(Error::NotFrozen)
    }

    fn start_stream(&self, _batch: usize) -> Result<StreamState, Error> {
        Ok(StreamState { tensors: Vec::new() })
    }

    fn stream(&self, features: &Tensor, _state: &mut StreamState) -> Result<Tensor, Error> {
        let size = features.size();
        self.logits(&self.hidden(features, &vec![size[1]; size[0] as usize])?)
    }
}

mod tests {
    use super::*;
    use crate::batch::{Batch, Labels, Utterance};
    use crate::gradient::{Conditions, mean_gradient};
    use crate::inference::{Aligned, Limits, log_posteriors, posteriors_within, score};
    use crate::objective::HardLabels;
    use crate::optimizer::{Optimizer, Sgd};
    use crate::pass::Dropout;
    use stentor_inventory::SenoneId;

    const INPUTS: usize = 3;
    const RATIO: usize = 3;
    const LENGTHS: [usize; 4] = [12, 7, 1, 9];

    /// Features, and for each three frames the index of the largest input in the first of them.
    fn example() -> Vec<(Vec<f32>, Vec<SenoneId>)> {
        let stream = Stream::new(1, "example");
        let utterance = |(u, &frames): (usize, &usize)| {
            let noise = |n: usize| stream.uniform((u * 1000 + n) as u64, 1.0);
            let features: Vec<f32> = (0..frames * INPUTS).map(noise).collect();
            let largest =
                |frames: &[f32]| (0..INPUTS).max_by(|&a, &b| frames[a].total_cmp(&frames[b])).unwrap() as u16;
            let labels = SenoneId::list(features.chunks(RATIO * INPUTS).map(largest));
            (features, labels)
        };
        LENGTHS.iter().enumerate().map(utterance).collect()
    }

    fn batch(example: &[(Vec<f32>, Vec<SenoneId>)], model: &dyn AcousticModel) -> Batch {
        let utterances: Vec<Utterance<'_>> = example
            .iter()
            .map(|(features, labels)| Utterance { features, labels: Labels::Hard(labels) })
            .collect();
        Batch::pack_utterances(&utterances, model.frames(), Device::Cpu).unwrap()
    }

    fn trained(conditions: &Conditions<'_>, steps: usize) -> StackedFrames {
        let (model, example) = (StackedFrames::new(INPUTS, 4, RATIO), example());
        let batch = batch(&example, &model);
        let mut optimizer = Sgd::new(0.9, model.parameters.len(), Device::Cpu);
        for _ in 0..steps {
            mean_gradient(&model, &batch, &HardLabels, conditions).unwrap();
            let step = optimizer.update(model.parameters.gradient(), 0.2).unwrap();
            model.parameters.add(&step).unwrap();
        }
        model
    }

    #[test]
    fn a_model_with_a_third_of_the_frame_rate_learns_and_is_scored_as_it_was_trained() {
        let (model, example) = (trained(&Conditions::default(), 300), example());
        let learned = mean_gradient(&model, &batch(&example, &model), &HardLabels, &Conditions::default());
        let learned = learned.unwrap();
        // 4, 3, 1 and 3 output frames.
        assert_eq!((learned.frames, learned.correct), (11, 11), "{learned:?}");
        let pairs: Vec<Aligned<'_>> =
            example.iter().map(|(features, labels)| (features.as_slice(), labels.as_slice())).collect();
        let scored = score(&model, &pairs, |_| ()).unwrap();
        assert_eq!((scored.frames, scored.correct), (learned.frames, learned.correct));
        assert!((scored.loss / learned.loss - 1.0).abs() < 1e-5, "{scored:?} {learned:?}");
        let message = score(&model, &[(pairs[0].0, pairs[1].1)], |_| ()).unwrap_err().to_string();
        assert_eq!(message, "alignment of utterance 0: expected 4 senones, found 3");
    }

    #[test]
    fn its_posteriors_are_per_output_frame_however_long_the_utterance() {
        let (model, example) = (StackedFrames::new(INPUTS, 4, RATIO), example());
        let utterances: Vec<&[f32]> = example.iter().map(|(features, _)| features.as_slice()).collect();
        let posteriors = log_posteriors(&model, &utterances).unwrap();
        let frames: Vec<usize> = posteriors.iter().map(|values| values.len() / 4).collect();
        assert_eq!(frames, [4, 3, 1, 3]);
        // Eight frames at a time: two utterances in parallel, a whole output frame of each.
        let pieces = posteriors_within(&model, &utterances, Limits { layers: 8, output: 100 }).unwrap();
        for (whole, pieces) in posteriors.iter().zip(&pieces) {
            assert_eq!(whole.len(), pieces.len());
            assert!(whole.iter().zip(pieces).all(|(a, b)| (a - b).abs() < 1e-6));
        }
    }

    #[test]
    fn training_with_dropout_gives_the_same_bits_again() {
        let dropout = |name| Dropout { rate: 0.2, random: Stream::new(1, name) };
        let bits = |dropout| {
            let model = trained(&Conditions { dropout, ..Conditions::default() }, 5);
            model.parameters.to_host().into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        assert_eq!(bits(dropout("a")), bits(dropout("a")));
        assert_ne!(bits(dropout("a")), bits(dropout("b")));
        assert_ne!(bits(dropout("a")), bits(Dropout::NONE));
    }

    #[test]
    fn a_buffer_is_restored_with_the_parameters_and_reported_if_it_is_missing() {
        let (first, second) = (StackedFrames::new(INPUTS, 4, RATIO), trained(&Conditions::default(), 3));
        let scale = NamedValues { name: SCALE.to_owned(), shape: vec![INPUTS], values: vec![0.5, 1.0, 2.0] };
        second.load_buffers(&[scale.as_slices()]).unwrap();
        let saved: Vec<NamedValues> =
            second.parameters.tensors().into_iter().chain(second.buffers()).collect();
        let model: &dyn AcousticModel = &first;
        model.restore(saved.iter().map(NamedValues::as_slices)).unwrap();
        assert_eq!(first.parameters.to_host(), second.parameters.to_host());
        assert_eq!(first.buffers(), [scale]);
        let parameters = second.parameters.tensors();
        let error = model.restore(parameters.iter().map(NamedValues::as_slices)).unwrap_err();
        assert!(matches!(error, Error::MissingParameter { ref name } if name == SCALE), "{error}");
    }
}
