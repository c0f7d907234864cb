use super::refusals::Refusals;
use super::{Chain, Tls};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// A caller's certificate, which is checked again while the connection is open: connections last as long as a run, and a certificate
/// that has expired, is revoked, or is of a CA that was replaced, must not.
#[derive(Debug)]
pub(super) struct Watched {
    tls: Tls,
    chain: Chain,
    every: Duration,
    due: Pin<Box<Sleep>>,
    refusals: Refusals,
}

impl Watched {
    pub(super) fn new(chain: Chain, tls: Tls, every: Duration, refusals: Refusals) -> Self {
        Self { tls, chain, every, due: Box::pin(sleep(every)), refusals }
    }

    /// Ready with the reason when the certificate is not accepted any more.
    pub(super) fn poll_refused(
        &mut self,
        address: SocketAddr,
        context: &mut Context<'_>,
    ) -> Poll<&'static str> {
        const WORDS: &str = "its certificate is not valid any more";
        loop {
            ready!(self.due.as_mut().poll(context));
            if !self.tls.accepts(&self.chain) {
                self.refusals.connection(address.ip(), "not-valid-any-more", WORDS);
                return Poll::Ready(WORDS);
            }
            self.due.as_mut().reset(Instant::now() + self.every);
        }
    }
}
