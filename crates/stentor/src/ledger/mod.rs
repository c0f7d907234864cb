//! `stentor ledger audit`: verifies from a run's event log that each batch of each pass was counted exactly once.

mod history;
mod judge;
mod render;

use crate::exit;
use clap::Subcommand;
use history::History;
use std::process::ExitCode;
use stentor_dataset::Dataset;
use stentor_experiment::Experiment;
use stentor_output::Verdict;
use stentor_runtime::ExitStatus;
use stentor_store::Store;

/// Commands on the ledger.
#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Verify from the event log and the plan that each batch was committed exactly once per pass, after all
    /// fall-backs, and list the exceptions.
    ///
    /// Exits with 0 if there are no exceptions (for an unfinished run: up to its newest checkpoint), otherwise with 3.
    Audit {
        /// Folder or URL of the run.
        run: String,
        /// Print JSON instead of text.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(ledger: &Ledger) -> ExitCode {
    let Ledger::Audit { run, json } = ledger;
    exit::with(async {
        let verdict = audit(run).await?;
        let text = match json {
            true => serde_json::to_string_pretty(&verdict)? + "\n",
            false => render::text(&verdict),
        };
        stentor_runtime::out!("{text}");
        Ok(if verdict.clean { ExitStatus::Ok } else { ExitStatus::Data })
    })
}

async fn audit(location: &str) -> anyhow::Result<Verdict> {
    let run = Store::open(location)?;
    let text = run.get("experiment.toml").await?;
    let experiment = Experiment::parse(&String::from_utf8_lossy(&text))?;
    let dataset = Dataset::open(&experiment).await?;
    // Before the log: a checkpoint is published after its events, so a log that is read later has them all.
    let reached = judge::Reached::find(&run, dataset.plan()).await?;
    let history = History::read(&run).await?;
    Ok(reached.judge(run.location(), dataset.plan(), &history))
}
