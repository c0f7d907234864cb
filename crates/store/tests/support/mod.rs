//! A real S3 server on this machine, and a line to it that can be disturbed.
#![allow(dead_code, reason = "each test takes what it needs")]

mod faults;

pub(crate) use faults::{Fault, Line};

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use std::net::SocketAddr;
use std::path::Path;

pub(crate) const BUCKET: &str = "speech";
const ACCESS_KEY: &str = "AKIDTEST";
const SECRET_KEY: &str = "secret-of-the-tests";

/// An S3 server over a folder, in a thread of its own, until the process ends.
pub(crate) struct S3 {
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
}

impl S3 {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                while let Ok((stream, _)) = listener.accept().await {
                    let service = service.clone();
                    tokio::spawn(async move {
                        let server = hyper::server::conn::http1::Builder::new();
                        // A line that was cut is the test's own doing.
                        let _ = server.serve_connection(TokioIo::new(stream), service).await;
                    });
                }
            });
        });
        Self { address, folder }
    }

    /// Where the server keeps the bucket's objects.
    pub(crate) fn bucket(&self) -> std::path::PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// Whether the server has an object of this name.
    pub(crate) fn has(&self, name: impl AsRef<Path>) -> bool {
        self.bucket().join(name).is_file()
    }
}

/// What a program needs in its environment to reach the server at `address`.
pub(crate) fn settings(address: SocketAddr) -> Vec<(String, String)> {
    let pairs = [
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
}
