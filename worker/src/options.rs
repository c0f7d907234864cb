use crate::Replay;
use clap::builder::RangedU64ValueParser;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;
use stentor_runtime::address;
use stentor_store::{Cache, parse_size};

/// A member of a training cluster: joins the coordinator, which sends it the whole experiment.
#[derive(Debug, Clone, Parser)]
#[command(name = "worker", version = stentor_runtime::VERSION, about, subcommand_negates_reqs = true)]
pub struct CommandLine {
    /// A command other than joining.
    #[command(subcommand)]
    pub study: Option<Study>,
    /// How to join.
    #[command(flatten)]
    pub options: Option<Options>,
}

/// Parses the longest time without a coordinator: up to a year.
fn patience(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=31_536_000.0).contains(seconds));
    seconds.ok_or_else(|| "expected 0 to 31536000 seconds".to_owned())
}

impl CommandLine {
    /// What this process was started with. Variables of the environment that say how to join mean nothing to the other commands.
    #[must_use]
    pub fn read() -> Self {
        let matches = Self::command().get_matches();
        match Study::from_arg_matches(&matches) {
            Ok(study) => Self { study: Some(study), options: None },
            Err(_) => Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()),
        }
    }
}

/// Commands that need no coordinator.
#[derive(Debug, Clone, Subcommand)]
pub enum Study {
    /// Compute one member's batches of a closed round again; `stentor replay` finds out which.
    Replay(Replay),
}

/// How a worker joins a cluster.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct Options {
    /// URL of the coordinator: `http://HOST:PORT`, or `https://HOST:PORT` with --tls.
    #[arg(long, env = "STENTOR_COORDINATOR", value_name = "URL")]
    pub coordinator: String,
    /// Name that stays the same across restarts; residual and local optimiser state belong to it.
    #[arg(long, env = "STENTOR_IDENTITY", value_name = "NAME")]
    pub identity: String,
    /// `auto`, `cpu` or `cuda:N`.
    #[arg(long, env = "STENTOR_DEVICE", default_value = "auto")]
    pub device: String,
    /// Threads for arithmetic, at most 1024; 0 means all cores.
    #[arg(long, env = "STENTOR_THREADS", default_value_t = 1, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(..=1024))]
    pub threads: usize,
    /// Folder with a worker's ca.crt, tls.crt and tls.key; coordinator and reducers must belong to the same cluster.
    #[arg(long, env = "STENTOR_TLS", value_name = "DIR")]
    pub tls: Option<PathBuf>,
    /// Local folder that caches what is read from stores on the network; programs may share it.
    #[arg(long, env = "STENTOR_CACHE", value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Maximum size of that folder: `500MB`, `20GiB`.
    #[arg(long, env = "STENTOR_CACHE_SIZE", default_value = "20GB", value_name = "SIZE", value_parser = parse_size)]
    pub cache_size: u64,
    /// Address for /metrics, /healthz and /readyz.
    #[arg(long, env = "STENTOR_METRICS", value_name = "HOST:PORT", value_parser = address)]
    pub metrics: Option<SocketAddr>,
    /// Longest time without a reachable coordinator before giving up, in seconds.
    #[arg(long, env = "STENTOR_PATIENCE", default_value_t = 300.0, value_name = "SECONDS", value_parser = patience)]
    pub patience_s: f64,
}

impl Options {
    /// How a worker joins the coordinator at a URL that is told nothing else on its command line.
    #[must_use]
    pub fn new(coordinator: impl Into<String>, identity: impl Into<String>) -> Self {
        Self {
            coordinator: coordinator.into(),
            identity: identity.into(),
            device: "auto".to_owned(),
            threads: 1,
            tls: None,
            cache: None,
            cache_size: 20_000_000_000,
            metrics: None,
            patience_s: 300.0,
        }
    }

    /// The cache for what is read from stores on the network, if a folder for it is given.
    #[must_use]
    pub fn cache(&self) -> Option<Cache> {
        self.cache.as_deref().map(|folder| Cache::new(folder, self.cache_size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_made_by_a_program_have_the_command_lines_defaults() {
        let line =
            CommandLine::try_parse_from(["worker", "--coordinator=http://c:1", "--identity=w"]).unwrap();
        assert_eq!(line.options, Some(Options::new("http://c:1", "w")));
    }

    #[test]
    fn a_worker_joins_or_studies_and_each_has_its_own_demands() {
        let parsed = |words: &[&str]| {
            CommandLine::try_parse_from(std::iter::once("worker").chain(words.iter().copied()))
        };
        let joins = parsed(&["--coordinator=http://c:1", "--identity=w"]).unwrap();
        assert!(joins.study.is_none() && joins.options.is_some_and(|options| options.identity == "w"));
        assert!(parsed(&["--identity=w"]).unwrap_err().to_string().contains("--coordinator"));
        for patience in ["NaN", "1e30", "-1", "inf"] {
            let option = format!("--patience-s={patience}");
            let refused = parsed(&["--coordinator=http://c:1", "--identity=w", &option]).unwrap_err();
            assert!(refused.to_string().contains("expected 0 to 31536000 seconds"), "{refused}");
        }
        let studies = parsed(&["replay", "--run=r", "--leases=[]", "--strategy=gtc"]).unwrap();
        let Some(Study::Replay(replay)) = studies.study else { panic!("{studies:?}") };
        assert_eq!((replay.run.as_str(), replay.members, replay.checkpoint), ("r", 1, None));
    }
}
