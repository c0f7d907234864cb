use super::tau::Tau;
use stentor_random::nth;

/// Maximum number of values in a sample.
const SAMPLE: usize = 1 << 16;

/// Returns the threshold that would send about `density` (a share, 0 to 1) of `residual + update`: a quantile of the
/// magnitudes of at most 65,536 values, one from each of as many equal stretches of the vector.
///
/// `None` if there is no such threshold: no values, or too many zeros. The same input gives the same threshold
/// everywhere. At density d the share that is sent scatters by about `1/√(65,536·d)` of itself.
///
/// Values that are not finite are ignored, and so is the rest of the longer slice: encoding reports both as errors.
#[must_use]
pub fn suggest_tau(update: &[f32], residual: &[f32], density: f64) -> Option<f32> {
    let values = update.len().min(residual.len());
    let mut sample = Sample::of(values, |index| residual[index] + update[index]);
    let wanted = sample.wanted(density)?;
    let level = sample.level(wanted);
    (level > 0.0).then_some(level)
}

/// Returns the threshold that sends about `density` of `values` values which may be few different numbers, as sums of
/// signs are: many of them can be equal to the quantile. If including these would send more than twice the requested
/// share, the threshold is just above them, otherwise equal to them. `None` as with [`suggest_tau`].
pub(super) fn cut(values: usize, value: impl Fn(usize) -> f32, density: f64) -> Option<Tau> {
    let mut sample = Sample::of(values, value);
    let wanted = sample.wanted(density)?;
    let level = sample.level(wanted);
    if level == 0.0 {
        return None;
    }
    let sent = sample.0.iter().filter(|&&magnitude| magnitude >= level).count();
    if sent <= 2 * wanted { Tau::at_most(level).ok() } else { Tau::above(level).ok() }
}

/// Magnitudes of the sampled values.
struct Sample(Vec<f32>);

impl Sample {
    fn of(values: usize, value: impl Fn(usize) -> f32) -> Self {
        let stretches = values.min(SAMPLE);
        let magnitude = |stretch: usize| {
            let start = stretch * values / stretches;
            let end = (stretch + 1) * values / stretches;
            // A fixed offset in each stretch could hit the same column of a weight matrix again and again.
            let index = start + (nth(stretch as u64, 1) % (end - start) as u64) as usize;
            value(index).abs()
        };
        Self((0..stretches).map(magnitude).filter(|magnitude| magnitude.is_finite()).collect())
    }

    /// Returns the number of sampled values that a density corresponds to, at least one.
    fn wanted(&self, density: f64) -> Option<usize> {
        let count = (density.clamp(0.0, 1.0) * self.0.len() as f64).round() as usize;
        (!self.0.is_empty()).then(|| count.clamp(1, self.0.len()))
    }

    /// Returns the magnitude that `wanted` of them reach.
    fn level(&mut self, wanted: usize) -> f32 {
        let (_, level, _) = self.0.select_nth_unstable_by(wanted - 1, |a, b| b.total_cmp(a));
        *level
    }
}
