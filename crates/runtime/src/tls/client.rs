use super::identity::{Identity, Role, read_leaf};
use super::{CA, CERTIFICATE, Error, Tls, words};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// A connection to the server at `url`, opened when it is first used, and again after it broke. With `tls` the server
/// must be a coordinator or reducer of the same cluster.
///
/// # Errors
/// [`Error::Url`] if `url` is not a valid URL, or contradicts `tls`.
pub fn channel(url: &str, tls: Option<&Tls>) -> Result<Channel, Error> {
    let refuse = |reason| Error::Url { url: url.to_owned(), reason };
    let example = match tls {
        Some(_) => "expected a URL such as https://host:7400",
        None => "expected a URL such as http://host:7400",
    };
    let uri: Uri = url.parse().map_err(|_| refuse(example))?;
    let (scheme, Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(refuse(example)) };
    let secure = match (scheme, tls) {
        (Some("http"), None) => None,
        (Some("https"), Some(tls)) => Some(tls),
        (Some("https"), None) => {
            return Err(refuse(
                "expected --tls DIR with an https:// URL, found none; `stentor certs` makes the folder",
            ));
        }
        (Some("http"), Some(_)) => {
            return Err(refuse(
                "expected an https:// URL with --tls, found http://; write https:// or leave --tls out",
            ));
        }
        _ => return Err(refuse(example)),
    };
    // tonic's TLS supports neither roles nor the replacement of certificates. So the connector below does TLS, and
    // tonic sees a plain connection.
    let endpoint = endpoint(&format!("http://{authority}"))?;
    let Some(tls) = secure else { return Ok(endpoint.connect_lazy()) };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let server = ServerName::try_from(host.clone())
        .map_err(|_| refuse("expected the name or address of a host in the URL"))?;
    let target = Target { url: url.to_owned(), host, port: authority.port_u16().unwrap_or(443), server };
    Ok(endpoint.connect_with_connector_lazy(Connector { tls: tls.clone(), target: Arc::new(target) }))
}

/// Like [`channel`], without TLS, over connections opened by `connect`, for example to a simulated network.
///
/// # Errors
/// [`Error::Url`] if `url` is not a valid URL.
pub fn channel_by<C, F, S>(url: &str, connect: C) -> Result<Channel, Error>
where
    C: Fn(Uri) -> F + Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    Ok(endpoint(url)?.connect_with_connector_lazy(By(connect)))
}

/// The settings that all connections share.
fn endpoint(url: &str) -> Result<Endpoint, Error> {
    let reason = "expected a URL such as http://host:7400";
    let endpoint = Endpoint::from_shared(url.to_owned())
        .map_err(|_| Error::Url { url: url.to_owned(), reason })?
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(5))
        .keep_alive_timeout(Duration::from_secs(10))
        // hyper's default of 64 KiB per stream would limit throughput to window / round-trip time.
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(4 << 20);
    Ok(endpoint)
}

/// The message of a failed call, and whether authentication or authorization failed, so that another try cannot
/// succeed.
#[must_use]
pub fn explain(status: &Status) -> (String, bool) {
    let causes = || std::iter::successors(std::error::Error::source(status), |error| error.source());
    if let Some(error) = causes().find_map(|cause| cause.downcast_ref::<Error>()) {
        return (error.to_string(), true);
    }
    let denied = matches!(status.code(), Code::PermissionDenied | Code::Unauthenticated);
    // If the transport failed, the outermost error says little, and the innermost has the reason.
    let words = causes().last().map_or_else(|| status.message().to_owned(), ToString::to_string);
    (words, denied)
}

#[derive(Debug)]
struct Target {
    url: String,
    host: String,
    port: u16,
    server: ServerName<'static>,
}

/// Connects, performs the handshake and checks the server's identity.
#[derive(Debug, Clone)]
struct Connector {
    tls: Tls,
    target: Arc<Target>,
}

/// Connects with a function.
struct By<C>(C);

impl<C, F, S> Service<Uri> for By<C>
where
    C: Fn(Uri) -> F,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    type Response = TokioIo<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<S>>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connected = (self.0)(uri);
        Box::pin(async move { connected.await.map(TokioIo::new) })
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
