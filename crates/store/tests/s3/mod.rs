//! A real S3 server on loopback, and a proxy to it that injects faults.
#![allow(dead_code, reason = "each test takes what it needs")]

pub(crate) mod line;

use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// The bucket that every server has.
pub(crate) const BUCKET: &str = "speech";
/// The secret of the access key below.
pub(crate) const SECRET: &str = "of-this-test-alone";
const KEY: &str = "stentor";

/// Starts a server whose buckets are the folders of `root`. It serves until the process ends.
pub(crate) fn start(root: &Path) -> SocketAddr {
    std::fs::create_dir_all(root.join(BUCKET)).unwrap();
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    service.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = service.build();
    let turn = Arc::new(Mutex::new(()));
    serve(move |stream| {
        let (service, turn) = (service.clone(), Arc::clone(&turn));
        let answer = service_fn(move |request| answer(service.clone(), request, Arc::clone(&turn)));
        let connection = hyper::server::conn::http1::Builder::new();
        let connection = connection.serve_connection(TokioIo::new(stream), answer);
        // A broken connection is caused by the test.
        async move { drop(connection.await) }
    })
}

async fn answer(
    service: S3Service,
    request: Request<Incoming>,
    turn: Arc<Mutex<()>>,
) -> Result<Response<s3s::Body>, s3s::HttpError> {
    // s3s-fs checks whether an object exists and then writes it; S3 does both in one step.
    let is_conditional = request.headers().contains_key("if-none-match");
    let _turn = if is_conditional { Some(turn.lock().await) } else { None };
    Service::call(&service, request).await
}

/// The environment variables with which a program reaches the server at `address`.
pub(crate) fn settings(address: SocketAddr, secret: &str) -> Vec<(String, String)> {
    let pairs = [
        ("AWS_ENDPOINT", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_REGION", "local".to_owned()),
        ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// Passes each connection to a port on loopback to `connection`, in a separate thread.
fn serve<F>(connection: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream));
            }
        });
    });
    address
}
