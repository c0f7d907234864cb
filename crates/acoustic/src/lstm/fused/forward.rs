use super::cell::ForwardStep;
use super::matrix::{Matrix, add_product, multiply};
use super::packing::Packing;
use super::{Direction, Dropped, Layer, Tape};
use crate::error::Error;
use crate::lstm::LstmModel;
use crate::model::Outputs;
use crate::pass::{InnerLayers, Pass};
use tch::{Device, Tensor};

/// Runs all layers and the output layer over `features`, `[batch, frames, inputs]`.
pub(in crate::lstm) fn forward(
    model: &LstmModel,
    features: &Tensor,
    lengths: &[i64],
    pass: Pass,
) -> Result<Outputs, Error> {
    let inner = pass.inner;
    let recording = is_recording(model)?;
    let packing = Packing::new(lengths, features.size()[1])?;
    let (input, layers) = tch::no_grad(|| run_layers(model, features, &packing, recording, pass))?;

    let top = layers.len() - 1;
    let mut leaves = Vec::new();
    for (index, layer) in layers.iter().enumerate().filter(|(n, _)| *n == top || inner == InnerLayers::Keep) {
        // The leaf shares the matrix's storage, which is not written from here on.
        leaves.push((index, layer.output.tensor().f_detach()?.f_set_requires_grad(recording)?));
    }
    let (_, top) = leaves.last().expect("a model has at least one layer");
    let logits = packing.unpack(&model.output(top)?)?;
    let hidden = match inner {
        InnerLayers::Skip => Vec::new(),
        InnerLayers::Keep => leaves.iter().map(|(_, leaf)| packing.unpack(leaf)).collect::<Result<_, _>>()?,
    };
    let mut outputs = Outputs::new(logits, hidden);
    if recording {
        outputs.tape = Some(Box::new(Tape { packing, input, layers, leaves }));
    }
    Ok(outputs)
}

/// Returns only the top layer's output, `[batch, frames, ..]`, without gradients.
pub(in crate::lstm) fn top_layer(
    model: &LstmModel,
    features: &Tensor,
    lengths: &[i64],
) -> Result<Tensor, Error> {
    tch::no_grad(|| {
        let packing = Packing::new(lengths, features.size()[1])?;
        let (_, layers) = run_layers(model, features, &packing, false, Pass::default())?;
        let top = layers.last().expect("a model has at least one layer");
        packing.unpack(top.output.tensor())
    })
}

/// Whether libtorch is recording gradients. It has no query for this, but a value computed from a parameter shows it. A
/// view of a parameter always requires a gradient, so the smallest parameter is negated.
fn is_recording(model: &LstmModel) -> Result<bool, Error> {
    let output_bias = model.parameters.views().last().expect("the layout ends with the output layer");
    Ok(output_bias.f_neg()?.requires_grad())
}

/// Returns the packed features and the layers' values. If gradients are not recorded, values that the outputs do not
/// need are dropped early.
fn run_layers(
    model: &LstmModel,
    features: &Tensor,
    packing: &Packing,
    recording: bool,
    pass: Pass,
) -> Result<(Matrix, Vec<Layer>), Error> {
    let input = Matrix::of(&packing.pack(features)?)?;
    let size = features.size();
    let size = [size[0], size[1], (model.directions() * model.width()) as i64];
    let mut layers: Vec<Layer> = Vec::with_capacity(model.layers());
    for index in 0..model.layers() {
        let below = layers.last().map_or(&input, Layer::passed_on);
        let mut layer = run_layer(model, index, below, packing)?;
        if index + 1 < model.layers() {
            let factors = pass.dropout().factors(index, size, Device::Cpu)?;
            layer.dropped =
                factors.map(|factors| drop_values(&layer.output, &factors, packing)).transpose()?;
        }
        if !recording {
            layer.directions.clear();
            if let (InnerLayers::Skip, Some(below)) = (pass.inner, layers.last_mut()) {
                (below.output, below.dropped) = (Matrix::zeros(0, 0)?, None);
            }
        }
        layers.push(layer);
    }
    Ok((input, layers))
}

/// Multiplies a layer's output by `factors`, `[batch, frames, ..]`.
fn drop_values(output: &Matrix, factors: &Tensor, packing: &Packing) -> Result<Dropped, Error> {
    let factors = Matrix::of(&packing.pack(factors)?)?;
    let output = Matrix::of(&output.tensor().f_mul(factors.tensor())?)?;
    Ok(Dropped { factors, output })
}

fn run_layer(model: &LstmModel, index: usize, below: &Matrix, packing: &Packing) -> Result<Layer, Error> {
    let (width, directions) = (model.width(), model.directions());
    let mut output = Matrix::unset(packing.rows(), directions * width)?;
    let directions = (0..directions)
        .map(|direction| {
            run_direction(model.direction(index, direction), direction, below, &mut output, packing)
        })
        .collect::<Result<_, _>>()?;
    Ok(Layer { output, dropped: None, directions })
}

/// Runs one direction of a layer and writes its columns of the layer's output.
fn run_direction(
    parameters: &[Tensor],
    direction: usize,
    below: &Matrix,
    output: &mut Matrix,
    packing: &Packing,
) -> Result<Direction, Error> {
    let [input_weight, recurrent_weight, input_bias, recurrent_bias] = parameters else {
        unreachable!("a direction has four parameters")
    };
    let width = recurrent_weight.size()[1] as usize;
    let columns = direction * width..(direction + 1) * width;
    let stride = output.columns();
    let bias = host(&input_bias.f_add(recurrent_bias)?)?;
    let recurrent_weight = recurrent_weight.f_tr()?;
    let zero_state = vec![0f32; packing.widest() * width];

    let mut gates = Matrix::unset(packing.rows(), 4 * width)?;
    multiply(gates.tensor(), below.tensor(), &input_weight.f_tr()?)?;
    let mut cell = Matrix::unset(packing.rows(), width)?;
    for step in packing.steps(direction) {
        let (continuing, starting) = (step.continuing(), step.starting());
        if !continuing.is_empty() {
            let state = output.part(step.before(), columns.clone())?;
            add_product(&gates.part(continuing.clone(), 0..4 * width)?, &state, &recurrent_weight)?;
            let (before, cell) = cell.values_and_mut(step.before(), continuing.clone());
            let output = output.values_mut(continuing.clone());
            let gates = gates.values_mut(continuing);
            ForwardStep { width, gates, bias: &bias, before, cell, output, stride, column: columns.start }
                .run();
        }
        if !starting.is_empty() {
            let before = &zero_state[..starting.len() * width];
            let cell = cell.values_mut(starting.clone());
            let output = output.values_mut(starting.clone());
            let gates = gates.values_mut(starting);
            ForwardStep { width, gates, bias: &bias, before, cell, output, stride, column: columns.start }
                .run();
        }
    }
    Ok(Direction { gates, cell })
}

fn host(vector: &Tensor) -> Result<Vec<f32>, Error> {
    let mut values = vec![0f32; vector.numel()];
    let len = values.len();
    vector.f_copy_data(&mut values, len)?;
    Ok(values)
}
