use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Time for a peer to read the reason before the connection is closed.
const CLOSE_TIME: Duration = Duration::from_secs(1);

/// Why a connection that speaks HTTP/2 is ended; the numbers are those of RFC 9113, section 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// It must use TLS.
    InadequateSecurity = 0xc,
    /// It must speak HTTP/1.
    Http11Required = 0xd,
}

/// Tells a peer that speaks HTTP/2 what to do, in a form that it shows to its user: the end of the connection (GOAWAY), with a reason.
pub(crate) async fn goaway(mut stream: TcpStream, why: Why, reason: &str) {
    let mut frames = Vec::from(frame_header(0, 4));
    frames.extend(frame_header(8 + reason.len() as u32, 7));
    frames.extend(0u32.to_be_bytes());
    frames.extend((why as u32).to_be_bytes());
    frames.extend(reason.as_bytes());
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
