//! Many workers, simulated in one process: `crates/exchange/examples/scale`, as a table and a picture.

use super::figures::{Figures, number};
use super::{example, page};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use stentor_evaluate::chart::{Line, Panel, measurements};
use stentor_tasks::Environment;
use stentor_tasks::options::bench::Scale;

/// Key in the figures, and title.
const STRATEGIES: [(&str, &str); 7] = [
    ("dense", "dense"),
    ("gtc", "GTC, exact sum down"),
    ("gtc_rethresholded", "GTC, re-thresholded"),
    ("bmuf", "BMUF, η = 1 − 1/N"),
    ("bmuf_momentum_0", "BMUF, η = 0"),
    ("two_tier", "two tiers, η = 1 − 1/groups"),
    ("two_tier_momentum_0", "two tiers, η = 0"),
];

pub(super) fn run(environment: &Environment, options: &Scale) -> Result<Figures> {
    let figures = match &options.figures {
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?
        }
        None => example::run(environment, "scale")?,
    };
    let table = table(&figures)?;
    page::publish(&environment.root, "scale", &measurements(&panels(&figures)?, "workers"), &table)?;
    let Value::Object(figures) = figures else { bail!("the figures are not a JSON object") };
    Ok(figures)
}

fn runs(figures: &Value) -> Result<&Vec<Value>> {
    figures.get("runs").and_then(Value::as_array).context("the figures have no `runs`")
}

/// A Markdown table: one row for each number of workers and strategy.
fn table(figures: &Value) -> Result<String> {
    let mut out = "| workers | strategy | loss | bytes up | bytes down | density up % | density down % |\n\
                   |---|---|---|---|---|---|---|\n"
        .to_owned();
    out += &format!("| 1 | plain SGD | {:.3} | 0 | 0 | | |\n", number(figures, "one_worker/loss")?);
    for run in runs(figures)? {
        let workers = number(run, "workers")?;
        for (key, name) in STRATEGIES {
            let figure = |figure: &str| number(run, &format!("strategies/{key}/{figure}"));
            // Absent if no signs are sent.
            let percent = |f: &str| figure(f).map_or_else(|_| String::new(), |d| format!("{:.2}", d * 100.0));
            out += &format!(
                "| {workers} | {name} | {:.3} | {:.0} | {:.0} | {} | {} |\n",
                figure("loss")?,
                figure("up_bytes")?,
                figure("down_bytes")?,
                percent("up_density"),
                percent("down_density"),
            );
        }
    }
    Ok(out)
}

fn panels(figures: &Value) -> Result<[Panel; 3]> {
    let runs = runs(figures)?;
    let line = |name, path: &str| -> Result<Line> {
        let point = |run: &Value| Ok((number(run, "workers")?, number(run, path)?));
        Ok(Line { name, points: runs.iter().map(point).collect::<Result<_>>()? })
    };
    let loss = |(key, name): (&str, &'static str)| line(name, &format!("strategies/{key}/loss"));
    Ok([
        Panel {
            title: "Gain of W in a block, steady state",
            axis: "in units of one worker's move",
            lines: vec![
                line("block filter: N", "gain")?,
                line("look-ahead fed back as W: (1 + η)N", "gain_look_ahead_fed_back")?,
            ],
        },
        Panel {
            title: "GTC: bytes per worker and batch",
            axis: "bytes",
            lines: vec![
                line("down, exact sum", "strategies/gtc/down_bytes")?,
                line("down, re-thresholded", "strategies/gtc_rethresholded/down_bytes")?,
                line("up", "strategies/gtc_rethresholded/up_bytes")?,
                line("dense, each way", "strategies/dense/up_bytes")?,
            ],
        },
        Panel {
            title: "Loss on held-out data, same batches",
            axis: "nats, best of six learning rates",
            lines: STRATEGIES.into_iter().map(loss).collect::<Result<_>>()?,
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn figures() -> Value {
        let one = json!({"loss": 0.25, "up_bytes": 64.2, "down_bytes": 65.0, "up_density": 0.011, "down_density": null});
        let strategies: Figures =
            STRATEGIES.iter().map(|(key, _)| ((*key).to_owned(), one.clone())).collect();
        json!({
            "one_worker": {"loss": 0.2},
            "runs": [{"workers": 16, "gain": 16.0, "gain_look_ahead_fed_back": 31.0, "strategies": strategies}],
        })
    }

    #[test]
    fn the_table_has_a_row_for_each_strategy_and_omits_what_is_missing() {
        let table = table(&figures()).unwrap();
        assert_eq!(table.lines().count(), 3 + STRATEGIES.len());
        assert!(table.contains("| 16 | dense | 0.250 | 64 | 65 | 1.10 |  |"), "{table}");
    }

    #[test]
    fn the_picture_shows_gain_bytes_and_loss() {
        let drawn = measurements(&panels(&figures()).unwrap(), "workers");
        assert_eq!(drawn.matches("<circle").count(), 2 + 4 + STRATEGIES.len());
        let error = panels(&json!({})).map(drop).unwrap_err().to_string();
        assert!(error.contains("runs"), "{error}");
    }
}
