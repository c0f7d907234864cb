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
    let stretches = values.min(SAMPLE);
    let mut magnitudes: Vec<f32> = (0..stretches)
        .map(|stretch| {
            let start = stretch * values / stretches;
            let end = (stretch + 1) * values / stretches;
            // A fixed place in each stretch could fall on the same column of a weight matrix again and again.
            let index = start + (scattered(stretch as u64) % (end - start) as u64) as usize;
            (residual[index] + update[index]).abs()
        })
        .filter(|magnitude| magnitude.is_finite())
        .collect();
    if magnitudes.is_empty() {
        return None;
    }
    let above = (density.clamp(0.0, 1.0) * magnitudes.len() as f64).round() as usize;
    let place = above.clamp(1, magnitudes.len()) - 1;
    let (_, tau, _) = magnitudes.select_nth_unstable_by(place, |a, b| b.total_cmp(a));
    (*tau > 0.0).then_some(*tau)
}

/// SplitMix64's finaliser.
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
