use anyhow::{Context, Result, bail, ensure};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use std::time::{Duration, SystemTime};
use stentor_runtime::tls::{Identity, Role};

const DAY: Duration = Duration::from_secs(86_400);
/// Validity of a CA.
const CA_DAYS: u32 = 3650;
/// Tolerance for machines whose clocks are behind just after start.
const LENIENCE: Duration = Duration::from_secs(3600);

/// The CA that signs a cluster's certificates.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate and its key, as PEM.
pub(super) struct Leaf {
    pub(super) certificate: String,
    pub(super) key: String,
    /// The date in readable form.
    pub(super) expires: String,
}

impl Authority {
    /// Creates a new CA, with its key as PEM.
    pub(super) fn new(cluster: &str) -> Result<(Self, String)> {
        let key = KeyPair::generate()?;
        let secret = key.serialize_pem();
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::OrganizationName, "Stentor");
        parameters.distinguished_name.push(DnType::CommonName, name_of(cluster));
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        validity(&mut parameters, CA_DAYS);
        let certificate = parameters.self_signed(&key)?.pem();
        Ok((Self { issuer: Issuer::new(parameters, key), certificate }, secret))
    }

    /// Reads a CA from its PEM files.
    pub(super) fn read(cluster: &str, certificate: String, key: &str) -> Result<Self> {
        let key = KeyPair::from_pem(key).context("ca.key: expected a private key in PEM form")?;
        let public = key.public_key_raw().to_vec();
        let (_, pem) = x509_parser::pem::parse_x509_pem(certificate.as_bytes())
            .context("ca.crt: expected a certificate in PEM form")?;
        let parsed = pem.parse_x509().context("ca.crt: expected a certificate")?;
        let names: Vec<_> =
            parsed.subject().iter_common_name().filter_map(|name| name.as_str().ok()).collect();
        if names != [name_of(cluster)] {
            bail!("ca.crt belongs to {}; name that cluster, or another folder", names.join(", "));
        }
        ensure!(
            parsed.public_key().subject_public_key.data.as_ref() == public,
            "ca.key is not the key of ca.crt; restore the pair"
        );
        let issuer = Issuer::from_ca_cert_pem(&certificate, key).context("ca.crt cannot sign")?;
        Ok(Self { issuer, certificate })
    }

    /// Returns its own certificate as PEM.
    pub(super) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Issues a certificate for the role `identity`, valid for `hosts`. The common name is only for human readers.
    pub(super) fn issue(
        &self,
        identity: &Identity,
        common_name: &str,
        hosts: &[String],
        days: u32,
    ) -> Result<Leaf> {
        let mut parameters = for_hosts(hosts)?;
        parameters.subject_alt_names.push(SanType::URI(identity.to_string().try_into()?));
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(DnType::OrganizationName, "Stentor");
        parameters.distinguished_name.push(DnType::CommonName, common_name);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        if identity.role == Role::Coordinator {
            parameters.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        }
        parameters.use_authority_key_identifier_extension = true;
        validity(&mut parameters, days);
        let expires = parameters.not_after.date().to_string();
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer)?.pem();
        Ok(Leaf { certificate, key: key.serialize_pem(), expires })
    }
}

/// Whether certificates can be issued for `hosts`.
pub(super) fn check_hosts(hosts: &[String]) -> Result<()> {
    for_hosts(hosts).map(drop)
}

fn for_hosts(hosts: &[String]) -> Result<CertificateParams> {
    CertificateParams::new(hosts)
        .with_context(|| format!("--host: expected names or addresses of hosts, found {}", hosts.join(", ")))
}

fn name_of(cluster: &str) -> String {
    format!("Stentor cluster {cluster}")
}

fn validity(parameters: &mut CertificateParams, days: u32) {
    let now = SystemTime::now();
    parameters.not_before = (now - LENIENCE).into();
    parameters.not_after = (now + DAY * days).into();
}
