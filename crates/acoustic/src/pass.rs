//! How a forward pass is made: what it keeps, and whether it is one of training.

use crate::error::Error;
use crate::random::Stream;
use tch::{Device, Tensor};

/// Whether a forward pass keeps what the inner layers put out, for objectives that look at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InnerLayers {
    /// Only the logits are kept.
    #[default]
    Skip,
    /// [`Outputs::hidden`](crate::Outputs::hidden) holds every layer's output.
    Keep,
}

/// Whether a model is trained or used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Mode {
    /// As it is used: nothing is random.
    #[default]
    Evaluate,
    /// As it is trained, with dropout.
    Train(Dropout),
}

/// How a forward pass is made. The default is that of a model in use, whose logits are all that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pass {
    /// What is kept.
    pub inner: InnerLayers,
    /// Whether it is one of training.
    pub mode: Mode,
}

impl Pass {
    /// A pass of a model in use that also keeps its inner layers.
    pub const KEEP: Self = Self { inner: InnerLayers::Keep, mode: Mode::Evaluate };

    /// The dropout of this pass.
    #[must_use]
    pub fn dropout(&self) -> Dropout {
        match self.mode {
            Mode::Evaluate => Dropout::NONE,
            Mode::Train(dropout) => dropout,
        }
    }
}

/// Dropout (Srivastava et al. 2014), inverted: a share of the values is set to zero, and the others are divided by the share
/// that remains, so that a model in use needs no correction.
///
/// Which values are set to zero is a pure function of `random`, the value's place in the batch and the layer: a batch that
/// is computed again, by another worker or in a replay, drops the same values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Share of the values that are set to zero, 0 to 1, 1 excluded.
    pub rate: f64,
    /// The batch's own numbers: of a stream named after seed, source, pass, unit and batch.
    pub random: Stream,
}

impl Default for Dropout {
    fn default() -> Self {
        Self::NONE
    }
}

impl Dropout {
    /// Nothing is set to zero.
    pub const NONE: Self = Self { rate: 0.0, random: Stream::ZERO };

    /// What to multiply the output of layer `layer`, `[batch, frames, width]`, by: 0 for a value that is dropped, else
    /// 1 / (1 − rate). None where nothing is dropped.
    ///
    /// # Errors
    /// [`Error::Torch`] where the device cannot hold it.
    pub fn factors(&self, layer: usize, size: [i64; 3], device: Device) -> Result<Option<Tensor>, Error> {
        if self.rate <= 0.0 {
            return Ok(None);
        }
        let numbers = self.random.named(&format!("layer.{layer}"));
        let kept = (1.0 / (1.0 - self.rate)) as f32;
        let factor = |n: u64| if numbers.unit(n) < self.rate { 0.0 } else { kept };
        let values: Vec<f32> = (0..size.iter().product::<i64>().unsigned_abs()).map(factor).collect();
        Ok(Some(Tensor::f_from_slice(&values)?.f_view(size)?.f_to_device(device)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(rate: f64, name: &str, layer: usize) -> Option<Vec<f32>> {
        let dropout = Dropout { rate, random: Stream::new(1, name) };
        let factors = dropout.factors(layer, [4, 50, 100], Device::Cpu).unwrap();
        factors.map(|factors| Vec::try_from(factors.reshape([-1])).unwrap())
    }

    #[test]
    fn the_share_that_is_asked_for_is_dropped_and_the_mean_stays_one() {
        for rate in [0.1, 0.5] {
            let factors = factors(rate, "batch", 0).unwrap();
            let dropped = factors.iter().filter(|&&factor| factor == 0.0).count() as f64;
            assert!((dropped / factors.len() as f64 - rate).abs() < 0.01, "{rate}: {dropped}");
            let mean = factors.iter().map(|&factor| f64::from(factor)).sum::<f64>() / factors.len() as f64;
            assert!((mean - 1.0).abs() < 0.02, "{rate}: {mean}");
        }
        assert!(factors(0.0, "batch", 0).is_none());
    }

    #[test]
    fn batch_and_layer_each_decide_what_is_dropped_and_nothing_else_does() {
        let base = factors(0.5, "batch", 0);
        assert_eq!(factors(0.5, "batch", 0), base);
        assert_ne!(factors(0.5, "other batch", 0), base);
        assert_ne!(factors(0.5, "batch", 1), base);
    }
}
