//! The life cycle of a checkpoint: written, published, found, deleted, deployed.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::Run;
use serde_json::json;
use std::collections::BTreeSet;
use stentor_checkpoint::{
    DeployedModel, Error, MODEL, Manifest, ModelCopy, Origin, Standing, checkpoint_age, checkpoint_name,
    checkpoint_store, deploy, folders, load_manifest, newest_valid, publish, read_manifest, read_object,
    retain, start_store, verify_objects,
};
use stentor_exit::ProgramError;
use stentor_store::{Put, Store};

#[tokio::test]
async fn a_published_checkpoint_is_found_and_its_objects_are_read() {
    let run = Run::new();
    assert!(newest_valid(&run.store).await.unwrap().manifest.is_none());
    let manifest = run.publish(0, 10).await;
    assert_eq!(newest_valid(&run.store).await.unwrap().manifest.unwrap(), manifest);
    assert_eq!(load_manifest(&run.store, &manifest.name).await.unwrap(), manifest);
    let bytes = read_object(&run.store, &manifest, "state-worker-0.safetensors").await.unwrap();
    assert_eq!(bytes.len() as u64, manifest.objects[1].bytes);
    let error = read_object(&run.store, &manifest, "state-worker-1.safetensors").await.unwrap_err();
    assert!(matches!(error, Error::MissingObject { .. }), "{error}");
}

#[test]
fn a_checkpoint_bears_its_age_in_its_name() {
    let names = [checkpoint_name(0, 9), checkpoint_name(0, 10), checkpoint_name(1, 2)];
    assert!(names.is_sorted());
    assert_eq!(names.map(|name| checkpoint_age(&name)), [Some((0, 9)), Some((0, 10)), Some((1, 2))]);
    for other in ["", "1-2", "000000-", "000000-0000000009-1", "000000-+000000009", "by-hand"] {
        assert_eq!(checkpoint_age(other), None, "{other}");
    }
}

#[tokio::test]
async fn a_checkpoint_is_looked_for_beside_other_work() {
    let run = Run::new();
    let manifest = run.publish(0, 10).await;
    let store = run.store.clone();
    let newest = tokio::spawn(async move { newest_valid(&store).await }).await.unwrap().unwrap();
    assert_eq!(newest.manifest.unwrap(), manifest);
}

#[tokio::test]
async fn objects_without_a_manifest_are_no_checkpoint() {
    let run = Run::new();
    let unpublished = run.write(0, 20).await;
    let newest = newest_valid(&run.store).await.unwrap();
    assert!(newest.manifest.is_none() && newest.broken.is_empty());
    let error = load_manifest(&run.store, &unpublished.name).await.unwrap_err();
    assert!(matches!(error, Error::Store(stentor_store::Error::NotFound { .. })), "{error}");
}

#[tokio::test]
async fn a_later_lineage_is_newer_whatever_its_round() {
    let run = Run::new();
    run.publish(0, 90).await;
    let newer = run.publish(1, 40).await;
    run.publish(1, 5).await;
    assert_eq!(newest_valid(&run.store).await.unwrap().manifest.unwrap(), newer);
}

#[tokio::test]
async fn publishing_twice_is_no_error_but_publishing_something_else_is() {
    let run = Run::new();
    let manifest = run.write(0, 10).await;
    assert_eq!(publish(&run.store, &manifest).await.unwrap(), Put::Created);
    assert_eq!(publish(&run.store, &manifest).await.unwrap(), Put::AlreadyThere);
    let other = Manifest { coordinator: json!({"another": 1}), ..manifest.clone() };
    let error = publish(&run.store, &other).await.unwrap_err();
    assert!(matches!(error, Error::NameTaken { .. }), "{error}");
    assert_eq!(load_manifest(&run.store, &manifest.name).await.unwrap(), manifest);
}

