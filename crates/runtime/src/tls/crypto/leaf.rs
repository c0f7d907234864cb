use crate::tls::identity::{Identity, SCHEME};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The parts of a certificate that Stentor uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    /// The identity, or the names found instead.
    pub(super) identity: Result<Identity, String>,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

/// Parses a certificate; the error says why this failed.
pub(super) fn read_leaf(der: &[u8]) -> Result<Leaf, String> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
    let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let names = names.iter().flat_map(|extension| &extension.value.general_names);
    let uris: Vec<&str> = names
        .filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None })
        .filter(|uri| uri.starts_with(SCHEME))
        .collect();
    let identity = match uris.as_slice() {
        [] => Err("no such name".to_owned()),
        [uri] => Identity::from_uri(uri).ok_or_else(|| format!("`{uri}`")),
        several => Err(format!("{} of them", several.len())),
    };
    let time = |seconds: i64| match u64::try_from(seconds) {
        Ok(seconds) => UNIX_EPOCH + Duration::from_secs(seconds),
        Err(_) => UNIX_EPOCH,
    };
    let validity = certificate.validity();
    let (not_before, not_after) =
        (time(validity.not_before.timestamp()), time(validity.not_after.timestamp()));
    Ok(Leaf { identity, not_before, not_after })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_certificate_are_an_error() {
        for bytes in [&b""[..], &[0x30; 400]] {
            let error = read_leaf(bytes).unwrap_err();
            assert!(error.starts_with("Parsing "), "{error}");
        }
    }
}
