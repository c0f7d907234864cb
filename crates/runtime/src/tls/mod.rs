//! Mutual TLS between the programs of a cluster.
//!
//! A folder contains `ca.crt`, `tls.crt` and `tls.key` (the file names of a Kubernetes TLS secret). The certificate
//! holds an [`Identity`] among its alternative names; `stentor certs` makes such folders. [`Tls`] represents a folder:
//! its files are checked before every handshake, so that replaced files take effect with the next connection.
//!
//! [`incoming`] is the server's side and [`channel`] the client's. A server authorises each call by its [`Peer`],
//! which tonic adds to the request's extensions.

mod client;
mod error;
mod folder;
mod identity;
mod incoming;
mod refusals;
mod stream;
mod watched;
mod words;

pub use client::{channel, channel_by, explain};
pub use error::Error;
pub use folder::Anonymous;
pub use identity::{Identity, Role};
pub use incoming::{Listening, incoming};
pub use refusals::Refusals;
pub use stream::{Connection, Peer};

use crate::metrics;
use folder::{CA, CERTIFICATE, KEY, Loaded, Part, REVOKED};
use rustls::pki_types::{CertificateDer, UnixTime};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A certificate that expires sooner than this causes a warning.
const SOON: Duration = Duration::from_secs(7 * 86_400);

/// A program's certificates. Replaced files take effect with the next connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    part: Part,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    loaded: Arc<Loaded>,
    /// The stamp of the files that were checked last, whether or not they could be used.
    stamp: Stamp,
}

/// Length and modification time of each file, by which a replacement is detected.
type Stamp = [Option<(u64, SystemTime)>; 4];

/// Fills `bytes` with random numbers that nobody can guess.
///
/// # Errors
/// The reason, where the system has none.
pub fn secret(bytes: &mut [u8]) -> Result<(), String> {
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    random.fill(bytes).map_err(|error| format!("{error:?}"))
}

impl Tls {
    /// The certificates of a coordinator or reducer.
    ///
    /// # Errors
    /// [`Error`] if a file is missing, malformed, not valid now, for another role, or does not match the others.
    pub fn for_server(folder: &Path, anonymous: Anonymous) -> Result<Tls, Error> {
        Tls::open(folder, Part::Server(anonymous))
    }

    /// The certificates of a program with `role` that connects to a coordinator.
    ///
    /// # Errors
    /// As [`Tls::for_server`].
    pub fn for_client(folder: &Path, role: Role) -> Result<Tls, Error> {
        Tls::open(folder, Part::Client(role))
    }

    /// The certificates of a person, with any role.
    ///
    /// # Errors
    /// As [`Tls::for_server`].
    pub fn for_person(folder: &Path) -> Result<Tls, Error> {
        Tls::open(folder, Part::Person)
    }

    /// The certificates of a person who uses a token: the folder may contain only `ca.crt`.
    ///
    /// # Errors
    /// As [`Tls::for_server`].
    pub fn for_token_bearer(folder: &Path) -> Result<Tls, Error> {
        Tls::open(folder, Part::TokenBearer)
    }

    /// The certificate of a port for browsers and scrapers: `tls.crt` and `tls.key`, for example from a CA that browsers know.
    ///
    /// # Errors
    /// As [`Tls::for_server`].
    pub fn for_page(folder: &Path) -> Result<Tls, Error> {
        Tls::open(folder, Part::Page)
    }

    fn open(path: &Path, part: Part) -> Result<Tls, Error> {
        let stamp = stamp(path);
        let loaded = Arc::new(folder::load(path, part)?);
        note(path, part, &loaded);
        Ok(Tls(Arc::new(Folder { path: path.to_owned(), part, state: Mutex::new(State { loaded, stamp }) })))
    }

    /// The identity of this program; `None` for a person with a token and without a certificate.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        self.current().identity.clone()
    }

    /// The settings for the next handshake of a server.
    pub(crate) fn server_config(&self) -> Option<Arc<rustls::ServerConfig>> {
        self.current().server.clone()
    }

    /// Whether a caller with this certificate, and those that follow it, would be accepted now.
    fn accepts(&self, chain: &[CertificateDer<'static>]) -> bool {
        let (Some(verifier), Some((own, others))) = (self.current().verifier.clone(), chain.split_first())
        else {
            return true;
        };
        verifier.verify_client_cert(own, others, UnixTime::now()).is_ok()
    }

    /// The folder of the certificates, for messages.
    pub(crate) fn folder(&self) -> &Path {
        &self.0.path
    }

    /// The certificates for the next handshake. If new files cannot be used, this is logged once, and the old ones
    /// stay in force: an incomplete replacement must not stop the program.
    fn current(&self) -> Arc<Loaded> {
        let Folder { path, part, state } = &*self.0;
        // The state is consistent even if a thread panicked while holding the lock.
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(path);
        if now != state.stamp {
            state.stamp = now;
            match folder::load(path, *part) {
                Ok(loaded) => {
                    tracing::info!(folder = %path.display(), "certificates replaced");
                    note(path, *part, &loaded);
                    state.loaded = Arc::new(loaded);
                }
                Err(error) => {
                    tracing::warn!(%error, "the new certificates cannot be used; the old ones stay in force")
                }
            }
        }
        Arc::clone(&state.loaded)
    }
}

/// Publishes when the certificate expires, and warns if that is soon.
fn note(path: &Path, part: Part, loaded: &Loaded) {
    let Some(expires) = loaded.expires else { return };
    // The metric is of the certificate with which programs of the cluster know each other.
    if part != Part::Page {
        metrics::certificate_expiry_timestamp(expires);
    }
    if expires.duration_since(SystemTime::now()).unwrap_or_default() < SOON {
        let (folder, days) = (path.display(), words::ahead(expires));
        tracing::warn!(%folder, "the certificate expires in {days}; issue a new one with `stentor certs`");
    }
}

fn stamp(folder: &Path) -> Stamp {
    [CA, CERTIFICATE, KEY, REVOKED].map(|name| {
        let metadata = std::fs::metadata(folder.join(name)).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    })
}

/// Refuses a listener that everyone on the network could use. With `insecure` it only logs a warning.
///
/// # Errors
/// [`Error::Exposed`].
pub fn check_listener(address: SocketAddr, tls: Option<&Tls>, insecure: bool) -> Result<(), Error> {
    if tls.is_some() || address.ip().is_loopback() {
        return Ok(());
    }
    if !insecure {
        return Err(Error::Exposed { address });
    }
    tracing::warn!(%address, "--insecure: anyone who can reach this address can join the training and read it");
    Ok(())
}
