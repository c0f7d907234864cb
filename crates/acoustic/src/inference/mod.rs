//! Posteriors of whole utterances, and their scores against alignments. Utterances of similar length pass through the
//! inner layers together to reduce padding; memory, not their number, limits how many. The output layer, which can be
//! by far the widest, is computed in pieces.

use crate::batch::{extend, tensor};
use crate::error::Error;
use crate::gradient::Score;
use crate::model::AcousticModel;
use crate::shape::FrameSizes;
use stentor_inventory::SenoneId;
use tch::{Device, Kind, Tensor};

/// Working memory of a batch, in f32 values: 256 MiB. A longer utterance is computed alone, in pieces if the model can
/// run frame by frame.
const BATCH_VALUES: usize = 64 << 20;

/// Logits computed at a time, in f32 values: 16 MiB, and as much again for values derived from them.
const PIECE_VALUES: usize = 4 << 20;

/// Limits on what is computed at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Number of frames that pass through the inner layers together, padding included.
    pub(crate) layers: usize,
    /// Number of output frames that pass through the output layer together.
    pub(crate) output: usize,
}

impl Limits {
    fn of(model: &dyn AcousticModel) -> Self {
        Self::new(model.values_per_frame(), model.frames().senones)
    }

    fn new(values_per_frame: usize, senones: usize) -> Self {
        Self {
            layers: (BATCH_VALUES / values_per_frame.max(1)).max(1),
            output: (PIECE_VALUES / senones).max(1),
        }
    }
}

/// The k most probable senones of each frame of an utterance, by descending probability.
#[derive(Debug, Clone, PartialEq)]
pub struct TopKLabels {
    /// k per frame; senones of equal probability are in order of id.
    pub ids: Vec<SenoneId>,
    /// ln p, k per frame.
    pub log_probs: Vec<f32>,
    /// 1 − Σp over the kept senones of each frame, at least 0.
    pub residual: Vec<f32>,
}

/// Returns the log posteriors of whole utterances: for each, `frames × senones` values, row-major. An utterance is
/// given by its normalised features, row-major; an empty one has no posteriors.
///
/// # Errors
/// [`Error::Shape`] for an utterance that is not a whole number of frames.
pub fn log_posteriors(model: &dyn AcousticModel, utterances: &[&[f32]]) -> Result<Vec<Vec<f32>>, Error> {
    posteriors_within(model, utterances, Limits::of(model))
}

pub(crate) fn posteriors_within(
    model: &dyn AcousticModel,
    utterances: &[&[f32]],
    limits: Limits,
) -> Result<Vec<Vec<f32>>, Error> {
    let mut posteriors = vec![Vec::new(); utterances.len()];
    each_utterance(model, utterances, limits, |utterance, logits| {
        let log_p = logits.f_log_softmax(-1, None)?.f_to_device(Device::Cpu)?.f_contiguous()?;
        posteriors[utterance].extend(host::<f32>(&log_p)?);
        Ok(())
    })?;
    Ok(posteriors)
}

/// Returns the k most probable senones of each frame of whole utterances, given as for [`log_posteriors`].
///
/// # Errors
/// [`Error::Shape`] for an utterance that is not a whole number of frames, or if k is not between 1 and the number of
/// senones.
pub fn top_k(model: &dyn AcousticModel, utterances: &[&[f32]], k: usize) -> Result<Vec<TopKLabels>, Error> {
    let senones = model.frames().senones;
    if !(1..=senones).contains(&k) {
        return Err(Error::shape("kept senones of a frame", format!("1 to {senones}"), k));
    }
    let empty = TopKLabels { ids: Vec::new(), log_probs: Vec::new(), residual: Vec::new() };
    let mut labels = vec![empty; utterances.len()];
    each_utterance(model, utterances, Limits::of(model), |utterance, logits| {
        // Normalised over all senones before the selection, so that 1 − Σp is the mass of the others.
        let (log_probs, ids) = logits.f_log_softmax(-1, None)?.f_topk(k as i64, -1, true, true)?;
        let (log_probs, ids) = (host::<f32>(&log_probs)?, host::<i64>(&ids)?);
        for (log_probs, ids) in log_probs.chunks_exact(k).zip(ids.chunks_exact(k)) {
            labels[utterance].push(log_probs, ids);
        }
        Ok(())
    })?;
    Ok(labels)
}

/// An utterance to score: its normalised features, row-major, and the senone of each frame.
pub type Aligned<'a> = (&'a [f32], &'a [SenoneId]);

