//! The search against `kaldi-decoder`, tree against static graph, and the sizes of trees.

use super::super::figures::number;
use super::judge::{dictionary, python, texts};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::Path;
use stentor_tasks::Environment;
use stentor_tasks::process::{self, Deadline};

/// Searches the same graph with the same scores and limits, and prints the time, the costs and the words as JSON.
const JUDGE: &str = r#"
import json, sys, time
import kaldi_decoder, kaldifst
import numpy as np

folder, figures = sys.argv[1], json.load(open(sys.argv[1] + "/figures.json"))
graph = kaldifst.compile(open(folder + "/graph.txt").read())
scores = np.fromfile(folder + "/scores", dtype="<f4").reshape(-1, figures["outputs"])
ends = np.cumsum(figures["lengths"])
utterances = [scores[end - length:end] for end, length in zip(ends, figures["lengths"])]
options = kaldi_decoder.FasterDecoderOptions(beam=figures["beam"], max_active=2**31 - 1, min_active=figures["min_active"])
decoder = kaldi_decoder.FasterDecoder(graph, options)
best, found = float("inf"), []
for _ in range(3):
    found, seconds = [], 0.0
    for utterance in utterances:
        decodable = kaldi_decoder.DecodableCtc(utterance)
        begun = time.perf_counter()
        decoder.decode(decodable)
        seconds += time.perf_counter() - begun
        is_final = decoder.reached_final()
        ok, path = decoder.get_best_path()
        linear, _, words, weight = kaldifst.get_linear_symbol_sequence(path)
        if not (ok and linear):
            sys.exit("kaldi-decoder found no path")
        found.append({"reached_final": bool(is_final), "cost": weight.value1 + weight.value2, "labels": list(words)})
    best = min(best, seconds)
print(json.dumps({"seconds": best, "found": found}))
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
        graph.retain(|key, _| !["found", "lengths"].contains(&key.as_str()));
    }
    Ok(json!({
        "same_path": same_path(&speed, &judged)?,
        "speed_vs_kaldi_decoder": number(&judged, "seconds")? / number(&speed, "seconds")?,
        "static_equals_dynamic": number(&equal, "same_words")? / number(&equal, "utterances")?,
        "kaldi_decoder_seconds": number(&judged, "seconds")?,
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
