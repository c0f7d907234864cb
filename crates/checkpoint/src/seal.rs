//! A manifest as bytes: its JSON text, preceded by a digest of that text.

use crate::name::check_name;
use crate::{Error, Manifest, SCHEMA_VERSION, digest};
use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Serialize)]
struct SealedOut<'a> {
    xxh3: String,
    manifest: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedIn<'a> {
    xxh3: String,
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

/// Encodes a manifest; the same manifest always gives the same bytes.
pub(crate) fn encode(manifest: &Manifest) -> Result<Bytes, Error> {
    let name = &manifest.name;
    let unloadable = |reason: String| Error::Unloadable { name: name.clone(), reason };
    let text = serde_json::to_string_pretty(manifest).map_err(|e| unloadable(e.to_string()))?;
    let xxh3 = format!("{:016x}", digest(text.as_bytes()));
    let raw = RawValue::from_string(text).map_err(|e| unloadable(e.to_string()))?;
    let sealed = SealedOut { xxh3, manifest: &raw };
    let mut bytes = serde_json::to_vec_pretty(&sealed).map_err(|e| unloadable(e.to_string()))?;
    bytes.push(b'\n');
    // JSON has no NaN and no infinity. It is better to fail now than to publish a checkpoint that cannot be read
    // later.
    let read = decode(&bytes, name).map_err(|e| unloadable(e.to_string()))?;
    if read != *manifest {
        return Err(unloadable("a number in it is not finite".into()));
    }
    Ok(bytes.into())
}

/// Decodes and verifies a manifest. `location` is for messages.
pub(crate) fn decode(bytes: &[u8], location: &str) -> Result<Manifest, Error> {
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
    let version: Version = serde_json::from_str(text).map_err(damaged)?;
    if version.schema_version != u64::from(SCHEMA_VERSION) {
        let (expected, found) = (SCHEMA_VERSION, version.schema_version);
        return Err(Error::SchemaVersion { location: location.to_owned(), expected, found });
    }
    let manifest: Manifest = serde_json::from_str(text).map_err(damaged)?;
    check_name(&manifest.name)?;
    manifest.objects.iter().try_for_each(|object| check_name(&object.name))?;
    Ok(manifest)
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
            objects: vec![Object { name: "model.safetensors".into(), bytes: 9, digest: 0xabc }],
            coordinator: json!({"position": [1, 2.5, u64::MAX]}),
            ..Manifest::default()
        }
        .with_normalisation(vec![0.1, -3.0], vec![1.0, 2.0])
    }

    #[test]
    fn a_manifest_comes_back_as_it_was_and_is_readable_by_people() {
        let bytes = encode(&manifest()).unwrap();
        assert_eq!(decode(&bytes, "here").unwrap(), manifest());
        assert_eq!(bytes, encode(&manifest()).unwrap());
        let text = std::str::from_utf8(&bytes).unwrap();
        assert!(text.contains("\"strategy\": \"gtc\""), "{text}");
        assert!(text.contains("\"digest\": \"0000000000000abc\""), "{text}");
    }

    #[test]
    fn a_manifest_of_an_earlier_version_is_read_as_it_is_and_written_again_to_the_byte() {
        let text = include_str!("../tests/earlier/manifest.json");
        let manifest = decode(text.as_bytes(), "here").unwrap();
        assert_eq!(encode(&manifest).unwrap(), text);
        let outputs = manifest.senones.unwrap();
        assert_eq!((outputs.len(), outputs.phones().collect::<Vec<_>>()), (6, vec!["AA", "SIL"]));
        // Where they are not known, the field is there and null.
        let unknown = encode(&self::manifest()).unwrap();
        assert!(std::str::from_utf8(&unknown).unwrap().contains("\"senones\": null"));
    }

    #[test]
    fn a_manifest_cut_off_anywhere_is_refused() {
        let bytes = encode(&manifest()).unwrap();
        // Without its last line feed it is still complete.
        for end in 0..bytes.len() - 1 {
            let error = decode(&bytes[..end], "here").unwrap_err();
            assert!(matches!(error, Error::Manifest { .. }) && error.is_damage(), "cut at {end}: {error}");
        }
    }

    #[test]
    fn a_manifest_with_one_wrong_bit_is_refused() {
        let bytes = encode(&manifest()).unwrap();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.to_vec();
                flipped[place] ^= 1 << bit;
                let error = decode(&flipped, "here").unwrap_err();
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
            let error = encode(&Manifest { dev, ..manifest() }).unwrap_err();
            assert!(matches!(error, Error::Unloadable { .. }), "{error}");
            let error = encode(&manifest().with_normalisation(vec![bad as f32], vec![1.0])).unwrap_err();
            assert!(matches!(error, Error::Unloadable { .. }), "{error}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_not_written() {
        for name in ["", "..", ".hidden", "a/b", "a\\b", "a b", "ä", &"x".repeat(201)] {
            let error = encode(&Manifest { name: name.into(), ..manifest() }).unwrap_err();
            assert!(matches!(error, Error::Unloadable { .. }), "{name}: {error}");
            let objects = vec![Object { name: name.into(), bytes: 1, digest: 1 }];
            let error = encode(&Manifest { objects, ..manifest() }).unwrap_err();
            assert!(matches!(error, Error::Unloadable { .. }), "{name}: {error}");
        }
    }

    #[test]
    fn a_manifest_of_another_version_is_refused_by_its_number() {
        let text = r#"{"schema_version": 2, "layout": "unknown"}"#;
        let xxh3 = format!("{:016x}", digest(text.as_bytes()));
        let sealed = format!(r#"{{"xxh3": "{xxh3}", "manifest": {text}}}"#);
        let error = decode(sealed.as_bytes(), "here").unwrap_err();
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
            let read = decode(&encode(&written).unwrap(), "here").unwrap();
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&read.normalisation.unwrap().mean), bits(&mean));
            prop_assert_eq!(read.dev.unwrap().scores.get(LOSS).unwrap().to_bits(), loss.to_bits());
        }

        #[test]
        fn no_bytes_make_the_reader_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let error = decode(&bytes, "here").unwrap_err();
            prop_assert!(matches!(error, Error::Manifest { .. }), "{}", error);
        }
    }
}
