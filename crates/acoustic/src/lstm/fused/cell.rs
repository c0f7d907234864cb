//! One time step of an LSTM cell over a batch, without the matrix products: forward and backward.
//!
//! Each row contains the gates i, f, g, o, `width` values each: i = σ(aᵢ), f = σ(a_f), g = tanh(a_g), o = σ(aₒ); c = f
//! · c′ + i · g; h = o · tanh c, where c′ is the cell one step before.

#[cfg(target_arch = "x86_64")]
use super::vector::Wide;
use super::vector::{Single, Vector, sigmoid, tanh};

/// Forward step of `batch` cells.
pub(super) struct ForwardStep<'a> {
    /// Number of units.
    pub(super) width: usize,
    /// Pre-activations before the bias, `[batch, 4·width]`; overwritten with i, f, g, o.
    pub(super) gates: &'a mut [f32],
    /// `[4·width]`.
    pub(super) bias: &'a [f32],
    /// c′, `[batch, width]`.
    pub(super) before: &'a [f32],
    /// c, `[batch, width]`, output.
    pub(super) cell: &'a mut [f32],
    /// h, in columns `column..column + width` of `[batch, stride]`, output.
    pub(super) output: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) column: usize,
}

/// Backward step of `batch` cells.
pub(super) struct BackwardStep<'a> {
    /// Number of units.
    pub(super) width: usize,
    /// i, f, g, o of the forward step, `[batch, 4·width]`; overwritten with the gradient of their pre-activations.
    pub(super) gates: &'a mut [f32],
    /// c and c′, `[batch, width]`.
    pub(super) cell: &'a [f32],
    pub(super) before: &'a [f32],
    /// Gradient of h from the layer above, in columns `column..column + width` of `[batch, stride]`.
    pub(super) output: &'a [f32],
    pub(super) stride: usize,
    pub(super) column: usize,
    /// Gradient of h from the following step, `[batch, width]`.
    pub(super) recurrent: &'a [f32],
    /// Gradient of c from the following step, `[batch, width]`; overwritten with that of c′.
    pub(super) carry: &'a mut [f32],
}

impl ForwardStep<'_> {
    pub(super) fn run(self) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the CPU has the two features for which the function is compiled.
            return unsafe { self.run_wide() };
        }
        self.run_with::<Single<false>, Single<false>>();
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn run_wide(self) {
        self.run_with::<Wide, Single<true>>();
    }

    /// Processes whole vectors with `V`, and the rest of a row with `T`.
    #[inline(always)]
    fn run_with<V: Vector, T: Vector>(self) {
        let width = self.width;
        let rows = self.gates.chunks_exact_mut(4 * width).zip(self.before.chunks_exact(width));
        let rows = rows.zip(self.cell.chunks_exact_mut(width)).zip(self.output.chunks_exact_mut(self.stride));
        for (((gates, before), cell), output) in rows {
            let output = &mut output[self.column..self.column + width];
            let mut row = ForwardRow {
                gates: quarters_mut(gates, width),
                bias: quarters(self.bias, width),
                before,
                cell,
                output,
            };
            let mut at = 0;
            while at + V::LANES <= width {
                row.step::<V>(at);
                at += V::LANES;
            }
            while at < width {
                row.step::<T>(at);
                at += T::LANES;
            }
        }
    }
}

impl BackwardStep<'_> {
    pub(super) fn run(self) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the CPU has the two features for which the function is compiled.
            return unsafe { self.run_wide() };
        }
        self.run_with::<Single<false>, Single<false>>();
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn run_wide(self) {
        self.run_with::<Wide, Single<true>>();
    }

    /// Processes whole vectors with `V`, and the rest of a row with `T`.
    #[inline(always)]
    fn run_with<V: Vector, T: Vector>(self) {
        let width = self.width;
        let rows = self.gates.chunks_exact_mut(4 * width).zip(self.cell.chunks_exact(width));
        let rows = rows.zip(self.before.chunks_exact(width)).zip(self.output.chunks_exact(self.stride));
        let rows = rows.zip(self.recurrent.chunks_exact(width)).zip(self.carry.chunks_exact_mut(width));
        for (((((gates, cell), before), output), recurrent), carry) in rows {
            let output = &output[self.column..self.column + width];
            let mut row =
                BackwardRow { gates: quarters_mut(gates, width), cell, before, output, recurrent, carry };
            let mut at = 0;
            while at + V::LANES <= width {
                row.step::<V>(at);
                at += V::LANES;
            }
            while at < width {
                row.step::<T>(at);
                at += T::LANES;
            }
        }
    }
}

/// One sequence in a forward step.
struct ForwardRow<'a> {
    gates: [&'a mut [f32]; 4],
    bias: [&'a [f32]; 4],
    before: &'a [f32],
    cell: &'a mut [f32],
    output: &'a mut [f32],
}

impl ForwardRow<'_> {
    #[inline(always)]
    fn step<V: Vector>(&mut self, at: usize) {
        let [i, f, g, o] = &mut self.gates;
        let [bias_i, bias_f, bias_g, bias_o] = self.bias;
        let i_now = sigmoid(V::load(i, at).add(V::load(bias_i, at)));
        let f_now = sigmoid(V::load(f, at).add(V::load(bias_f, at)));
        let g_now = tanh(V::load(g, at).add(V::load(bias_g, at)));
        let o_now = sigmoid(V::load(o, at).add(V::load(bias_o, at)));
        let c = f_now.multiply_add(V::load(self.before, at), i_now.multiply(g_now));
        i_now.store(i, at);
        f_now.store(f, at);
        g_now.store(g, at);
        o_now.store(o, at);
        c.store(self.cell, at);
        o_now.multiply(tanh(c)).store(self.output, at);
    }
}

