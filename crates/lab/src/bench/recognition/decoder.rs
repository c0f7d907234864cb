//! The search against `kaldi-decoder`, tree against static graph, and the sizes of trees.

use super::super::figures::number;
use super::judge::{dictionary, python, texts};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::Path;
use stentor_tasks::Environment;
use stentor_tasks::process::{self, Deadline};

/// Searches the same graph with the same scores and limits, with its search for the best path alone and with the one that keeps a
/// lattice, and prints the times, the costs and the words as JSON. Times are of the search and of taking its result.
const JUDGE: &str = r#"
import json, os, sys, time
import kaldi_decoder, kaldifst
import numpy as np

folder, figures = sys.argv[1], json.load(open(sys.argv[1] + "/figures.json"))
graph = kaldifst.compile(open(folder + "/graph.txt").read())
scores = np.fromfile(folder + "/scores", dtype="<f4").reshape(-1, figures["outputs"])
ends = np.cumsum(figures["lengths"])
utterances = [scores[end - length:end] for end, length in zip(ends, figures["lengths"])]
one_best = kaldi_decoder.FasterDecoder(graph, kaldi_decoder.FasterDecoderOptions(
    beam=figures["beam"], max_active=2**31 - 1, min_active=figures["min_active"]))
lattice = kaldi_decoder.LatticeSimpleDecoder(graph, kaldi_decoder.LatticeSimpleDecoderConfig(
    beam=figures["beam"], lattice_beam=figures["lattice_beam"], prune_interval=figures["prune_interval"]))

def run(decoder, take, is_final, repetitions):
    best = float("inf")
    for _ in range(repetitions):
        found, seconds = [], 0.0
        for utterance in utterances:
            decodable = kaldi_decoder.DecodableCtc(utterance)
            begun = time.perf_counter()
            decoder.decode(decodable)
            take(decoder)
            seconds += time.perf_counter() - begun
            ok, path = decoder.get_best_path()
            linear, _, words, weight = kaldifst.get_linear_symbol_sequence(path)
            if not (ok and linear):
                sys.exit("kaldi-decoder found no path")
            found.append({"reached_final": is_final(decoder), "cost": weight.value1 + weight.value2, "labels": list(words)})
        best = min(best, seconds)
    return {"seconds": best, "found": found}

# The search with a lattice writes lines about every frame.
messages = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
of_lattice = run(lattice, lambda d: d.get_raw_lattice(), lambda d: d.final_relative_cost() < float("inf"), 1)
os.dup2(messages, 2)
of_one_best = run(one_best, lambda d: d.get_best_path(), lambda d: bool(d.reached_final()), 2)
print(json.dumps({"lattice": of_lattice, "one_best": of_one_best}))
"#;

pub(super) fn run(environment: &Environment) -> Result<Value> {
    let folder = environment.target.join("bench-recognition");
    stentor_tasks::create_folder(&folder)?;
    let (texts, dictionary) = (texts(environment), dictionary(environment)?);
    let example = |arguments: &[&Path]| -> Result<Value> {
        let selection = ["--release", "--package", "stentor-recogniser", "--example", "recognition"];
        process::run(environment.plain_cargo(&["build"]).args(selection), Deadline::minutes(20))?;
        let program = environment.target.join("release/examples/recognition");
        let text = process::output(std::process::Command::new(program).args(arguments))?;
        serde_json::from_str(&text).context("the example `recognition` did not print JSON")
    };
    let speed = example(&[Path::new("speed"), &texts, &dictionary, &folder])?;
    std::fs::write(folder.join("figures.json"), speed.to_string())
        .with_context(|| folder.display().to_string())?;
    let place = folder.to_str().context("expected a target folder whose name is UTF-8")?;
    let judged = python(environment, JUDGE, &[place])?;
    let judged: Value = serde_json::from_str(&judged).context("the judge did not print JSON")?;
    let equal = example(&[Path::new("equal"), &texts, &dictionary])?;
    let size = example(&[Path::new("size"), &texts, &dictionary])?;
    let mut graph = speed.clone();
    if let Value::Object(graph) = &mut graph {
        graph.retain(|key, _| !["lattice", "one_best", "lengths"].contains(&key.as_str()));
    }
    let seconds = |of: &Value, search: &str| number(of, &format!("{search}/seconds"));
    let same = [("lattice", "one_best"), ("one_best", "one_best"), ("lattice", "lattice")]
        .map(|(ours, theirs)| same_path(&speed[ours], &judged[theirs]));
    let same = same.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(json!({
        "same_path": same.iter().copied().fold(1.0, f64::min),
        // Ours keeps a lattice, theirs the best path alone.
        "speed_vs_kaldi_decoder": seconds(&judged, "one_best")? / seconds(&speed, "lattice")?,
        "one_best_speed_vs_kaldi_one_best": seconds(&judged, "one_best")? / seconds(&speed, "one_best")?,
        "lattice_speed_vs_kaldi_lattice": seconds(&judged, "lattice")? / seconds(&speed, "lattice")?,
        "static_equals_dynamic": number(&equal, "same_words")? / number(&equal, "utterances")?,
        "seconds": {
            "lattice": seconds(&speed, "lattice")?,
            "one_best": seconds(&speed, "one_best")?,
            "kaldi_lattice": seconds(&judged, "lattice")?,
            "kaldi_one_best": seconds(&judged, "one_best")?,
        },
        "graph": graph,
        "equal": equal,
        "size": size,
    }))
}

/// The share of utterances with the same words at the same cost. Kaldi adds in single precision.
fn same_path(ours: &Value, judged: &Value) -> Result<f64> {
    let found = |figures: &Value| figures.get("found").and_then(Value::as_array).cloned();
    let (Some(ours), Some(judged)) = (found(ours), found(judged)) else { bail!("expected paths of both") };
    if ours.len() != judged.len() || ours.is_empty() {
        bail!("expected paths of the same utterances, found {} and {}", ours.len(), judged.len());
    }
    let mut same = 0;
    for (ours, judged) in ours.iter().zip(&judged) {
        let (cost, theirs) = (number(ours, "cost")?, number(judged, "cost")?);
        let is_same = ours["labels"] == judged["labels"]
            && ours["reached_final"] == judged["reached_final"]
            && (cost - theirs).abs() < 1e-4 * cost.abs().max(1.0);
        same += usize::from(is_same);
    }
    Ok(same as f64 / ours.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_if_words_end_and_cost_are() {
        let found = |cost: f64, labels: &[u32]| json!({"found": [{"reached_final": true, "cost": cost, "labels": labels}]});
        let ours = found(100.0, &[3, 4]);
        assert_eq!(same_path(&ours, &found(100.001, &[3, 4])).unwrap(), 1.0);
        assert_eq!(same_path(&ours, &found(100.1, &[3, 4])).unwrap(), 0.0);
        assert_eq!(same_path(&ours, &found(100.0, &[3])).unwrap(), 0.0);
        let error = same_path(&ours, &json!({"found": []})).unwrap_err().to_string();
        assert!(error.contains("found 1 and 0"), "{error}");
    }
}
