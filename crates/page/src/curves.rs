//! A figure over the whole run, reduced to a bounded number of points.

use serde::{Serialize, Serializer};

/// Maximum number of points in a curve; a long run has at least half as many.
const LIMIT: usize = 240;

/// A figure by committed frames, with at most [`LIMIT`] points however long the run. When the limit is reached, each
/// pair of neighbouring points is replaced by its mean, weighted by frames.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Curve {
    points: Vec<Point>,
    /// Number of values in a full point, as a power of two.
    doublings: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    /// Frames committed after its newest value.
    frames: u64,
    sum: f64,
    weight: f64,
    values: u64,
}

impl Curve {
    /// Adds a value for `weight` frames that end at `frames`. Values that are not finite are ignored.
    pub(crate) fn push(&mut self, frames: u64, value: f64, weight: f64) {
        if !(value.is_finite() && weight > 0.0) {
            return;
        }
        let new = Point { frames, sum: value * weight, weight, values: 1 };
        match self.points.last_mut() {
            Some(last) if last.values < 1 << self.doublings => last.take(new),
            _ => self.points.push(new),
        }
        if self.points.len() > LIMIT {
            self.halve();
        }
    }

    /// Removes everything after `frames` committed frames, because the run fell back to there. A point that is partly
    /// void is removed too.
    pub(crate) fn cut(&mut self, frames: u64) {
        self.points.retain(|point| point.frames <= frames);
    }

    fn halve(&mut self) {
        let merge = |pair: &[Point]| {
            let mut merged = pair[0];
            pair.iter().skip(1).for_each(|point| merged.take(*point));
            merged
        };
        self.points = self.points.chunks(2).map(merge).collect();
        self.doublings += 1;
    }
}

impl Point {
    fn take(&mut self, newer: Point) {
        self.frames = newer.frames;
        self.sum += newer.sum;
        self.weight += newer.weight;
        self.values += newer.values;
    }

    fn mean(&self) -> f64 {
        self.sum / self.weight
    }
}

/// Serialises as `[[frames, value], …]`.
impl Serialize for Curve {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.points.iter().map(|point| (point.frames, short(point.mean()))))
    }
}

/// Rounds to five digits, more than a screen shows.
pub(crate) fn short(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_run_is_shown_value_by_value() {
        let mut curve = Curve::default();
        (1..=100).for_each(|n| curve.push(n * 10, n as f64, 10.0));
        let json = serde_json::to_value(&curve).unwrap();
        assert_eq!((json.as_array().unwrap().len(), &json[99]), (100, &serde_json::json!([1000, 100.0])));
    }

    #[test]
    fn values_after_a_fall_back_are_removed_and_replaced() {
        let mut curve = Curve::default();
        (1..=10).for_each(|n| curve.push(n * 10, 3.0, 10.0));
        curve.cut(60);
        (7..=8).for_each(|n| curve.push(n * 10, 2.0, 10.0));
        let json = serde_json::to_value(&curve).unwrap();
        let frames: Vec<u64> = json.as_array().unwrap().iter().map(|p| p[0].as_u64().unwrap()).collect();
        assert_eq!(frames, [10, 20, 30, 40, 50, 60, 70, 80]);
        assert_eq!(json[7][1], 2.0);
    }

    #[test]
    fn a_value_that_is_not_finite_or_has_no_weight_is_ignored() {
        let mut curve = Curve::default();
        curve.push(1, f64::NAN, 1.0);
        curve.push(2, 1.0, 0.0);
        assert_eq!(curve, Curve::default());
    }

    proptest! {
        /// Memory is bounded, the overall mean is preserved, and frames ascend.
        #[test]
        fn any_run_fits_and_keeps_its_mean(values in prop::collection::vec((0.0f64..10.0, 1.0f64..100.0), 1..3000)) {
            let mut curve = Curve::default();
            for (n, &(value, weight)) in (1..).zip(&values) {
                curve.push(n, value, weight);
            }
            prop_assert!(curve.points.len() <= LIMIT);
            prop_assert!(values.len() <= LIMIT || curve.points.len() >= LIMIT / 2);
            prop_assert!(curve.points.is_sorted_by(|a, b| a.frames < b.frames));
            prop_assert_eq!(curve.points.last().map(|p| p.frames), Some(values.len() as u64));
            let weight: f64 = values.iter().map(|(_, w)| w).sum();
            let expected = values.iter().map(|(v, w)| v * w).sum::<f64>() / weight;
            let found = curve.points.iter().map(|p| p.sum).sum::<f64>() / curve.points.iter().map(|p| p.weight).sum::<f64>();
            prop_assert!((expected - found).abs() < 1e-9);
        }
    }
}
