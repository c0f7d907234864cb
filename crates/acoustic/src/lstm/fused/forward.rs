use super::cell::ForwardStep;
use super::matrix::{Matrix, add_product, multiply};
use super::{Direction, Layer, Span, Tape};
use crate::error::Error;
use crate::lstm::LstmModel;
use crate::model::{self, InnerLayers};
use tch::Tensor;

/// Layers' outputs, `[batch, frames, directions × width]` (all, or only the top one), and a tape where gradients are recorded.
type Forward = (Vec<Tensor>, Option<Box<dyn model::Tape>>);

/// Runs all layers over `features`, `[batch, frames, inputs]`.
pub(in crate::lstm) fn forward(
    model: &LstmModel,
    features: &Tensor,
    lengths: &[i64],
    inner: InnerLayers,
) -> Result<Forward, Error> {
    // A view of a parameter wants a gradient exactly where gradients are being recorded.
    let recording = model.parameters.views()[0].f_narrow(0, 0, 1)?.requires_grad();
    let _guard = tch::no_grad_guard();
    let span = Span::new(lengths, features.size()[1] as usize);
    let input = Matrix::time_major(features)?;
    let mut layers: Vec<Layer> = Vec::with_capacity(model.shape.layers());
    let mut leaves = Vec::new();
    for layer in 0..model.shape.layers() {
        let below = layers.last().map_or(&input, |layer| &layer.output);
        let done = forward_layer(model, layer, below, &span)?;
        if inner == InnerLayers::Keep || layer + 1 == model.shape.layers() {
            let leaf = done.output.batch_major(span.batch)?.f_set_requires_grad(recording)?;
            leaves.push((layer, leaf));
        }
        if !recording {
            layers.clear();
        }
        layers.push(done);
    }
    let outputs = leaves.iter().map(|(_, leaf)| leaf.shallow_clone()).collect();
    if !recording {
        return Ok((outputs, None));
    }
    Ok((outputs, Some(Box::new(Tape { span, input, layers, leaves }))))
}

fn forward_layer(model: &LstmModel, layer: usize, below: &Matrix, span: &Span) -> Result<Layer, Error> {
    let (width, directions) = (model.shape.width(), model.shape.directions());
    let mut output = Matrix::unset(span.rows(), directions * width)?;
    let directions = (0..directions)
        .map(|direction| forward_direction(model.direction(layer, direction), direction, below, &mut output, span))
        .collect::<Result<_, _>>()?;
    Ok(Layer { output, directions })
}

/// Runs one direction of a layer; writes its columns of the layer's output.
fn forward_direction(
    parameters: &[Tensor],
    direction: usize,
    below: &Matrix,
    output: &mut Matrix,
    span: &Span,
) -> Result<Direction, Error> {
    let [input_weight, recurrent_weight, input_bias, recurrent_bias] = parameters else {
        unreachable!("a direction has four parameters")
    };
    let width = recurrent_weight.size()[1] as usize;
    let columns = direction * width..(direction + 1) * width;
    let bias = host(&input_bias.f_add(recurrent_bias)?)?;
    let recurrent_weight = recurrent_weight.f_tr()?;
    let start = vec![0f32; span.batch * width];

    let mut gates = Matrix::unset(span.rows(), 4 * width)?;
    multiply(gates.tensor(), below.tensor(), &input_weight.f_tr()?)?;
    let mut cell = Matrix::unset(span.rows(), width)?;
    for (now, before) in span.order(direction) {
        if let Some(before) = before {
            let state = output.part(span.at(before), columns.clone())?;
            add_product(&gates.part(span.at(now), 0..4 * width)?, &state, &recurrent_weight)?;
        }
        let stride = output.columns();
        let output = output.values_mut(span.at(now));
        let (before, cell) = match before {
            None => (start.as_slice(), cell.values_mut(span.at(now))),
            Some(before) => cell.values_and_mut(span.at(before), span.at(now)),
        };
        let gates = gates.values_mut(span.at(now));
        let step = ForwardStep { width, gates, bias: &bias, before, cell, output, stride, column: columns.start };
        step.run();
        span.clear_padding(now, cell, width, 0..width);
        span.clear_padding(now, output, stride, columns.clone());
    }
    Ok(Direction { gates, cell })
}

fn host(vector: &Tensor) -> Result<Vec<f32>, Error> {
    let mut values = vec![0f32; vector.numel()];
    let len = values.len();
    vector.f_copy_data(&mut values, len)?;
    Ok(values)
}
