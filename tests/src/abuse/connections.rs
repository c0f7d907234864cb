//! Many connections that do not do what they are there for.

use super::{Size, Stand};
use crate::wait_for;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use stentor_proto::v1;
use stentor_proto::v1::coordinator_client::CoordinatorClient;
use stentor_runtime::tls::{self, Tls};
use tonic::Code;

/// Opens connections that say nothing.
fn silent(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    stentor_runtime::descriptors::raise(2 * count as u64 + 1024);
    (0..count).map(|_| TcpStream::connect(address).unwrap()).collect()
}

/// 256 connections without a handshake once kept everybody else waiting until they had timed out.
pub(super) fn silent_connections(stand: &mut Stand, size: Size) {
    let _open = silent(stand.listen, size.of(700, 1200));
    for _ in 0..3 {
        let answer = stand.ask_status();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    }
}

/// Where operators may show a token, a handshake needs no certificate. Each of these connections has made a call, which is refused,
/// and stays open. 4,096 of them once were all that there could be.
pub(super) fn handshakes_without_certificate(stand: &mut Stand, size: Size) {
    let count = size.of(700, 4096);
    stentor_runtime::descriptors::raise(2 * count as u64 + 1024);
    let bare = tempfile::tempdir().unwrap();
    std::fs::copy(stand.tls("admin").join("ca.crt"), bare.path().join("ca.crt")).unwrap();
    let tls = Tls::for_token_bearer(bare.path()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let open: Vec<_> = runtime.block_on(async {
        let mut open = Vec::new();
        for _ in 0..count {
            let mut client = CoordinatorClient::new(tls::channel(&stand.url(), Some(&tls)).unwrap());
            let refused = client.status(v1::StatusRequest {}).await.unwrap_err();
            assert!(matches!(refused.code(), Code::PermissionDenied | Code::Unauthenticated), "{refused}");
            open.push(client);
        }
        open
    });
    let identity = stand.start_worker();
    wait_for("a valid worker among the members", || stand.is_member(&identity));
    drop(open);
}

/// A process may have 1,024 files open by default. Some of these connections have asked once, and stay open.
pub(super) fn idle_connections_for_metrics(stand: &mut Stand, size: Size) {
    let mut open = silent(stand.http, size.of(300, 1000));
    for stream in open.iter_mut().step_by(7) {
        // Those that had to make room are closed.
        if write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").is_ok() {
            let _ = stream.read(&mut [0; 1024]);
        }
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = stand.get(path).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    let identity = stand.start_worker();
    wait_for("a valid worker among the members", || stand.is_member(&identity));
}
