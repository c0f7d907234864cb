use crate::Error;
use bytes::Bytes;
use std::ops::Range;
use stentor_exchange::gtc::{Encoder, suggest_tau};
use stentor_exchange::{Tau, encode_dense};

/// The residual: r of gradient threshold compression, or of a block's compressed differences.
#[derive(Debug)]
pub(crate) struct Residual {
    /// r, in the units of the encoded values.
    pub(crate) kept: Vec<f32>,
    /// r′: it replaces r when an update names this worker as a contributor.
    next: Vec<f32>,
    clip: Option<f32>,
    /// One for each range.
    encoders: Vec<Encoder>,
}

/// An encoded contribution.
#[derive(Debug, Default)]
pub(crate) struct Coded {
    /// One for each range; empty if the contribution is.
    pub(crate) payloads: Vec<Bytes>,
    /// Number of vectors in each payload.
    pub(crate) sections: u32,
    pub(crate) values_sent: u64,
    pub(crate) residual_norm: f64,
    /// τ that would have sent the requested density; 0 if none was requested.
    pub(crate) suggested_tau: f32,
}

impl Coded {
    pub(crate) fn bytes(&self) -> u64 {
        self.payloads.iter().map(|p| p.len() as u64).sum()
    }

    /// Whole vectors as f32, cut into ranges. Within a range, the part of the first vector comes before that of the
    /// second.
    pub(crate) fn whole(vectors: &[&[f32]], ranges: &[Range<usize>]) -> Self {
        let payload = |range: &Range<usize>| {
            let mut bytes = encode_dense(&vectors[0][range.clone()]);
            vectors[1..].iter().for_each(|v| bytes.extend(encode_dense(&v[range.clone()])));
            bytes.into()
        };
        let values_sent = vectors.iter().map(|v| v.len() as u64).sum();
        let payloads = ranges.iter().map(payload).collect();
        Self { payloads, sections: vectors.len() as u32, values_sent, ..Self::default() }
    }
}

impl Residual {
    pub(crate) fn new(len: usize, clip: f64) -> Self {
        Self {
            kept: vec![0.0; len],
            next: vec![0.0; len],
            clip: (clip > 0.0).then_some(clip as f32),
            encoders: Vec::new(),
        }
    }

    /// Replaces the residual by the one after the contribution, which an update has confirmed.
    pub(crate) fn adopt(&mut self) {
        std::mem::swap(&mut self.kept, &mut self.next);
    }

    /// 2-norm of the residual.
    pub(crate) fn norm(&self) -> f64 {
        self.kept.iter().map(|r| f64::from(*r).powi(2)).sum::<f64>().sqrt()
    }

    /// τ that would send `density` of `vector` plus residual; 0 if no density was requested, or no such τ exists.
    pub(crate) fn suggest(&self, vector: &[f32], density: f64) -> f32 {
        if density > 0.0 { suggest_tau(vector, &self.kept, density).unwrap_or(0.0) } else { 0.0 }
    }

    /// Encodes `vector` plus residual as signs of ±τ.
    pub(crate) fn threshold(
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

    /// Encodes `vector` plus the whole residual as f32.
    pub(crate) fn flush(&mut self, vector: &[f32], ranges: &[Range<usize>]) -> Coded {
        let all: Vec<f32> = vector.iter().zip(&self.kept).map(|(v, r)| v + r).collect();
        self.next.fill(0.0);
        Coded::whole(&[&all], ranges)
    }

    /// Encodes `vector` plus residual as bfloat16.
    pub(crate) fn halve(&mut self, vector: &[f32], ranges: &[Range<usize>]) -> Result<Coded, Error> {
        let mut coded = Coded { sections: 1, values_sent: vector.len() as u64, ..Coded::default() };
        for range in ranges {
            let (vector, kept) = (&vector[range.clone()], &self.kept[range.clone()]);
            let payload = stentor_exchange::encode_bf16(vector, kept, &mut self.next[range.clone()])?;
            coded.payloads.push(payload.into());
        }
        coded.residual_norm = self.next.iter().map(|r| f64::from(*r).powi(2)).sum::<f64>().sqrt();
        Ok(coded)
    }
}
