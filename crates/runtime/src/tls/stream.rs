use super::identity::Identity;
use super::watched::Watched;
use super::{Accepted, Chain};
use crate::connections::{Activity, Seat};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::Connected;

/// The other end of a call's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The address of the caller.
    pub address: SocketAddr,
    /// The identity in its certificate, or the names found instead. `None`: no certificate was presented.
    pub identity: Option<Result<Identity, String>>,
    /// What the connection does.
    pub activity: Activity,
}

/// An accepted connection.
#[derive(Debug)]
pub struct Connection {
    pub(super) io: Io,
    pub(super) peer: Peer,
    /// Counts among the open connections, and ends this one when it must end.
    pub(super) seat: Seat,
    /// The certificate of the caller, if it has one.
    pub(super) watched: Option<Watched>,
}

#[derive(Debug)]
pub(super) enum Io {
    Plain(TcpStream),
    Tls(Box<Accepted>),
}

impl Io {
    /// The caller's certificate with those that issued it; `None` if it has none.
    pub(super) fn certificates(&self) -> Option<Chain> {
        let Io::Tls(stream) = self else { return None };
        super::chain(stream)
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl Connection {
    /// Ready with an error when the connection has to end.
    fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let address = self.peer.address;
        let refused = self.watched.as_mut().map(|watched| watched.poll_refused(address, context));
        if let Some(Poll::Ready(why)) = refused {
            return Poll::Ready(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        self.seat.poll_over(context).map(|why| io::Error::new(io::ErrorKind::TimedOut, why))
    }
}

/// Calls the same method on whichever stream it is.
macro_rules! either {
    ($connection:ident, $io:ident => $act:expr) => {
        match &mut $connection.get_mut().io {
            Io::Plain(stream) => {
                let $io = Pin::new(stream);
                $act
            }
            Io::Tls(stream) => {
                let $io = Pin::new(stream);
                $act
            }
        }
    };
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(over) = self.poll_over(context) {
            return Poll::Ready(Err(over));
        }
        either!(self, io => io.poll_read(context, buffer))
    }
}

impl AsyncWrite for Connection {
    // Where the other side does not read, nothing is read from it either.
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(over) = self.poll_over(context) {
            return Poll::Ready(Err(over));
        }
        either!(self, io => io.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(over) = self.poll_over(context) {
            return Poll::Ready(Err(over));
        }
        either!(self, io => io.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(stream) => stream.is_write_vectored(),
            Io::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => io.poll_shutdown(context))
    }
}
