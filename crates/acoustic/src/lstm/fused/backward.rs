use super::cell::BackwardStep;
use super::matrix::{Matrix, add_product, multiply};
use super::packing::Packing;
use super::{Direction, Layer, Tape};
use crate::error::Error;
use crate::lstm::PER_DIRECTION;
use crate::model;
use crate::parameters::ParameterVector;
use tch::{Kind, Tensor};

impl model::Tape for Tape {
    fn backward(self: Box<Self>, parameters: &ParameterVector, loss: &Tensor) -> Result<(), Error> {
        let Self { packing, input, mut layers, leaves } = *self;
        // libtorch computes the gradient from the loss back to the layers' outputs and the output layer.
        let inputs: Vec<&Tensor> = leaves.iter().map(|(_, leaf)| leaf).chain(parameters.views()).collect();
        let mut gradients = Tensor::f_run_backward(&[loss], &inputs, false, false)?;
        parameters.accumulate(&gradients.split_off(leaves.len()))?;

        let _guard = tch::no_grad_guard();
        let mut arrived: Vec<(usize, Tensor)> =
            leaves.iter().map(|(layer, _)| *layer).zip(gradients).collect();
        let mut from_above: Option<Matrix> = None;
        while let Some(mut layer) = layers.pop() {
            let index = layers.len();
            if let (Some(gradient), Some(dropped)) = (&from_above, &layer.dropped) {
                let _ = gradient.tensor().shallow_clone().f_mul_(dropped.factors.tensor())?;
            }
            let here = arrived.pop_if(|(layer, _)| *layer == index);
            if let Some((_, gradient)) = here.filter(|(_, gradient)| gradient.defined()) {
                from_above = Some(sum(from_above, &gradient)?);
            }
            // The loss may depend on a lower layer only.
            let Some(gradient) = from_above.take() else { continue };
            let below = layers.last().map_or(&input, Layer::passed_on);
            for direction in 0..layer.directions.len() {
                let weights = Weights::new(parameters, &layer, index, direction);
                let values = &mut layer.directions[direction];
                through_time(values, &weights, &gradient, direction, &packing)?;
                add_weight_gradients(values, &weights, &layer.output, below, direction, &packing)?;
                if index > 0 {
                    // The gradient of the features below layer 0 is not needed.
                    from_above = Some(add_input_gradient(from_above, values, &weights, below)?);
                }
            }
        }
        Ok(())
    }
}

/// Adds into new memory, because libtorch may have returned one tensor as the gradient of two layers.
fn sum(first: Option<Matrix>, second: &Tensor) -> Result<Matrix, Error> {
    match first {
        None => Matrix::of(second),
        Some(first) => Matrix::of(&second.f_add(first.tensor())?),
    }
}

/// The parameters of a layer and direction.
struct Weights<'a> {
    /// Index of the first one.
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

/// Goes back through time in one direction, given the gradient of the layer's output; overwrites the gates with the
/// gradient of their pre-activations.
fn through_time(
    values: &mut Direction,
    weights: &Weights<'_>,
    gradient: &Matrix,
    direction: usize,
    packing: &Packing,
) -> Result<(), Error> {
    let Direction { gates, cell } = values;
    let width = cell.columns();
    let (stride, column) = (gradient.columns(), direction * width);
    let zero_state = vec![0f32; packing.widest() * width];
    // Both belong to the following step. A row is the same sequence in each step; for a sequence whose last step this
    // is, they still contain the initial zeros.
    let mut carry = vec![0f32; packing.widest() * width];
    let recurrent = Matrix::zeros(packing.widest(), width)?;
    for step in packing.steps(direction).into_iter().rev() {
        let (continuing, starting) = (step.continuing(), step.starting());
        let parts = [
            (continuing.clone(), 0, cell.values(step.before())),
            (starting.clone(), continuing.len(), &zero_state[..starting.len() * width]),
        ];
        for (rows, first, before) in parts {
            let sequences = first..first + rows.len();
            let step = BackwardStep {
                width,
                gates: gates.values_mut(rows.clone()),
                cell: cell.values(rows.clone()),
                before,
                output: gradient.values(rows),
                stride,
                column,
                recurrent: recurrent.values(sequences.clone()),
                carry: &mut carry[sequences.start * width..sequences.end * width],
            };
            step.run();
        }
        if !continuing.is_empty() {
            let place = recurrent.part(0..continuing.len(), 0..width)?;
            multiply(&place, &gates.part(continuing, 0..4 * width)?, weights.recurrent())?;
        }
    }
    Ok(())
}

/// Adds a direction's contribution to the gradient of its parameters.
fn add_weight_gradients(
    values: &Direction,
    weights: &Weights<'_>,
    output: &Matrix,
    below: &Matrix,
    direction: usize,
    packing: &Packing,
) -> Result<(), Error> {
    let place = |n: usize| weights.parameters.gradient_view(weights.first + n);
    let sums = values.gates.tensor();
    let transposed = sums.f_tr()?;
    add_product(&place(0)?, &transposed, below.tensor())?;
    let states = states_before(output, direction, values.cell.columns(), packing)?;
    add_product(&place(1)?, &transposed, states.tensor())?;
    let bias = sums.f_sum_dim_intlist([0i64].as_slice(), false, Kind::Float)?;
    let _ = place(2)?.f_add_(&bias)?;
    let _ = place(3)?.f_add_(&bias)?;
    Ok(())
}

/// For each row, h of the preceding step's row, or zeros.
fn states_before(
    output: &Matrix,
    direction: usize,
    width: usize,
    packing: &Packing,
) -> Result<Matrix, Error> {
    let mut states = Matrix::zeros(packing.rows(), width)?;
    let stride = output.columns();
    for step in packing.steps(direction) {
        let from = output.values(step.before()).chunks_exact(stride);
        let to = states.values_mut(step.continuing()).chunks_exact_mut(width);
        to.zip(from)
            .for_each(|(to, from)| to.copy_from_slice(&from[direction * width..(direction + 1) * width]));
    }
    Ok(states)
}

/// Adds a direction's contribution to the gradient of the layer's input.
fn add_input_gradient(
    sum: Option<Matrix>,
    values: &Direction,
    weights: &Weights<'_>,
    below: &Matrix,
) -> Result<Matrix, Error> {
    let sums = values.gates.tensor();
    if let Some(sum) = sum {
        add_product(sum.tensor(), sums, weights.input())?;
        return Ok(sum);
    }
    let first = Matrix::unset(below.rows(), below.columns())?;
    multiply(first.tensor(), sums, weights.input())?;
    Ok(first)
}
