//! Signed checkpoints and results: what a reader with the public key accepts, and what it does not.
#![cfg(feature = "crypto")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use std::sync::Arc;
use stentor_checkpoint::{
    DeployedModel, Error, FINAL, FinalObject, MANIFEST, Manifest, ModelCopy, Object, Proof, SIGNED,
    SignedPart, SignedRun, Signer, TensorFile, Trust, checkpoint_store, deploy, deploy_signed, digest,
    newest_valid, newest_valid_with, publish, publish_signed, read_manifest, read_manifest_with,
    signed_result, start_store, verify_objects_with,
};
use stentor_exit::ProgramError;
use stentor_signature::{Digest, KeyPair, PublicKeys, SigningKey};
use stentor_store::Store;

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::parse(&KeyPair::generate().unwrap().private, "here").unwrap())
}

/// A run that signs.
struct Run {
    store: Store,
    signer: Signer,
    trust: Trust,
}

impl Run {
    async fn new(key: &Arc<SigningKey>) -> Self {
        let store = Store::in_memory();
        let signed = SignedRun::new("student", None).unwrap();
        signed.write(&store, key).await.unwrap();
        let trust = Trust::of_run(key.public().into(), &signed);
        Self { store, signer: Signer::new(Arc::clone(key), &signed), trust }
    }

    /// The manifest of a checkpoint whose objects are in the store.
    async fn manifest(&self, round: u64) -> Manifest {
        let name = stentor_checkpoint::checkpoint_name(1000, round);
        let mut file = TensorFile::default();
        file.metadata.insert("round".into(), round.to_string());
        let bytes = file.to_bytes().unwrap();
        let mut objects = Vec::new();
        for object in ["model.safetensors", "state-worker-0.safetensors"] {
            checkpoint_store(&self.store, &name).put(object, bytes.clone()).await.unwrap();
            objects.push(Object {
                name: object.into(),
                bytes: bytes.len() as u64,
                digest: digest(&bytes),
                blake3: Some(Digest::of(&bytes)),
            });
        }
        let signed = Some(SignedPart { run: self.signer.run().to_owned(), events: None });
        Manifest {
            name,
            run_id: "student-1".into(),
            lineage: 1000,
            round,
            objects,
            signed,
            ..Manifest::default()
        }
    }

    async fn publish(&self, round: u64) -> (Manifest, Digest) {
        let manifest = self.manifest(round).await;
        let digest = publish_signed(&self.store, &manifest, &self.signer).await.unwrap();
        (manifest, digest)
    }

    fn folder(&self, manifest: &Manifest) -> Store {
        checkpoint_store(&self.store, &manifest.name)
    }

    async fn read(&self, manifest: &Manifest) -> Result<Manifest, Error> {
        read_manifest_with(&self.store, &manifest.name, Proof::Signature(&self.trust)).await
    }
}

#[tokio::test]
async fn a_signed_manifest_is_read_with_the_key_with_its_digest_and_without_either() {
    let run = Run::new(&key()).await;
    let (manifest, digest) = run.publish(7).await;
    assert_eq!(run.read(&manifest).await.unwrap(), manifest);
    assert_eq!(read_manifest(&run.store, &manifest.name).await.unwrap(), manifest);
    let by_digest = read_manifest_with(&run.store, &manifest.name, Proof::Digest(digest)).await;
    assert_eq!(by_digest.unwrap(), manifest);
    let other = read_manifest_with(&run.store, &manifest.name, Proof::Digest(Digest::of(b""))).await;
    assert!(matches!(other.unwrap_err(), Error::Replaced { .. }));
    let newest = newest_valid_with(&run.store, Proof::Signature(&run.trust)).await.unwrap();
    assert_eq!((newest.manifest, newest.digest), (Some(manifest), Some(digest)));
    // Publishing again changes nothing.
    assert_eq!(run.publish(7).await.1, digest);
}

