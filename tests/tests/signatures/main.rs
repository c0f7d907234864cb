//! Stories of runs that are signed, by real programs, and of somebody who can write to the run's folder and has no key.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forgeries;
mod place;
mod starts;

use place::{Cluster, Place, coordinator, segments};
use stentor_proto::v1::coordinator_client::CoordinatorClient;
use stentor_proto::{Refusal, v1};
use stentor_tests::running::free_address;
use stentor_tests::{checkpoints, wait_for};

#[test]
fn a_signed_run_is_killed_and_resumed_and_everything_of_it_is_verified() {
    let place = Place::new();
    let experiment = place.experiment("run");
    let settings = [("STENTOR_SIGNING_KEY", place.path("keys/signing.key"))];
    let run = place.path("run");
    let mut cluster = Cluster::start(&experiment, &settings);
    wait_for("two checkpoints", || checkpoints(&run).len() >= 2);
    cluster.coordinator.kill();
    place.verify("run", &["keys"]).assert_whole();
    cluster.coordinator = coordinator(&experiment, cluster.listen, &settings);
    wait_for("the run's end", || cluster.has_ended_well());
    place.verify("run", &["keys"]).assert_whole();
    assert!(segments(&run).iter().any(|name| name.starts_with("000002-")), "{:?}", segments(&run));

    // Who has no key sees that there are signatures, and that nobody has checked them.
    let unchecked = place.verify("run", &[]);
    assert_eq!((unchecked.code, unchecked.signatures.as_str()), (0, "not-checked"));
    // A run that is not signed is none that a key accepts, nor is a set.
    let unsigned = place.experiment("unsigned");
    let mut cluster = Cluster::start(&unsigned, &[]);
    wait_for("the run's end", || cluster.has_ended_well());
    let found = place.verify("unsigned", &[]);
    assert_eq!((found.code, found.signatures.as_str()), (0, "none"));
    let found = place.verify("unsigned", &["keys"]);
    for object in ["signed.json", "events/000001-000000.jsonl", "/manifest.json", "final.json"] {
        found.assert_names(object, "sign");
    }
    place
        .verify("data/annotated", &["keys"])
        .assert_names("manifest.json", "sets of shards and model folders have no signatures");
}

#[test]
fn a_run_that_was_not_signed_is_not_continued_as_a_signed_one() {
    let place = Place::new();
    let experiment = place.experiment("run");
    let mut cluster = Cluster::start(&experiment, &[]);
    wait_for("a checkpoint", || !checkpoints(&place.path("run")).is_empty());
    cluster.coordinator.kill();
    let settings = [("STENTOR_SIGNING_KEY", place.path("keys/signing.key"))];
    let (status, said) = coordinator(&experiment, free_address(), &settings).ended();
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.contains("E0520") && said.contains("continue it without --signing-key"), "{said}");
    cluster.coordinator = coordinator(&experiment, cluster.listen, &[]);
    wait_for("the run's end", || cluster.has_ended_well());
}

#[test]
fn a_worker_of_an_earlier_release_is_told_why_it_cannot_join_a_signed_run() {
    let place = Place::new();
    let experiment = place.experiment("run");
    let listen = free_address();
    let settings = [("STENTOR_SIGNING_KEY", place.path("keys/signing.key"))];
    let _coordinator = coordinator(&experiment, listen, &settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // As a program that does not know of digests asks.
    let request =
        || v1::JoinRequest { identity: "worker-0".into(), version: "0.1.0".into(), ..Default::default() };
    let mut answer = None;
    wait_for("the coordinator's answer", || {
        answer = runtime.block_on(async {
            let mut client = CoordinatorClient::connect(format!("http://{listen}")).await.ok()?;
            client.join(request()).await.err()
        });
        answer.is_some()
    });
    let status = answer.unwrap();
    assert_eq!(Refusal::of(&status), Some(Refusal::Excluded), "{status}");
    assert!(status.message().contains("reports BLAKE3 digests"), "{status}");
}
