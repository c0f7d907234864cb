use super::leaf::{Leaf, read_leaf};
use super::words;
use crate::tls::error::Error;
use crate::tls::identity::{Anonymous, Identity, Role};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// The file with the certificates of trusted CAs.
pub(super) const CA: &str = "ca.crt";
/// The program's own certificate, followed by intermediate certificates if needed.
pub(super) const CERTIFICATE: &str = "tls.crt";
/// Certificates that are revoked, if there are any: lists that the CA has signed.
pub(super) const REVOKED: &str = "ca.crl";
/// The private key of that certificate.
pub(super) const KEY: &str = "tls.key";

/// The role of a program on its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Coordinator or reducer.
    Server(Anonymous),
    /// A program that connects to them.
    Client(Role),
    /// A person; the certificate may have any role.
    Person,
    /// A person who uses a token; a certificate is presented if there is one.
    TokenBearer,
    /// A port for browsers and scrapers, which present no certificate. Its own needs no role: browsers know the host's name.
    Page,
}

/// The checked content of a folder, in the form that handshakes need.
#[derive(Debug)]
pub(super) struct Loaded {
    /// `None` without a certificate, which is allowed only for [`Part::TokenBearer`].
    pub(super) identity: Option<Identity>,
    pub(super) expires: Option<SystemTime>,
    pub(super) server: Option<Arc<ServerConfig>>,
    /// Judges the certificates of callers; of a server.
    pub(super) verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// `None` for [`Part::Page`].
    pub(super) client: Option<Arc<ClientConfig>>,
}

/// Reads a folder and checks that its files belong together and are valid now.
pub(super) fn load(folder: &Path, part: Part) -> Result<Loaded, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    if part == Part::Page {
        return page(folder, provider);
    }
    let roots = Arc::new(roots(folder)?);
    let internal = |error: rustls::Error| invalid(folder, error.to_string());
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(internal)?
        .with_root_certificates(Arc::clone(&roots));
    if part == Part::TokenBearer && !folder.join(CERTIFICATE).exists() {
        let client = Some(Arc::new(finished(client.with_no_client_auth())));
        return Ok(Loaded { identity: None, expires: None, server: None, verifier: None, client });
    }

    let (leaf, key) = certified_key(folder, &provider)?;
    let identity =
        leaf.identity.clone().map_err(|found| Error::Nameless { path: folder.join(CERTIFICATE), found })?;
    let expected = match part {
        Part::Server(_) => Some(Role::Coordinator),
        Part::Client(role) => Some(role),
        Part::Person | Part::TokenBearer | Part::Page => None,
    };
    if let Some(expected) = expected.filter(|expected| *expected != identity.role) {
        return Err(Error::OtherRole { path: folder.join(CERTIFICATE), expected, found: identity.role });
    }
    verify_own(folder, &key, &leaf, &roots, &provider, part)?;
    let own = Arc::new(SingleCertAndKey::from(key));
    let client = Some(Arc::new(finished(client.with_client_cert_resolver(Arc::clone(&own) as _))));
    let Part::Server(anonymous) = part else {
        let (identity, expires) = (Some(identity), Some(leaf.not_after));
        return Ok(Loaded { identity, expires, server: None, verifier: None, client });
    };

    let mut verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
    if let Some(revoked) = revoked(folder)? {
        // Of a CA without a list nothing is revoked.
        verifier =
            verifier.with_crls(revoked).only_check_end_entity_revocation().allow_unknown_revocation_status();
    }
    let verifier = match anonymous {
        Anonymous::Refused => verifier,
        Anonymous::NeedToken => verifier.allow_unauthenticated(),
    };
    let verifier = verifier.build().map_err(|error| invalid(folder, error.to_string()))?;
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(internal)?
        .with_client_cert_verifier(Arc::clone(&verifier))
        .with_cert_resolver(own);
    server.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session would continue with a certificate that has expired or was replaced since.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 0;
    let (identity, expires) = (Some(identity), Some(leaf.not_after));
    Ok(Loaded { identity, expires, server: Some(Arc::new(server)), verifier: Some(verifier), client })
}

