//! If files of the newest checkpoint are damaged, the previous one is used, and the reason is reported.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::Run;
use std::path::Path;
use stentor_checkpoint::{DeployedModel, Error, Manifest, deploy, newest_valid};

/// Two checkpoints, of which `damage` damages the newer one, given its folder. Returns the reported error.
async fn complaint(damage: impl FnOnce(&Path)) -> Error {
    let run = Run::new();
    let older = run.publish(0, 10).await;
    let newer = run.publish(0, 20).await;
    damage(run.path(&newer.name, "").as_path());
    let mut newest = newest_valid(&run.store).await.unwrap();
    assert_eq!(newest.manifest.map(|m| m.name), Some(older.name));
    assert_eq!(newest.broken.len(), 1);
    let broken = newest.broken.remove(0);
    assert_eq!(broken.name, newer.name);
    assert!(broken.error.to_string().contains(&newer.name), "{}", broken.error);
    broken.error
}

#[tokio::test]
async fn an_object_that_is_gone_is_named() {
    for object in ["model.safetensors", "state-worker-0.safetensors"] {
        let error = complaint(|folder| std::fs::remove_file(folder.join(object)).unwrap()).await;
        assert!(matches!(&error, Error::MissingObject { object: o, .. } if o == object), "{error}");
    }
}

#[tokio::test]
async fn an_object_cut_off_at_any_class_of_offset_is_named() {
    let run = Run::new();
    let manifest = run.publish(0, 10).await;
    for object in &manifest.objects {
        let whole = std::fs::read(run.path(&manifest.name, &object.name)).unwrap();
        let header_end = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
        // Empty; within the length, after it; within the header, after it; within the first number, after it; within
        // the last one.
        for end in [0, 3, 8, header_end / 2, header_end, header_end + 1, header_end + 4, whole.len() - 1] {
            let error = complaint(|folder| {
                let path = folder.join(&object.name);
                let bytes = std::fs::read(&path).unwrap();
                std::fs::write(path, &bytes[..end]).unwrap();
            })
            .await;
            let expected = object.bytes;
            assert!(
                matches!(error, Error::ObjectSize { expected: e, found, .. } if (e, found) == (expected, end as u64)),
                "{end}: {error}"
            );
        }
    }
}

#[tokio::test]
async fn a_manifest_cut_off_at_any_class_of_offset_is_named() {
    let run = Run::new();
    let manifest = run.publish(0, 10).await;
    let whole = std::fs::read(run.path(&manifest.name, "manifest.json")).unwrap();
    for end in [0, 1, 12, 30, whole.len() / 2, whole.len() - 3] {
        let error = complaint(|folder| {
            let path = folder.join("manifest.json");
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(path, &bytes[..end]).unwrap();
        })
        .await;
        assert!(matches!(error, Error::Manifest { .. }), "{end}: {error}");
    }
}

#[tokio::test]
async fn a_result_cut_off_at_any_offset_is_named_and_can_be_told_anew() {
    let run = Run::new();
    let manifest = run.publish(0, 10).await;
    deploy(&run.store, &manifest.name).await.unwrap();
    let whole = run.store.get("final.json").await.unwrap();
    for end in 0..whole.len() {
        run.store.put("final.json", whole.slice(..end)).await.unwrap();
        let error = DeployedModel::load(&run.store).await.unwrap_err();
        let is_named = matches!(&error, Error::Manifest { location, .. } if location.ends_with("final.json"));
        assert!(is_named, "{end}: {error}");
    }
    deploy(&run.store, &manifest.name).await.unwrap();
    assert_eq!(DeployedModel::load(&run.store).await.unwrap().manifest, manifest);
}

#[tokio::test]
async fn one_wrong_bit_is_enough() {
    let flip = |object: &'static str, at: usize| {
        move |folder: &Path| {
            let path = folder.join(object);
            let mut bytes = std::fs::read(&path).unwrap();
            let at = at.min(bytes.len() - 1);
            bytes[at] ^= 1;
            std::fs::write(path, bytes).unwrap();
        }
    };
    for at in [0, 20, usize::MAX] {
        let error = complaint(flip("state-worker-0.safetensors", at)).await;
        assert!(matches!(error, Error::ObjectDigest { .. }), "{error}");
    }
    let error = complaint(flip("manifest.json", 200)).await;
    assert!(matches!(error, Error::ManifestDigest { .. } | Error::Manifest { .. }), "{error}");
}

#[tokio::test]
async fn an_edited_manifest_is_refused() {
    let error = complaint(|folder| {
        let path = folder.join("manifest.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let edited = text.replace("\"round\": 20", "\"round\": 99");
        assert_ne!(edited, text);
        std::fs::write(path, edited).unwrap();
    })
    .await;
    assert!(matches!(error, Error::ManifestDigest { .. }), "{error}");
}

#[tokio::test]
async fn all_damaged_ones_are_named_newest_first() {
    let run = Run::new();
    let manifests: [Manifest; 4] = [
        run.publish(0, 10).await,
        run.publish(0, 20).await,
        run.publish(0, 30).await,
        run.publish(1, 15).await,
    ];
    std::fs::remove_file(run.path(&manifests[3].name, "model.safetensors")).unwrap();
    std::fs::write(run.path(&manifests[2].name, "manifest.json"), "").unwrap();
    std::fs::write(run.path(&manifests[1].name, "state-worker-0.safetensors"), "").unwrap();
    let newest = newest_valid(&run.store).await.unwrap();
    assert_eq!(newest.manifest.as_ref(), Some(&manifests[0]));
    let broken: Vec<&String> = newest.broken.iter().map(|b| &b.name).collect();
    assert_eq!(broken, [&manifests[3].name, &manifests[2].name, &manifests[1].name]);

    std::fs::remove_file(run.path(&manifests[0].name, "model.safetensors")).unwrap();
    let newest = newest_valid(&run.store).await.unwrap();
    assert!(newest.manifest.is_none());
    assert_eq!(newest.broken.len(), 4);
}

#[tokio::test]
async fn objects_larger_than_a_piece_are_verified_to_their_last_byte() {
    use stentor_checkpoint::{Object, checkpoint_store, digest, load_manifest, publish};
    let run = Run::new();
    let mut manifest = run.write(0, 10).await;
    let folder = checkpoint_store(&run.store, &manifest.name);
    let large: Vec<u8> = (0..20_000_000_u32).map(|i| (i % 251) as u8).collect();
    let object =
        Object { name: "large".into(), bytes: large.len() as u64, digest: digest(&large), blake3: None };
    folder.put("large", large.clone().into()).await.unwrap();
    manifest.objects.push(object);
    publish(&run.store, &manifest).await.unwrap();
    load_manifest(&run.store, &manifest.name).await.unwrap();
    for at in [8 << 20, large.len() - 1] {
        let mut damaged = large.clone();
        damaged[at] ^= 0x80;
        folder.put("large", damaged.into()).await.unwrap();
        let error = load_manifest(&run.store, &manifest.name).await.unwrap_err();
        assert!(matches!(error, Error::ObjectDigest { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_no_reason_to_fall_back() {
    let run = Run::new();
    run.publish(0, 10).await;
    let newer = run.publish(0, 20).await;
    // A link to itself: the system fails to read the file although it may exist.
    let path = run.path(&newer.name, "state-worker-0.safetensors");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap();
    match newest_valid(&run.store).await {
        Err(error @ Error::Store(_)) => assert!(!error.is_damage(), "{error}"),
        other => panic!("expected the store's error, found {other:?}"),
    }
}
