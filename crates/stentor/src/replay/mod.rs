//! `stentor replay`: computes a closed round's batches again. The event log contains their leases; the parameters come
//! from the newest checkpoint at or before the round. The sibling program `worker` does the arithmetic.

mod render;
mod round;

use crate::number::whole;
use crate::{exit, siblings};
use anyhow::{Context, Result, bail};
use round::Round;
use serde::{Deserialize, Serialize};
use std::process::{ExitCode, Stdio};
use stentor_plan::Lease;
use stentor_runtime::ExitStatus;
use stentor_store::Store;

/// Compute a closed round's batches again: loss, gradient norm, frames and digest of the gradient of each.
///
/// If there is a checkpoint right before the round, this reproduces the member's results bit for bit on the same build,
/// kind of CPU and number of threads. Otherwise the newest earlier checkpoint is used, and the figures are those of its
/// model.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder or URL of the run.
    run: String,
    /// The round.
    #[arg(long, value_name = "K", value_parser = whole::<u64>(..))]
    round: u64,
    /// The member, by its slot; default: all that contributed.
    #[arg(long, value_name = "S", value_parser = whole::<u32>(..))]
    slot: Option<u32>,
    /// Threads of the worker's arithmetic, at most 1024; use the same number as the run. 0 means all cores.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = whole::<usize>(..=1024))]
    threads: usize,
    /// `auto`, `cpu` or `cuda:N`.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// The replayed results of a round.
#[derive(Debug, Serialize)]
struct Answer {
    run: String,
    round: u64,
    lineage: u64,
    /// The checkpoint whose parameters were used; `None` for the initial ones, drawn or from `model.start`.
    checkpoint: Option<String>,
    /// Number of rounds that closed between the checkpoint and this round; if 0, the figures are the member's own.
    rounds_since: u64,
    members: Vec<Member>,
    logged: Logged,
    /// Whether the result agrees with the log to twelve digits; `None` if it need not.
    reproduced: Option<bool>,
}

/// A member's replayed batches.
#[derive(Debug, Serialize)]
struct Member {
    slot: u32,
    identity: String,
    #[serde(flatten)]
    replayed: Replayed,
}

/// As written by the program `worker`.
#[derive(Debug, Serialize, Deserialize)]
struct Replayed {
    parameters_digest: String,
    batches: Vec<Batch>,
    frames: u64,
    /// `None` if it is not finite.
    loss_sum: Option<f64>,
    set_aside: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Batch {
    lease: Lease,
    utterances: Vec<String>,
    frames: u64,
    /// A number, or a text if it is not finite.
    loss: serde_json::Value,
    gradient_norm: serde_json::Value,
    gradient_digest: String,
}

/// The figures of the round in the event log.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Logged {
    frames: u64,
    /// Nats per frame, over all contributors.
    loss: f64,
    /// Norm of the first contributor's last batch.
    gradient_norm: f64,
}

pub(crate) fn run(arguments: &Args) -> ExitCode {
    exit::with(async {
        let answer = replay(arguments).await?;
        let text = match arguments.json {
            true => serde_json::to_string_pretty(&answer)? + "\n",
            false => render::text(&answer),
        };
        stentor_runtime::out!("{text}");
        Ok(ExitStatus::Ok)
    })
}

async fn replay(arguments: &Args) -> Result<Answer> {
    let run = Store::open(&arguments.run)?;
    let round = Round::find(&run, arguments.round).await?;
    let slots: Vec<u32> = match arguments.slot {
        Some(slot) => vec![slot],
        None => round.leases.keys().copied().collect(),
    };
    let mut members = Vec::new();
    for slot in slots {
        let Some(leases) = round.leases.get(&slot) else {
            let there: Vec<String> = round.leases.keys().map(ToString::to_string).collect();
            bail!(
                "expected a slot that contributed to round {} ({}), found {slot}",
                arguments.round,
                there.join(", ")
            );
        };
        let identity = round.members.get(&slot).cloned().unwrap_or_default();
        let replayed = by_worker(arguments, &round, &identity, leases)?;
        members.push(Member { slot, identity, replayed });
    }
    let whole = round.rounds_since == 0 && members.len() == round.leases.len();
    Ok(Answer {
        run: run.location().to_owned(),
        round: arguments.round,
        lineage: round.lineage,
        reproduced: whole.then(|| is_as_logged(&members, &round.logged)),
        checkpoint: round.checkpoint,
        rounds_since: round.rounds_since,
        members,
        logged: round.logged,
    })
}

/// Runs the program `worker` to compute one member's batches.
fn by_worker(arguments: &Args, round: &Round, identity: &str, leases: &[Lease]) -> Result<Replayed> {
    let program = siblings::path("worker");
    let mut command = std::process::Command::new(&program);
    command
        .arg("replay")
        .arg(format!("--run={}", arguments.run))
        .arg(format!("--leases={}", serde_json::to_string(leases)?))
        .arg(format!("--strategy={}", round.strategy.name()))
        .arg(format!("--committed-frames={}", round.committed_frames))
        .arg(format!("--members={}", round.members.len().max(1)))
        .arg(format!("--threads={}", arguments.threads))
        .arg(format!("--device={}", arguments.device));
    if !identity.is_empty() {
        command.arg(format!("--identity={identity}"));
    }
    if let Some(checkpoint) = &round.checkpoint {
        command.arg(format!("--checkpoint={checkpoint}"));
    }
    if let Some(momentum) = round.block_momentum {
        command.arg(format!("--block-momentum={momentum}"));
    }
    if std::env::var_os("STENTOR_LOG").is_none() {
        command.env("STENTOR_LOG", "warn");
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| crate::siblings::expected("worker"))?;
    if !output.status.success() {
        return Err(siblings::Ended::new("worker", output.status, &arguments.run).into());
    }
    // Its log goes to the same stream; the result is the last line.
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).with_context(|| format!("expected the worker's figures, found `{line}`"))
}

/// Compares with the log, summing like the coordinator: contributors in slot order. Twelve digits, because JSON readers
/// round.
fn is_as_logged(members: &[Member], logged: &Logged) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * a.abs().max(b.abs());
    let frames: u64 = members.iter().map(|member| member.replayed.frames).sum();
    let loss: Option<f64> = members.iter().map(|member| member.replayed.loss_sum).sum();
    let norms = members.first().map(|member| &member.replayed.batches);
    let norm =
        norms.and_then(|batches| batches.iter().rev().find(|batch| batch.frames > 0)?.gradient_norm.as_f64());
    frames == logged.frames
        && loss.is_some_and(|loss| close(loss / frames.max(1) as f64, logged.loss))
        && close(norm.unwrap_or(0.0), logged.gradient_norm)
}
