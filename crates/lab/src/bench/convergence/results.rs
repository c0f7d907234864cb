//! The results: figures, the table, the picture, and their place in the docs.

use super::super::page;
use super::cases::{Case, WORKERS};
use crate::bench::figures::number;
use crate::demo::curves::{self, Round, mean_loss};
use crate::demo::summaries;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;
use stentor_evaluate::chart::{self, Line, Panel};
use stentor_experiment::Source;
use stentor_runlog::Summary;
use stentor_tasks::Strategy;

/// The final loss is the mean over this last share of the frames: many batches, each seen for the first time.
const LAST: f64 = 0.2;
/// This first share of the frames is not drawn: there the loss falls from ln(senones) to where the strategies differ.
const FIRST: f64 = 0.05;
/// Points of a curve; with more, the batches of a point would differ more than the runs do.
const POINTS: usize = 19;

/// A finished run.
#[derive(Debug)]
pub(super) struct Trained {
    pub(super) case: Case,
    summary: Summary,
    /// Rounds of machine-labeled batches.
    rounds: Vec<Round>,
    /// Committed frames and dev frame error in percent.
    dev: Vec<(f64, f64)>,
}

impl Trained {
    pub(super) fn read(case: Case, folder: &Path) -> Result<Self> {
        let name = case.name();
        let run = folder.join(&name);
        let mut curves = curves::read(&run)?;
        let rounds = curves.rounds.remove(&Source::MachineLabeled);
        Ok(Self {
            case,
            summary: summaries::read(&folder.join(format!("{name}.json")))?,
            rounds: rounds
                .with_context(|| format!("{} has no round of machine-labeled batches", run.display()))?,
            dev: curves.dev,
        })
    }

    fn figures(&self) -> Value {
        // A round is an exchange: after each batch of every worker, or after each block.
        let Self { case, summary: Summary { frames, rounds: exchanges, bytes_per_frame, .. }, rounds, dev } =
            self;
        let total = *frames as f64;
        let after = total * (1.0 - LAST);
        json!({
            "strategy": case.strategy.key(),
            "workers": case.workers,
            "gtc_density_percent": case.density_percent(),
            "learning_rate": case.learning_rate(),
            "frames": frames,
            "rounds": exchanges,
            "bytes_per_frame": bytes_per_frame,
            "loss": mean_loss(rounds.iter().filter(|round| round.committed_frames > after)),
            "dev_frame_error": dev.last().map(|(_, error)| error),
            "loss_curve": drawn(rounds, total),
            "dev_curve": dev,
        })
    }
}

/// Means over equally long stretches of frames, at their midpoints; the stretches are the same for every run.
fn drawn(rounds: &[Round], total: f64) -> Vec<(f64, f64)> {
    let width = total * (1.0 - FIRST) / POINTS as f64;
    let stretch = |number: usize| {
        let from = total * FIRST + number as f64 * width;
        let inside = |round: &&Round| round.committed_frames > from && round.committed_frames <= from + width;
        mean_loss(rounds.iter().filter(inside)).map(|loss| (from + width / 2.0, loss))
    };
    (0..POINTS).filter_map(stretch).collect()
}

pub(super) fn figures(trained: &[Trained]) -> Value {
    json!({ "runs": trained.iter().map(Trained::figures).collect::<Vec<_>>() })
}

/// Prints the table, and writes table and picture into the docs.
pub(super) fn publish(root: &Path, figures: &Value) -> Result<()> {
    let table = table(figures)?;
    let picture = chart::curves(&panels(figures)?, "committed frames, thousands");
    page::publish(root, "convergence", &picture, &table)
}

/// The figures of a run.
pub(super) fn run_of<'a>(figures: &'a Value, case: &Case) -> Result<&'a Value> {
    let runs = figures.get("runs").and_then(Value::as_array).context("the figures have no `runs`")?;
    let is_it = |run: &&Value| {
        run.get("strategy").and_then(Value::as_str) == Some(case.strategy.key())
            && run.get("workers").and_then(Value::as_u64) == Some(u64::from(case.workers))
            && run.get("gtc_density_percent").and_then(Value::as_f64) == case.density_percent()
    };
    runs.iter().find(is_it).with_context(|| format!("the figures have no run {}", case.name()))
}

/// A Markdown table: one row for each strategy and number of workers, and for GTC's other densities.
fn table(figures: &Value) -> Result<String> {
    let mut out =
        "| strategy | workers | peak rate | exchanges | loss | to dense, 1 worker | dev frame error % | bytes per frame |\n\
         |---|---|---|---|---|---|---|---|\n"
            .to_owned();
    let reference = number(run_of(figures, &Case::REFERENCE)?, "loss")?;
    for case in super::cases::all() {
        let run = run_of(figures, &case)?;
        let figure = |key: &str| number(run, key);
        let loss = figure("loss")?;
        let difference =
            if case == Case::REFERENCE { String::new() } else { format!("{:+.3}", loss - reference) };
        out += &format!(
            "| {} | {} | {:.4} | {:.0} | {loss:.3} | {difference} | {:.1} | {:.0} |\n",
            case.title(),
            case.workers,
            figure("learning_rate")?,
            figure("rounds")?,
            figure("dev_frame_error")?,
            figure("bytes_per_frame")?,
        );
    }
    Ok(out)
}

