use super::*;
use crate::pass::Mode;
use crate::random::Stream as Numbers;

fn shape(layers: u32, width: u32, bidirectional: bool, inputs: usize, senones: usize) -> ModelShape {
    let lstm = Lstm { layers, width, bidirectional, ..Lstm::default() };
    ModelShape::new(&lstm.into(), inputs, senones).unwrap()
}

fn model(shape: &ModelShape, engine: Engine) -> LstmModel {
    LstmModel { engine, ..LstmModel::new(shape, 5, Device::Cpu).unwrap() }
}

fn noise(size: &[i64], seed: u64) -> Tensor {
    let stream = Numbers::new(seed, "noise");
    let len: i64 = size.iter().product();
    let values: Vec<f32> = (0..len as u64).map(|n| stream.uniform(n, 1.7)).collect();
    Tensor::from_slice(&values).view(size)
}

/// 1 for each of a sequence's own frames, `[batch, frames, 1]`.
fn valid(lengths: &[i64], frames: i64) -> Tensor {
    let rows: Vec<f32> =
        lengths.iter().flat_map(|&n| (0..frames).map(move |t| if t < n { 1.0 } else { 0.0 })).collect();
    Tensor::from_slice(&rows).view([lengths.len() as i64, frames, 1])
}

fn difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[])
}

/// A loss that weighs every valid logit differently and, if they were kept, every value of the inner layers, both
/// separately and summed: the sum's gradient is one tensor for all layers.
fn weighted(outputs: &Outputs, mask: &Tensor) -> Tensor {
    let score = |t: &Tensor, seed| (t * noise(&t.size(), seed) * mask).sum(Kind::Float);
    let loss = score(&outputs.logits, 90);
    let Some(all) = outputs.hidden.iter().map(Tensor::shallow_clone).reduce(|a, b| a + b) else {
        return loss;
    };
    let each = outputs.hidden.iter().enumerate().map(|(n, h)| score(h, 92 + n as u64));
    each.fold(loss + score(&all, 91), |a, b| a + b)
}

#[test]
fn our_layers_and_libtorch_s_agree_on_logits_inner_layers_and_every_gradient() {
    let dropout = Dropout { rate: 0.3, random: Numbers::new(1, "batch") };
    let passes = [InnerLayers::Skip, InnerLayers::Keep]
        .into_iter()
        .flat_map(|inner| [Mode::Evaluate, Mode::Train(dropout)].map(|mode| Pass { inner, mode }));
    let passes: Vec<Pass> = passes.collect();
    // A width that is not a multiple of eight, one layer and several, sequences of one frame and of full length.
    for (layers, width, bidirectional) in [(1, 8, false), (3, 12, false), (1, 9, true), (3, 12, true)] {
        for lengths in [vec![7i64, 7, 7], vec![7, 1, 4], vec![1, 1, 1], vec![3, 0, 7], vec![0, 0, 2]] {
            for &pass in &passes {
                let frames = if lengths == [1, 1, 1] { 1 } else { 7 };
                let shape = shape(layers, width, bidirectional, 5, 10);
                let features = noise(&[3, frames, 5], 1);
                let mask = valid(&lengths, frames);
                let run = |engine| {
                    let model = model(&shape, engine);
                    let outputs = model.forward_with(&features, &lengths, pass).unwrap();
                    let logits = &outputs.logits * &mask;
                    let hidden: Vec<Tensor> = outputs.hidden.iter().map(|h| h * &mask).collect();
                    let loss = weighted(&outputs, &mask);
                    model.backward(outputs, &loss).unwrap();
                    (logits, hidden, model.parameters().gradient().copy())
                };
                let (native, fused) = (run(Engine::Native), run(Engine::Fused));
                assert!(difference(&native.0, &fused.0) < 1e-5);
                assert_eq!(native.1.len(), fused.1.len());
                for (a, b) in native.1.iter().zip(&fused.1) {
                    assert!(difference(a, b) < 1e-5);
                }
                let scale = native.2.abs().max().double_value(&[]);
                let worst = difference(&native.2, &fused.2) / scale;
                assert!(worst < 1e-5, "{layers} × {width}, {bidirectional}, {lengths:?}: {worst}");
            }
        }
    }
}

