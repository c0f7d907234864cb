//! TLS by rustls, with the certificates of a folder.

mod connector;
mod folder;
mod leaf;
mod words;

use super::error::Error;
use super::identity::{Anonymous, Identity, Role};
use crate::metrics;
use connector::Connector;
use folder::{CA, CERTIFICATE, KEY, Loaded, Part, REVOKED};
use leaf::read_leaf;
use rustls::pki_types::{CertificateDer, UnixTime};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::codegen::http::uri::Authority;
use tonic::transport::{Channel, Endpoint};

/// A connection of a caller, after the handshake.
pub(crate) type Accepted = TlsStream<TcpStream>;

/// A caller's certificate, followed by those that issued it.
pub(super) type Chain = Vec<CertificateDer<'static>>;

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

    /// Connections to the server at `url`, whose host and port are `authority`, with the settings of `endpoint`.
    pub(super) fn channel(
        &self,
        endpoint: &Endpoint,
        url: &str,
        authority: &Authority,
    ) -> Result<Channel, Error> {
        Ok(endpoint.connect_with_connector_lazy(Connector::new(self.clone(), url, authority)?))
    }

    /// The server's side of a handshake.
    pub(crate) async fn handshake(&self, stream: TcpStream) -> io::Result<Accepted> {
        let none = || io::Error::other("this program has no certificate for a server");
        let config = self.current().server.clone().ok_or_else(none)?;
        TlsAcceptor::from(config).accept(stream).await
    }

    /// Why a caller's handshake failed: a word for metrics, and words for people.
    pub(super) fn refusal(&self, error: &io::Error) -> (&'static str, String) {
        match words::of_io(error) {
            Some(rustls::Error::NoCertificatesPresented) => {
                ("no-certificate", "it presents no certificate".to_owned())
            }
            Some(rustls::Error::InvalidCertificate(problem)) => match words::certificate(problem) {
                ("unknown-ca", words) => {
                    ("unknown-ca", format!("its certificate {words} {}", self.folder().join(CA).display()))
                }
                (reason, words) => (reason, format!("its certificate {words}")),
            },
            Some(rustls::Error::AlertReceived(alert)) => {
                ("refused-by-peer", format!("it does not accept this program's certificate ({alert:?})"))
            }
            _ => ("handshake", format!("the handshake failed: {error}")),
        }
    }

    /// Whether a caller with this certificate, and those that follow it, would be accepted now.
    pub(super) fn accepts(&self, chain: &Chain) -> bool {
        let (Some(verifier), Some((own, others))) = (self.current().verifier.clone(), chain.split_first())
        else {
            return true;
        };
        verifier.verify_client_cert(own, others, UnixTime::now()).is_ok()
    }

    /// The folder of the certificates, for messages.
    fn folder(&self) -> &Path {
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

/// The caller's certificate with those that issued it; `None` if it has none.
pub(super) fn chain(stream: &Accepted) -> Option<Chain> {
    let chain = stream.get_ref().1.peer_certificates()?;
    Some(chain.iter().map(|one| one.clone().into_owned()).collect())
}

/// The identity in the caller's certificate, or the names found instead; `None` if it has none.
pub(super) fn caller(stream: &Accepted) -> Option<Result<Identity, String>> {
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first)?;
    Some(read_leaf(shown).and_then(|leaf| leaf.identity))
}

/// The error of an https:// URL without a folder of certificates.
pub(super) fn missing(url: &str) -> Error {
    let reason = "expected --tls DIR with an https:// URL, found none; `stentor certs` makes the folder";
    Error::Url { url: url.to_owned(), reason }
}
