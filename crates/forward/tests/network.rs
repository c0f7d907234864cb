//! Networks against the equations of an LSTM in double precision, and streams against whole utterances.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use stentor_experiment::{Architecture, Lstm};
use stentor_forward::{Error, NamedSlice, Network};
use stentor_random::{nth, unit_interval};

fn values(count: usize, seed: u64, bound: f32) -> Vec<f32> {
    (1..=count as u64).map(|n| (unit_interval(nth(seed, n)) as f32 * 2.0 - 1.0) * bound).collect()
}

/// An architecture, its sizes, and parameters drawn from a seed.
#[derive(Debug, Clone)]
struct Model {
    architecture: Architecture,
    inputs: usize,
    outputs: usize,
    parameters: Vec<(String, Vec<usize>, Vec<f32>)>,
}

impl Model {
    fn new(layers: u32, width: u32, bidirectional: bool, inputs: usize, outputs: usize, seed: u64) -> Self {
        let architecture: Architecture = Lstm { layers, width, bidirectional, ..Lstm::default() }.into();
        let draw = |(n, (name, shape)): (u64, (String, Vec<usize>))| {
            let values = values(shape.iter().product(), nth(seed, n), 0.5);
            (name, shape, values)
        };
        let parameters = (1..).zip(architecture.parameters(inputs, outputs)).map(draw).collect();
        Self { architecture, inputs, outputs, parameters }
    }

    fn looking_ahead(mut self, look_ahead: u32) -> Self {
        let Architecture::Lstm(settings) = &mut self.architecture;
        settings.look_ahead = look_ahead;
        self
    }

