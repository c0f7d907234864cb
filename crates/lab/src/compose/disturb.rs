//! Disturbs the student's cluster while it trains.

use super::coordinator::Caller;
use super::experiment::WORKERS;
use super::stack::Stack;
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use stentor_tasks::progress;

/// The disturbances that the cluster has survived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Survived {
    /// A worker's process was killed, as by a kernel that is out of memory.
    pub(super) kill: bool,
    /// A worker's network was cut for longer than the deadline, then restored.
    pub(super) cut: bool,
}

/// Longest wait until a member is lost, or has joined again.
const PATIENCE: Duration = Duration::from_secs(90);

/// Callers with another role's certificate, or without one, must be rejected.
pub(super) fn refused_calls(stack: &Stack) -> Result<()> {
    for (caller, words) in
        [(Caller::Worker, ["switch", "--strategy=dense"].as_slice()), (Caller::Anonymous, &["status"])]
    {
        ensure!(
            stack.ask(caller, words).is_err(),
            "the coordinator accepted a call from a {caller:?}: {}",
            words.join(" ")
        );
    }
    Ok(())
}

/// Switches from GTC to BMUF, as an operator does.
pub(super) fn switch(stack: &Stack) -> Result<()> {
    progress::step("switch to BMUF", || stack.ask(Caller::Admin, &["switch", "--strategy=bmuf"]))?;
    let switched = stack.wait(PATIENCE, |status| status.strategy == "bmuf")?;
    ensure!(switched && moves(stack)?, "no block of BMUF closed within {} s", PATIENCE.as_secs());
    Ok(())
}

/// Kills one worker and cuts off another one. Each disturbance ends when all are members again and rounds close.
pub(super) fn both(stack: &Stack) -> Result<Survived> {
    let workers = stack.containers("worker")?;
    let [killed, cut, ..] = workers.as_slice() else {
        anyhow::bail!("expected {WORKERS} workers, found {}", workers.len())
    };
    let before = stack.status()?;
    progress::step("kill a worker", || stack.kill(killed))?;
    let kill = stack.wait(PATIENCE, |status| {
        status.membership_epoch > before.membership_epoch && status.members.len() == WORKERS as usize
    })? && moves(stack)?;
    let before = stack.status()?;
    progress::step("cut a worker's network", || stack.disconnect(cut))?;
    // Longer than the deadline, so that the others continue without it.
    let gone = stack.wait(PATIENCE, |status| status.members.len() < WORKERS as usize)? && moves(stack)?;
    stack.connect(cut, "worker").context("restore the network")?;
    let back = stack.wait(PATIENCE, |status| {
        status.membership_epoch > before.membership_epoch && status.members.len() == WORKERS as usize
    })?;
    Ok(Survived { kill, cut: gone && back && moves(stack)? })
}

/// Whether another round closes.
fn moves(stack: &Stack) -> Result<bool> {
    let round = stack.status()?.round;
    stack.wait(PATIENCE, |status| status.round > round + 2)
}
