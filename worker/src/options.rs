use clap::Parser;
use std::net::SocketAddr;

/// A member of a training cluster: joins the coordinator, which tells it everything about the experiment.
#[derive(Debug, Clone, Parser)]
#[command(name = "worker", version, about)]
pub struct Options {
    /// The coordinator, `http://HOST:PORT`.
    #[arg(long, env = "STENTOR_COORDINATOR", value_name = "URL")]
    pub coordinator: String,
    /// Name that stays the same across restarts; it owns the residual and local optimiser state.
    #[arg(long, env = "STENTOR_IDENTITY", value_name = "NAME")]
    pub identity: String,
    /// `auto`, `cpu` or `cuda:N`.
    #[arg(long, env = "STENTOR_DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads for arithmetic; 0 means all cores.
    #[arg(long, env = "STENTOR_THREADS", default_value_t = 1)]
    pub threads: usize,
    /// Address for /metrics and /healthz.
    #[arg(long, env = "STENTOR_METRICS", value_name = "HOST:PORT")]
    pub metrics: Option<SocketAddr>,
    /// Longest time without a reachable coordinator before giving up, seconds.
    #[arg(long, env = "STENTOR_PATIENCE", default_value_t = 300.0, value_name = "SECONDS")]
    pub patience_s: f64,
}
