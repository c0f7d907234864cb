use crate::access::Access;
use std::io;
use std::time::Duration;
use stentor_runtime::tls::{Connection, Listening, Refusals, Tls, incoming};
use stentor_runtime::{Bounds, Tokens};
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;

/// A server's listener and its rules of access.
#[derive(Debug)]
pub struct Listener {
    /// The bound listener.
    pub socket: TcpListener,
    /// `None`: everybody who reaches the listener may take part in the training.
    pub tls: Option<Tls>,
    /// Tokens that operators may present in place of an admin's certificate; required of them if there are no certificates.
    pub tokens: Tokens,
    /// How many connections are open at a time.
    pub bounds: Bounds,
    /// Time between two checks of the certificates behind open connections.
    pub check_every: Duration,
}

impl Listener {
    /// The authorisation of calls, and the accepted connections.
    pub(crate) fn open(self) -> (Access, ReceiverStream<io::Result<Connection>>) {
        let Self { socket, tls, tokens, bounds, check_every } = self;
        let refusals = Refusals::default();
        let cluster = tls.as_ref().and_then(Tls::identity).map(|own| own.cluster);
        let access = Access::new(cluster, tokens, refusals.clone());
        (access, incoming(socket, Listening { tls, refusals, bounds, check_every }))
    }
}

/// Larger messages are refused before they are read. Parts of payloads have half this size.
pub(crate) const MOST_MESSAGE_BYTES: usize = 2 << 20;

/// Maximum number of open calls on a connection. A worker has at most five.
const MOST_STREAMS: u32 = 64;

/// The settings of every gRPC server of a run. Connections have no largest age: tonic ends them by GOAWAY, after which its clients break
/// off all calls in progress with the next one, so members would be lost.
pub(crate) fn server() -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(4 << 20)
        .max_concurrent_streams(MOST_STREAMS)
        .http2_max_header_list_size(16 << 10)
        .http2_keepalive_interval(Some(Duration::from_secs(5)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
}
