use super::identity::read_leaf;
use super::refusals::Refusals;
use super::stream::{Connection, Io, Peer};
use super::{Tls, words};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;

/// Maximum number of open connections of a server. Each worker has two.
const MOST_CONNECTIONS: usize = 4096;
/// Maximum number of handshakes in progress.
const MOST_HANDSHAKES: usize = 256;
/// Time after which a connection without a complete handshake is closed.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a peer without TLS to read the reason before the connection is closed.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// The settings of a server's listener.
#[derive(Debug, Clone, Default)]
pub struct Listening {
    /// `None`: all connections are accepted.
    pub tls: Option<Tls>,
    /// Records refused connections and calls.
    pub refusals: Refusals,
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
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let handshakes = Arc::new(Semaphore::new(MOST_HANDSHAKES));
    loop {
        let Ok(handshake) = Arc::clone(&handshakes).acquire_owned().await else { return };
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
        let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else {
            let words = format!("{MOST_CONNECTIONS} connections are open already");
            listening.refusals.connection(address.ip(), "too-many", &words);
            continue;
        };
        let (listening, sender) = (listening.clone(), sender.clone());
        tokio::spawn(async move {
            let shaken =
                tokio::time::timeout(HANDSHAKE_TIMEOUT, greet(stream, address, &listening, permit)).await;
            drop(handshake);
            match shaken {
                Ok(Ok(connection)) => drop(sender.send(Ok(connection)).await),
                Ok(Err(Refused { reason, words })) => {
                    listening.refusals.connection(address.ip(), reason, &words);
                }
                Err(_) => {
                    let words = format!("no complete handshake within {} s", HANDSHAKE_TIMEOUT.as_secs());
                    listening.refusals.connection(address.ip(), "handshake-timeout", &words);
                }
            }
        });
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
    permit: OwnedSemaphorePermit,
) -> Result<Connection, Refused> {
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
        return Ok(Connection {
            io: Io::Plain(stream),
            peer: Peer { address, identity: None },
            _permit: permit,
        });
    };
    if !speaks_tls {
        refuse_plain_http(stream).await;
        return Err(Refused::new("plain", "it does not speak TLS; its URL must begin with https://"));
    }
    let Some(config) = tls.current().server.clone() else {
        return Err(Refused::new("handshake", "this program has no certificate for a server"));
    };
    let stream = TlsAcceptor::from(config).accept(stream).await.map_err(|error| refused(&error, tls))?;
    let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let identity = shown.map(|certificate| read_leaf(certificate).and_then(|leaf| leaf.identity));
    Ok(Connection { io: Io::Tls(Box::new(stream)), peer: Peer { address, identity }, _permit: permit })
}

fn refused(error: &io::Error, tls: &Tls) -> Refused {
    match words::of_io(error) {
        Some(rustls::Error::NoCertificatesPresented) => {
            Refused::new("no-certificate", "it presents no certificate")
        }
        Some(rustls::Error::InvalidCertificate(problem)) => match words::certificate(problem) {
            ("unknown-ca", words) => {
                let ca = tls.folder().join(super::CA);
                Refused::new("unknown-ca", format!("its certificate {words} {}", ca.display()))
            }
            (reason, words) => Refused::new(reason, format!("its certificate {words}")),
        },
        Some(rustls::Error::AlertReceived(alert)) => {
            let words = format!("it does not accept this program's certificate ({alert:?})");
            Refused::new("refused-by-peer", words)
        }
        _ => Refused::new("handshake", format!("the handshake failed: {error}")),
    }
}

/// Tells a peer that uses plain HTTP/2 what to do, in a form that it shows to its user: the end of the connection
/// (GOAWAY) because of inadequate security, with a reason.
async fn refuse_plain_http(mut stream: TcpStream) {
    const REASON: &[u8] = b"this port speaks TLS: use an https:// URL and --tls DIR";
    const INADEQUATE_SECURITY: u32 = 0xc;
    let mut frames = Vec::from(frame_header(0, 4));
    frames.extend(frame_header(8 + REASON.len() as u32, 7));
    frames.extend(0u32.to_be_bytes());
    frames.extend(INADEQUATE_SECURITY.to_be_bytes());
    frames.extend(REASON);
    // Wait until the peer has read it and closed: if a connection is closed with unread bytes, data sent before may be
    // lost.
    let _ = tokio::time::timeout(CLOSE_TIME, async {
        stream.write_all(&frames).await?;
        stream.shutdown().await?;
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    })
    .await;
}

/// The header of an HTTP/2 frame for the connection: length, type, no flags, stream 0 (RFC 9113, section 4.1).
fn frame_header(length: u32, kind: u8) -> [u8; 9] {
    let [_, a, b, c] = length.to_be_bytes();
    [a, b, c, kind, 0, 0, 0, 0, 0]
}
