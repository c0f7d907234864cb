//! Options of a forward pass: which values it keeps, and whether it is for training.

use crate::error::Error;
use crate::random::Stream;
use tch::{Device, Tensor};

/// Whether a forward pass keeps the outputs of the inner layers, for objectives that use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InnerLayers {
    /// Only the logits are kept.
    #[default]
    Skip,
    /// [`Outputs::hidden`](crate::Outputs::hidden) contains every layer's output.
    Keep,
}

/// Training or inference.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Mode {
    /// Inference: nothing is random.
    #[default]
    Evaluate,
    /// Training, with dropout.
    Train(Dropout),
}

/// Options of a forward pass. The default is inference that keeps only the logits.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pass {
    /// Values to keep.
    pub inner: InnerLayers,
    /// Training or inference.
    pub mode: Mode,
}

impl Pass {
    /// Inference that also keeps the inner layers.
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

/// Inverted dropout (Srivastava et al. 2014): a share of the values is set to zero, and the others are divided by the
/// remaining share, so that inference needs no correction.
///
/// Which values are set to zero is a pure function of `random`, the value's index in the batch and the layer: a batch
/// that is computed again, by another worker or in a replay, drops the same values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// Share of the values that are set to zero, at least 0 and below 1.
    pub rate: f64,
    /// The batch's random stream, named after seed, source, pass, unit and batch.
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

    /// Returns the factors for the output of layer `layer`, `[batch, frames, width]`: 0 for a dropped value, otherwise
    /// 1 / (1 − rate). `None` without dropout.
    ///
    /// # Errors
    /// [`Error::Torch`] if the device has too little memory.
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
    fn the_configured_share_is_dropped_and_the_mean_stays_one() {
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
