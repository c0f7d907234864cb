use crate::activation::{sigmoid, tanh};
use crate::level::Level;

/// One time step of an LSTM cell without its matrix products: c ← σ(f) · c + σ(i) · tanh(g), h ← σ(o) · tanh(c).
///
/// `gates` has the sums i, f, g, o, `[4, width]`, and is overwritten; `cell` is c, `[width]`, before and after the step; `output`
/// receives h, `[width]`.
pub(crate) fn step(level: Level, gates: &mut [f32], cell: &mut [f32], output: &mut [f32]) {
    match level {
        Level::Baseline => step_with(gates, cell, output),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level says that the CPU has these instructions.
        Level::Avx2 => unsafe { step_avx2(gates, cell, output) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level says that the CPU has these instructions.
        Level::Avx512 => unsafe { step_avx512(gates, cell, output) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn step_avx2(gates: &mut [f32], cell: &mut [f32], output: &mut [f32]) {
    step_with(gates, cell, output);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512vl")]
fn step_avx512(gates: &mut [f32], cell: &mut [f32], output: &mut [f32]) {
    step_with(gates, cell, output);
}

/// Several short loops, because the compiler does not vectorise one over six arrays.
#[inline(always)]
fn step_with(gates: &mut [f32], cell: &mut [f32], output: &mut [f32]) {
    let width = cell.len();
    let (before, after) = gates.split_at_mut(2 * width);
    let (new, out) = after.split_at_mut(width);
    before.iter_mut().for_each(|gate| *gate = sigmoid(*gate));
    new.iter_mut().for_each(|gate| *gate = tanh(*gate));
    out.iter_mut().for_each(|gate| *gate = sigmoid(*gate));
    let (input, forget) = before.split_at(width);
    new.iter_mut().zip(input).for_each(|(new, input)| *new *= input);
    for ((cell, forget), new) in cell.iter_mut().zip(forget).zip(&*new) {
        *cell = forget.mul_add(*cell, *new);
    }
    for ((output, cell), gate) in output.iter_mut().zip(&*cell).zip(&*out) {
        *output = gate * tanh(*cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_gives_the_bits_of_the_equations_computed_value_by_value() {
        // Not a multiple of the number of lanes, so that the remainder is tested too.
        let width = 37;
        let value = |n: usize| ((n * 7919 % 1000) as f32 / 100.0) - 5.0;
        let gates: Vec<f32> = (0..4 * width).map(value).collect();
        let before: Vec<f32> = (0..width).map(|n| value(n + 400) / 5.0).collect();
        let expected = |n: usize| {
            let [i, f, g, o] = [0, 1, 2, 3].map(|gate| gates[gate * width + n]);
            let cell = sigmoid(f).mul_add(before[n], tanh(g) * sigmoid(i));
            (cell.to_bits(), (sigmoid(o) * tanh(cell)).to_bits())
        };
        for level in Level::all() {
            let (mut gates, mut cell, mut output) = (gates.clone(), before.clone(), vec![0.0; width]);
            step(level, &mut gates, &mut cell, &mut output);
            for n in 0..width {
                assert_eq!((cell[n].to_bits(), output[n].to_bits()), expected(n), "{level:?}, unit {n}");
            }
        }
    }
}
