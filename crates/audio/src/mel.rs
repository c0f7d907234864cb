/// The mel scale as Kaldi (and HTK) defines it, in Kaldi's precision: if a spectral line is close to the edge of a
/// triangle, its weight is a difference of two nearly equal numbers, and double precision would differ more from
/// Kaldi's result.
fn mel(hz: f32) -> f32 {
    1127.0 * (1.0 + hz / 700.0).ln()
}

/// One triangular filter over the bins of a power spectrum.
#[derive(Debug, Clone)]
pub(crate) struct MelBin {
    first: usize,
    weights: Vec<f32>,
}

impl MelBin {
    /// Returns the energy that passes the filter.
    pub(crate) fn energy(&self, power: &[f32]) -> f32 {
        self.weights.iter().zip(&power[self.first..]).map(|(w, p)| w * p).sum()
    }

    /// Returns whether the triangle is so narrow that it contains no spectral line: its energy is always zero.
    pub(crate) fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }
}

/// Returns triangles evenly spaced on the mel scale from `low_hz` to `high_hz`, each reaching to its neighbours'
/// centres. `fft` is the transform's length; like Kaldi, this leaves the Nyquist line out.
pub(crate) fn mel_bins(count: usize, low_hz: f32, high_hz: f32, rate_hz: f32, fft: usize) -> Vec<MelBin> {
    let (low, high) = (mel(low_hz), mel(high_hz));
    let step = (high - low) / (count + 1) as f32;
    let width_hz = rate_hz / fft as f32;
    let lines: Vec<f32> = (0..fft / 2).map(|line| mel(width_hz * line as f32)).collect();
    (0..count)
        .map(|bin| {
            let edge = |k: usize| low + (bin + k) as f32 * step;
            let (left, centre, right) = (edge(0), edge(1), edge(2));
            let first = lines.partition_point(|&m| m <= left);
            let inside = lines[first..].iter().take_while(|&&m| m < right);
            let weight = |&m: &f32| {
                if m <= centre { (m - left) / (centre - left) } else { (right - m) / (right - centre) }
            };
            MelBin { first, weights: inside.map(weight).collect() }
        })
        .collect()
}