    fn named(&self) -> impl Iterator<Item = NamedSlice<'_>> {
        self.parameters
            .iter()
            .map(|(name, shape, values)| (name.as_str(), shape.as_slice(), values.as_slice()))
    }

    fn network(&self) -> Network {
        Network::new(&self.architecture, self.inputs, self.outputs, self.named()).unwrap()
    }

    fn parameter(&self, name: &str) -> &[f32] {
        &self.parameters.iter().find(|(other, ..)| other == name).unwrap().2
    }

    /// weights · x, in double precision.
    fn product(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let rows = self.parameter(name).chunks_exact(x.len());
        rows.map(|row| row.iter().zip(x).map(|(weight, x)| f64::from(*weight) * x).sum()).collect()
    }

    /// The equations, frame by frame: the log posteriors of an utterance.
    fn by_hand(&self, features: &[f32]) -> Vec<f64> {
        let Architecture::Lstm(settings) = &self.architecture;
        let wide = |frame: &[f32]| frame.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        let mut frames: Vec<Vec<f64>> = features.chunks_exact(self.inputs).map(wide).collect();
        for layer in 0..settings.layers {
            let mut outputs = vec![Vec::new(); frames.len()];
            for direction in ["forward", "backward"].into_iter().take(settings.directions()) {
                let name = |part: &str| format!("layer.{layer}.{direction}.{part}");
                let width = settings.width as usize;
                let (mut h, mut c) = (vec![0.0; width], vec![0.0; width]);
                let mut order: Vec<usize> = (0..frames.len()).collect();
                if direction == "backward" {
                    order.reverse();
                }
                for t in order {
                    let (from_input, from_state) = (
                        self.product(&name("input_weight"), &frames[t]),
                        self.product(&name("recurrent_weight"), &h),
                    );
                    let biases = self
                        .parameter(&name("input_bias"))
                        .iter()
                        .zip(self.parameter(&name("recurrent_bias")));
                    let sums: Vec<f64> = from_input
                        .iter()
                        .zip(&from_state)
                        .zip(biases)
                        .map(|((input, state), (a, b))| input + state + f64::from(*a) + f64::from(*b))
                        .collect();
                    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
                    for unit in 0..width {
                        let [i, f, g, o] = [0, 1, 2, 3].map(|gate| sums[gate * width + unit]);
                        c[unit] = sigmoid(f) * c[unit] + sigmoid(i) * g.tanh();
                        h[unit] = sigmoid(o) * c[unit].tanh();
                    }
                    outputs[t].extend_from_slice(&h);
                }
            }
            frames = outputs;
        }
        let mut posteriors = Vec::new();
        for frame in &frames {
            let sums = self.product("output.weight", frame);
            let logits: Vec<f64> = sums
                .iter()
                .zip(self.parameter("output.bias"))
                .map(|(sum, bias)| sum + f64::from(*bias))
                .collect();
            let total = logits.iter().map(|x| x.exp()).sum::<f64>().ln();
            posteriors.extend(logits.iter().map(|x| x - total));
        }
        posteriors
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn models() -> impl Strategy<Value = Model> {
    (1u32..4, 8u32..24, any::<bool>(), 1usize..9, 2usize..90, any::<u64>()).prop_map(
        |(layers, width, both, inputs, outputs, seed)| Model::new(layers, width, both, inputs, outputs, seed),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn posteriors_are_those_of_the_equations(model in models(), frames in 0usize..50, seed: u64) {
        let features = values(frames * model.inputs, seed, 2.0);
        let found = model.network().log_posteriors(&features).unwrap();
        let expected = model.by_hand(&features);
        prop_assert_eq!(found.len(), frames * model.outputs);
        for (place, (found, expected)) in found.iter().zip(&expected).enumerate() {
            prop_assert!((f64::from(*found) - expected).abs() < 2e-5, "{}: {} {}", place, found, expected);
        }
    }

    #[test]
    fn a_stream_gives_the_bits_of_the_whole_utterance_whatever_its_pieces(
        (layers, width, outputs, model_seed) in (1u32..4, 8u32..24, 2usize..90, any::<u64>()),
        pieces in proptest::collection::vec(0usize..70, 0..6),
        look_ahead in 0u32..6,
        seed: u64,
    ) {
        let model = Model::new(layers, width, false, 5, outputs, model_seed).looking_ahead(look_ahead);
        let network = model.network();
        let features = values(pieces.iter().sum::<usize>() * 5, seed, 2.0);
        let whole = network.log_posteriors(&features).unwrap();
        let (mut stream, mut streamed, mut rest) = (network.stream().unwrap(), Vec::new(), features.as_slice());
        for piece in pieces {
            let (now, later) = rest.split_at(piece * 5);
            stream.push(now, &mut streamed).unwrap();
            rest = later;
            // The outputs of the last frames wait for what comes after them.
            let known = (stream.frames() as usize).saturating_sub(look_ahead as usize);
            prop_assert_eq!(streamed.len(), known * outputs);
        }
        prop_assert_eq!(stream.frames() as usize, features.len() / 5);
        stream.finish(&mut streamed);
        prop_assert_eq!(bits(&streamed), bits(&whole));
    }
}

#[test]
fn a_network_with_look_ahead_gives_the_output_of_a_frame_after_those_that_follow_it() {
    let (plain, inputs) = (Model::new(2, 16, false, 3, 7, 4), 3);
    let features = values(20 * inputs, 8, 2.0);
    let ahead = plain.clone().looking_ahead(2).network().log_posteriors(&features).unwrap();
    // The last frame is read twice more; the first two outputs are of no frame.
    let longer = [&features[..], &features[19 * inputs..], &features[19 * inputs..]].concat();
    let expected = plain.network().log_posteriors(&longer).unwrap();
    assert_eq!(bits(&ahead), bits(&expected[2 * 7..]));
}

#[test]
fn threads_that_share_a_network_give_the_same_bits_as_one() {
    let model = Model::new(2, 40, true, 7, 33, 5);
    let network = model.network();
    let features = values(100 * 7, 9, 1.0);
    let expected = bits(&network.log_posteriors(&features).unwrap());
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| bits(&network.log_posteriors(&features).unwrap()))).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
    });
}

