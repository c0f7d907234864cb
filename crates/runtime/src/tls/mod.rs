//! Mutual TLS between the programs of a cluster.
//!
//! A folder contains `ca.crt`, `tls.crt` and `tls.key` (the file names of a Kubernetes TLS secret). The certificate
//! holds an [`Identity`] among its alternative names; `stentor certs` makes such folders. [`Tls`] represents a folder:
//! its files are checked before every handshake, so that replaced files take effect with the next connection.
//!
//! [`incoming`] is the server's side and [`channel`] the client's. A server authorises each call by its [`Peer`],
//! which tonic adds to the request's extensions.
//!
//! All of it needs the feature `crypto`. Without it nothing of TLS is compiled, as the demo needs none: a folder of certificates
//! and an https:// URL are refused with [`Error::NotBuilt`].

#[cfg(not(feature = "crypto"))]
mod absent;
mod client;
#[cfg(feature = "crypto")]
mod crypto;
mod error;
mod identity;
mod incoming;
mod refusals;
mod stream;
mod watched;

#[cfg(not(feature = "crypto"))]
use absent as present;
#[cfg(feature = "crypto")]
use crypto as present;

pub use client::{channel, channel_by, explain};
pub use error::Error;
pub use identity::{Anonymous, Identity, Role};
pub use incoming::{Listening, incoming};
pub use present::Tls;
pub use refusals::Refusals;
pub use stream::{Connection, Peer};

use present::{Accepted, Chain, caller, chain, missing};
use std::net::SocketAddr;

/// Refuses a listener that everyone on the network could use. With `insecure` it only logs a warning.
///
/// # Errors
/// [`Error::Exposed`].
pub fn check_listener(address: SocketAddr, tls: Option<&Tls>, insecure: bool) -> Result<(), Error> {
    if tls.is_some() || address.ip().is_loopback() {
        return Ok(());
    }
    if !insecure {
        return Err(Error::Exposed { address });
    }
    tracing::warn!(%address, "--insecure: anyone who can reach this address can join the training and read it");
    Ok(())
}
