use crate::access::Access;
use std::io;
use std::time::Duration;
use stentor_runtime::Token;
use stentor_runtime::tls::{Connection, Listening, Refusals, Tls, incoming};
use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;

/// A server's door: where it listens, and who may come in.
#[derive(Debug)]
pub struct Gate {
    /// Bound already.
    pub listener: TcpListener,
    /// None: everybody who reaches the listener may train.
    pub tls: Option<Tls>,
    /// Opens what is for people to who has no admin's certificate; without certificates, it is demanded there.
    pub token: Option<Token>,
}

impl Gate {
    /// What judges calls, and the connections that are let in.
    pub(crate) fn open(self) -> (Access, ReceiverStream<io::Result<Connection>>) {
        let Self { listener, tls, token } = self;
        let refusals = Refusals::default();
        let cluster = tls.as_ref().and_then(Tls::identity).map(|own| own.cluster);
        let access = Access::new(cluster, token, refusals.clone());
        (access, incoming(listener, Listening { tls, refusals }))
    }
}

/// Larger messages are refused before they are read. Parts of payloads have half of it.
pub(crate) const MOST_MESSAGE_BYTES: usize = 2 << 20;

/// Calls that are open at once on a connection. A worker has five at most.
const MOST_STREAMS: u32 = 64;

/// What every gRPC server of a run has in common.
pub(crate) fn server() -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .initial_stream_window_size(4 << 20)
        .initial_connection_window_size(4 << 20)
        .max_concurrent_streams(MOST_STREAMS)
        .http2_max_header_list_size(16 << 10)
        .http2_keepalive_interval(Some(Duration::from_secs(5)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
}