#[test]
fn frame_by_frame_a_student_gives_the_logits_of_the_whole_utterance() {
    let shape = shape(3, 12, false, 5, 10);
    let model = model(&shape, Engine::Fused);
    let features = noise(&[2, 9, 5], 1);
    let _guard = tch::no_grad_guard();
    let whole = model.forward(&features, &[9, 9]).unwrap().logits;
    let mut state = model.start_stream(2).unwrap();
    for t in 0..9 {
        let logits = model.stream(&features.narrow(1, t, 1), &mut state).unwrap();
        assert!(difference(&logits, &whole.narrow(1, t, 1)) < 1e-5, "frame {t}");
    }
    // Also in pieces of any size.
    let mut state = model.start_stream(2).unwrap();
    let first = model.stream(&features.narrow(1, 0, 4), &mut state).unwrap();
    let second = model.stream(&features.narrow(1, 4, 5), &mut state).unwrap();
    assert!(difference(&Tensor::cat(&[first, second], 1), &whole) < 1e-5);
}

#[test]
fn padding_does_not_change_valid_frames() {
    for bidirectional in [false, true] {
        for engine in [Engine::Native, Engine::Fused] {
            let model = model(&shape(2, 12, bidirectional, 5, 10), engine);
            let features = noise(&[3, 8, 5], 1);
            let _guard = tch::no_grad_guard();
            let lengths = [8, 3, 5];
            let padded = model.forward(&features, &lengths).unwrap().logits;
            for (sequence, &length) in lengths.iter().enumerate() {
                let alone = features.narrow(0, sequence as i64, 1).narrow(1, 0, length);
                let logits = model.forward(&alone, &[length]).unwrap().logits;
                let same = padded.narrow(0, sequence as i64, 1).narrow(1, 0, length);
                assert!(difference(&logits, &same) < 1e-5, "{engine:?}, sequence {sequence}");
            }
        }
    }
}

#[test]
fn every_parameter_s_gradient_is_the_slope_of_the_loss() {
    for bidirectional in [false, true] {
        let model = model(&shape(2, 8, bidirectional, 3, 4), Engine::Fused);
        let (features, lengths) = (noise(&[2, 4, 3], 1), [4, 2]);
        let mask = valid(&lengths, 4);
        let outputs = model.forward(&features, &lengths).unwrap();
        let loss = weighted(&outputs, &mask);
        model.backward(outputs, &loss).unwrap();
        let (gradient, start) = (model.parameters().gradient_host(), model.parameters().to_host());
        // Every seventh value: this covers all parameters, and keeps the test fast.
        for n in (0..start.len()).step_by(7) {
            let nudge = 1e-2;
            let at = |by: f32| {
                let mut moved = start.clone();
                moved[n] += by;
                model.parameters().load_host(&moved).unwrap();
                tch::no_grad(|| weighted(&model.forward(&features, &lengths).unwrap(), &mask))
                    .double_value(&[])
            };
            let slope = (at(nudge) - at(-nudge)) / (2.0 * f64::from(nudge));
            assert!((f64::from(gradient[n]) - slope).abs() < 5e-3, "parameter {n}: {} {slope}", gradient[n]);
        }
    }
}

#[test]
fn a_loss_on_a_lower_layer_alone_reaches_that_layer_and_those_below() {
    let shape = shape(3, 8, true, 3, 4);
    let gradient = |engine| {
        let model = model(&shape, engine);
        let outputs = model.forward_with(&noise(&[2, 4, 3], 1), &[4, 4], Pass::KEEP).unwrap();
        let loss = outputs.hidden[1].square().sum(Kind::Float);
        model.backward(outputs, &loss).unwrap();
        model.parameters().gradient().copy()
    };
    let (native, fused) = (gradient(Engine::Native), gradient(Engine::Fused));
    assert!(native.abs().max().double_value(&[]) > 0.01);
    assert!(difference(&native, &fused) < 1e-5);
}

