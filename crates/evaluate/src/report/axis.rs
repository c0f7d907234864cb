//! Scales, round tick values, and labels that do not overlap.

/// A linear scale from values to units of the drawing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    values: (f64, f64),
    drawing: (f64, f64),
}

impl Scale {
    /// Creates a scale that maps `values.0` to `drawing.0` and `values.1` to `drawing.1`. An empty or invalid range is
    /// widened.
    pub(super) fn new(values: (f64, f64), drawing: (f64, f64)) -> Self {
        let (low, high) = if values.0.is_finite() && values.1.is_finite() { values } else { (0.0, 1.0) };
        let high = if high > low { high } else { low + low.abs().max(1.0) };
        Self { values: (low, high), drawing }
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value - self.values.0) / (self.values.1 - self.values.0);
        self.drawing.0 + share * (self.drawing.1 - self.drawing.0)
    }

    /// Returns about `wanted` round values within the range.
    pub(super) fn ticks(&self, wanted: usize) -> Vec<f64> {
        let step = self.step(wanted);
        let first = (self.values.0 / step).ceil() as i64;
        let last = (self.values.1 / step + 1e-9).floor() as i64;
        (first..=last).map(|n| n as f64 * step).collect()
    }

    /// Returns the number of decimals that distinguishes neighbouring ticks.
    pub(super) fn decimals(&self, wanted: usize) -> usize {
        let step = self.step(wanted);
        (0..4)
            .find(|&places| {
                let scaled = step * 10f64.powi(places);
                (scaled - scaled.round()).abs() < 1e-6
            })
            .unwrap_or(4) as usize
    }

    fn step(&self, wanted: usize) -> f64 {
        let raw = (self.values.1 - self.values.0) / wanted.max(1) as f64;
        let power = 10f64.powf(raw.log10().floor());
        let round = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|r| r * power >= raw * 0.999).unwrap_or(10.0);
        round * power
    }
}

/// Moves label positions apart until neighbours are at least `gap` apart. They stay within `low..high` if they fit, as
/// near as possible to their wanted positions, and in order.
pub(super) fn spread(wanted: &[f64], gap: f64, (low, high): (f64, f64)) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    // Labels that touch form a block around the mean of their wanted positions.
    let mut blocks: Vec<(f64, Vec<usize>)> = Vec::new();
    let centre = |members: &[usize]| {
        let half = gap * (members.len() - 1) as f64 / 2.0;
        let mean = members.iter().map(|&m| wanted[m]).sum::<f64>() / members.len() as f64;
        mean.min(high - half).max(low + half)
    };
    for index in order {
        let mut block = vec![index];
        while let Some((at, before)) = blocks.last() {
            let reach = gap * (before.len() + block.len()) as f64 / 2.0;
            if centre(&block) - at >= reach - 1e-9 {
                break;
            }
            let (_, mut merged) = blocks.pop().unwrap_or_default();
            merged.append(&mut block);
            block = merged;
        }
        blocks.push((centre(&block), block));
    }
    let mut placed = vec![0.0; wanted.len()];
    for (at, members) in blocks {
        let first = at - gap * (members.len() - 1) as f64 / 2.0;
        members.iter().enumerate().for_each(|(n, &m)| placed[m] = first + gap * n as f64);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round_and_within_the_range() {
        let scale = Scale::new((46.3, 71.9), (0.0, 1.0));
        assert_eq!(scale.ticks(5), [50.0, 60.0, 70.0]);
        assert_eq!(Scale::new((0.0, 4.2), (0.0, 1.0)).ticks(5), [0.0, 1.0, 2.0, 3.0, 4.0]);
        let fine = Scale::new((1.92, 2.31), (0.0, 1.0));
        assert_eq!((fine.ticks(4), fine.decimals(4)), (vec![2.0, 2.1, 2.2, 2.3000000000000003], 1));
        assert_eq!((fine.at(1.92), fine.at(2.31)), (0.0, 1.0));
    }

    #[test]
    fn a_flat_or_empty_range_can_be_drawn() {
        assert!(Scale::new((3.0, 3.0), (0.0, 10.0)).at(3.0).is_finite());
        assert!(Scale::new((f64::INFINITY, f64::NEG_INFINITY), (0.0, 10.0)).ticks(4).len() > 1);
    }

    proptest! {
        #[test]
        fn labels_keep_their_order_and_their_distance(wanted in prop::collection::vec(0.0f64..100.0, 1..8)) {
            let placed = spread(&wanted, 12.0, (0.0, 100.0));
            let mut pairs: Vec<(f64, f64)> = wanted.iter().copied().zip(placed.iter().copied()).collect();
            pairs.sort_by(|a, b| a.1.total_cmp(&b.1));
            for pair in pairs.windows(2) {
                prop_assert!(pair[1].1 - pair[0].1 >= 12.0 - 1e-6, "too near: {placed:?}");
                prop_assert!(pair[1].0 >= pair[0].0, "order lost: {placed:?}");
            }
            prop_assert!(placed.iter().all(|p| (-1e-6..=100.0 + 1e-6).contains(p)), "outside: {placed:?}");
        }

        #[test]
        fn labels_with_room_stay_where_they_belong(first in 0.0f64..40.0, second in 60.0f64..100.0) {
            prop_assert_eq!(spread(&[second, first], 12.0, (0.0, 100.0)), vec![second, first]);
        }
    }
}