#[tokio::test]
async fn of_those_who_publish_at_the_same_time_one_succeeds_and_the_others_get_an_error() {
    let run = Run::new();
    let manifest = run.write(0, 10).await;
    let claims = (0..8).map(|process| {
        let mine = Manifest { coordinator: json!({ "process": process }), ..manifest.clone() };
        let store = run.store.clone();
        tokio::spawn(async move { publish(&store, &mine).await.map(|_| mine) })
    });
    let mut winners = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        match claim.await.unwrap() {
            Ok(mine) => winners.push(mine),
            Err(error) => assert!(matches!(error, Error::NameTaken { .. }), "{error}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(load_manifest(&run.store, &manifest.name).await.unwrap(), winners[0]);
}

#[tokio::test]
async fn a_manifest_is_not_published_before_its_objects_are_there() {
    let run = Run::new();
    let manifest = run.write(0, 10).await;
    let folder = checkpoint_store(&run.store, &manifest.name);
    folder.delete("state-worker-0.safetensors").await.unwrap();
    let error = publish(&run.store, &manifest).await.unwrap_err();
    assert!(matches!(error, Error::MissingObject { .. }), "{error}");

    folder.put("state-worker-0.safetensors", "short".into()).await.unwrap();
    let error = publish(&run.store, &manifest).await.unwrap_err();
    assert!(matches!(error, Error::ObjectSize { found: 5, .. }), "{error}");

    let without_model = Manifest { objects: Vec::new(), ..manifest.clone() };
    let error = publish(&run.store, &without_model).await.unwrap_err();
    assert!(matches!(error, Error::MissingObject { .. }), "{error}");
    assert!(!folder.exists("manifest.json").await.unwrap());
}

#[tokio::test]
async fn a_manifest_in_anothers_folder_is_out_of_place() {
    let run = Run::new();
    let manifest = run.publish(0, 10).await;
    let name = checkpoint_name(0, 11);
    std::fs::create_dir(run.folder.path().join("checkpoints").join(&name)).unwrap();
    std::fs::copy(run.path(&manifest.name, "manifest.json"), run.path(&name, "manifest.json")).unwrap();
    let error = read_manifest(&run.store, &name).await.unwrap_err();
    assert!(matches!(&error, Error::Misplaced { expected, .. } if *expected == name), "{error}");
    assert_eq!(newest_valid(&run.store).await.unwrap().manifest.unwrap(), manifest);
}

#[tokio::test]
async fn names_from_elsewhere_do_not_lead_out_of_the_folder() {
    let run = Run::new();
    for name in ["..", "../..", "/etc", "a/b", ""] {
        assert!(matches!(read_manifest(&run.store, name).await, Err(Error::Name { .. })), "{name}");
        assert!(matches!(deploy(&run.store, name).await, Err(Error::Name { .. })), "{name}");
    }
    run.store.put("final.json", r#"{"checkpoint": "../other"}"#.into()).await.unwrap();
    assert!(matches!(DeployedModel::load(&run.store).await, Err(Error::Name { .. })));
}

#[tokio::test]
async fn old_checkpoints_and_abandoned_ones_are_deleted() {
    let run = Run::new();
    run.write(0, 5).await;
    for round in [10, 20, 30, 40, 50] {
        run.publish(0, round).await;
    }
    run.write(0, 60).await;
    let damaged = run.publish(0, 45).await;
    std::fs::write(run.path(&damaged.name, "manifest.json"), "{").unwrap();
    let of = |rounds: &[u64]| rounds.iter().map(|&r| checkpoint_name(0, r)).collect::<Vec<_>>();
    let needed = of(&[20]).into_iter().collect();
    assert_eq!(retain(&run.store, 2, &needed).await.unwrap(), of(&[5, 10, 30]));

    let left = folders(&run.store).await.unwrap();
    assert_eq!(left.iter().map(|f| f.name.clone()).collect::<Vec<_>>(), of(&[20, 40, 45, 50, 60]));
    assert_eq!(left[2].standing, Standing::Damaged);
    assert_eq!(left[4].standing, Standing::Unpublished);
    assert_eq!(retain(&run.store, 2, &needed).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_deployed_is_not_deleted() {
    let run = Run::new();
    for round in [10, 20, 30] {
        run.publish(0, round).await;
    }
    deploy(&run.store, &checkpoint_name(0, 10)).await.unwrap();
    assert_eq!(retain(&run.store, 1, &BTreeSet::new()).await.unwrap(), [checkpoint_name(0, 20)]);
    DeployedModel::load(&run.store).await.unwrap();
}

#[tokio::test]
async fn a_model_is_loaded_from_a_run_and_from_a_checkpoint() {
    let run = Run::new();
    let first = run.publish(0, 10).await;
    run.publish(0, 20).await;
    deploy(&run.store, &first.name).await.unwrap();
    let model = DeployedModel::load(&run.store).await.unwrap();
    assert_eq!(model.manifest, first);
    assert_eq!(model.parameters.tensor("weights").unwrap().values, [0.1; 6]);

    let folder = run.folder.path().join("checkpoints").join(&first.name);
    assert_eq!(DeployedModel::load(&Store::open(folder.to_str().unwrap()).unwrap()).await.unwrap(), model);
    // A copy with another name.
    let copy = run.folder.path().join("deployed");
    std::fs::rename(folder, &copy).unwrap();
    let copied = DeployedModel::load(&Store::open(copy.to_str().unwrap()).unwrap()).await.unwrap();
    assert_eq!(copied.fingerprint(), model.fingerprint());
}

#[tokio::test]
async fn models_are_told_apart() {
    let run = Run::new();
    let mut fingerprints = Vec::new();
    for round in [10, 20] {
        let manifest = run.publish(0, round).await;
        deploy(&run.store, &manifest.name).await.unwrap();
        fingerprints.push(DeployedModel::load(&run.store).await.unwrap().fingerprint());
    }
    assert_ne!(fingerprints[0], fingerprints[1]);
}

#[tokio::test]
async fn who_asks_for_the_model_of_an_unfinished_run_is_told_what_there_is() {
    let run = Run::new();
    let manifest = run.publish(0, 10).await;
    let error = DeployedModel::load(&run.store).await.unwrap_err();
    let place = format!("checkpoints found in {}/checkpoints: {}", run.store.location(), manifest.name);
    assert!(matches!(&error, Error::NoModel { .. }) && error.to_string().ends_with(&place), "{error}");
    let empty = Run::new();
    let error = DeployedModel::load(&empty.store).await.unwrap_err();
    assert!(error.to_string().ends_with("checkpoints found: none"), "{error}");
}

#[tokio::test]
async fn a_set_of_shards_in_place_of_a_model_is_told_from_a_damaged_one() {
    let run = Run::new();
    let set = r#"{"schema_version": 3, "kind": "features", "shards": [], "rows": 0}"#;
    run.store.put("manifest.json", set.into()).await.unwrap();
    let error = DeployedModel::load(&run.store).await.unwrap_err();
    assert_eq!(error.id(), "E0413");
    assert!(error.to_string().ends_with("found a set of features"), "{error}");
    run.store.put("manifest.json", r#"{"kind": "features"#.into()).await.unwrap();
    let error = DeployedModel::load(&run.store).await.unwrap_err();
    assert!(matches!(error, Error::Manifest { .. }), "{error}");
}

#[tokio::test]
async fn a_checkpoint_whose_model_is_damaged_is_not_deployed() {
    let run = Run::new();
    let manifest = run.publish(0, 10).await;
    let path = run.path(&manifest.name, "model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = deploy(&run.store, &manifest.name).await.unwrap_err();
    assert!(matches!(error, Error::ObjectDigest { .. }), "{error}");
    run.store.put("final.json", format!(r#"{{"checkpoint": "{}"}}"#, manifest.name).into()).await.unwrap();
    let error = DeployedModel::load(&run.store).await.unwrap_err();
    assert!(matches!(error, Error::ObjectDigest { .. }), "{error}");
}

#[tokio::test]
async fn a_run_keeps_the_model_it_started_from_whatever_becomes_of_the_place_it_came_from() {
    let (other, run) = (Run::new(), Run::new());
    let published = other.publish(0, 10).await;
    other.publish(0, 20).await;
    deploy(&other.store, &published.name).await.unwrap();
    let copy = ModelCopy::read(&other.store).await.unwrap();
    copy.write(&start_store(&run.store)).await.unwrap();
    let before = DeployedModel::load(&other.store).await.unwrap();
    std::fs::remove_dir_all(other.folder.path()).unwrap();

    let kept = DeployedModel::load(&start_store(&run.store)).await.unwrap();
    assert_eq!((&kept.parameters, kept.fingerprint()), (&before.parameters, before.fingerprint()));
    let names: Vec<_> = kept.manifest.objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(names, [MODEL], "a run's state does not come along");
    assert!(verify_objects(&start_store(&run.store)).await.unwrap().iter().all(|(_, fault)| fault.is_none()));
    assert_eq!(Origin::of(&kept.manifest, true), Origin::of(&published, true));
    assert_ne!(Origin::of(&kept.manifest, true), Origin::of(&published, false));
    assert!(folders(&run.store).await.unwrap().is_empty(), "it is no checkpoint of this run");
}
