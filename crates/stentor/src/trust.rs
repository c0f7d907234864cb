//! Public keys that a command is given.

use anyhow::Result;
use std::path::PathBuf;
use stentor_checkpoint::Trust;
use stentor_signature::PublicKeys;

/// The option `--public-key`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct PublicKeyFiles {
    /// File with public keys (Ed25519, PEM): what a run's coordinator has not signed with one of them is refused. May be repeated, to
    /// accept earlier keys too. Without it, signatures are not checked.
    #[arg(long = "public-key", env = "STENTOR_PUBLIC_KEY", value_name = "FILE", value_delimiter = ',')]
    public_keys: Vec<PathBuf>,
}

impl PublicKeyFiles {
    /// Whom to trust; `None` if signatures are not to be checked.
    pub(crate) fn read(&self) -> Result<Option<Trust>> {
        match self.public_keys.is_empty() {
            true => Ok(None),
            false => Ok(Some(Trust::new(PublicKeys::read(&self.public_keys)?))),
        }
    }
}
