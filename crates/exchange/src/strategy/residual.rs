use super::Coded;
use crate::bf16::encode_bf16;
use crate::error::Error;
use crate::gtc::{Encoder, Tau, suggest_tau};
use std::ops::Range;

/// The residual: r of gradient threshold compression, or of a block's compressed differences.
#[derive(Debug)]
pub(super) struct Residual {
    /// r, in units of the encoded values.
    pub(super) kept: Vec<f32>,
    /// r′: adopted when an update names this worker as a contributor.
    next: Vec<f32>,
    clip: Option<f32>,
    /// One encoder for each range.
    encoders: Vec<Encoder>,
}

impl Residual {
    /// Creates a residual of zeros for `values` values. `clip`: bound on magnitudes in multiples of τ; 0: none.
    pub(super) fn new(values: usize, clip: f64) -> Self {
        Self {
            kept: vec![0.0; values],
            next: vec![0.0; values],
            clip: (clip > 0.0).then_some(clip as f32),
            encoders: Vec::new(),
        }
    }

    /// Adopts r′ after the contribution was counted.
    pub(super) fn adopt(&mut self) {
        std::mem::swap(&mut self.kept, &mut self.next);
    }

    /// Returns τ that would send `density` of `vector` plus residual; 0 if none was requested, or there is none.
    pub(super) fn suggest(&self, vector: &[f32], density: f64) -> f32 {
        if density > 0.0 { suggest_tau(vector, &self.kept, density).unwrap_or(0.0) } else { 0.0 }
    }

    /// Encodes vector plus residual as signs of ±τ.
    pub(super) fn threshold(
        &mut self,
        vector: &[f32],
        tau: f32,
        ranges: &[Range<usize>],
    ) -> Result<Coded, Error> {
        let tau = Tau::exact(tau)?;
        self.encoders.resize_with(ranges.len(), Encoder::new);
        let mut coded = Coded { sections: 1, ..Coded::default() };
        let mut squares = 0.0;
        for (encoder, range) in self.encoders.iter_mut().zip(ranges) {
            let (vector, kept) = (&vector[range.clone()], &self.kept[range.clone()]);
            let mut payload = Vec::new();
            let next = &mut self.next[range.clone()];
            let stats = encoder.encode(vector, kept, tau, self.clip, next, &mut payload)?;
            coded.values_sent += stats.sent;
            squares += stats.residual_norm * stats.residual_norm;
            coded.payloads.push(payload.into());
        }
        coded.residual_norm = squares.sqrt();
        Ok(coded)
    }

    /// Encodes vector plus residual whole, as f32.
    pub(super) fn flush(&mut self, vector: &[f32], ranges: &[Range<usize>]) -> Coded {
        let all: Vec<f32> = vector.iter().zip(&self.kept).map(|(v, r)| v + r).collect();
        self.next.fill(0.0);
        Coded::whole(&[&all], ranges)
    }

    /// Encodes vector plus residual as bfloat16.
    pub(super) fn halve(&mut self, vector: &[f32], ranges: &[Range<usize>]) -> Result<Coded, Error> {
        let mut coded = Coded { sections: 1, values_sent: vector.len() as u64, ..Coded::default() };
        for range in ranges {
            let (vector, kept) = (&vector[range.clone()], &self.kept[range.clone()]);
            let payload = encode_bf16(vector, kept, &mut self.next[range.clone()])?;
            coded.payloads.push(payload.into());
        }
        coded.residual_norm = self.next.iter().map(|r| f64::from(*r).powi(2)).sum::<f64>().sqrt();
        Ok(coded)
    }
}
