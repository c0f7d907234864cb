use super::*;
use crate::random::Stream as Numbers;
use stentor_experiment::Model;

fn shape(layers: u32, width: u32, bidirectional: bool, inputs: usize, senones: usize) -> ModelShape {
    let model = Model { layers, width, bidirectional, ..Model::default() };
    ModelShape::new(&model, inputs, senones).unwrap()
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

/// A loss that weighs every valid logit differently and, if they were kept, every value of the inner layers, each alone
/// and summed up: the sum's gradient is one tensor for all layers.
fn weighted(outputs: &Outputs, mask: &Tensor) -> Tensor {
    let score = |t: &Tensor, seed| (t * noise(&t.size(), seed) * mask).sum(Kind::Float);
    let loss = score(&outputs.logits, 90);
    let Some(all) = outputs.hidden.iter().map(Tensor::shallow_clone).reduce(|a, b| a + b) else { return loss };
    let each = outputs.hidden.iter().enumerate().map(|(n, h)| score(h, 92 + n as u64));
    each.fold(loss + score(&all, 91), |a, b| a + b)
}

#[test]
fn our_layers_and_libtorch_s_agree_on_logits_inner_layers_and_every_gradient() {
    // A width that is no multiple of eight, one layer and several, sequences of one frame and of all.
    for (layers, width, bidirectional) in [(1, 8, false), (3, 12, false), (1, 9, true), (3, 12, true)] {
        for lengths in [vec![7i64, 7, 7], vec![7, 1, 4], vec![1, 1, 1], vec![3, 0, 7], vec![0, 0, 2]] {
            for inner in [InnerLayers::Skip, InnerLayers::Keep] {
                let frames = if lengths == [1, 1, 1] { 1 } else { 7 };
                let shape = shape(layers, width, bidirectional, 5, 10);
                let features = noise(&[3, frames, 5], 1);
                let mask = valid(&lengths, frames);
                let run = |engine| {
                    let model = model(&shape, engine);
                    let outputs = model.forward_with(&features, &lengths, inner).unwrap();
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
