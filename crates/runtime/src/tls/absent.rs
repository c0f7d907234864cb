//! What takes the place of TLS in programs that are built without it, as those of the demo are: rustls and what it needs are a
//! tenth of what compiles. A folder of certificates cannot be opened, so nobody has a [`Tls`].

use super::error::Error;
use super::identity::{Anonymous, Identity, Role};
use std::convert::Infallible;
use std::io;
use std::path::Path;
use tokio::net::TcpStream;
use tonic::codegen::http::uri::Authority;
use tonic::transport::{Channel, Endpoint};

/// A program's certificates, of which this build has none.
#[derive(Debug, Clone)]
pub struct Tls(Infallible);

/// A connection of a caller after the handshake, of which there is none.
pub(crate) type Accepted = TcpStream;

/// A caller's certificate, followed by those that issued it.
pub(super) type Chain = Infallible;

impl Tls {
    /// The certificates of a coordinator or reducer.
    ///
    /// # Errors
    /// [`Error::NotBuilt`].
    pub fn for_server(folder: &Path, _: Anonymous) -> Result<Tls, Error> {
        Tls::open(folder)
    }

    /// The certificates of a program with a role that connects to a coordinator.
    ///
    /// # Errors
    /// [`Error::NotBuilt`].
    pub fn for_client(folder: &Path, _: Role) -> Result<Tls, Error> {
        Tls::open(folder)
    }

    /// The certificates of a person, with any role.
    ///
    /// # Errors
    /// [`Error::NotBuilt`].
    pub fn for_person(folder: &Path) -> Result<Tls, Error> {
        Tls::open(folder)
    }

    /// The certificates of a person who uses a token.
    ///
    /// # Errors
    /// [`Error::NotBuilt`].
    pub fn for_token_bearer(folder: &Path) -> Result<Tls, Error> {
        Tls::open(folder)
    }

    /// The certificate of a port for browsers and scrapers.
    ///
    /// # Errors
    /// [`Error::NotBuilt`].
    pub fn for_page(folder: &Path) -> Result<Tls, Error> {
        Tls::open(folder)
    }

    fn open(folder: &Path) -> Result<Tls, Error> {
        Err(Error::NotBuilt { asked: folder.display().to_string() })
    }

    /// The identity of this program.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        match self.0 {}
    }

    /// Connections to a server.
    pub(super) fn channel(&self, _: &Endpoint, _: &str, _: &Authority) -> Result<Channel, Error> {
        match self.0 {}
    }

    /// The server's side of a handshake.
    pub(crate) async fn handshake(&self, _: TcpStream) -> io::Result<Accepted> {
        match self.0 {}
    }

    /// Why a caller's handshake failed.
    pub(super) fn refusal(&self, _: &io::Error) -> (&'static str, String) {
        match self.0 {}
    }

    /// Whether a caller with this certificate would be accepted now.
    pub(super) fn accepts(&self, _: &Chain) -> bool {
        match self.0 {}
    }
}

/// The caller's certificate.
pub(super) fn chain(_: &Accepted) -> Option<Chain> {
    None
}

/// The identity in the caller's certificate.
pub(super) fn caller(_: &Accepted) -> Option<Result<Identity, String>> {
    None
}

/// The error of an https:// URL: no folder of certificates would help.
pub(super) fn missing(url: &str) -> Error {
    Error::NotBuilt { asked: url.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::channel;
    use super::*;
    use crate::{ExitStatus, ProgramError};

    #[test]
    fn whatever_needs_tls_is_refused_with_which_build_has_it() {
        let folder = Path::new("tls/worker");
        let refused = [
            Tls::for_server(folder, Anonymous::Refused).unwrap_err(),
            Tls::for_client(folder, Role::Worker).unwrap_err(),
            Tls::for_person(folder).unwrap_err(),
            Tls::for_token_bearer(folder).unwrap_err(),
            Tls::for_page(folder).unwrap_err(),
        ];
        for error in refused {
            assert_eq!((error.id(), error.exit_status()), ("E0810", ExitStatus::Config));
            let words = error.to_string();
            assert!(words.starts_with("tls/worker: this program was built without TLS"), "{words}");
            assert!(words.contains("`cargo xtask programs --release`"), "{words}");
        }
        let error = channel("https://host:7400", None).unwrap_err();
        assert!(matches!(&error, Error::NotBuilt { asked } if asked == "https://host:7400"), "{error}");
    }

    #[tokio::test]
    async fn without_tls_a_connection_needs_none() {
        channel("http://localhost:7400", None).unwrap();
    }
}