/// The certificate of a port for browsers.
fn page(folder: &Path, provider: Arc<CryptoProvider>) -> Result<Loaded, Error> {
    let (leaf, key) = certified_key(folder, &provider)?;
    if leaf.not_after < SystemTime::now() {
        let reason = format!("the certificate has expired {}", words::ago(leaf.not_after));
        return Err(invalid(folder, reason));
    }
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| invalid(folder, error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    let server = Some(Arc::new(server));
    Ok(Loaded { identity: None, expires: Some(leaf.not_after), server, verifier: None, client: None })
}

fn finished(mut client: ClientConfig) -> ClientConfig {
    client.alpn_protocols = vec![b"h2".to_vec()];
    client.resumption = Resumption::disabled();
    client
}

fn invalid(folder: &Path, reason: String) -> Error {
    Error::Invalid { path: folder.join(CERTIFICATE), reason }
}

fn read(folder: &Path, name: &str, expected: &'static str) -> Result<Vec<u8>, Error> {
    let path = folder.join(name);
    std::fs::read(&path).map_err(|source| Error::Read { path, expected, source })
}

fn certificates(
    folder: &Path,
    name: &str,
    expected: &'static str,
) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(folder, name, expected)?;
    let content = |found: String| Error::Content { path: folder.join(name), expected, found };
    let all: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| content(error.to_string()))?;
    if all.is_empty() { Err(content("none".to_owned())) } else { Ok(all) }
}

fn roots(folder: &Path) -> Result<RootCertStore, Error> {
    let expected = "the CA's certificate";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(folder, CA, expected)? {
        let content = |error: rustls::Error| Error::Content {
            path: folder.join(CA),
            expected,
            found: error.to_string(),
        };
        roots.add(certificate).map_err(content)?;
    }
    Ok(roots)
}

/// The lists of revoked certificates; `None`: there is no such file.
fn revoked(folder: &Path) -> Result<Option<Vec<CertificateRevocationListDer<'static>>>, Error> {
    if !folder.join(REVOKED).exists() {
        return Ok(None);
    }
    let expected = "lists of revoked certificates";
    let text = read(folder, REVOKED, expected)?;
    let content = |found: String| Error::Content { path: folder.join(REVOKED), expected, found };
    let all: Vec<_> = CertificateRevocationListDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| content(error.to_string()))?;
    if all.is_empty() { Err(content("none".to_owned())) } else { Ok(Some(all)) }
}

fn certified_key(folder: &Path, provider: &CryptoProvider) -> Result<(Leaf, CertifiedKey), Error> {
    let expected = "this program's certificate";
    let chain = certificates(folder, CERTIFICATE, expected)?;
    let content = |found: String| Error::Content { path: folder.join(CERTIFICATE), expected, found };
    let leaf = chain.first().map_or(Err("none".to_owned()), |first| read_leaf(first)).map_err(content)?;

    let expected = "this program's private key";
    let text = read(folder, KEY, expected)?;
    crate::secret_file::warn_if_exposed(&folder.join(KEY), "this private key");
    let content = |found: String| Error::Content { path: folder.join(KEY), expected, found };
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|error| content(error.to_string()))?;
    let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => Error::OtherKey { folder: folder.to_owned() },
        other => content(other.to_string()),
    })?;
    Ok((leaf, key))
}

/// Checks the program's own certificate as the other side will, so that a problem is reported where it can be
/// corrected.
fn verify_own(
    folder: &Path,
    key: &CertifiedKey,
    leaf: &Leaf,
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
    part: Part,
) -> Result<(), Error> {
    let Some((own, intermediates)) = key.cert.split_first() else { return Ok(()) };
    let now = UnixTime::now();
    let verdict = if matches!(part, Part::Server(_)) {
        let algorithms = provider.signature_verification_algorithms.all;
        ParsedCertificate::try_from(own).and_then(|own| {
            verify_server_cert_signed_by_trust_anchor(&own, roots, intermediates, now, algorithms)
        })
    } else {
        WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))
            .and_then(|verifier| verifier.verify_client_cert(own, intermediates, now).map(drop))
    };
    let Err(error) = verdict else { return Ok(()) };
    let reason = match &error {
        rustls::Error::InvalidCertificate(problem) => match words::certificate(problem) {
            ("unknown-ca", words) => format!("the certificate {words} {}", folder.join(CA).display()),
            ("expired", words) => format!("the certificate {words} {}", words::ago(leaf.not_after)),
            ("not-yet-valid", words) => {
                format!("the certificate {words}, it will be valid in {}", words::ahead(leaf.not_before))
            }
            (_, words) => format!("the certificate {words}"),
        },
        other => other.to_string(),
    };
    Err(invalid(folder, reason))
}
