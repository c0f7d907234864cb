use super::cell::BackwardStep;
use super::matrix::{Matrix, add_product, multiply};
use super::{Direction, Layer, Span, Tape};
use crate::error::Error;
use crate::lstm::PER_DIRECTION;
use crate::model;
use crate::parameters::ParameterVector;
use tch::{Kind, Tensor};

impl model::Tape for Tape {
    fn backward(self: Box<Self>, parameters: &ParameterVector, loss: &Tensor) -> Result<(), Error> {
        let Self { span, input, mut layers, leaves } = *self;
        let inputs: Vec<&Tensor> = leaves.iter().map(|(_, leaf)| leaf).chain(parameters.views()).collect();
        let mut gradients = Tensor::f_run_backward(&[loss], &inputs, false, false)?;
        parameters.accumulate(&gradients.split_off(leaves.len()))?;

        let _guard = tch::no_grad_guard();
        let mut arrived: Vec<(usize, Tensor)> =
            leaves.iter().map(|(layer, _)| *layer).zip(gradients).filter(|(_, g)| g.defined()).collect();
        let mut from_above: Option<Matrix> = None;
        while let Some(mut layer) = layers.pop() {
            let index = layers.len();
            if arrived.last().is_some_and(|(layer, _)| *layer == index)
                && let Some((_, gradient)) = arrived.pop()
            {
                let gradient = Matrix::time_major(&gradient)?;
                match &from_above {
                    None => from_above = Some(gradient),
                    Some(sum) => drop(sum.tensor().shallow_clone().f_add_(gradient.tensor())?),
                }
            }
            // Nothing above depends on this layer: neither do those below.
            let Some(gradient) = &from_above else { continue };
            let below = layers.last().map_or(&input, |layer| &layer.output);
            let mut input_gradient: Option<Matrix> = None;
            for direction in 0..layer.directions.len() {
                let weights = Weights::new(parameters, &layer, index, direction);
                through_time(&mut layer.directions[direction], &weights, gradient, direction, &span)?;
                let values = &layer.directions[direction];
                add_weight_gradients(values, &weights, &layer, below, direction, &span)?;
                if index == 0 {
                    // Nobody wants the gradient of the features.
                    continue;
                }
                match &input_gradient {
                    None => {
                        let first = Matrix::unset(span.rows(), below.columns())?;
                        multiply(first.tensor(), values.gates.tensor(), weights.input())?;
                        input_gradient = Some(first);
                    }
                    Some(sum) => add_product(sum.tensor(), values.gates.tensor(), weights.input())?,
                }
            }
            from_above = input_gradient;
        }
        Ok(())
    }
}

/// The parameters of a layer and direction: their first index, then weights in the order of the layout.
struct Weights<'a> {
    first: usize,
    parameters: &'a ParameterVector,
}

impl<'a> Weights<'a> {
    fn new(parameters: &'a ParameterVector, layer: &Layer, index: usize, direction: usize) -> Self {
        Self { first: (index * layer.directions.len() + direction) * PER_DIRECTION, parameters }
    }

    fn input(&self) -> &'a Tensor {
        &self.parameters.views()[self.first]
    }

    fn recurrent(&self) -> &'a Tensor {
        &self.parameters.views()[self.first + 1]
    }
}

/// Goes back through time in one direction, given the gradient of the layer's output; turns the gates into the gradient of
/// the sums before them.
fn through_time(
    values: &mut Direction,
    weights: &Weights<'_>,
    gradient: &Matrix,
    direction: usize,
    span: &Span,
) -> Result<(), Error> {
    let width = values.cell.columns();
    let column = direction * width;
    let start = vec![0f32; span.batch * width];
    let mut carry = vec![0f32; span.batch * width];
    let recurrent = Matrix::zeros(span.batch, width)?;
    for (now, before) in span.order(direction).rev() {
        let gates = values.gates.values_mut(span.at(now));
        let step = BackwardStep {
            width,
            gates,
            cell: values.cell.values(span.at(now)),
            before: before.map_or(start.as_slice(), |before| values.cell.values(span.at(before))),
            output: gradient.values(span.at(now)),
            stride: gradient.columns(),
            column,
            recurrent: recurrent.values(0..span.batch),
            carry: &mut carry,
        };
        step.run();
        // A sequence that has ended was at its zero state here, whatever came before.
        span.clear_padding(now, &mut carry, width, 0..width);
        span.clear_padding(now, values.gates.values_mut(span.at(now)), 4 * width, 0..4 * width);
        if before.is_some() {
            multiply(recurrent.tensor(), &values.gates.part(span.at(now), 0..4 * width)?, weights.recurrent())?;
        }
    }
    Ok(())
}

/// Adds a direction's share to the gradient of its parameters.
fn add_weight_gradients(
    values: &Direction,
    weights: &Weights<'_>,
    layer: &Layer,
    below: &Matrix,
    direction: usize,
    span: &Span,
) -> Result<(), Error> {
    let width = values.cell.columns();
    let place = |n: usize| weights.parameters.gradient_view(weights.first + n);
    let sums = values.gates.tensor();
    add_product(&place(0)?, &sums.f_tr()?, below.tensor())?;
    if span.frames > 1 {
        let (ahead, back) = (span.batch..span.rows(), 0..span.rows() - span.batch);
        let (now, before) = if direction == 0 { (ahead, back) } else { (back, ahead) };
        let state = layer.output.part(before, direction * width..(direction + 1) * width)?;
        add_product(&place(1)?, &values.gates.part(now, 0..4 * width)?.f_tr()?, &state)?;
    }
    let bias = sums.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Float)?;
    let _ = place(2)?.f_add_(&bias)?;
    let _ = place(3)?.f_add_(&bias)?;
    Ok(())
}
