//! `stentor train`: runs coordinator and workers as child processes on one machine; the same binaries run on a cluster.

mod cluster;
mod coordinator;
mod pauses;
mod ports;
mod progress;
mod reach;
mod standing;
mod worker;

use crate::number::whole;
use clap::Parser;
use cluster::Cluster;
use std::path::PathBuf;
use std::process::ExitCode;
use stentor_runtime::{ExitStatus, Shutdown};

/// Train the model of an experiment file.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The experiment file.
    experiment: PathBuf,
    /// Continue from the newest valid checkpoint. A coordinator elsewhere decides for itself.
    #[arg(long, conflicts_with = "coordinator")]
    resume: bool,
    /// Start only workers, and let them join this coordinator.
    #[arg(long, value_name = "URL")]
    coordinator: Option<String>,
    /// Folder with ca.crt, tls.crt and tls.key of a worker, for workers that join a coordinator elsewhere.
    #[arg(long, env = "STENTOR_TLS", value_name = "DIR")]
    tls: Option<PathBuf>,
    /// Number of workers to start; default: `cluster.workers` of the experiment.
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1..=1024))]
    workers: Option<u32>,
    /// Threads of each worker, 1 to 1024; default: all cores, divided evenly.
    #[arg(long, value_name = "N", value_parser = whole::<usize>(1..=1024))]
    threads: Option<usize>,
    /// `auto`, `cpu` or `cuda:N`.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Address of the coordinator's /metrics; workers use the ports that follow. With port 0, each process uses any
    /// free port.
    #[arg(long, value_name = "HOST:PORT", value_parser = stentor_runtime::address)]
    metrics: Option<std::net::SocketAddr>,
    /// File for the run's figures; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Args) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = stentor_runtime::Error::Threads(error).into();
            return crate::exit::failed(&error, ExitStatus::Failure).into();
        }
    };
    let status = runtime.block_on(async {
        let shutdown = Shutdown::listen();
        let started = tokio::select! {
            started = Cluster::start(arguments) => started,
            // If this fails, the processes started so far are stopped.
            () = shutdown.requested() => return ExitStatus::Stopped,
        };
        match started {
            Ok(cluster) => cluster.attend(&shutdown).await,
            Err(error) => crate::exit::failed(&error, ExitStatus::Config),
        }
    });
    ExitCode::from(status.code())
}
