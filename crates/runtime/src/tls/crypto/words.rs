//! Errors of rustls as text for people, and as a word for metrics.

use indicatif::HumanDuration;
use rustls::{AlertDescription, CertificateError, Error};
use std::io;
use std::time::SystemTime;

/// The rustls error within an I/O error, if there is one.
pub(super) fn of_io(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}

/// Why a certificate is not valid: a word, and a clause that follows "the certificate ...".
pub(super) fn certificate(error: &CertificateError) -> (&'static str, String) {
    use CertificateError as E;
    match error {
        E::UnknownIssuer | E::BadSignature => ("unknown-ca", "is not signed by the CA in".to_owned()),
        E::Expired | E::ExpiredContext { .. } => ("expired", "has expired".to_owned()),
        E::NotValidYet | E::NotValidYetContext { .. } => ("not-yet-valid", "is not valid yet".to_owned()),
        E::Revoked => ("revoked", "has been revoked".to_owned()),
        E::NotValidForName => ("other-host", "was issued for another host".to_owned()),
        E::NotValidForNameContext { presented, .. } => {
            // The names have the form `DnsName("host")` or `IpAddress(127.0.0.1)`, which is readable.
            ("other-host", format!("was issued for {}", presented.join(", ")))
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            ("purpose", "was not issued for this end of a connection".to_owned())
        }
        other => ("certificate", format!("cannot be used ({other:?})")),
    }
}

/// Why the other side refused our certificate, as a clause that follows "the certificate in DIR ...". `None` for an
/// alert with another cause.
pub(super) fn alert(alert: AlertDescription) -> Option<&'static str> {
    use AlertDescription as A;
    match alert {
        A::UnknownCA | A::DecryptError => Some("is not signed by the CA that the other side trusts"),
        A::CertificateExpired => Some("has expired according to the other side's clock"),
        A::CertificateRequired => Some("is missing, and the other side requires one"),
        A::BadCertificate | A::UnsupportedCertificate | A::CertificateUnknown | A::AccessDenied => {
            Some("is refused by the other side")
        }
        A::CertificateRevoked => Some("has been revoked"),
        _ => None,
    }
}

/// A time in the past, relative to now: "3 days ago".
pub(super) fn ago(moment: SystemTime) -> String {
    format!("{} ago", HumanDuration(SystemTime::now().duration_since(moment).unwrap_or_default()))
}

/// The time until a future moment: "3 days".
pub(super) fn ahead(moment: SystemTime) -> String {
    HumanDuration(moment.duration_since(SystemTime::now()).unwrap_or_default()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn moments_are_told_relative_to_now() {
        let three_days = Duration::from_secs(3 * 86_400 + 60);
        assert_eq!(ago(SystemTime::now() - three_days), "3 days ago");
        assert_eq!(ahead(SystemTime::now() + three_days), "3 days");
        assert_eq!(ago(SystemTime::now() + three_days), "0 seconds ago", "a clock that was set back");
    }
}
