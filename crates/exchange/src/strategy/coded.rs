use crate::dense::encode_dense;
use bytes::Bytes;
use std::ops::Range;

/// A coded contribution.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Coded {
    /// One for each range; empty where the contribution is.
    pub payloads: Vec<Bytes>,
    /// Vectors in each payload.
    pub sections: u32,
    /// Values in all payloads.
    pub values_sent: u64,
    /// 2-norm of what was kept back.
    pub residual_norm: f64,
    /// τ that would have sent the asked density; 0 where none was asked.
    pub suggested_tau: f32,
}

impl Coded {
    /// Bytes of all payloads.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.payloads.iter().map(|p| p.len() as u64).sum()
    }

    /// Whole vectors as f32, cut into ranges; a range's part of the first comes before its part of the second.
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