/// A panel for each strategy, with a line for each number of workers, and dense with one worker in all of them.
fn panels(figures: &Value) -> Result<Vec<Panel>> {
    let line = |name, case: &Case| -> Result<Line> {
        let curve = run_of(figures, case)?.get("loss_curve");
        let curve: Vec<(f64, f64)> = serde_json::from_value(curve.cloned().unwrap_or_default())
            .with_context(|| format!("the figures have no `loss_curve` of {}", case.name()))?;
        Ok(Line { name, points: curve.into_iter().map(|(frames, loss)| (frames / 1e3, loss)).collect() })
    };
    let panel = |strategy: Strategy| {
        let mut lines = vec![line("dense, 1 worker", &Case::REFERENCE)?];
        for (workers, name) in WORKERS {
            let case = Case::new(strategy, workers);
            let is_drawn = case != Case::REFERENCE && super::cases::all().contains(&case);
            lines.push(if is_drawn { line(name, &case)? } else { Line { name, points: Vec::new() } });
        }
        Ok(Panel { title: strategy.title(), axis: "loss of machine-labeled batches, nats per frame", lines })
    };
    Strategy::ALL.into_iter().map(panel).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cases;
    use super::*;
    use crate::runs::tests::{dev, round, write_events};

    /// A run with loss 3 in the first half and 2 in the second, with a point every thousandth of 100,000 frames.
    fn trained(case: Case) -> Trained {
        let round = |n: u32| Round {
            committed_frames: f64::from(n) * 100.0,
            frames: 100.0,
            loss: if n <= 500 { 3.0 } else { 2.0 },
        };
        let summary = Summary { frames: 100_000, rounds: 40, bytes_per_frame: 12.4, ..Summary::default() };
        Trained {
            case,
            summary,
            rounds: (1..=1000).map(round).collect(),
            dev: vec![(50_000.0, 70.0), (100_000.0, 65.04)],
        }
    }

    fn all() -> Value {
        figures(&cases::all().into_iter().map(trained).collect::<Vec<_>>())
    }

    #[test]
    fn a_run_is_read_from_its_summary_and_its_event_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = [
            round(0, Source::MachineLabeled, 10, 10, 3.0),
            round(1, Source::Annotated, 20, 10, 9.0),
            dev(2, 20, 61.5),
        ];
        write_events(&folder.path().join("dense-1"), &log);
        let summary = Summary { frames: 20, rounds: 2, bytes_per_frame: 8.0, ..Summary::default() };
        let summary = serde_json::to_string(&summary).unwrap();
        std::fs::write(folder.path().join("dense-1.json"), summary).unwrap();
        let trained = Trained::read(Case::REFERENCE, folder.path()).unwrap();
        assert_eq!(trained.rounds, [Round { committed_frames: 10.0, frames: 10.0, loss: 3.0 }]);
        assert_eq!(trained.dev, [(20.0, 61.5)]);
        assert_eq!(trained.summary.rounds, 2);
    }

    #[test]
    fn the_loss_is_that_of_the_last_fifth_and_curves_omit_the_beginning() {
        let run = trained(Case::REFERENCE).figures();
        assert_eq!(number(&run, "loss").unwrap(), 2.0);
        assert_eq!(number(&run, "dev_frame_error").unwrap(), 65.04);
        let curve: Vec<(f64, f64)> = serde_json::from_value(run["loss_curve"].clone()).unwrap();
        assert_eq!(curve.len(), POINTS);
        assert_eq!(curve[0], (7_500.0, 3.0));
        assert_eq!(curve[POINTS - 1], (97_500.0, 2.0));
    }

    #[test]
    fn the_table_has_a_row_for_each_run_and_a_missing_run_is_named() {
        let table = table(&all()).unwrap();
        assert_eq!(table.lines().count(), 2 + cases::all().len());
        assert!(table.contains("| dense | 1 | 0.0030 | 40 | 2.000 |  | 65.0 | 12 |"), "{table}");
        assert!(table.contains("| two tiers | 4 | 0.0060 | 40 | 2.000 | +0.000 | 65.0 | 12 |"), "{table}");
        assert!(table.contains("| GTC at 0.1 % | 4 | 0.0060 | 40 | 2.000 | +0.000 | 65.0 | 12 |"), "{table}");
        let error = super::table(&json!({"runs": []})).unwrap_err().to_string();
        assert!(error.contains("dense-1"), "{error}");
    }

    #[test]
    fn every_panel_shows_the_reference_beside_its_own_runs() {
        let panels = panels(&all()).unwrap();
        let lines = |panel: &Panel| panel.lines.iter().filter(|line| !line.points.is_empty()).count();
        assert_eq!(panels.iter().map(lines).collect::<Vec<_>>(), [4, 5, 5, 3]);
        assert!(panels.iter().all(|panel| panel.lines[0].name == "dense, 1 worker"));
    }
}
