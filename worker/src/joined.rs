use crate::client::Client;
use std::time::Duration;
use stentor_acoustic::Device;
use stentor_messages::Assignment;
use stentor_signature::Digest;
use stentor_store::Cache;

/// The parts of a worker that do not depend on the run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own<'a> {
    pub(crate) identity: &'a str,
    pub(crate) device: Device,
    /// Caches what is read from stores on the network.
    pub(crate) cache: Option<&'a Cache>,
}

/// What the coordinator said when it admitted this worker.
#[derive(Debug, Clone)]
pub(crate) struct Joined {
    /// The connection to the coordinator.
    pub(crate) client: Client,
    pub(crate) experiment_toml: String,
    pub(crate) run_id: String,
    pub(crate) run_url: String,
    /// State to load; none: the run is at its beginning.
    pub(crate) checkpoint: Option<String>,
    /// In a run that signs: the digests of the manifests of that checkpoint and of the model that the run started from.
    pub(crate) checkpoint_digest: Option<Digest>,
    pub(crate) start_digest: Option<Digest>,
    /// The first round.
    pub(crate) assignment: Assignment,
    pub(crate) session: u64,
    /// Time between two heartbeats.
    pub(crate) every: Duration,
}
