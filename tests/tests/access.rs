//! Who may do what to a run, and who did it: the real coordinator, with tokens, certificates, and a member that says what it should
//! not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use stentor_proto::v1;
use stentor_proto::v1::coordinator_client::CoordinatorClient;
use stentor_tests::running::{Running, free_address};
use stentor_tests::{audit, corpus, events, program, wait_for, write_experiment};

const LOOK: &str = "a-token-to-look-at-runs";
const ADMIN: &str = "a-token-to-command-runs";
const LONG: &str =
    "[schedule]\npasses = 20\nlearning_rate = 0.01\n[cluster]\nworkers = 1\n[checkpoint]\ncount = 20\n";

fn certificates(folder: &Path) -> PathBuf {
    let out = folder.join("tls");
    let mut certs = Command::new(program("stentor"));
    certs.args(["certs", "--cluster", "tests", "--host", "127.0.0.1", "--out"]).arg(&out);
    assert!(certs.output().unwrap().status.success());
    out
}

fn coordinator(experiment: &Path, arguments: &[String], settings: &[(&str, &str)]) -> Running {
    let mut command = Command::new(program("coordinator"));
    command.arg(experiment).args(arguments).envs(settings.iter().copied());
    Running::start(&mut command, &experiment.with_extension("coordinator.log"))
}

fn worker(experiment: &Path, url: &str, tls: Option<&Path>) -> Running {
    let mut command = Command::new(program("worker"));
    command.args(["--threads=1", "--identity=worker-0", &format!("--coordinator={url}")]);
    if let Some(tls) = tls {
        command.arg("--tls").arg(tls);
    }
    Running::start(&mut command, &experiment.with_extension("worker.log"))
}

/// `stentor` with a token and a folder with the CA alone.
fn with_token(url: &str, ca: &Path, token: &str, words: &[&str]) -> Output {
    let mut command = Command::new(program("stentor"));
    command.args(words).args(["--coordinator", url, "--tls"]).arg(ca).env("STENTOR_TOKEN", token);
    command.output().unwrap()
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_token_to_look_does_not_command_and_the_log_names_who_did() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "run", LONG);
    let tls = certificates(folder.path());
    let ca = folder.path().join("ca");
    std::fs::create_dir(&ca).unwrap();
    std::fs::copy(tls.join("ca/ca.crt"), ca.join("ca.crt")).unwrap();
    let listen = free_address();
    let url = format!("https://{listen}");
    let own = tls.join("coordinator").display().to_string();
    let mut coordinator = coordinator(
        &experiment,
        &[format!("--listen={listen}"), format!("--tls={own}")],
        &[("STENTOR_TOKEN", LOOK), ("STENTOR_ADMIN_TOKEN", ADMIN)],
    );
    let mut member = worker(&experiment, &url, Some(&tls.join("worker")));
    wait_for("the run", || with_token(&url, &ca, LOOK, &["status"]).status.success());

    let refused = with_token(&url, &ca, LOOK, &["switch", "--strategy", "dense"]);
    assert_eq!(refused.status.code(), Some(4), "{}", words(&refused));
    assert!(words(&refused).contains("this token is for looking"), "{}", words(&refused));
    let done = with_token(&url, &ca, ADMIN, &["switch", "--strategy", "dense"]);
    assert!(done.status.success(), "{}", words(&done));
    let mut switch = Command::new(program("stentor"));
    switch.args(["switch", "--strategy", "bmuf", "--coordinator", &url, "--tls"]).arg(tls.join("admin"));
    assert!(switch.output().unwrap().status.success());
    let wrong = with_token(&url, &ca, "a-token-that-is-wrong", &["status"]);
    assert_eq!(wrong.status.code(), Some(4), "{}", words(&wrong));

    wait_for("the run's end", || coordinator.has_ended_well() && member.has_ended_well());
    let log = coordinator.log();
    assert!(log.contains("stentor://tests/admin") && log.contains("the admin token"), "{log}");
    assert!(!log.contains(LOOK) && !log.contains(ADMIN), "{log}");
    let all = events(&folder.path().join("run"));
    let commands: Vec<_> = all.iter().filter(|event| event["event"] == "commanded").collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for (command, (words, caller)) in commands
        .iter()
        .zip([("switch to dense", "the admin token"), ("switch to bmuf", "stentor://tests/admin")])
    {
        assert!(command["command"] == words && command["caller"] == caller, "{command}");
        assert!(command["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{command}");
    }
}

