//! Signed runs that start from the model of another run (`model.start`).

use super::place::{Cluster, Place, SECTIONS, coordinator, forge};
use serde_json::Value;
use stentor_tests::running::{Running, free_address};
use stentor_tests::{checkpoints, copy, wait_for};

#[test]
fn a_signed_run_with_a_start_and_reducers_of_their_own_is_killed_and_verified_with_every_object() {
    let place = Place::new();
    place.finished("first");
    let addresses = [free_address().to_string(), free_address().to_string()];
    let sections = format!(
        "{SECTIONS}[exchange]\nstrategy = \"gtc\"\nreducers = [\"http://{}\", \"http://{}\"]\n[exchange.gtc]\n\
         density = 0.1\nwarmup_dense = 0.0\nwarmup_falling = 0.0\ndownlink = \"rethreshold\"\n",
        addresses[0], addresses[1]
    );
    let experiment = place.started_from("run", "first", &sections);
    let settings = [("STENTOR_SIGNING_KEY", place.path("keys/signing.key"))];
    let reducer = |index: usize| Running::reducer(&experiment, index, &addresses[index], "127.0.0.1:0");
    let (mut dies, _stays) = (reducer(0), reducer(1));
    let run = place.path("run");
    let mut cluster = Cluster::start(&experiment, &settings);
    wait_for("two checkpoints", || checkpoints(&run).len() >= 2);
    cluster.coordinator.kill();
    dies.kill();
    place.verify("run", &["keys"]).assert_whole();
    let _again = reducer(0);
    cluster.coordinator = coordinator(&experiment, cluster.listen, &settings);
    wait_for("the run's end", || cluster.has_ended_well());
    place.verify("run", &["keys"]).assert_whole();

    // What reducers keep is signed as everything else is, and so is the copy of the model from which the run started.
    let newest = run.join("checkpoints").join(checkpoints(&run).pop().unwrap());
    let sealed: Value =
        serde_json::from_slice(&std::fs::read(newest.join("manifest.json")).unwrap()).unwrap();
    let objects = sealed["manifest"]["objects"].as_array().unwrap();
    let of_reducers =
        objects.iter().filter(|object| object["name"].as_str().unwrap().starts_with("reducer-")).count();
    assert!(of_reducers == 2 && objects.iter().all(|object| object["blake3"].is_string()), "{objects:#?}");
    copy(&run, &place.path("forged"));
    let residual = place.path("forged/checkpoints").join(newest.file_name().unwrap());
    let residual = residual.join("reducer-0001.safetensors");
    let mut bytes = std::fs::read(&residual).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&residual, bytes).unwrap();
    forge(&place.path("forged/start"), true);
    let verdict = place.verify("forged", &["keys"]);
    verdict.assert_names("reducer-0001.safetensors", "is damaged");
    verdict.assert_names("start/manifest.json", "was replaced: expected BLAKE3 digest");
}

#[test]
fn a_signed_run_starts_from_no_model_that_its_keys_have_not_signed_unless_it_is_told_to() {
    let place = Place::new();
    place.new_key("others");
    let signed_with = |keys: &str| ("STENTOR_SIGNING_KEY", place.path(keys).join("signing.key"));
    let signed = signed_with("keys");
    place.finished_with("unsigned", &[]);
    let forged = place.finished("forged");
    for checkpoint in checkpoints(&forged) {
        forge(&forged.join("checkpoints").join(checkpoint), true);
    }
    place.finished_with("theirs", &[signed_with("others")]);
    for (start, words) in [
        ("unsigned", "is not signed"),
        ("forged", "the signature is not one of key"),
        ("theirs", "expected a signature of key"),
    ] {
        let name = format!("from-{start}");
        let experiment = place.started_from(&name, start, SECTIONS);
        let (status, said) = coordinator(&experiment, free_address(), std::slice::from_ref(&signed)).ended();
        assert_eq!(status.code(), Some(3), "{start}: {said}");
        let all = [words, "model.start", "--unsigned-start", "--public-key"];
        assert!(all.iter().all(|words| said.contains(words)), "{start}: {said}");
        assert!(checkpoints(&place.path(&name)).is_empty(), "{start}: it began");
    }

    // The key of the run that trained the model, and the operator's word that a model without a signature will do.
    for (start, more) in [
        ("theirs", ("STENTOR_PUBLIC_KEY", place.path("others/signing.pub"))),
        ("unsigned", ("STENTOR_UNSIGNED_START", "1".into())),
    ] {
        let name = format!("from-{start}");
        let experiment = place.started_from(&name, start, SECTIONS);
        let mut cluster = Cluster::start(&experiment, &[signed.clone(), more]);
        wait_for("the run's end", || cluster.has_ended_well());
        place.verify(&name, &["keys"]).assert_whole();
    }
}