#[test]
fn a_network_without_frames_has_no_posteriors_and_logits_become_posteriors_by_one_shift_per_frame() {
    let model = Model::new(1, 8, false, 3, 4, 1);
    let network = model.network();
    assert!(network.log_posteriors(&[]).unwrap().is_empty());
    let features = values(6, 2, 1.0);
    let (logits, posteriors) =
        (network.logits(&features).unwrap(), network.log_posteriors(&features).unwrap());
    for (logits, posteriors) in logits.chunks_exact(4).zip(posteriors.chunks_exact(4)) {
        let shift = logits[0] - posteriors[0];
        assert!(logits.iter().zip(posteriors).all(|(x, p)| (x - p - shift).abs() < 1e-6));
        assert!((posteriors.iter().map(|p| p.exp()).sum::<f32>() - 1.0).abs() < 1e-6);
    }
}

#[test]
fn parameters_of_another_model_are_refused_by_name() {
    let model = Model::new(1, 8, false, 3, 4, 1);
    let error = |parameters: &[NamedSlice<'_>]| {
        Network::new(&model.architecture, 3, 4, parameters.iter().copied()).unwrap_err()
    };
    let named: Vec<_> = model.named().collect();
    let missing = error(&named[1..]);
    assert!(matches!(&missing, Error::MissingParameter { name } if name == "layer.0.forward.input_weight"));
    let more: Vec<_> = named.iter().copied().chain([("other", &[1][..], &[0.0][..])]).collect();
    assert!(matches!(error(&more), Error::UnknownParameter { name } if name == "other"));
    let twice: Vec<_> = named.iter().copied().chain([named[0]]).collect();
    assert!(matches!(error(&twice), Error::RepeatedParameter { .. }));
    let mut other = named.clone();
    other[4].1 = &[8, 4];
    let message = error(&other).to_string();
    assert!(
        message.contains("`output.weight`: expected shape [4, 8], found [8, 4] with 32 values"),
        "{message}"
    );
    let diverged = [0.0, f32::NAN, 0.0, 0.0];
    other[4].1 = &[4, 8];
    other[5].2 = &diverged;
    assert!(matches!(error(&other), Error::ParameterValue { name, index: 1, .. } if name == "output.bias"));
    let huge = Network::new(&model.architecture, usize::MAX, 4, model.named()).unwrap_err();
    assert!(matches!(huge, Error::Size { what: "inputs", .. }));
    let wide: Architecture = Lstm { width: 1 << 30, ..Lstm::default() }.into();
    assert!(matches!(Network::new(&wide, 3, 4, model.named()).unwrap_err(), Error::Architecture(_)));
}

#[test]
fn features_that_are_no_frames_or_no_numbers_are_refused_and_the_stream_goes_on_as_if_they_had_not_been_given()
 {
    let model = Model::new(2, 8, false, 3, 4, 1);
    let network = model.network();
    let (mut stream, mut out) = (network.stream().unwrap(), Vec::new());
    stream.push(&[0.5; 6], &mut out).unwrap();
    assert!(matches!(stream.push(&[0.5; 4], &mut out), Err(Error::Frames { inputs: 3, values: 4 })));
    let bad = [0.5, 0.5, 0.5, 0.5, f32::NAN, 0.5];
    assert!(matches!(stream.push(&bad, &mut out), Err(Error::Feature { frame: 3, index: 1, .. })));
    assert_eq!(out.len(), 8);
    stream.push(&[0.5; 3], &mut out).unwrap();
    assert_eq!(bits(&out), bits(&network.log_posteriors(&[0.5; 9]).unwrap()));
}

#[test]
fn a_bidirectional_network_has_no_stream() {
    let network = Model::new(1, 8, true, 3, 4, 1).network();
    assert!(!network.streams());
    assert!(matches!(network.stream().unwrap_err(), Error::NotStreaming));
}