/// Files of a worker's certificate with this serial number, signed by the CA of `tls`; and the list with which that CA revokes it.
fn revocable(tls: &Path, serial: u64) -> (PathBuf, String) {
    use rcgen::{
        CertificateParams, CertificateRevocationListParams, ExtendedKeyUsagePurpose, Issuer, KeyIdMethod,
        KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
    };
    let read = |name: &str| std::fs::read_to_string(tls.join("ca").join(name)).unwrap();
    let ca = read("ca.crt");
    let issuer = Issuer::from_ca_cert_pem(&ca, KeyPair::from_pem(&read("ca.key")).unwrap()).unwrap();
    let mut leaf = CertificateParams::default();
    leaf.serial_number = Some(SerialNumber::from(serial));
    leaf.subject_alt_names = vec![SanType::URI("stentor://tests/worker".try_into().unwrap())];
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    leaf.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().unwrap();
    let folder = tls.join("revocable");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("tls.crt"), leaf.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    std::fs::write(folder.join("tls.key"), key.serialize_pem()).unwrap();
    std::fs::write(folder.join("ca.crt"), ca).unwrap();
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2020, 1, 1),
        next_update: date_time_ymd(2100, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    (folder, list.signed_by(&issuer).unwrap().pem().unwrap())
}

#[test]
fn a_member_whose_certificate_is_revoked_ends_with_4_although_its_connection_is_open_and_the_others_finish() {
    let (folder, manifest) = corpus();
    let sections = LONG.replace("workers = 1", "workers = 2");
    let experiment = write_experiment(folder.path(), "run", &sections);
    let tls = certificates(folder.path());
    let (stolen, list) = revocable(&tls, 4711);
    let listen = free_address();
    let url = format!("https://{listen}");
    let own = tls.join("coordinator");
    let options = [
        format!("--listen={listen}"),
        format!("--tls={}", own.display()),
        "--certificate-check=0.2".to_owned(),
    ];
    let mut coordinator = coordinator(&experiment, &options, &[]);
    let mut stays = worker(&experiment, &url, Some(&tls.join("worker")));
    let mut other = Command::new(program("worker"));
    other.args(["--threads=1", "--identity=worker-1", &format!("--coordinator={url}"), "--tls"]);
    let other = Running::start(other.arg(&stolen), &folder.path().join("stolen.log"));
    wait_for("the first checkpoint", || folder.path().join("run/checkpoints").is_dir());
    std::fs::write(own.join("ca.crl"), list).unwrap();
    let (status, words) = other.ended();
    assert_eq!(status.code(), Some(4), "{words}");
    assert!(words.contains("has been revoked"), "{words}");
    wait_for("the run's end", || coordinator.has_ended_well() && stays.has_ended_well());
    assert!(audit(&folder.path().join("run"), &manifest).is_clean());
    let log = coordinator.log();
    assert!(log.contains("its certificate is not valid any more"), "{log}");
}

#[test]
fn a_key_that_everybody_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "run", LONG);
    let tls = certificates(folder.path());
    let start = |name: &str| {
        let log = folder.path().join(name);
        let mut command = Command::new(program("coordinator"));
        command.arg(&experiment).arg("--listen=127.0.0.1:0").arg("--tls").arg(tls.join("coordinator"));
        let running = Running::start(&mut command, &log);
        wait_for("the listener", || running.log().contains("listening for workers"));
        running.log()
    };
    assert!(!start("private.log").contains("every user of this machine"));
    // It may have claimed the run, or not yet.
    let _ = std::fs::remove_dir_all(folder.path().join("run"));
    let key = tls.join("coordinator/tls.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let log = start("public.log");
    assert!(log.contains("every user of this machine can read this private key"), "{log}");
    assert!(log.contains("chmod o="), "{log}");
}