#[test]
fn an_objective_on_weights_differentiates_through_their_views() {
    let model = model(&shape(1, 8, false, 3, 4), Engine::Fused);
    let weight = model.parameters().view("layer.0.forward.recurrent_weight").unwrap();
    let outputs = model.forward(&noise(&[1, 2, 3], 1), &[2]).unwrap();
    let loss = outputs.logits.sum(Kind::Float) * 0.0 + weight.square().sum(Kind::Float);
    model.backward(outputs, &loss).unwrap();
    let index = model.parameters().slots().iter().position(|s| s.name.ends_with("recurrent_weight")).unwrap();
    let gradient = model.parameters().gradient_view(index).unwrap();
    assert!(difference(&gradient, &(weight.detach() * 2.0)) < 1e-6);
}

#[test]
fn backward_passes_add_up_until_the_gradient_is_set_to_zero() {
    let model = model(&shape(1, 8, false, 3, 4), Engine::Fused);
    let pass = || {
        let outputs = model.forward(&noise(&[1, 2, 3], 1), &[2]).unwrap();
        let loss = weighted(&outputs, &valid(&[2], 2));
        model.backward(outputs, &loss).unwrap();
        model.parameters().gradient().copy()
    };
    let (once, twice) = (pass(), pass());
    assert!(difference(&twice, &(once * 2.0)) < 1e-5);
    model.parameters().zero_grad();
    assert_eq!(model.parameters().gradient().abs().max().double_value(&[]), 0.0);
}

#[test]
fn nothing_is_recorded_if_no_gradient_is_needed() {
    let model = model(&shape(2, 8, true, 3, 4), Engine::Fused);
    let outputs = tch::no_grad(|| model.forward_with(&noise(&[1, 2, 3], 1), &[2], Pass::KEEP)).unwrap();
    assert!(outputs.tape.is_none() && !outputs.logits.requires_grad());
    assert_eq!(outputs.hidden.iter().map(Tensor::size).collect::<Vec<_>>(), [[1, 2, 16], [1, 2, 16]]);
    let outputs = model.forward(&noise(&[1, 2, 3], 1), &[2]).unwrap();
    assert!(outputs.tape.is_some() && outputs.logits.requires_grad() && outputs.hidden.is_empty());
}

