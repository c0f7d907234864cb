use super::refusals::Refusals;
use super::stream::{Connection, Io, Peer};
use super::watched::Watched;
use super::{Tls, caller};
use crate::connections::{Activity, Bounds, Connections, Seat};
use crate::goaway::{Why, goaway};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Time after which a connection without a complete handshake is closed.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The settings of a server's listener.
#[derive(Debug, Clone)]
pub struct Listening {
    /// `None`: all connections are accepted.
    pub tls: Option<Tls>,
    /// Records refused connections and calls.
    pub refusals: Refusals,
    /// How many connections are open at a time.
    pub bounds: Bounds,
    /// Time between two checks of a caller's certificate while its connection is open.
    pub check_every: Duration,
}

impl Default for Listening {
    fn default() -> Self {
        let (refusals, bounds) = (Refusals::default(), Bounds::default());
        Self { tls: None, refusals, bounds, check_every: Duration::from_secs(60) }
    }
}

/// The accepted connections. Handshakes run concurrently, so that none delays another.
#[must_use]
pub fn incoming(listener: TcpListener, listening: Listening) -> ReceiverStream<io::Result<Connection>> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(accept(listener, listening, sender));
    ReceiverStream::new(receiver)
}

/// Runs until the receiver of the connections is dropped.
async fn accept(listener: TcpListener, listening: Listening, sender: mpsc::Sender<io::Result<Connection>>) {
    let connections = Connections::new(listening.bounds);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = sender.closed() => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // For example too many open files. This is temporary, and must not cause a busy loop.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (seat, evicted) = connections.open(address.ip());
        if let Some(crowd) = evicted {
            let most = listening.bounds.most_unproven;
            let words =
                format!("{most} connections without a permitted call are open, most from this address");
            listening.refusals.connection(crowd, "crowded", &words);
        }
        let (listening, sender) = (listening.clone(), sender.clone());
        tokio::spawn(async move {
            match shake(stream, address, &listening, seat).await {
                Ok(connection) => drop(sender.send(Ok(connection)).await),
                Err(Some(Refused { reason, words })) => {
                    listening.refusals.connection(address.ip(), reason, &words);
                }
                // It had to make room, which is recorded.
                Err(None) => {}
            }
        });
    }
}

/// Greets a connection, within its time, unless it has to make room for others.
async fn shake(
    stream: TcpStream,
    address: SocketAddr,
    listening: &Listening,
    mut seat: Seat,
) -> Result<Connection, Option<Refused>> {
    let activity = seat.activity.clone();
    let greeting = tokio::time::timeout(HANDSHAKE_TIMEOUT, greet(stream, address, listening, activity));
    let greeted = tokio::select! {
        greeted = greeting => greeted,
        () = seat.evicted() => return Err(None),
    };
    match greeted {
        Ok(Ok((io, peer))) => {
            seat.shaken();
            let watched = io.certificates().zip(listening.tls.clone()).map(|(chain, tls)| {
                Watched::new(chain, tls, listening.check_every, listening.refusals.clone())
            });
            Ok(Connection { io, peer, seat, watched })
        }
        Ok(Err(refused)) => Err(Some(refused)),
        Err(_) => {
            let words = format!("no complete handshake within {} s", HANDSHAKE_TIMEOUT.as_secs());
            Err(Some(Refused::new("handshake-timeout", words)))
        }
    }
}

/// Why a connection is refused.
struct Refused {
    reason: &'static str,
    words: String,
}

impl Refused {
    fn new(reason: &'static str, words: impl Into<String>) -> Self {
        Self { reason, words: words.into() }
    }
}

/// The first byte of every TLS connection, and of no HTTP/2 connection.
const TLS_HANDSHAKE: u8 = 22;

async fn greet(
    stream: TcpStream,
    address: SocketAddr,
    listening: &Listening,
    activity: Activity,
) -> Result<(Io, Peer), Refused> {
    let broken = |error: io::Error| Refused::new("broken", format!("the connection broke: {error}"));
    // Send small messages at once. Otherwise an answer waits for the acknowledgement of the previous one, which the
    // other side delays by 40 ms.
    stream.set_nodelay(true).map_err(broken)?;
    let mut first = [0];
    if stream.peek(&mut first).await.map_err(broken)? == 0 {
        return Err(Refused::new("silent", "it was closed before any data arrived"));
    }
    let speaks_tls = first == [TLS_HANDSHAKE];
    let Some(tls) = &listening.tls else {
        if speaks_tls {
            return Err(Refused::new("tls", "it speaks TLS, and this program was started without --tls"));
        }
        return Ok((Io::Plain(stream), Peer { address, identity: None, activity }));
    };
    if !speaks_tls {
        const REASON: &str = "this port speaks TLS: use an https:// URL and --tls DIR";
        goaway(stream, Why::InadequateSecurity, REASON).await;
        return Err(Refused::new("plain", "it does not speak TLS; its URL must begin with https://"));
    }
    let refused = |error: io::Error| {
        let (reason, words) = tls.refusal(&error);
        Refused { reason, words }
    };
    let stream = tls.handshake(stream).await.map_err(refused)?;
    let identity = caller(&stream);
    Ok((Io::Tls(Box::new(stream)), Peer { address, identity, activity }))
}
