//! A classifier of one hidden layer with its gradient written by hand.

use crate::clouds::Samples;
use crate::common::Numbers;

/// tanh and softmax; parameters in one vector: weights `[inputs, hidden]`, biases, weights `[hidden, classes]`,
/// biases.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    pub(crate) inputs: usize,
    pub(crate) hidden: usize,
    pub(crate) classes: usize,
}

impl Network {
    pub(crate) fn parameters(&self) -> usize {
        (self.inputs + 1) * self.hidden + (self.hidden + 1) * self.classes
    }

    /// Returns the initial parameters, the same for all workers.
    pub(crate) fn initial(&self) -> Vec<f32> {
        let mut numbers = Numbers::new(7);
        let mut uniform = |count: usize, fan_in: usize| -> Vec<f32> {
            let bound = (fan_in as f64).sqrt().recip();
            (0..count).map(|_| ((numbers.uniform() * 2.0 - 1.0) * bound) as f32).collect()
        };
        let mut parameters = uniform(self.inputs * self.hidden, self.inputs);
        parameters.extend(vec![0.0; self.hidden]);
        parameters.extend(uniform(self.hidden * self.classes, self.hidden));
        parameters.extend(vec![0.0; self.classes]);
        parameters
    }

    /// Returns the mean cross-entropy, nats.
    pub(crate) fn loss(&self, parameters: &[f32], samples: &Samples) -> f64 {
        let losses =
            samples.iter().map(|(inputs, class)| -f64::from(self.forward(parameters, inputs).1[*class].ln()));
        losses.sum::<f64>() / samples.len() as f64
    }

    /// Returns the mean gradient over a batch.
    pub(crate) fn gradient(&self, parameters: &[f32], batch: &Samples) -> Vec<f32> {
        let mut gradient = vec![0.0; parameters.len()];
        let (_, _, out_weights, _) = self.split(parameters);
        let (first, rest) = gradient.split_at_mut(self.inputs * self.hidden);
        let (first_bias, rest) = rest.split_at_mut(self.hidden);
        let (second, second_bias) = rest.split_at_mut(self.hidden * self.classes);
        for (inputs, class) in batch {
            let (hidden, mut wrong) = self.forward(parameters, inputs);
            // The gradient at the logits is q − p.
            wrong[*class] -= 1.0;
            wrong.iter_mut().for_each(|w| *w /= batch.len() as f32);
            add_scaled(second_bias, 1.0, &wrong);
            let mut back = vec![0.0; self.hidden];
            for (unit, &h) in hidden.iter().enumerate() {
                let row = unit * self.classes..(unit + 1) * self.classes;
                add_scaled(&mut second[row.clone()], h, &wrong);
                back[unit] = (1.0 - h * h) * dot(&out_weights[row], &wrong);
            }
            add_scaled(first_bias, 1.0, &back);
            for (row, &x) in first.chunks_exact_mut(self.hidden).zip(inputs) {
                add_scaled(row, x, &back);
            }
        }
        gradient
    }

    /// Returns hidden units and posteriors.
    fn forward(&self, parameters: &[f32], inputs: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (in_weights, in_bias, out_weights, out_bias) = self.split(parameters);
        let mut hidden = in_bias.to_vec();
        for (row, &x) in in_weights.chunks_exact(self.hidden).zip(inputs) {
            add_scaled(&mut hidden, x, row);
        }
        hidden.iter_mut().for_each(|h| *h = h.tanh());
        let mut posteriors = out_bias.to_vec();
        for (row, &h) in out_weights.chunks_exact(self.classes).zip(&hidden) {
            add_scaled(&mut posteriors, h, row);
        }
        let largest = posteriors.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        posteriors.iter_mut().for_each(|p| *p = (*p - largest).exp().max(1e-30));
        let sum: f32 = posteriors.iter().sum();
        posteriors.iter_mut().for_each(|p| *p /= sum);
        (hidden, posteriors)
    }

    fn split<'a>(&self, parameters: &'a [f32]) -> (&'a [f32], &'a [f32], &'a [f32], &'a [f32]) {
        let (in_weights, rest) = parameters.split_at(self.inputs * self.hidden);
        let (in_bias, rest) = rest.split_at(self.hidden);
        let (out_weights, out_bias) = rest.split_at(self.hidden * self.classes);
        (in_weights, in_bias, out_weights, out_bias)
    }
}

pub(crate) fn add_scaled(to: &mut [f32], factor: f32, values: &[f32]) {
    to.iter_mut().zip(values).for_each(|(t, v)| *t += factor * v);
}

/// In eight lanes, which the processor adds at once.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        lanes.iter_mut().zip(a).zip(b).for_each(|((lane, a), b)| *lane += a * b);
    }
    lanes.iter().sum()
}