/// The answer to a request over TLS, from a client that trusts the cluster's CA and has no certificate.
fn ask_over_tls(address: SocketAddr, ca: &Path, path: &str, header: &str) -> String {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = address.ip().to_string().try_into().unwrap();
    let client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = rustls::StreamOwned::new(client, TcpStream::connect(address).unwrap());
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n").unwrap();
    let mut answer = Vec::new();
    // The other side may close without a last word.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

#[test]
fn the_port_of_the_page_speaks_tls_and_says_nothing_to_who_does_not() {
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "run", LONG);
    let tls = certificates(folder.path());
    let http = free_address();
    // Any certificate for a server does.
    let own = tls.join("coordinator").display().to_string();
    let _running = coordinator(
        &experiment,
        &["--listen=127.0.0.1:0".into(), format!("--metrics={http}"), format!("--page-tls={own}")],
        &[("STENTOR_TOKEN", LOOK)],
    );
    let ca = tls.join("ca/ca.crt");
    wait_for("the port", || TcpStream::connect(http).is_ok());
    for path in ["/", "/healthz", "/metrics"] {
        let answer = ask_over_tls(http, &ca, path, "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    assert!(ask_over_tls(http, &ca, "/api/status", "").starts_with("HTTP/1.1 401"));
    let header = format!("Authorization: Bearer {LOOK}\r\n");
    assert!(ask_over_tls(http, &ca, "/api/status", &header).starts_with("HTTP/1.1 200"));
    let mut plain = TcpStream::connect(http).unwrap();
    write!(plain, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1 200"));
}

/// A member of the protocol that has no model: it says what it likes.
#[test]
fn what_a_member_says_does_not_command_the_terminal_or_the_log_that_it_ends_on() {
    const WORDS: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}done\nround 9 closed";
    let (folder, _) = corpus();
    let experiment = write_experiment(folder.path(), "run", LONG);
    let listen = free_address();
    let url = format!("http://{listen}");
    let coordinator = coordinator(
        &experiment,
        &[format!("--listen={listen}")],
        &[("STENTOR_LOG_FORMAT", "human"), ("STENTOR_LOG", "debug")],
    );
    wait_for("the listener", || coordinator.log().contains("listening for workers"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let status = runtime.block_on(async {
        let mut client = loop {
            match CoordinatorClient::connect(url.clone()).await {
                Ok(client) => break client,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        };
        let request = v1::JoinRequest {
            identity: "worker-0".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            host: "host\u{1b}[31m".into(),
            process_id: 1,
            reports_blake3: true,
        };
        let joined = client.join(request).await.unwrap().into_inner();
        let (run_id, session) = (joined.assignment.unwrap().fence.unwrap().run_id, joined.session);
        let beat = v1::Heartbeat {
            run_id: run_id.clone(),
            identity: "worker-0".into(),
            session,
            doing: WORDS.into(),
        };
        let (sender, beats) = tokio::sync::mpsc::channel(4);
        sender.send(beat).await.unwrap();
        let beats = tokio_stream::wrappers::ReceiverStream::new(beats);
        let _notices = client.attend(beats).await.unwrap();
        let shown = loop {
            let mut status = Command::new(program("stentor"));
            let output = status.args(["status", "--coordinator", &url]).output().unwrap();
            let words = words(&output);
            if words.contains("owned") {
                break words;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        let leave = v1::LeaveRequest {
            run_id,
            identity: "worker-0".into(),
            reason: WORDS.into(),
            fatal: false,
            session,
        };
        client.leave(leave).await.unwrap();
        shown
    });
    assert!(!status.contains('\u{1b}') && status.contains("\\u{1b}[2J"), "{status}");
    wait_for("the departure in the log", || coordinator.log().contains("owned"));
    let log = coordinator.log();
    assert!(!log.contains('\u{1b}') && !log.contains('\u{7}'), "{log:?}");
    assert!(!log.lines().any(|line| line.starts_with("round 9 closed")), "{log:?}");
}
