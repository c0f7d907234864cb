//! Features, runs and checkpoints on a real S3 server, which this process serves on loopback, and which fails now and then.

// A harness of tests: whatever goes wrong here is the test's failure, and says where.
#![allow(clippy::unwrap_used)]

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stentor_tests::{audit, corpus, program, summary};

const KEY: &str = "stentor";
const SECRET: &str = "of-this-test-alone";

/// An S3 server whose buckets are the folders of `root`.
struct Server {
    address: SocketAddr,
    refused: Arc<AtomicU64>,
    // Its tasks end with it.
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Answers every `refusing`-th request with 503, as a store under load does; 0: none.
    fn start(root: &Path, refusing: u64) -> Server {
        let mut service = S3ServiceBuilder::new(FileSystem::new(root).unwrap());
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let refused = Arc::new(AtomicU64::new(0));
        let (asked, counted) = (Arc::new(AtomicU64::new(0)), Arc::clone(&refused));
        runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (service, asked, refused) = (service.clone(), Arc::clone(&asked), Arc::clone(&counted));
                tokio::spawn(async move {
                    let answer = hyper::service::service_fn(move |request| {
                        let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
                        let refuse = refusing > 0 && number % refusing == 0;
                        refused.fetch_add(u64::from(refuse), Ordering::Relaxed);
                        answer(service.clone(), request, refuse)
                    });
                    // A client that goes away is no failure of the server's.
                    let _ = Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
        Server { address, refused, _runtime: runtime }
    }

    /// A program with this server as its store.
    fn stentor(&self, secret: &str, words: &[&str]) -> Output {
        let mut command = Command::new(program("stentor"));
        command.args(words).env("AWS_ENDPOINT", format!("http://{}", self.address));
        command.env("AWS_ALLOW_HTTP", "true").env("AWS_REGION", "local");
        command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", secret);
        command.output().unwrap()
    }
}

async fn answer(
    service: S3Service,
    request: hyper::Request<hyper::body::Incoming>,
    refuse: bool,
) -> Result<hyper::Response<s3s::Body>, s3s::HttpError> {
    if refuse {
        let mut busy = hyper::Response::new(s3s::Body::empty());
        *busy.status_mut() = hyper::StatusCode::SERVICE_UNAVAILABLE;
        return Ok(busy);
    }
    hyper::service::Service::call(&service, request).await
}

/// The pretended speech in a bucket, and an experiment whose every location is there.
fn bucket() -> (tempfile::TempDir, stentor_shards::FeatureManifest, std::path::PathBuf) {
    let (folder, manifest) = corpus();
    let objects = folder.path().join("objects");
    std::fs::create_dir(&objects).unwrap();
    std::fs::rename(folder.path().join("data"), objects.join("speech")).unwrap();
    let text = "[run]\nname = \"far\"\noutput = \"s3://speech/runs/far\"\n\
         [data]\nannotated = \"s3://speech/annotated\"\ndev = \"s3://speech/dev\"\n[features]\nmel_bins = 8\n\
         [model]\nlayers = 1\nwidth = 16\n[batch]\nchunk_frames = 20\nleft_context = 5\nchunks = 4\nunit_batches = 4\n\
         [schedule]\npasses = 6\nlearning_rate = 0.01\n[exchange]\nstrategy = \"gtc\"\n[exchange.gtc]\ndensity = 0.1\n";
    let experiment = folder.path().join("far.toml");
    std::fs::write(&experiment, text).unwrap();
    (folder, manifest, experiment)
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_run_lives_in_a_bucket_whose_server_refuses_every_ninth_request() {
    let (folder, manifest, experiment) = bucket();
    let objects = folder.path().join("objects");
    let server = Server::start(&objects, 9);
    let file = experiment.to_str().unwrap();
    let trained = server.stentor(SECRET, &["train", file]);
    assert!(trained.status.success(), "{}", words(&trained));
    assert!(server.refused.load(Ordering::Relaxed) > 5, "the server was never busy");

    // All of it is in the bucket, and nothing beside the experiment file.
    let run = objects.join("speech/runs/far");
    let findings = audit(&run, &manifest);
    assert!(findings.is_clean(), "{findings:?}");
    assert!(summary(&run)["dev_frame_error"].as_f64().unwrap() < 60.0);
    assert!(!folder.path().join("far").exists() && !folder.path().join("s3:").exists());

    // What looks behind a run looks there, too; and the place is taken.
    for look in [["verify", "s3://speech/runs/far"].as_slice(), &["ledger", "audit", "s3://speech/runs/far"]]
    {
        let looked = server.stentor(SECRET, look);
        assert!(looked.status.success(), "{look:?}: {}", words(&looked));
    }
    let again = server.stentor(SECRET, &["train", file]);
    assert_eq!(again.status.code(), Some(2), "{}", words(&again));
    assert!(words(&again).contains("s3://speech/runs/far"), "{}", words(&again));
}

#[test]
fn a_wrong_key_is_told_as_such_and_not_tried_for_long() {
    let (folder, _, experiment) = bucket();
    let server = Server::start(&folder.path().join("objects"), 0);
    let refused = server.stentor("a guess", &["train", experiment.to_str().unwrap()]);
    assert!(!refused.status.success());
    let said = words(&refused);
    assert!(said.contains("no permission") && said.contains("s3://speech/"), "{said}");
    assert!(!said.contains("a guess"), "{said}");
}
