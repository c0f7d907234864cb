//! `cargo xtask chaos`.

use crate::Strategy;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What to disturb, and how often.
#[derive(Debug, Args)]
pub struct Options {
    /// Total number of kills: a fifth hit the labeler; the others hit workers, alone or half of them at once, the coordinator, and
    /// separate reducers. In between a program is stopped for a while, or all are asked to stop.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub kills: u32,
    /// Number of cuts in each run with cut links: a worker's link for a short time, one for longer than the deadline,
    /// then the coordinator's link in the same way, and so on.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub cuts: u32,
    /// Only this kind of fault; may be given several times. Default: all. Cuts and full disks need root.
    #[arg(long, value_enum, value_name = "KIND")]
    pub only: Vec<Disturbance>,
    /// Seed that determines targets, times and kinds of disturbances.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,
    /// Only this strategy.
    #[arg(long, value_enum, value_name = "STRATEGY")]
    pub strategy: Option<Strategy>,
    /// File to write the figures to, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Folder for data and runs. Default: runs/chaos.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// A kind of disturbance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Disturbance {
    /// Processes are killed, or stopped for a while
    Kills,
    /// Links are cut for a while
    Cuts,
    /// A disk is full for a while
    FullDisks,
}
