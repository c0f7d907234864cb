use super::error::Error;
use super::{Tls, missing};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::codegen::Service;
use tonic::codegen::http::Uri;
use tonic::codegen::http::uri::Authority;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// A connection to the server at `url`, opened when it is first used, and again after it broke. With `tls` the server
/// must be a coordinator or reducer of the same cluster.
///
/// # Errors
/// [`Error::Url`] if `url` is not a valid URL, or contradicts `tls`; [`Error::NotBuilt`] if it needs TLS and this build has none.
pub fn channel(url: &str, tls: Option<&Tls>) -> Result<Channel, Error> {
    let refuse = |reason| Error::Url { url: url.to_owned(), reason };
    let example = match tls {
        Some(_) => "expected a URL such as https://host:7400",
        None => "expected a URL such as http://host:7400",
    };
    let uri: Uri = url.parse().map_err(|_| refuse(example))?;
    let (scheme, Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(refuse(example)) };
    if !has_valid_port(authority) {
        return Err(refuse("expected a port from 1 to 65535 in the URL"));
    }
    let secure = match (scheme, tls) {
        (Some("http"), None) => None,
        (Some("https"), Some(tls)) => Some(tls),
        (Some("https"), None) => return Err(missing(url)),
        (Some("http"), Some(_)) => {
            return Err(refuse(
                "expected an https:// URL with --tls, found http://; write https:// or leave --tls out",
            ));
        }
        _ => return Err(refuse(example)),
    };
    // tonic's TLS supports neither roles nor the replacement of certificates. So a connector of ours does TLS, and
    // tonic sees a plain connection.
    let endpoint = endpoint(&format!("http://{authority}"))?;
    match secure {
        None => Ok(endpoint.connect_lazy()),
        Some(tls) => tls.channel(&endpoint, url, authority),
    }
}

/// Whether a URL has no port, or one that there can be. `http` parses a URL with any number.
fn has_valid_port(authority: &Authority) -> bool {
    let address = authority.as_str().rsplit('@').next().unwrap_or_default();
    match address.strip_prefix(authority.host()).unwrap_or_default().strip_prefix(':') {
        None => true,
        Some(port) => port.parse::<u16>().is_ok_and(|port| port > 0),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProgramError;

    #[tokio::test]
    async fn a_url_with_a_port_that_cannot_be_is_refused_before_anything_is_asked() {
        for url in [
            "http://host:99999",
            "http://host:0",
            "http://host:",
            "http://[::1]:65536",
            "http://a@host:70000/x",
        ] {
            let error = channel(url, None).unwrap_err();
            assert_eq!(error.id(), "E0807");
            assert!(error.to_string().contains("expected a port from 1 to 65535"), "{error}");
        }
        for url in
            ["http://host", "http://host:65535", "http://[::1]:1", "http://[::1]", "http://a@host:7400/x"]
        {
            channel(url, None).unwrap();
        }
    }
}
