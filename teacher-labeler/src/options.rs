use crate::Error;
use clap::Parser;
use clap::builder::RangedU64ValueParser;
use std::net::SocketAddr;
use std::path::PathBuf;
use stentor_checkpoint::Trust;
use stentor_runtime::address;
use stentor_signature::PublicKeys;
use stentor_store::{Cache, parse_size};

/// Runs a model over feature shards and writes the most probable senones of every frame.
#[derive(Debug, Clone, Parser)]
#[command(name = "teacher-labeler", version = stentor_runtime::VERSION, about)]
pub struct Options {
    /// The model: folder or URL of a run or of one of its checkpoints.
    #[arg(long, env = "STENTOR_MODEL", value_name = "RUN")]
    pub model: String,
    /// File with public keys (Ed25519, PEM): a model that its run's coordinator has not signed with one of them is refused. May be
    /// repeated, to accept earlier keys too. Without it, signatures are not checked.
    #[arg(long = "public-key", env = "STENTOR_PUBLIC_KEY", value_name = "FILE", value_delimiter = ',')]
    pub public_keys: Vec<PathBuf>,
    /// Folder or URL of the feature set to label.
    #[arg(long, env = "STENTOR_FEATURES", value_name = "SET")]
    pub features: String,
    /// Folder or URL for the label set.
    #[arg(long, env = "STENTOR_OUT", value_name = "SET")]
    pub out: String,
    /// Senones kept per frame; a number above that of the model's senones keeps all.
    #[arg(long, env = "STENTOR_TOP_K", default_value_t = 20)]
    pub top_k: usize,
    /// The part of the job to do, counted from 0.
    #[arg(long, env = "STENTOR_INDEX", default_value_t = 0)]
    pub index: usize,
    /// Number of parts into which the job is split.
    #[arg(long, env = "STENTOR_OF", default_value_t = 1)]
    pub of: usize,
    /// `auto`, `cpu` or `cuda:N`.
    #[arg(long, env = "STENTOR_DEVICE", default_value = "auto")]
    pub device: String,
    /// Row groups that are labeled side by side on the CPU, one thread each, at most 1024; 0 means as many as there are cores.
    #[arg(long, env = "STENTOR_THREADS", default_value_t = 0, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(..=1024))]
    pub threads: usize,
    /// Local folder that caches what is read from stores on the network; programs may share it.
    #[arg(long, env = "STENTOR_CACHE", value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Maximum size of that folder: `500MB`, `20GiB`.
    #[arg(long, env = "STENTOR_CACHE_SIZE", default_value = "20GB", value_name = "SIZE", value_parser = parse_size)]
    pub cache_size: u64,
    /// Address for /metrics, /healthz and /readyz.
    #[arg(long, env = "STENTOR_METRICS", value_name = "HOST:PORT", value_parser = address)]
    pub metrics: Option<SocketAddr>,
    /// File for the job's figures; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl Options {
    /// Whom to trust about the model; `None` if signatures are not to be checked.
    ///
    /// # Errors
    /// [`Error::Keys`].
    pub fn trust(&self) -> Result<Option<Trust>, Error> {
        if self.public_keys.is_empty() {
            return Ok(None);
        }
        Ok(Some(Trust::new(PublicKeys::read(&self.public_keys).map_err(Error::Keys)?)))
    }

    /// The cache for what is read from stores on the network, if a folder for it is given.
    #[must_use]
    pub fn cache(&self) -> Option<Cache> {
        self.cache.as_deref().map(|folder| Cache::new(folder, self.cache_size))
    }
}
