//! Connections of the simulated network, in the form that the real programs use.

use futures::Stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::codegen::http::Uri;
use tonic::transport::server::Connected;
use turmoil::net::{TcpListener, TcpStream};

/// Port of the coordinator.
pub(crate) const PORT: u16 = 7400;

/// Opens a worker's connection to the coordinator.
pub(crate) async fn connect(uri: Uri) -> io::Result<TcpStream> {
    TcpStream::connect((uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(PORT))).await
}

/// The connections that the coordinator accepts.
pub(crate) fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<Line>> + Send {
    futures::stream::unfold(listener, async |listener| {
        let accepted = listener.accept().await.map(|(stream, _)| Line(stream));
        Some((accepted, listener))
    })
}

/// A connection without information about its peer for tonic.
pub(crate) struct Line(TcpStream);

impl Connected for Line {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
