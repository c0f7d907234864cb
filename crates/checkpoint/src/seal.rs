//! A manifest as bytes: its JSON text, preceded by a digest of that text.

use crate::name::check_name;
use crate::signed::{Proof, Signer, Trust};
use crate::{Error, Manifest, SCHEMA_VERSION, digest};
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stentor_signature::{Context, Digest, KeyId, Signature};

#[derive(Serialize)]
struct SealedOut<'a> {
    xxh3: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<Signature>,
    manifest: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedIn<'a> {
    xxh3: String,
    /// Of the manifest's text.
    #[serde(default)]
    signature: Option<Signature>,
    #[serde(borrow)]
    manifest: &'a RawValue,
}

/// The manifest of a set of shards, which has the same name.
#[derive(Deserialize)]
struct OfASet {
    kind: String,
    #[serde(rename = "shards")]
    _shards: Vec<IgnoredAny>,
}

/// Read before anything else: the rest of another version's manifest may be laid out otherwise.
#[derive(Deserialize)]
struct Version {
    schema_version: u64,
}

/// A manifest as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unsealed {
    pub(crate) manifest: Manifest,
    /// The digest of the file.
    pub(crate) digest: Digest,
    /// The key that has signed it, as it says.
    pub(crate) key: Option<KeyId>,
}

/// Encodes a manifest; the same manifest always gives the same bytes.
pub(crate) fn encode(manifest: &Manifest, signer: Option<&Signer>) -> Result<Bytes, Error> {
    let name = &manifest.name;
    let unloadable = |reason: String| Error::Unloadable { name: name.clone(), reason };
    let text = serde_json::to_string_pretty(manifest).map_err(|e| unloadable(e.to_string()))?;
    let xxh3 = format!("{:016x}", digest(text.as_bytes()));
    let raw = RawValue::from_string(text).map_err(|e| unloadable(e.to_string()))?;
    let sign = |signer: &Signer| signer.key().sign(Context::Manifest, raw.get().as_bytes());
    let signature = signer.map(sign).transpose().map_err(Error::Signing)?;
    let sealed = SealedOut { xxh3, signature, manifest: &raw };
    let mut bytes = serde_json::to_vec_pretty(&sealed).map_err(|e| unloadable(e.to_string()))?;
    bytes.push(b'\n');
    // JSON has no NaN and no infinity. It is better to fail now than to publish a checkpoint that cannot be read
    // later.
    let read = decode(&bytes, name, Proof::None).map_err(|e| unloadable(e.to_string()))?;
    if read.manifest != *manifest {
        return Err(unloadable("a number in it is not finite".into()));
    }
    Ok(bytes.into())
}

/// Decodes and verifies a manifest. `location` is for messages.
pub(crate) fn decode(bytes: &[u8], location: &str, proof: Proof<'_>) -> Result<Unsealed, Error> {
    let own = Digest::of(bytes);
    if let Proof::Digest(expected) = proof
        && expected != own
    {
        return Err(Error::Replaced { location: location.to_owned(), expected, found: own });
    }
    let damaged =
        |e: serde_json::Error| Error::Manifest { location: location.to_owned(), reason: e.to_string() };
    let sealed: SealedIn<'_> =
        serde_json::from_slice(bytes).map_err(|error| match serde_json::from_slice::<OfASet>(bytes) {
            Ok(OfASet { kind, .. }) => Error::Set { location: location.to_owned(), kind },
            Err(_) => damaged(error),
        })?;
    let text = sealed.manifest.get();
    let found = format!("{:016x}", digest(text.as_bytes()));
    if found != sealed.xxh3 {
        let expected = sealed.xxh3;
        return Err(Error::ManifestDigest { location: location.to_owned(), expected, found });
    }
    if let Proof::Signature(trust) = proof {
        check_signature(text, sealed.signature.as_ref(), location, trust)?;
    }
    let version: Version = serde_json::from_str(text).map_err(damaged)?;
    if version.schema_version != u64::from(SCHEMA_VERSION) {
        let (expected, found) = (SCHEMA_VERSION, version.schema_version);
        return Err(Error::SchemaVersion { location: location.to_owned(), expected, found });
    }
    let manifest: Manifest = serde_json::from_str(text).map_err(damaged)?;
    check_name(&manifest.name)?;
    manifest.objects.iter().try_for_each(|object| check_name(&object.name))?;
    match proof {
        Proof::None => {}
        Proof::Digest(_) => check_digests(&manifest, location)?,
        Proof::Signature(trust) => {
            let signed = manifest.signed.as_ref();
            let signed = signed.ok_or_else(|| Error::Unsigned { location: location.to_owned() })?;
            trust.check_run(&signed.run, || location.to_owned())?;
            check_digests(&manifest, location)?;
        }
    }
    Ok(Unsealed { manifest, digest: own, key: sealed.signature.map(|signature| signature.key) })
}

/// Checks that a trusted key has signed a manifest's text.
fn check_signature(
    text: &str,
    signature: Option<&Signature>,
    location: &str,
    trust: &Trust,
) -> Result<(), Error> {
    let location = location.to_owned();
    let Some(signature) = signature else { return Err(Error::Unsigned { location }) };
    let verified = trust.keys().verify(Context::Manifest, text.as_bytes(), signature);
    verified.map_err(|source| Error::Signature { location, source })
}