#[tokio::test]
async fn what_was_signed_for_another_run_or_with_another_key_or_not_at_all_is_skipped_for_the_one_before() {
    let key = key();
    let run = Run::new(&key).await;
    let (first, _) = run.publish(7).await;
    let (second, _) = run.publish(9).await;
    let another = Run::new(&key).await;
    let (of_another, _) = another.publish(9).await;
    let stranger = Run::new(&self::key()).await;
    let (of_stranger, _) = stranger.publish(9).await;
    let unsigned = Run::new(&key).await;
    let plain = Manifest { signed: None, ..unsigned.manifest(9).await };
    publish(&unsigned.store, &plain).await.unwrap();
    let cases: [(&Run, &Manifest, &str); 3] =
        [(&another, &of_another, "E0420"), (&stranger, &of_stranger, "E0415"), (&unsigned, &plain, "E0419")];
    for (from, manifest, id) in cases {
        let bytes = from.folder(manifest).get(MANIFEST).await.unwrap();
        run.folder(&second).put(MANIFEST, bytes).await.unwrap();
        let error = run.read(&second).await.unwrap_err();
        assert_eq!(error.id(), id, "{error}");
        assert!(error.is_forgery() && error.is_damage(), "{error}");
        let newest = newest_valid_with(&run.store, Proof::Signature(&run.trust)).await.unwrap();
        assert_eq!(newest.manifest.as_ref(), Some(&first));
        assert_eq!(newest.broken[0].name, second.name);
        assert!(newest.broken[0].error.is_forgery());
        assert_eq!(newest_valid(&run.store).await.unwrap().manifest.unwrap().round, 9, "checksums fit");
    }
}

#[tokio::test]
async fn bytes_of_an_object_with_the_same_xxh3_digest_are_found_by_the_other_one() {
    let run = Run::new(&key()).await;
    let (manifest, _) = run.publish(7).await;
    // Nobody has a collision of xxh3 at hand: a signed manifest whose xxh3 digest is that of other bytes stands for one.
    let mut collides = run.manifest(9).await;
    let other = Store::in_memory();
    other.put("x", vec![7; collides.objects[1].bytes as usize].into()).await.unwrap();
    let forged = other.get("x").await.unwrap();
    collides.objects[1].digest = digest(&forged);
    publish_signed(&run.store, &collides, &run.signer).await.unwrap();
    run.folder(&collides).put("state-worker-0.safetensors", forged).await.unwrap();
    let newest = newest_valid_with(&run.store, Proof::Signature(&run.trust)).await.unwrap();
    assert_eq!(newest.manifest.unwrap(), manifest);
    assert!(matches!(newest.broken[0].error, Error::Replaced { .. }), "{}", newest.broken[0].error);
    let verified = verify_objects_with(&run.folder(&collides), Proof::Signature(&run.trust)).await.unwrap();
    let faulty: Vec<_> = verified.objects.iter().filter(|(_, fault)| fault.is_some()).collect();
    assert_eq!(faulty.len(), 1);
    assert_eq!(faulty[0].0.name, "state-worker-0.safetensors");
}

#[tokio::test]
async fn an_object_without_a_digest_that_cannot_be_forged_is_not_published_and_not_read() {
    let run = Run::new(&key()).await;
    let mut manifest = run.manifest(7).await;
    manifest.objects[1].blake3 = None;
    let error = publish_signed(&run.store, &manifest, &run.signer).await.unwrap_err();
    assert!(error.to_string().contains("a BLAKE3 digest of `state-worker-0.safetensors`"), "{error}");
    assert!(error.unreported_object().is_none(), "whoever reported it is not at fault");
    publish(&run.store, &manifest).await.unwrap();
    let bytes = run.folder(&manifest).get(MANIFEST).await.unwrap();
    let error = read_manifest_with(&run.store, &manifest.name, Proof::Digest(Digest::of(&bytes))).await;
    assert_eq!(error.unwrap_err().id(), "E0422");
}

