//! Who is who on the network: mutual TLS between the programs of a cluster.
//!
//! A folder holds `ca.crt`, `tls.crt` and `tls.key` (the names of a Kubernetes TLS secret). The certificate says what its
//! holder is, as an [`Identity`] among its alternative names; `stentor certs` makes such folders. [`Tls`] is the folder in
//! force: its files are looked at before every handshake, so that replaced ones count from the next connection on.
//!
//! [`incoming`] is the server's side and [`channel`] the client's. A server decides by the [`Peer`] of a call, which tonic
//! puts among the request's extensions, what the call may do.

mod client;
mod error;
mod folder;
mod identity;
mod incoming;
mod refusals;
mod stream;
mod words;

pub use client::{channel, channel_by, explain};
pub use error::Error;
pub use folder::Strangers;
pub use identity::{Identity, Role};
pub use incoming::{Listening, incoming};
pub use refusals::Refusals;
pub use stream::{Connection, Peer};

use crate::metrics;
use folder::{CA, CERTIFICATE, KEY, Loaded, Part};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A certificate that expires sooner than this is warned of.
const SOON: Duration = Duration::from_secs(7 * 86_400);

/// A program's certificates, newest first seen at the next connection. Cheap to clone.
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
    /// Of the files that were looked at last, whether or not they could be used.
    stamp: Stamp,
}

/// Length and time of change of each file, by which a replaced one is known.
type Stamp = [Option<(u64, SystemTime)>; 3];

impl Tls {
    /// The certificates of a coordinator or reducer.
    ///
    /// # Errors
    /// [`Error`] where a file is missing, malformed, out of date, another role's, or does not fit the others.
    pub fn for_server(folder: &Path, strangers: Strangers) -> Result<Tls, Error> {
        Tls::open(folder, Part::Server(strangers))
    }

    /// The certificates of a program that is `role` and connects to a coordinator.
    ///
    /// # Errors
    /// As [`Tls::for_server`].
    pub fn for_client(folder: &Path, role: Role) -> Result<Tls, Error> {
        Tls::open(folder, Part::Client(role))
    }

    /// A person's certificates, of any role.
    ///
    /// # Errors
    /// As [`Tls::for_server`].
    pub fn for_person(folder: &Path) -> Result<Tls, Error> {
        Tls::open(folder, Part::Person)
    }

    /// A person's who shows a token: the folder may hold `ca.crt` alone.
    ///
    /// # Errors
    /// As [`Tls::for_server`].
    pub fn for_token_bearer(folder: &Path) -> Result<Tls, Error> {
        Tls::open(folder, Part::TokenBearer)
    }

    fn open(path: &Path, part: Part) -> Result<Tls, Error> {
        let stamp = stamp(path);
        let loaded = Arc::new(folder::load(path, part)?);
        note(path, &loaded);
        Ok(Tls(Arc::new(Folder { path: path.to_owned(), part, state: Mutex::new(State { loaded, stamp }) })))
    }

    /// Who this program is; nobody for a bearer of a token without a certificate.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        self.current().identity.clone()
    }

    /// Where the certificates are, for messages.
    pub(crate) fn folder(&self) -> &Path {
        &self.0.path
    }

    /// What is in force for the next handshake. New files that cannot be used are warned of once, and the old ones stay:
    /// half of a replacement must not stop anybody.
    fn current(&self) -> Arc<Loaded> {
        let Folder { path, part, state } = &*self.0;
        // A poisoned lock still holds a whole state.
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(path);
        if now != state.stamp {
            state.stamp = now;
            match folder::load(path, *part) {
                Ok(loaded) => {
                    tracing::info!(folder = %path.display(), "certificates replaced");
                    note(path, &loaded);
                    state.loaded = Arc::new(loaded);
                }
                Err(error) => tracing::warn!(%error, "new certificates not used; the old ones stay in force"),
            }
        }
        Arc::clone(&state.loaded)
    }
}

/// Tells people when the certificate expires.
fn note(path: &Path, loaded: &Loaded) {
    let Some(expires) = loaded.expires else { return };
    metrics::certificate_expiry_timestamp(expires);
    if expires.duration_since(SystemTime::now()).unwrap_or_default() < SOON {
        let (folder, days) = (path.display(), words::ahead(expires));
        tracing::warn!(%folder, "the certificate expires in {days}; issue a new one with `stentor certs`");
    }
}

fn stamp(folder: &Path) -> Stamp {
    [CA, CERTIFICATE, KEY].map(|name| {
        let metadata = std::fs::metadata(folder.join(name)).ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    })
}

/// Refuses a listener that other machines can reach and that everybody there could use. With `insecure` it is warned of.
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
    tracing::warn!(%address, "--insecure: everybody who reaches this address may join the training and read it");
    Ok(())
}