/// What a proven manifest says is worth nothing for an object of which it has no digest that cannot be forged.
fn check_digests(manifest: &Manifest, location: &str) -> Result<(), Error> {
    match manifest.objects.iter().find(|object| object.blake3.is_none()) {
        Some(object) => Err(Error::NoDigest { location: location.to_owned(), object: object.name.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DevResult, ModelDescription, Object};
    use proptest::prelude::*;
    use serde_json::json;
    use stentor_scores::{FRAME_ERROR, LOSS, Scores};

    fn dev(loss: f64, frame_error: f64) -> DevResult {
        let scores = Scores::default().with(LOSS, loss).with(FRAME_ERROR, frame_error);
        DevResult { frames: 5, scores }
    }

    fn manifest() -> Manifest {
        Manifest {
            name: "000000-0000000007".into(),
            run_id: "r".into(),
            round: 7,
            committed_frames: u64::MAX,
            strategy: "gtc".into(),
            model: ModelDescription { model: json!({"family": "lstm"}), inputs: 2, senones: 3 },
            dev: Some(dev(0.1 + 0.2, 1.0 / 3.0)),
            objects: vec![Object { name: "model.safetensors".into(), bytes: 9, digest: 0xabc, blake3: None }],
            coordinator: json!({"position": [1, 2.5, u64::MAX]}),
            ..Manifest::default()
        }
        .with_normalisation(vec![0.1, -3.0], vec![1.0, 2.0])
    }

    #[test]
    fn a_manifest_comes_back_as_it_was_and_is_readable_by_people() {
        let bytes = encode(&manifest(), None).unwrap();
        assert_eq!(decode(&bytes, "here", Proof::None).unwrap().manifest, manifest());
        assert_eq!(bytes, encode(&manifest(), None).unwrap());
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.contains("\"strategy\": \"gtc\""), "{text}");
        assert!(text.contains("\"digest\": \"0000000000000abc\""), "{text}");
    }

    #[test]
    fn a_manifest_of_an_earlier_version_is_read_as_it_is_and_written_again_to_the_byte() {
        let text = include_str!("../tests/earlier/manifest.json");
        let manifest = decode(text.as_bytes(), "here", Proof::None).unwrap().manifest;
        assert_eq!(encode(&manifest, None).unwrap(), text);
        let outputs = manifest.senones.unwrap();
        assert_eq!((outputs.len(), outputs.phones().collect::<Vec<_>>()), (6, vec!["AA", "SIL"]));
        // Where they are not known, the field is there and null.
        let unknown = encode(&self::manifest(), None).unwrap();
        assert!(std::str::from_utf8(&unknown).unwrap().contains("\"senones\": null"));
    }

    #[test]
    fn a_manifest_cut_off_anywhere_is_refused() {
        let bytes = encode(&manifest(), None).unwrap();
        // Without its last line feed it is still complete.
        for end in 0..bytes.len() - 1 {
            let error = decode(&bytes[..end], "here", Proof::None).unwrap_err();
            assert!(matches!(error, Error::Manifest { .. }) && error.is_damage(), "cut at {end}: {error}");
        }
    }

    #[test]
    fn a_manifest_with_one_wrong_bit_is_refused() {
        let bytes = encode(&manifest(), None).unwrap();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.to_vec();
                flipped[place] ^= 1 << bit;
                let error = decode(&flipped, "here", Proof::None).unwrap_err();
                assert!(
                    matches!(error, Error::Manifest { .. } | Error::ManifestDigest { .. }),
                    "bit {bit} of byte {place}: {error}"
                );
            }
        }
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written() {
        for bad in [f64::NAN, f64::INFINITY] {
            let dev = Some(dev(bad, 1.0));
            let error = encode(&Manifest { dev, ..manifest() }, None).unwrap_err();
            assert!(matches!(error, Error::Unloadable { .. }), "{error}");
            let error =
                encode(&manifest().with_normalisation(vec![bad as f32], vec![1.0]), None).unwrap_err();
            assert!(matches!(error, Error::Unloadable { .. }), "{error}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_not_written() {
        for name in ["", "..", ".hidden", "a/b", "a\\b", "a b", "ä", &"x".repeat(201)] {
            let error = encode(&Manifest { name: name.into(), ..manifest() }, None).unwrap_err();
            assert!(matches!(error, Error::Unloadable { .. }), "{name}: {error}");
            let objects = vec![Object { name: name.into(), bytes: 1, digest: 1, blake3: None }];
            let error = encode(&Manifest { objects, ..manifest() }, None).unwrap_err();
            assert!(matches!(error, Error::Unloadable { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn a_manifest_of_another_version_is_refused_by_its_number() {
        let text = r#"{"schema_version": 2, "layout": "unknown"}"#;
        let xxh3 = format!("{:016x}", digest(text.as_bytes()));
        let sealed = format!(r#"{{"xxh3": "{xxh3}", "manifest": {text}}}"#);
        let error = decode(sealed.as_bytes(), "here", Proof::None).unwrap_err();
        assert!(matches!(error, Error::SchemaVersion { found: 2, expected: 1, .. }), "{error}");
    }

    proptest! {
        #[test]
        fn numbers_come_back_bit_for_bit(
            mean in prop::collection::vec(any::<f32>().prop_filter("finite", |v| v.is_finite()), 1..20),
            loss in any::<f64>().prop_filter("finite", |v| v.is_finite()),
        ) {
            let dev = Some(dev(loss, 0.0));
            let written = Manifest { dev, ..manifest() }.with_normalisation(mean.clone(), mean.clone());
            let read = decode(&encode(&written, None).unwrap(), "here", Proof::None).unwrap().manifest;
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&read.normalisation.unwrap().mean), bits(&mean));
            prop_assert_eq!(read.dev.unwrap().scores.get(LOSS).unwrap().to_bits(), loss.to_bits());
        }

        #[test]
        fn no_bytes_make_the_reader_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let error = decode(&bytes, "here", Proof::None).unwrap_err();
            prop_assert!(matches!(error, Error::Manifest { .. }), "{}", error);
        }
    }
}
