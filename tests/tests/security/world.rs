//! A cluster with certificates, programs whose logs are kept, and callers that it must refuse.

use rcgen::{CertificateParams, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use stentor_tests::running::{Running, free_address};
use stentor_tests::{program, wait_for};

pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// `stentor certs` for programs on 127.0.0.1.
pub(crate) fn certs(out: &Path, cluster: &str) {
    let output = Command::new(program("stentor"))
        .args(["certs", "--cluster", cluster, "--host", "127.0.0.1", "--out"])
        .arg(out)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A certificate as no `stentor certs` would issue it, by the CA in `certs`: for any name, at any time. Certificate, key.
pub(crate) fn forged(certs: &Path, uri: &str, from: SystemTime, until: SystemTime) -> (String, String) {
    let read = |name: &str| std::fs::read_to_string(certs.join("ca").join(name)).unwrap();
    let issuer =
        Issuer::from_ca_cert_pem(&read("ca.crt"), KeyPair::from_pem(&read("ca.key")).unwrap()).unwrap();
    let mut parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    parameters.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
    (parameters.not_before, parameters.not_after) = (from.into(), until.into());
    let key = KeyPair::generate().unwrap();
    (parameters.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
}

/// A folder such as programs take, from its three files.
pub(crate) fn folder(path: &Path, ca: &Path, (certificate, key): &(String, String)) -> PathBuf {
    std::fs::create_dir_all(path).unwrap();
    std::fs::copy(ca.join("ca/ca.crt"), path.join("ca.crt")).unwrap();
    std::fs::write(path.join("tls.crt"), certificate).unwrap();
    std::fs::write(path.join("tls.key"), key).unwrap();
    path.to_owned()
}

/// Certificate and key of a folder that `stentor certs` made.
pub(crate) fn pair(folder: &Path) -> (String, String) {
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    (read("tls.crt"), read("tls.key"))
}

/// A program of the project with these arguments.
pub(crate) fn start(name: &str, arguments: &[&str], log: &Path) -> Running {
    Running::start(Command::new(program(name)).args(arguments), log)
}

/// A program's whole life: its exit code, and what it said.
pub(crate) fn life(name: &str, arguments: &[&str], log: &Path) -> (i32, String) {
    let (status, said) = start(name, arguments, log).ended();
    (status.code().unwrap(), said)
}

/// A coordinator, its address and that of its metrics.
pub(crate) struct Coordinator {
    pub(crate) running: Running,
    pub(crate) address: SocketAddr,
    pub(crate) metrics: SocketAddr,
}

impl Coordinator {
    pub(crate) fn start(experiment: &Path, arguments: &[&str]) -> Self {
        Self::start_on("127.0.0.1", experiment, arguments)
    }

    /// Listens on `host` instead of this machine's loopback.
    pub(crate) fn start_on(host: &str, experiment: &Path, arguments: &[&str]) -> Self {
        let (address, metrics) = (free_address(), free_address());
        let (listen, serve) = (format!("--listen={host}:{}", address.port()), format!("--metrics={metrics}"));
        let mut all = vec![experiment.to_str().unwrap(), &listen, &serve];
        all.extend(arguments);
        let running = start("coordinator", &all, &experiment.with_extension("coordinator.log"));
        wait_for("the coordinator", || running.log().contains("listening for workers"));
        Self { running, address, metrics }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// How often connections or calls were refused for `reason`.
    pub(crate) fn refused(&self, what: &str, reason: &str) -> u64 {
        let mut stream = TcpStream::connect(self.metrics).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let name = format!("stentor_refused_{what}_total{{");
        let label = format!("reason=\"{reason}\"");
        let line = text.lines().find(|line| line.starts_with(&name) && line.contains(&label));
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    /// Lines of its log that tell of a refusal for `reason`.
    pub(crate) fn told(&self, reason: &str) -> Vec<String> {
        let mark = format!("\"reason\":\"{reason}\"");
        self.running.log().lines().filter(|line| line.contains(&mark)).map(ToOwned::to_owned).collect()
    }
}

/// Shakes hands as a program might that is not ours, and reads what the server says first: the server's certificate, or why
/// it hung up.
pub(crate) fn knock(
    address: SocketAddr,
    ca: &Path,
    own: Option<&(String, String)>,
) -> Result<Vec<u8>, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca.join("ca/ca.crt")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
            config
                .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
                .unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(address.ip().to_string()).unwrap();
    let mut connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    let mut first = [0];
    stream.read_exact(&mut first).map_err(|error| error.to_string())?;
    Ok(connection.peer_certificates().unwrap()[0].to_vec())
}
