use super::tau::Tau;

/// Values that are looked at, at most.
const SAMPLE: usize = 1 << 16;

/// The threshold that would send about `density` (a share, 0 to 1) of `residual + update`: a quantile of the
/// magnitudes of at most 65,536 values, one from each of as many equal stretches of the vector.
///
/// `None` where there is no such threshold: nothing to look at, or too many zeros. The same input gives the
/// same threshold everywhere. At density d the share really sent scatters by about `1/√(65,536·d)` of itself.
///
/// Values that are not finite are left out, and so is the longer slice's rest: encoding will name both as
/// errors.
#[must_use]
pub fn suggest_tau(update: &[f32], residual: &[f32], density: f64) -> Option<f32> {
    let values = update.len().min(residual.len());
    let mut sample = Sample::of(values, |index| residual[index] + update[index]);
    let wanted = sample.wanted(density)?;
    let level = sample.level(wanted);
    (level > 0.0).then_some(level)
}

/// The threshold that sends about `density` of `values` values that may be few different numbers, as sums of
/// signs are: many of them can lie on the level where the quantile falls. If these would make it more than
/// twice what is asked for, the threshold is just above them, else on them. `None` as with [`suggest_tau`].
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

/// Magnitudes of the values looked at.
struct Sample(Vec<f32>);

impl Sample {
    fn of(values: usize, value: impl Fn(usize) -> f32) -> Self {
        let stretches = values.min(SAMPLE);
        let magnitude = |stretch: usize| {
            let start = stretch * values / stretches;
            let end = (stretch + 1) * values / stretches;
            // A fixed place in each stretch could fall on the same column of a weight matrix again and again.
            let index = start + (scattered(stretch as u64) % (end - start) as u64) as usize;
            value(index).abs()
        };
        Self((0..stretches).map(magnitude).filter(|magnitude| magnitude.is_finite()).collect())
    }

    /// How many of them a density stands for, one at least.
    fn wanted(&self, density: f64) -> Option<usize> {
        let count = (density.clamp(0.0, 1.0) * self.0.len() as f64).round() as usize;
        (!self.0.is_empty()).then(|| count.clamp(1, self.0.len()))
    }

    /// The magnitude that `wanted` of them reach.
    fn level(&mut self, wanted: usize) -> f32 {
        let (_, level, _) = self.0.select_nth_unstable_by(wanted - 1, |a, b| b.total_cmp(a));
        *level
    }
}

/// SplitMix64's finaliser.
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
