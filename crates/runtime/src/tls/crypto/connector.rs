//! The client's side: connects, performs the handshake and checks the server's identity.

use super::Tls;
use super::folder::{CA, CERTIFICATE};
use super::leaf::read_leaf;
use super::words;
use crate::tls::error::Error;
use crate::tls::identity::{Identity, Role};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::codegen::http::uri::Authority;

/// Where to connect.
#[derive(Debug)]
struct Target {
    url: String,
    host: String,
    port: u16,
    server: ServerName<'static>,
}

/// Opens connections to one server.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    tls: Tls,
    target: Arc<Target>,
}

impl Connector {
    /// To the server at `url`, whose host and port are `authority`.
    pub(super) fn new(tls: Tls, url: &str, authority: &Authority) -> Result<Self, Error> {
        let reason = "expected the name or address of a host in the URL";
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let server =
            ServerName::try_from(host.clone()).map_err(|_| Error::Url { url: url.to_owned(), reason })?;
        let target = Target { url: url.to_owned(), host, port: authority.port_u16().unwrap_or(443), server };
        Ok(Self { tls, target: Arc::new(target) })
    }
}

type Stream = TokioIo<BufReader<TlsStream<TcpStream>>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let Connector { tls, target } = self.clone();
        Box::pin(async move { connect(&tls, &target).await })
    }
}

async fn connect(tls: &Tls, target: &Target) -> Result<Stream, BoxError> {
    let loaded = tls.current();
    let stream = TcpStream::connect((target.host.as_str(), target.port)).await?;
    stream.set_nodelay(true)?;
    let no_client = || io::Error::other("the certificates of a port for browsers open no connections");
    let connector = TlsConnector::from(loaded.client.clone().ok_or_else(no_client)?);
    let shaken = connector.connect(target.server.clone(), stream).await;
    let stream = shaken.map_err(|error| refusal(error, tls, target))?;
    check_server(&stream, loaded.identity.as_ref(), target)?;
    // In TLS 1.3 the client's handshake is complete before the server has checked the client's certificate. The
    // server's first bytes (an HTTP/2 server sends first), or its alert, show whether it accepts the certificate.
    let mut stream = BufReader::with_capacity(16 << 10, stream);
    stream.fill_buf().await.map_err(|error| refusal(error, tls, target))?;
    Ok(TokioIo::new(stream))
}

fn check_server(stream: &TlsStream<TcpStream>, own: Option<&Identity>, target: &Target) -> Result<(), Error> {
    let refused = |reason| Err(Error::Refused { url: target.url.clone(), reason });
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let identity =
        shown.map_or(Err("none".to_owned()), |shown| read_leaf(shown).and_then(|leaf| leaf.identity));
    match (identity, own) {
        (Err(found), _) => refused(format!(
            "expected a server's certificate with the name `stentor://CLUSTER/coordinator`, found {found}"
        )),
        (Ok(found), _) if found.role != Role::Coordinator => refused(format!(
            "expected a server of the role coordinator, found {found}; is this the right port?"
        )),
        (Ok(found), Some(own)) if found.cluster != own.cluster => {
            refused(format!("expected a server of cluster `{}`, found {found}", own.cluster))
        }
        _ => Ok(()),
    }
}

/// Converts the error of a failed handshake. A connection that only broke may be tried again.
fn refusal(error: io::Error, tls: &Tls, target: &Target) -> BoxError {
    let folder = tls.folder();
    let reason = match words::of_io(&error) {
        Some(rustls::Error::InvalidCertificate(problem)) => match words::certificate(problem) {
            ("unknown-ca", words) => {
                format!("the server's certificate {words} {}", folder.join(CA).display())
            }
            ("other-host", words) => format!(
                "the server's certificate {words}, not for `{}`; give all its hosts when you issue it: `stentor certs \
                 --host`",
                target.host
            ),
            (_, words) => format!("the server's certificate {words}"),
        },
        Some(rustls::Error::AlertReceived(alert)) => match words::alert(*alert) {
            Some(words) => format!("the certificate {} {words}", folder.join(CERTIFICATE).display()),
            None => return error.into(),
        },
        Some(rustls::Error::InvalidMessage(_)) => {
            "the server does not speak TLS; start it with --tls, or use an http:// URL".to_owned()
        }
        _ => return error.into(),
    };
    Error::Refused { url: target.url.clone(), reason }.into()
}
