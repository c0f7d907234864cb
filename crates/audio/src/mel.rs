/// The mel scale as Kaldi (and HTK) defines it.
pub(crate) fn mel(hz: f64) -> f64 {
    1127.0 * (1.0 + hz / 700.0).ln()
}

/// One triangular filter over the bins of a power spectrum.
#[derive(Debug, Clone)]
pub(crate) struct MelBin {
    first: usize,
    weights: Vec<f32>,
}

impl MelBin {
    /// Energy that the filter lets through.
    pub(crate) fn energy(&self, power: &[f32]) -> f32 {
        self.weights.iter().zip(&power[self.first..]).map(|(w, p)| w * p).sum()
    }

    /// Whether the triangle is so narrow that no spectral line falls into it: its energy is always zero.
    pub(crate) fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }
}

/// Triangles evenly spaced on the mel scale from `low_hz` to `high_hz`, each reaching to its neighbours' centres.
/// `fft` is the transform's length; Kaldi leaves the Nyquist line out, and so does this.
pub(crate) fn mel_bins(count: usize, low_hz: f64, high_hz: f64, rate_hz: f64, fft: usize) -> Vec<MelBin> {
    let (low, high) = (mel(low_hz), mel(high_hz));
    let step = (high - low) / (count + 1) as f64;
    let lines: Vec<f64> = (0..fft / 2).map(|line| mel(line as f64 * rate_hz / fft as f64)).collect();
    (0..count)
        .map(|bin| {
            let left = low + bin as f64 * step;
            let (centre, right) = (left + step, left + 2.0 * step);
            let first = lines.partition_point(|&m| m <= left);
            let inside = lines[first..].iter().take_while(|&&m| m < right);
            let weights = inside
                .map(|&m| if m <= centre { (m - left) / (centre - left) } else { (right - m) / (right - centre) } as f32)
                .collect();
            MelBin { first, weights }
        })
        .collect()
}
