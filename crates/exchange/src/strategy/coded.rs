use crate::dense::encode_dense;
use bytes::Bytes;
use std::ops::Range;

/// An encoded contribution.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Coded {
    /// One payload for each range; empty if the contribution is.
    pub payloads: Vec<Bytes>,
    /// Number of vectors in each payload.
    pub sections: u32,
    /// Number of values in all payloads.
    pub values_sent: u64,
    /// 2-norm of the residual.
    pub residual_norm: f64,
    /// τ that would have sent the requested density; 0 if none was requested.
    pub suggested_tau: f32,
}

impl Coded {
    /// Returns the bytes of all payloads.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.payloads.iter().map(|p| p.len() as u64).sum()
    }

    /// Encodes whole vectors as f32, split into ranges; a range's part of the first vector comes before its part of the
    /// second.
    pub(super) fn whole(vectors: &[&[f32]], ranges: &[Range<usize>]) -> Self {
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