/// One sequence in a backward step.
struct BackwardRow<'a> {
    gates: [&'a mut [f32]; 4],
    cell: &'a [f32],
    before: &'a [f32],
    output: &'a [f32],
    recurrent: &'a [f32],
    carry: &'a mut [f32],
}

impl BackwardRow<'_> {
    #[inline(always)]
    fn step<V: Vector>(&mut self, at: usize) {
        let one = V::splat(1.0);
        let [i, f, g, o] = &mut self.gates;
        let (i_then, f_then, g_then, o_then) =
            (V::load(i, at), V::load(f, at), V::load(g, at), V::load(o, at));
        let tanh_c = tanh(V::load(self.cell, at));
        let dh = V::load(self.output, at).add(V::load(self.recurrent, at));
        let tanh_slope = one.subtract(tanh_c.multiply(tanh_c));
        let dc = dh.multiply(o_then).multiply_add(tanh_slope, V::load(self.carry, at));
        dc.multiply(g_then).multiply(i_then).multiply(one.subtract(i_then)).store(i, at);
        dc.multiply(V::load(self.before, at)).multiply(f_then).multiply(one.subtract(f_then)).store(f, at);
        dc.multiply(i_then).multiply(one.subtract(g_then.multiply(g_then))).store(g, at);
        dh.multiply(tanh_c).multiply(o_then).multiply(one.subtract(o_then)).store(o, at);
        dc.multiply(f_then).store(self.carry, at);
    }
}

#[inline(always)]
fn quarters(row: &[f32], width: usize) -> [&[f32]; 4] {
    [&row[..width], &row[width..2 * width], &row[2 * width..3 * width], &row[3 * width..4 * width]]
}

#[inline(always)]
fn quarters_mut(row: &mut [f32], width: usize) -> [&mut [f32]; 4] {
    let (first, second) = row.split_at_mut(2 * width);
    let (i, f) = first.split_at_mut(width);
    let (g, o) = second.split_at_mut(width);
    [i, f, g, o]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(len: usize, seed: u64) -> Vec<f32> {
        let stream = crate::random::Stream::new(seed, "cell");
        (0..len as u64).map(|n| stream.uniform(n, 2.0)).collect()
    }

    /// c and h of a whole step, and a weighted sum of both as a function to differentiate.
    fn step(width: usize, batch: usize, sums: &[f32], before: &[f32]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let mut gates = sums.to_vec();
        let (mut cell, mut output) = (vec![0.0; batch * width], vec![0.0; batch * width]);
        let bias = values(4 * width, 3);
        let forward = ForwardStep {
            width,
            gates: &mut gates,
            bias: &bias,
            before,
            cell: &mut cell,
            output: &mut output,
            stride: width,
            column: 0,
        };
        forward.run();
        (gates, cell, output)
    }

    #[test]
    fn a_step_backward_is_the_derivative_of_a_step_forward() {
        // The width is not a multiple of the number of lanes, so that the tail is tested too.
        let (width, batch) = (11, 3);
        let (sums, before) = (values(batch * 4 * width, 1), values(batch * width, 2));
        let (dh, dc) = (values(batch * width, 4), values(batch * width, 5));
        let score = |sums: &[f32], before: &[f32]| -> f64 {
            let (_, cell, output) = step(width, batch, sums, before);
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
            };
            dot(&output, &dh) + dot(&cell, &dc)
        };

        let (mut gates, cell, _) = step(width, batch, &sums, &before);
        let (mut carry, none) = (dc.clone(), vec![0.0; batch * width]);
        let backward = BackwardStep {
            width,
            gates: &mut gates,
            cell: &cell,
            before: &before,
            output: &dh,
            stride: width,
            column: 0,
            recurrent: &none,
            carry: &mut carry,
        };
        backward.run();

        let nudge = 1e-2f32;
        let differ = |values: &[f32], n: usize, f: &dyn Fn(&[f32]) -> f64| {
            let mut moved = values.to_vec();
            moved[n] += nudge;
            let above = f(&moved);
            moved[n] = values[n] - nudge;
            (above - f(&moved)) / (2.0 * f64::from(nudge))
        };
        for (n, &found) in gates.iter().enumerate() {
            let expected = differ(&sums, n, &|sums| score(sums, &before));
            assert!((f64::from(found) - expected).abs() < 3e-4, "gate {n}: {found} {expected}");
        }
        for (n, &found) in carry.iter().enumerate() {
            let expected = differ(&before, n, &|before| score(&sums, before));
            assert!((f64::from(found) - expected).abs() < 3e-4, "cell {n}: {found} {expected}");
        }
    }

    #[test]
    fn wide_and_narrow_instructions_agree_within_rounding() {
        let (width, batch) = (20, 2);
        let (sums, before) = (values(batch * 4 * width, 6), values(batch * width, 7));
        let bias = values(4 * width, 3);
        let (_, cell, output) = step(width, batch, &sums, &before);
        let (mut gates, mut cell2, mut output2) = (sums, vec![0.0; cell.len()], vec![0.0; output.len()]);
        let forward = ForwardStep {
            width,
            gates: &mut gates,
            bias: &bias,
            before: &before,
            cell: &mut cell2,
            output: &mut output2,
            stride: width,
            column: 0,
        };
        forward.run_with::<Single<false>, Single<false>>();
        for (a, b) in cell.iter().zip(&cell2).chain(output.iter().zip(&output2)) {
            assert!((a - b).abs() < 2e-6, "{a} {b}");
        }
    }
}
