//! Scales from values to the drawing, and round tick values.

/// A scale from values to units of the drawing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    values: (f64, f64),
    drawing: (f64, f64),
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    Logarithmic,
}

impl Scale {
    /// Creates a scale that maps `values.0` to `drawing.0` and `values.1` to `drawing.1`. An empty or invalid range is
    /// widened.
    pub(crate) fn linear(values: (f64, f64), drawing: (f64, f64)) -> Self {
        let (low, high) = if values.0.is_finite() && values.1.is_finite() { values } else { (0.0, 1.0) };
        let high = if high > low { high } else { low + low.abs().max(1.0) };
        Self { values: (low, high), drawing, kind: Kind::Linear }
    }

    /// The same, with the logarithms of the values. A range that is not positive is replaced.
    pub(crate) fn logarithmic(values: (f64, f64), drawing: (f64, f64)) -> Self {
        let is_positive = values.0 > 0.0 && values.1.is_finite();
        let (low, high) = if is_positive { values } else { (0.1, 1.0) };
        let high = if high > low { high } else { 2.0 * low };
        Self { values: (low, high), drawing, kind: Kind::Logarithmic }
    }

    pub(crate) fn at(&self, value: f64) -> f64 {
        let (low, high) = self.values;
        let share = match self.kind {
            Kind::Linear => (value - low) / (high - low),
            Kind::Logarithmic => (value / low).ln() / (high / low).ln(),
        };
        self.drawing.0 + share * (self.drawing.1 - self.drawing.0)
    }

    /// Round values within the range: about as many as `wanted`; on a logarithmic scale 1, 2 and 5 times powers of ten,
    /// or only the powers if there would be more.
    pub(crate) fn ticks(&self, wanted: usize) -> Vec<f64> {
        let (low, high) = self.values;
        match self.kind {
            Kind::Linear => {
                let step = self.step(wanted);
                let first = (low / step).ceil() as i64;
                let last = (high / step + 1e-9).floor() as i64;
                (first..=last).map(|n| n as f64 * step).collect()
            }
            Kind::Logarithmic => {
                let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
                let multiples = |of: &[f64]| -> Vec<f64> {
                    let all = powers.clone().flat_map(|p| of.iter().map(move |n| n * 10f64.powi(p)));
                    all.filter(|tick| (low..=high).contains(tick)).collect()
                };
                let fine = multiples(&[1.0, 2.0, 5.0]);
                if fine.len() > wanted { multiples(&[1.0]) } else { fine }
            }
        }
    }

    /// Returns the number of decimals that distinguishes neighbouring ticks of a linear scale.
    pub(crate) fn decimals(&self, wanted: usize) -> usize {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_range() {
        let scale = Scale::linear((46.3, 71.9), (0.0, 1.0));
        assert_eq!(scale.ticks(5), [50.0, 60.0, 70.0]);
        assert_eq!(Scale::linear((0.0, 4.2), (0.0, 1.0)).ticks(5), [0.0, 1.0, 2.0, 3.0, 4.0]);
        let fine = Scale::linear((1.92, 2.31), (0.0, 1.0));
        assert_eq!((fine.ticks(4), fine.decimals(4)), (vec![2.0, 2.1, 2.2, 2.3000000000000003], 1));
        assert_eq!((fine.at(1.92), fine.at(2.31)), (0.0, 1.0));
    }

    #[test]
    fn a_flat_or_empty_range_can_be_drawn() {
        assert!(Scale::linear((3.0, 3.0), (0.0, 10.0)).at(3.0).is_finite());
        assert!(Scale::linear((f64::INFINITY, f64::NEG_INFINITY), (0.0, 10.0)).ticks(4).len() > 1);
    }

    #[test]
    fn logarithmic_ticks_are_multiples_of_powers_and_larger_values_stand_higher() {
        let scale = Scale::logarithmic((0.9, 110.0), (260.0, 34.0));
        assert_eq!(scale.ticks(8), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(scale.ticks(6), [1.0, 10.0, 100.0]);
        assert!(scale.at(100.0) < scale.at(10.0) && scale.at(10.0) < scale.at(1.0));
        assert!(Scale::logarithmic((0.0, 0.0), (0.0, 1.0)).at(0.5).is_finite());
    }
}
