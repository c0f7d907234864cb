//! Tying trees against Kaldi's recipe over Kaldi's likelihoods, on the same made-up statistics.

use super::judge::python;
use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use stentor_senones::{Growth, Questions, Roots, drawn_statistics, judge_file};
use stentor_tasks::Environment;

/// Prints the likelihood of all roots, and the total gain at each number of leaves.
const JUDGE: &str = include_str!("tree.py");

const LEAVES: [usize; 3] = [100, 500, 3_000];
const SEED: u64 = 11;
const VARIANCE_FLOOR: f64 = 0.01;
const MINIMUM_COUNT: f64 = 20.0;

pub(super) fn run(environment: &Environment) -> Result<Value> {
    let (scheme, statistics) = drawn_statistics(SEED)?;
    let folder = environment.target.join("bench-recognition-tree");
    stentor_tasks::create_folder(&folder)?;
    let file = folder.join("statistics");
    std::fs::write(&file, judge_file(&statistics, &scheme)).with_context(|| file.display().to_string())?;
    let numbers = [VARIANCE_FLOOR.to_string(), MINIMUM_COUNT.to_string()];
    let arguments = [file.display().to_string()].into_iter().chain(numbers);
    let arguments: Vec<String> = arguments.chain(LEAVES.map(|leaves| leaves.to_string())).collect();
    let printed = python(environment, JUDGE, &arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
    let (judged_roots, judged) = judged(&printed)?;

    let questions = Questions::from_data(&statistics, &scheme, VARIANCE_FLOOR)?;
    let mut of_leaves = Map::new();
    for (leaves, judged) in LEAVES.into_iter().zip(judged) {
        let growth = Growth {
            scheme: &scheme,
            roots: Roots::PhoneState,
            leaves,
            minimum_count: MINIMUM_COUNT,
            minimum_gain: 0.0,
            merge_below: None,
            variance_floor: VARIANCE_FLOOR,
        };
        let grown = growth.grow(&statistics, &questions)?;
        ensure!(grown.tree.senones() == leaves, "expected {leaves} leaves, found {}", grown.tree.senones());
        let off = (grown.roots - judged_roots).abs() / judged_roots.abs();
        ensure!(off < 1e-5, "the likelihood of the roots is {}, by the judge {judged_roots}", grown.roots);
        let gain: f64 = grown.gains.iter().sum();
        let figures = json!({ "gain_vs_judge": gain / judged, "gain": gain, "judge": judged });
        of_leaves.insert(leaves.to_string(), figures);
    }
    Ok(json!({
        "leaves": of_leaves,
        "triphone_states": statistics.len(),
        "minimum_count": MINIMUM_COUNT,
    }))
}

/// The judge's likelihood of all roots, and its gains.
fn judged(printed: &str) -> Result<(f64, [f64; LEAVES.len()])> {
    let mut numbers = printed.lines().map_while(|line| line.trim().parse::<f64>().ok());
    let told = || format!("expected the likelihood of the roots and {} gains, found {printed}", LEAVES.len());
    let roots = numbers.next().with_context(told)?;
    let gains: Vec<f64> = numbers.take(LEAVES.len()).collect();
    Ok((roots, gains.try_into().ok().with_context(told)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_judge_prints_a_likelihood_and_a_gain_for_each_number_of_leaves() {
        assert_eq!(judged("-12.5\n1\n2\n3.5\na warning\n").unwrap(), (-12.5, [1.0, 2.0, 3.5]));
        let error = judged("-12.5\n1\nTraceback\n").unwrap_err().to_string();
        assert!(error.contains("3 gains") && error.contains("Traceback"), "{error}");
    }
}