#[tokio::test]
async fn the_result_of_a_run_is_what_its_coordinator_has_signed() {
    let key = key();
    let run = Run::new(&key).await;
    let (early, _) = run.publish(7).await;
    let (late, _) = run.publish(9).await;
    let none = PublicKeys::default();
    let objects = vec![FinalObject { name: "summary.json".into(), blake3: Digest::of(b"{}") }];
    deploy_signed(&run.store, &late.name, (&run.signer, &none), None, objects.clone()).await.unwrap();
    let trust = Trust::new(key.public().into());
    let model = DeployedModel::load_trusted(&run.store, Some(&trust)).await.unwrap();
    assert_eq!(model, DeployedModel::load(&run.store).await.unwrap());
    assert_eq!(model.manifest.round, 9);
    assert_eq!(signed_result(&run.store, &run.trust).await.unwrap().unwrap().objects, objects);
    // The checkpoint alone has what is needed, too.
    DeployedModel::load_trusted(&run.folder(&early), Some(&trust)).await.unwrap();

    // An earlier checkpoint, by an unsigned result, and by one whose signature is of the other one.
    let signed = run.store.get(FINAL).await.unwrap();
    deploy(&run.store, &early.name).await.unwrap();
    let error = DeployedModel::load_trusted(&run.store, Some(&trust)).await.unwrap_err();
    assert!(matches!(error, Error::Unsigned { .. }), "{error}");
    let text = String::from_utf8(signed.to_vec()).unwrap();
    for (found, put) in [(1, "E0406"), (2, "E0416")] {
        let changed = text.replacen(&late.name, &early.name, found);
        run.store.put(FINAL, changed.into()).await.unwrap();
        let error = DeployedModel::load_trusted(&run.store, Some(&trust)).await.unwrap_err();
        assert_eq!(error.id(), put, "{error}");
    }
    // A result without a run.
    run.store.put(FINAL, signed).await.unwrap();
    run.store.delete(SIGNED).await.unwrap();
    let error = DeployedModel::load_trusted(&run.store, Some(&trust)).await.unwrap_err();
    assert!(error.to_string().contains("signed.json is not signed"), "{error}");
}

#[tokio::test]
async fn the_copy_of_the_model_that_a_run_starts_from_is_proven_by_its_digest() {
    let (other, run) = (Run::new(&key()).await, Run::new(&key()).await);
    let (manifest, _) = other.publish(7).await;
    let copy = ModelCopy::read(&other.folder(&manifest)).await.unwrap().with_digest();
    let expected = copy.manifest_digest().unwrap();
    let start = start_store(&run.store);
    copy.write(&start).await.unwrap();
    let read = DeployedModel::load_in(&start, Proof::Digest(expected)).await.unwrap();
    assert_eq!(read.manifest.run_id, "student-1");
    // Another model, whose copy is as whole.
    let (manifest, _) = other.publish(9).await;
    ModelCopy::read(&other.folder(&manifest)).await.unwrap().with_digest().write(&start).await.unwrap();
    let error = DeployedModel::load_in(&start, Proof::Digest(expected)).await.unwrap_err();
    assert!(matches!(error, Error::Replaced { .. }), "{error}");
    DeployedModel::load(&start).await.unwrap();
}

#[tokio::test]
async fn a_run_becomes_a_signed_one_once() {
    let key = key();
    let run = Run::new(&key).await;
    let again = SignedRun::new("student", None).unwrap();
    assert!(matches!(again.write(&run.store, &key).await.unwrap_err(), Error::NameTaken { .. }));
    let read = SignedRun::read(&run.store, &key.public().into()).await.unwrap().unwrap();
    assert_eq!((read.name.as_str(), read.id.as_str()), ("student", run.signer.run()));
    let error = SignedRun::read(&run.store, &self::key().public().into()).await.unwrap_err();
    assert_eq!(error.id(), "E0415");
    assert_eq!(SignedRun::read_unverified(&Store::in_memory()).await.unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn one_changed_byte_of_a_signed_manifest_is_found_wherever_it_is(place in any::<prop::sample::Index>(), by in 1..=255_u8) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let run = Run::new(&key()).await;
            let (manifest, digest) = run.publish(7).await;
            let mut bytes = run.folder(&manifest).get(MANIFEST).await.unwrap().to_vec();
            // White space outside the manifest's text has no meaning.
            let place = place.index(bytes.len());
            let was = bytes[place];
            bytes[place] ^= by;
            let is_space = |byte: u8| byte.is_ascii_whitespace();
            run.folder(&manifest).put(MANIFEST, bytes.clone().into()).await.unwrap();
            let by_digest = read_manifest_with(&run.store, &manifest.name, Proof::Digest(digest)).await;
            assert!(by_digest.is_err());
            match run.read(&manifest).await {
                Err(error) => assert!(error.is_damage(), "{error}"),
                Ok(read) => assert!(read == manifest && is_space(was) && is_space(bytes[place])),
            }
        });
    }
}