/// Returns the cross entropy of whole utterances against their alignments, and the number of correct frames: the score
/// that training computes, within rounding, without a gradient. `told` is called with the score so far after each
/// piece, so that callers can report progress.
///
/// # Errors
/// [`Error::Shape`] for an utterance that is not a whole number of frames, or whose alignment has a different length;
/// [`Error::Label`] for a senone that the model does not have.
pub fn score(
    model: &dyn AcousticModel,
    utterances: &[Aligned<'_>],
    told: impl FnMut(&Score),
) -> Result<Score, Error> {
    score_within(model, utterances, Limits::of(model), told)
}

fn score_within(
    model: &dyn AcousticModel,
    utterances: &[Aligned<'_>],
    limits: Limits,
    mut told: impl FnMut(&Score),
) -> Result<Score, Error> {
    let sizes = model.frames();
    for (index, (features, senones)) in utterances.iter().enumerate() {
        let frames = frames_of(index, features, sizes)?;
        if senones.len() != sizes.output_frames(frames) {
            let (what, expected) = (format!("alignment of utterance {index}"), sizes.output_frames(frames));
            return Err(Error::shape(what, format!("{expected} senones"), senones.len()));
        }
        if let Some(&found) = senones.iter().find(|senone| senone.index() >= sizes.senones) {
            let place = format!("utterance {index}");
            return Err(Error::Label { found, place, senones: sizes.senones });
        }
    }
    let features: Vec<&[f32]> = utterances.iter().map(|(features, _)| *features).collect();
    let mut scored = vec![0; utterances.len()];
    let mut score = Score::NO_FRAMES;
    each_utterance(model, &features, limits, |utterance, logits| {
        let frames = logits.size()[0] as usize;
        let done = &mut scored[utterance];
        let senones = utterances[utterance].1[*done..*done + frames].iter().map(|&s| i64::from(s));
        *done += frames;
        let senones = tensor(&senones.collect::<Vec<i64>>(), &[frames as i64], logits.device())?;
        let right = logits.f_log_softmax(-1, None)?.f_gather(-1, &senones.f_unsqueeze(-1)?, false)?;
        // Losses of frames are f32; their sum is f64.
        score.loss -= right.f_sum(Kind::Double)?.f_double_value(&[])?;
        score.correct +=
            logits.f_argmax(-1, false)?.f_eq_tensor(&senones)?.f_sum(Kind::Int64)?.f_int64_value(&[])?;
        score.frames += frames as i64;
        score.units = score.frames;
        told(&score);
        Ok(())
    })?;
    Ok(score)
}

impl TopKLabels {
    fn push(&mut self, log_probs: &[f32], ids: &[i64]) {
        // libtorch does not define the order of equal values; the labels' bytes must not depend on it.
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by(|&a, &b| log_probs[b].total_cmp(&log_probs[a]).then(ids[a].cmp(&ids[b])));
        self.ids.extend(order.iter().map(|&i| SenoneId::new(ids[i] as u16)));
        self.log_probs.extend(order.iter().map(|&i| log_probs[i]));
        let kept: f64 = order.iter().map(|&i| f64::from(log_probs[i]).exp()).sum();
        self.residual.push((1.0 - kept).max(0.0) as f32);
    }
}

/// Passes each utterance's logits, `[frames, senones]`, to `take`, in one or more pieces from first to last frame. The
/// `limits` hold if the model allows it: a model that needs whole utterances runs its inner layers over longer ones at
/// once.
fn each_utterance(
    model: &dyn AcousticModel,
    utterances: &[&[f32]],
    limits: Limits,
    mut take: impl FnMut(usize, &Tensor) -> Result<(), Error>,
) -> Result<(), Error> {
    let sizes = model.frames();
    for (index, utterance) in utterances.iter().enumerate() {
        frames_of(index, utterance, sizes)?;
    }
    let late = sizes.look_ahead;
    if late == 0 {
        return each_output(model, utterances, limits, take);
    }
    // The model's outputs are late by the look-ahead: it reads as many frames more, and its first outputs are of no frame.
    let extended = utterances.iter().map(|utterance| match utterance.len() {
        0 => Vec::new(),
        values => {
            let mut to = vec![0.0; values + late * sizes.inputs];
            extend(utterance, sizes.inputs, &mut to);
            to
        }
    });
    let extended: Vec<Vec<f32>> = extended.collect();
    let extended: Vec<&[f32]> = extended.iter().map(Vec::as_slice).collect();
    let mut early = vec![(late / sizes.ratio) as i64; utterances.len()];
    each_output(model, &extended, limits, |utterance, logits| {
        let frames = logits.size()[0];
        let left_out = early[utterance].min(frames);
        early[utterance] -= left_out;
        if left_out == frames {
            return Ok(());
        }
        take(utterance, &logits.f_narrow(0, left_out, frames - left_out)?)
    })
}

/// The same of the model's outputs as they come, without regard to its look-ahead.
fn each_output(
    model: &dyn AcousticModel,
    utterances: &[&[f32]],
    limits: Limits,
    mut take: impl FnMut(usize, &Tensor) -> Result<(), Error>,
) -> Result<(), Error> {
    let _guard = tch::no_grad_guard();
    let sizes = model.frames();
    let lengths: Vec<usize> = utterances.iter().map(|utterance| utterance.len() / sizes.inputs).collect();
    let streams = model.streams();
    for group in groups(&lengths, limits.layers, streams) {
        let longest = lengths[group[0]];
        if streams && longest * group.len() > limits.layers {
            let group: Vec<(usize, &[f32])> = group.iter().map(|&u| (u, utterances[u])).collect();
            in_pieces(model, &group, limits.layers.min(limits.output), &mut take)?;
            continue;
        }
        let mut features = vec![0f32; group.len() * longest * sizes.inputs];
        for (place, &utterance) in features.chunks_exact_mut(longest * sizes.inputs).zip(&group) {
            place[..utterances[utterance].len()].copy_from_slice(utterances[utterance]);
        }
        let size = [group.len() as i64, longest as i64, sizes.inputs as i64];
        let features = tensor(&features, &size, model.parameters().device())?;
        let group_lengths: Vec<i64> = group.iter().map(|&u| lengths[u] as i64).collect();
        let top = model.top_layer(&features, &group_lengths)?;
        for (row, &utterance) in group.iter().enumerate() {
            let top = top.f_get(row as i64)?;
            let outputs = sizes.output_frames(lengths[utterance]) as i64;
            for first in (0..outputs).step_by(limits.output) {
                let frames = (outputs - first).min(limits.output as i64);
                take(utterance, &model.logits(&top.f_narrow(0, first, frames)?)?)?;
            }
        }
    }
    Ok(())
}

/// Returns the number of frames of an utterance.
fn frames_of(index: usize, features: &[f32], sizes: FrameSizes) -> Result<usize, Error> {
    if !features.len().is_multiple_of(sizes.inputs) {
        let expected = format!("a multiple of {} values", sizes.inputs);
        return Err(Error::shape(format!("features of utterance {index}"), expected, features.len()));
    }
    Ok(features.len() / sizes.inputs)
}

/// Long utterances in parallel, longest first: some frames of each at a time, `limit` in total, with the state carried
/// over.
fn in_pieces(
    model: &dyn AcousticModel,
    group: &[(usize, &[f32])],
    limit: usize,
    take: &mut impl FnMut(usize, &Tensor) -> Result<(), Error>,
) -> Result<(), Error> {
    let sizes = model.frames();
    let inputs = sizes.inputs;
    let longest = group[0].1.len() / inputs;
    // Rounded down to whole output frames.
    let piece = (limit / group.len() / sizes.ratio).max(1) * sizes.ratio;
    let mut state = model.start_stream(group.len())?;
    for first in (0..longest).step_by(piece) {
        let frames = piece.min(longest - first);
        let mut features = vec![0f32; group.len() * frames * inputs];
        let mut valid = Vec::with_capacity(group.len());
        for (place, (_, utterance)) in features.chunks_exact_mut(frames * inputs).zip(group) {
            let rest = utterance.get(first * inputs..).unwrap_or_default();
            let rest = &rest[..rest.len().min(frames * inputs)];
            place[..rest.len()].copy_from_slice(rest);
            valid.push(sizes.output_frames(rest.len() / inputs) as i64);
        }
        let size = [group.len() as i64, frames as i64, inputs as i64];
        let features = tensor(&features, &size, model.parameters().device())?;
        let logits = model.stream(&features, &mut state)?;
        for (row, &(utterance, _)) in group.iter().enumerate().filter(|(row, _)| valid[*row] > 0) {
            take(utterance, &logits.f_get(row as i64)?.f_narrow(0, 0, valid[row])?)?;
        }
    }
    Ok(())
}

/// Groups utterances that pass through the model together: longest first, so that similar lengths are neighbours; at
/// most `limit` frames, padding included, unless a single one has more, or the model `streams` and can process them in
/// pieces. Empty utterances are in no group.
fn groups(lengths: &[usize], limit: usize, streams: bool) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).filter(|&u| lengths[u] > 0).collect();
    order.sort_by_key(|&u| (std::cmp::Reverse(lengths[u]), u));
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for utterance in order {
        match groups.last_mut() {
            Some(group) if fits(group.len(), lengths[group[0]], lengths[utterance], limit, streams) => {
                group.push(utterance)
            }
            _ => groups.push(vec![utterance]),
        }
    }
    groups
}

/// Number of long utterances that are processed in pieces in parallel: one frame of each makes one product with the
/// recurrent weights, which are read from memory for every frame.
const SIDE_BY_SIDE: usize = 32;

/// Whether one more utterance may join `count` others. A few utterances of any length together are faster than one
/// alone; from 16 on, further utterances of other lengths gain little and cost padding.
fn fits(count: usize, longest: usize, length: usize, limit: usize, streams: bool) -> bool {
    let room = longest.saturating_mul(count + 1) <= limit || (streams && count < SIDE_BY_SIDE);
    room && (count < 16 || 4 * length >= 3 * longest)
}

fn host<T: tch::kind::Element + Clone>(tensor: &Tensor) -> Result<Vec<T>, Error> {
    let flat = tensor.f_to_device(Device::Cpu)?.f_contiguous()?;
    let mut values = vec![T::ZERO; flat.numel()];
    let len = values.len();
    debug_assert!(matches!(flat.kind(), Kind::Float | Kind::Int64));
    flat.f_copy_data(&mut values, len)?;
    Ok(values)
}

#[cfg(test)]
mod tests;
