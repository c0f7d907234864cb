//! Peak memory of evaluation and of labeling lanes, with the old and the current implementation:
//! `crates/acoustic/examples/memory.rs`.

use super::figures::{Figures, number};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;
use stentor_tasks::process;

/// The jobs that are compared: with the old and the current implementation.
const PAIRS: [(&str, &str, &str); 2] = [
    ("32 utterances of 30 s scored, 3,000 senones, LSTM 5 × 768", "evaluate-whole", "evaluate-pieces"),
    ("a teacher of 78 M parameters in 4 lanes", "lanes-copied", "lanes-shared"),
];

pub(super) fn run(programs: &Path) -> Result<Figures> {
    let mut figures = Figures::new();
    for work in PAIRS.iter().flat_map(|(_, before, now)| [before, now]) {
        let mut command = std::process::Command::new(programs.join("examples/memory"));
        let text = process::output(command.arg(work))?;
        let found = serde_json::from_str(&text)
            .with_context(|| format!("the example `memory` printed no JSON for `{work}`: {text}"))?;
        figures.insert((*work).to_owned(), found);
    }
    let figures = Value::Object(figures);
    println!("{}", table(&figures)?);
    ensure!(same_score(&figures)?, "the scores of `evaluate-whole` and `evaluate-pieces` differ: {figures}");
    match figures {
        Value::Object(figures) => Ok(figures),
        _ => unreachable!("`figures` was made from a map"),
    }
}

/// A Markdown table: peak memory of each job, and memory before the job began.
fn table(figures: &Value) -> Result<String> {
    let mut out = "| peak memory, MB | before the job | old | current |\n|---|---|---|---|\n".to_owned();
    for (what, before, now) in PAIRS {
        let figure = |work: &str, key: &str| number(figures, &format!("{work}/{key}"));
        out += &format!(
            "| {what} | {:.0} | {:.0} | {:.0} |\n",
            figure(now, "before_mb")?,
            figure(before, "peak_mb")?,
            figure(now, "peak_mb")?
        );
    }
    Ok(out)
}

/// Whether the hits are equal, and the losses equal except for rounding: the order of sums differs.
fn same_score(figures: &Value) -> Result<bool> {
    let of = |work: &str, key: &str| number(figures, &format!("{work}/score/{key}"));
    let (whole, pieces) = (of("evaluate-whole", "loss")?, of("evaluate-pieces", "loss")?);
    let hits = of("evaluate-whole", "correct")? == of("evaluate-pieces", "correct")?;
    Ok(hits && (whole / pieces - 1.0).abs() < 1e-4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn figures(pieces_loss: f64) -> Value {
        let of = |peak: u32, loss: f64| json!({"peak_mb": peak, "before_mb": 1, "score": {"loss": loss, "correct": 3}});
        json!({
            "evaluate-whole": of(4000, 8.0), "evaluate-pieces": of(500, pieces_loss),
            "lanes-copied": of(30, 0.0), "lanes-shared": of(20, 0.0),
        })
    }

    #[test]
    fn the_table_has_both_implementations_and_differing_scores_are_an_error() {
        let text = table(&figures(8.0)).unwrap();
        assert!(text.contains("| 1 | 4000 | 500 |") && text.contains("| 1 | 30 | 20 |"), "{text}");
        assert!(same_score(&figures(8.0)).unwrap() && !same_score(&figures(8.1)).unwrap());
    }
}
