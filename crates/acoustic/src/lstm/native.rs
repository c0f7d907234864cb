//! The recurrent layers with libtorch's own LSTM, on any device, with autograd.

use super::LstmModel;
use crate::error::Error;
use crate::model::StreamState;
use crate::pass::Dropout;
use tch::{Kind, Tensor};

/// Returns every layer's output, lowest first: `[batch, frames, directions × width]`. Dropout is applied between
/// layers.
pub(super) fn forward(
    model: &LstmModel,
    features: &Tensor,
    lengths: &[i64],
    dropout: Dropout,
) -> Result<Vec<Tensor>, Error> {
    let bidirectional = model.settings.bidirectional;
    let size = features.size();
    let (batch, frames) = (size[0], size[1]);
    let state = zero_state(model, batch)?;
    let mirror = if bidirectional { Some(Mirror::new(lengths, frames, features.device())?) } else { None };
    let columns = (model.directions() * model.width()) as i64;
    let mut outputs: Vec<Tensor> = Vec::with_capacity(model.layers());
    for layer in 0..model.layers() {
        let mut input = outputs.last().unwrap_or(features).shallow_clone();
        if let Some(below) = layer.checked_sub(1)
            && let Some(factors) = dropout.factors(below, [batch, frames, columns], features.device())?
        {
            input = input.f_mul(&factors)?;
        }
        let (ahead, ..) = run(&input, &state, model.direction(layer, 0))?;
        let output = match &mirror {
            None => ahead,
            Some(mirror) => {
                let (back, ..) = run(&mirror.apply(&input)?, &state, model.direction(layer, 1))?;
                Tensor::f_cat(&[ahead, mirror.apply(&back)?], 2)?
            }
        };
        outputs.push(output);
    }
    Ok(outputs)
}

/// Returns the top layer's output for the next frames of each sequence, and advances the state.
pub(super) fn stream(model: &LstmModel, features: &Tensor, state: &mut StreamState) -> Result<Tensor, Error> {
    let mut hidden = features.shallow_clone();
    for layer in 0..model.layers() {
        let before = [state.tensors[2 * layer].shallow_clone(), state.tensors[2 * layer + 1].shallow_clone()];
        let (output, h, c) = run(&hidden, &before, model.direction(layer, 0))?;
        state.tensors[2 * layer] = h.f_detach()?;
        state.tensors[2 * layer + 1] = c.f_detach()?;
        hidden = output;
    }
    Ok(hidden)
}

fn zero_state(model: &LstmModel, batch: i64) -> Result<[Tensor; 2], Error> {
    let options = (Kind::Float, model.parameters.device());
    let zeros = || Tensor::f_zeros([1, batch, model.width() as i64], options);
    Ok([zeros()?, zeros()?])
}

fn run(
    input: &Tensor,
    state: &[Tensor; 2],
    parameters: &[Tensor],
) -> Result<(Tensor, Tensor, Tensor), Error> {
    let (layers, dropout) = (1, 0.0);
    Ok(input.f_lstm(state, parameters, true, layers, dropout, true, false, true)?)
}

/// Reverses each sequence within its own length and leaves padding in place; its own inverse.
struct Mirror {
    /// For each row of the result, its source row in `[batch × frames, ..]`.
    rows: Tensor,
}

impl Mirror {
    fn new(lengths: &[i64], frames: i64, device: tch::Device) -> Result<Self, Error> {
        let mut rows = Vec::with_capacity(lengths.len() * frames as usize);
        for (sequence, &length) in lengths.iter().enumerate() {
            let base = sequence as i64 * frames;
            rows.extend((0..frames).map(|t| base + if t < length { length - 1 - t } else { t }));
        }
        Ok(Self { rows: Tensor::f_from_slice(&rows)?.f_to_device(device)? })
    }

    /// Maps `[batch, frames, features]` to the same shape.
    fn apply(&self, sequences: &Tensor) -> Result<Tensor, Error> {
        let size = sequences.size();
        let flat = sequences.f_reshape([size[0] * size[1], size[2]])?;
        Ok(flat.f_index_select(0, &self.rows)?.f_view(size.as_slice())?)
    }
}
