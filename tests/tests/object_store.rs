//! Features, labels and runs on a real S3 server, which is served on loopback, over a line on which things go wrong.

// A harness of tests: whatever goes wrong here is the test's failure, and says where.
#![allow(clippy::unwrap_used)]

#[path = "../../crates/store/tests/s3/mod.rs"]
mod s3;

use s3::line::{Fault, Line};
use s3::{BUCKET, SECRET, settings};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use stentor_shards::FeatureManifest;
use stentor_tests::{audit, corpus, program, summary};

/// A program whose store is the server at `address`.
fn run(address: SocketAddr, secret: &str, cache: &Path, name: &str, words: &[&str]) -> Output {
    let mut command = Command::new(program(name));
    command.args(words).envs(settings(address, secret)).env("STENTOR_CACHE", cache);
    // Not every environment is text, and not every setting is the store's.
    command.env("ODD", OsStr::from_bytes(b"\xff")).env("TOKEN", "somebody else's");
    command.output().unwrap()
}

/// The pretended speech in a bucket, and an experiment whose every location is there.
fn bucket() -> (tempfile::TempDir, FeatureManifest, PathBuf) {
    let (folder, manifest) = corpus();
    let objects = folder.path().join("objects");
    std::fs::create_dir(&objects).unwrap();
    std::fs::rename(folder.path().join("data"), objects.join(BUCKET)).unwrap();
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

/// How a request can go wrong.
const WAYS: [Fault; 6] = [
    Fault::Status(503),
    Fault::LoseAnswer,
    Fault::CutAnswer,
    Fault::Slow(Duration::from_millis(100)),
    Fault::CutRequest,
    Fault::Status(500),
];

/// Every ninth request goes wrong, each in another way.
fn now_and_then(number: usize) -> Option<Fault> {
    number.is_multiple_of(9).then(|| WAYS[number / 9 % WAYS.len()])
}

#[test]
fn a_run_lives_in_a_bucket_where_every_ninth_request_goes_wrong() {
    let (folder, manifest, experiment) = bucket();
    let (objects, cache) = (folder.path().join("objects"), folder.path().join("cache"));
    let line = Line::to(s3::start(&objects));
    line.fail(now_and_then);
    let file = experiment.to_str().unwrap();
    let stentor = |words: &[&str]| run(line.address, SECRET, &cache, "stentor", words);
    let trained = stentor(&["train", file]);
    assert!(trained.status.success(), "{}", words(&trained));
    // A run that takes longer makes more requests; each fault was met twice at the least.
    assert!(line.faults() >= 2 * WAYS.len(), "{} faults only", line.faults());

    // All of it is in the bucket, and nothing beside the experiment file but what workers keep for the next pass.
    let run_folder = objects.join("speech/runs/far");
    let findings = audit(&run_folder, &manifest);
    assert!(findings.is_clean(), "{findings:?}");
    assert!(summary(&run_folder)["dev_frame_error"].as_f64().unwrap() < 60.0);
    assert!(!folder.path().join("far").exists() && !folder.path().join("s3:").exists());
    let read = |request: &String| request.starts_with("GET ") && request.contains(".parquet");
    let reads = line.seen().iter().filter(|request| read(request)).count();
    let groups: usize = manifest.shards.iter().map(|shard| shard.row_groups.len()).sum();
    assert!(reads >= groups, "{reads} reads of {groups} row groups");
    assert!(reads < 3 * groups, "{reads} reads of {groups} row groups in six passes: what was kept?");

    // A labeler reads and writes there, too.
    let places = ["--model=s3://speech/runs/far", "--features=s3://speech/dev", "--out=s3://speech/labels"];
    let labeled = run(line.address, SECRET, &cache, "teacher-labeler", &places);
    assert!(labeled.status.success(), "{}", words(&labeled));
    let again = line.seen().into_iter().find(|request| read(request) && request.contains("/dev/"));
    assert_eq!(again, None, "workers have kept it");

    // What looks behind sets and runs looks there; and the place is taken.
    for look in [
        ["verify", "s3://speech/runs/far", "s3://speech/labels", "s3://speech/dev"].as_slice(),
        &["inspect", "s3://speech/dev/part-00000.parquet"],
        &["ledger", "audit", "s3://speech/runs/far"],
    ] {
        let looked = stentor(look);
        assert!(looked.status.success(), "{look:?}: {}", words(&looked));
    }
    let again = stentor(&["train", file]);
    assert_eq!(again.status.code(), Some(2), "{}", words(&again));
    assert!(words(&again).contains("s3://speech/runs/far"), "{}", words(&again));
}

/// As stores do that throttle: requests beyond `most` in a second are answered with 503.
fn throttle(most: usize) -> impl FnMut(usize) -> Option<Fault> {
    let (mut since, mut answered) = (std::time::Instant::now(), 0);
    move |_| {
        if since.elapsed() >= Duration::from_secs(1) {
            (since, answered) = (std::time::Instant::now(), 0);
        }
        answered += 1;
        (answered > most).then_some(Fault::Status(503))
    }
}

#[test]
fn a_run_goes_on_at_the_pace_of_a_store_that_throttles() {
    let (folder, manifest, experiment) = bucket();
    let (objects, cache) = (folder.path().join("objects"), folder.path().join("cache"));
    let line = Line::to(s3::start(&objects));
    line.fail(throttle(20));
    let file = experiment.to_str().unwrap();
    let trained = run(line.address, SECRET, &cache, "stentor", &["train", file]);
    assert!(trained.status.success(), "{}", words(&trained));
    assert!(line.faults() >= 10, "{} requests were too many: the store has hardly throttled", line.faults());
    let findings = audit(&objects.join("speech/runs/far"), &manifest);
    assert!(findings.is_clean(), "{findings:?}");
}

#[test]
fn a_wrong_key_is_told_as_such_and_not_tried_for_long() {
    let (folder, _, experiment) = bucket();
    let address = s3::start(&folder.path().join("objects"));
    let cache = folder.path().join("cache");
    let refused = run(address, "a guess", &cache, "stentor", &["train", experiment.to_str().unwrap()]);
    let said = words(&refused);
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(said.contains("no permission") && said.contains("s3://speech/"), "{said}");
    assert!(!said.contains("a guess"), "{said}");
}