#[test]
fn dropout_depends_only_on_the_batch_s_own_numbers_and_inference_has_none() {
    for engine in [Engine::Native, Engine::Fused] {
        let model = model(&shape(2, 8, true, 3, 4), engine);
        let bits = |mode: Mode| {
            let pass = Pass { mode, ..Pass::default() };
            let outputs = model.forward_with(&noise(&[2, 4, 3], 1), &[4, 3], pass).unwrap();
            let loss = weighted(&outputs, &valid(&[4, 3], 4));
            model.parameters().zero_grad();
            model.backward(outputs, &loss).unwrap();
            let gradient = model.parameters().gradient_host();
            gradient.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let train = |name| Mode::Train(Dropout { rate: 0.5, random: Numbers::new(1, name) });
        assert_eq!(bits(train("batch 7")), bits(train("batch 7")), "{engine:?}");
        assert_ne!(bits(train("batch 7")), bits(train("batch 8")), "{engine:?}");
        assert_ne!(bits(train("batch 7")), bits(Mode::Evaluate), "{engine:?}");
        assert_eq!(bits(Mode::Train(Dropout::NONE)), bits(Mode::Evaluate), "{engine:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_others() {
    let shape = shape(2, 8, true, 3, 4);
    let values = |seed| LstmModel::new(&shape, seed, Device::Cpu).unwrap().parameters().to_host();
    assert_eq!(values(1), values(1));
    assert_ne!(values(1), values(2));
}

#[test]
fn a_new_model_has_small_weights_and_remembers() {
    let shape = shape(2, 16, true, 3, 4);
    let model = LstmModel::new(&shape, 1, Device::Cpu).unwrap();
    for parameter in model.parameters().tensors() {
        let largest = parameter.values.iter().fold(0f32, |a, b| a.max(b.abs()));
        if parameter.name.ends_with("weight") {
            let bound = if parameter.name == "output.weight" { 1.0 / 32f32.sqrt() } else { 0.25 };
            assert!((0.8 * bound..=bound).contains(&largest), "{}: {largest}", parameter.name);
        } else if parameter.name.ends_with("input_bias") {
            let expected: Vec<f32> = (0..64).map(|n| if (16..32).contains(&n) { 1.0 } else { 0.0 }).collect();
            assert_eq!(parameter.values, expected, "{}", parameter.name);
        } else {
            assert_eq!(largest, 0.0, "{}", parameter.name);
        }
    }
}

#[test]
fn the_published_sizes_have_the_published_numbers_of_parameters() {
    use stentor_experiment::Preset;
    let count = |preset| {
        let lstm = Lstm { preset: Some(preset), ..Lstm::default() };
        ModelShape::new(&lstm.into(), 192, 3000).unwrap().parameter_count() as f64 / 1e6
    };
    assert!((count(Preset::Student24M) - 24.16).abs() < 0.005);
    assert!((count(Preset::Teacher78M) - 78.3).abs() < 0.05);
}

#[test]
fn sizes_that_disagree_are_errors_that_name_what_disagrees() {
    let model = model(&shape(1, 8, false, 3, 4), Engine::Fused);
    let message = |result: Result<Outputs, Error>| result.unwrap_err().to_string();
    let good = noise(&[2, 4, 3], 1);
    assert!(message(model.forward(&noise(&[2, 4, 5], 1), &[4, 4])).contains("features"));
    assert!(message(model.forward(&noise(&[2, 4], 1), &[4, 4])).contains("features"));
    assert!(message(model.forward(&good.to_kind(Kind::Double), &[4, 4])).contains("32-bit"));
    assert!(message(model.forward(&good, &[4])).contains("lengths"));
    assert!(message(model.forward(&good, &[4, 5])).contains("lengths"));
    assert!(message(model.forward(&good, &[4, -1])).contains("lengths"));
    let mut state = model.start_stream(1).unwrap();
    assert!(model.stream(&good, &mut state).unwrap_err().to_string().contains("stream state"));
}

#[test]
fn a_teacher_rejects_running_frame_by_frame() {
    let model = model(&shape(1, 8, true, 3, 4), Engine::Fused);
    let error = model.start_stream(1).unwrap_err();
    assert!(matches!(error, Error::NotStreaming), "{error}");
    let mut state = StreamState { tensors: Vec::new() };
    assert!(matches!(model.stream(&noise(&[1, 1, 3], 1), &mut state), Err(Error::NotStreaming)));
}

#[test]
fn impossible_shapes_are_refused() {
    let model = |width| Architecture::from(Lstm { layers: 1, width, ..Lstm::default() });
    for (width, inputs, senones, expected) in [
        (8, 0, 4, "model inputs: expected at least 1, found 0"),
        (8, 3, 1, "model senones: expected 2 to 65536, found 1"),
        (8, 3, 65_537, "model senones: expected 2 to 65536, found 65537"),
        (0, 3, 4, "`model.width`: expected 8 to 4096, found 0"),
        (u32::MAX, 3, 4, "`model.width`: expected 8 to 4096, found 4294967295"),
    ] {
        assert_eq!(ModelShape::new(&model(width), inputs, senones).unwrap_err().to_string(), expected);
        // A manually constructed shape is checked as well.
        let shape = ModelShape { architecture: model(width), inputs, senones };
        assert_eq!(LstmModel::new(&shape, 1, Device::Cpu).unwrap_err().to_string(), expected);
    }
}
