use std::fmt;
use std::sync::Arc;
use stentor_runtime::tls::{self, Tls};
use tonic::transport::Channel;

/// Opens a worker's connections to coordinator and reducers. Cheap to clone.
#[derive(Clone)]
pub struct Connector(Arc<Open>);

type Open = dyn Fn(&str) -> Result<Channel, tls::Error> + Send + Sync;

impl Connector {
    /// Connects over TCP, with TLS if `tls` is given.
    #[must_use]
    pub fn of(tls: Option<Tls>) -> Self {
        Self::by(move |url| tls::channel(url, tls.as_ref()))
    }

    /// Opens connections with `open`, which gets the URL.
    #[must_use]
    pub fn by(open: impl Fn(&str) -> Result<Channel, tls::Error> + Send + Sync + 'static) -> Self {
        Self(Arc::new(open))
    }

    /// A connection that is opened when it is first used, and again after it broke.
    pub(crate) fn to(&self, url: &str) -> Result<Channel, tls::Error> {
        (self.0)(url)
    }
}

impl Default for Connector {
    /// Connects over TCP, without certificates.
    fn default() -> Self {
        Self::of(None)
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connector")
    }
}
