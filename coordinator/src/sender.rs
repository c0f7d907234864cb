//! Who sends a message: the identity that it names must be one of its certificate's, and its session that of the member with this
//! identity. A session is a secret of the member, the coordinator and the reducers, because it cannot be guessed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stentor_runtime::tls::{Identity, Peer};
use tonic::{Request, Status};

/// The identity of the caller's certificate, if it has one.
pub(crate) fn holder<T>(request: &Request<T>) -> Option<Arc<Identity>> {
    let peer = request.extensions().get::<Peer>()?;
    peer.identity.as_ref()?.as_ref().ok().cloned().map(Arc::new)
}

/// Whether a caller with this certificate may speak for `identity`. Without certificates callers cannot be told apart.
pub(crate) fn may_be(holder: Option<&Identity>, identity: &str) -> bool {
    holder.is_none_or(|holder| holder.may_be(identity))
}

/// Refuses a message in the name of `identity` from the holder of another certificate.
pub(crate) fn check(holder: Option<&Identity>, identity: &str) -> Result<(), Status> {
    match holder {
        Some(holder) if !holder.may_be(identity) => Err(Status::permission_denied(format!(
            "expected a certificate for the identity `{identity}`, found one for {holder}; use the one that `stentor certs` issued for it"
        ))),
        _ => Ok(()),
    }
}

/// Makes session numbers, which are secrets.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    issued: AtomicU64,
}

impl Sessions {
    /// A number that was not used before and cannot be guessed from others.
    pub(crate) fn next(&self) -> Result<u64, Status> {
        let mut bytes = [0; 8];
        stentor_runtime::secret(&mut bytes)
            .map_err(|error| Status::unavailable(format!("no random numbers: {error}")))?;
        // The lower part counts, so no number is used twice.
        let count = self.issued.fetch_add(1, Ordering::Relaxed) & 0xffff;
        Ok((u64::from_le_bytes(bytes) << 16) | count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use stentor_runtime::tls::Role;

    #[test]
    fn a_message_in_anothers_name_is_refused_with_what_to_do() {
        let worker = Identity::new("speech", Role::Worker).unwrap();
        let named = worker.clone().named("worker-1").unwrap();
        check(Some(&named), "worker-1").unwrap();
        check(Some(&worker), "worker-2").unwrap();
        check(None, "worker-2").unwrap();
        let refused = check(Some(&named), "worker-2").unwrap_err();
        assert_eq!(
            refused.message(),
            "expected a certificate for the identity `worker-2`, found one for stentor://speech/worker/worker-1; \
             use the one that `stentor certs` issued for it"
        );
    }

    #[test]
    fn sessions_are_never_the_same_and_not_near_each_other() {
        let sessions = Sessions::default();
        let drawn: BTreeSet<u64> = (0..1000).map(|_| sessions.next().unwrap()).collect();
        assert_eq!(drawn.len(), 1000);
        let near = drawn.iter().zip(drawn.iter().skip(1)).filter(|(one, other)| *other - *one < 1 << 20);
        assert!(near.count() < 10);
    }
}
