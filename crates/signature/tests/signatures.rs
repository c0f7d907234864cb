//! Keys and signatures, as the programs and operators use them.
#![cfg(feature = "crypto")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;
use stentor_exit::{ExitStatus, ProgramError};
use stentor_signature::{Context, Error, KeyPair, PublicKeys, Signature, Signed, SigningKey};

/// The key of RFC 8032's first test, as `openssl genpkey` would write it.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

fn pair() -> (SigningKey, PublicKeys) {
    let KeyPair { private, public } = KeyPair::generate().unwrap();
    (SigningKey::parse(&private, "here").unwrap(), PublicKeys::parse(&public, "here").unwrap())
}

fn one() -> &'static (SigningKey, PublicKeys) {
    static ONE: OnceLock<(SigningKey, PublicKeys)> = OnceLock::new();
    ONE.get_or_init(pair)
}

#[test]
fn a_key_of_openssl_is_read_and_has_its_public_key() {
    let key = SigningKey::parse(PRIVATE, "here").unwrap();
    let expected = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    assert!(key.public().to_pem().contains(expected), "{}", key.public().to_pem());
}

#[test]
fn a_file_with_several_keys_is_how_a_key_is_replaced() {
    let (old, new) = (pair(), pair());
    let files = old.0.public().to_pem() + "the new one\n" + &new.0.public().to_pem();
    let both = PublicKeys::parse(&files, "keys.pem").unwrap();
    for key in [&old.0, &new.0] {
        both.verify(Context::Manifest, b"bytes", &key.sign(Context::Manifest, b"bytes").unwrap()).unwrap();
    }
    let by_old = old.0.sign(Context::Manifest, b"bytes").unwrap();
    let error = new.1.verify(Context::Manifest, b"bytes", &by_old).unwrap_err();
    let words = error.to_string();
    assert!(matches!(error, Error::UnknownKey { .. }) && error.is_forgery(), "{words}");
    for id in [new.0.public().id(), old.0.public().id()] {
        assert!(words.contains(&id.to_string()), "{words}");
    }
    assert_eq!(error.exit_status(), ExitStatus::Data);
}

#[test]
fn a_signature_of_one_kind_is_none_of_another() {
    let (key, keys) = one();
    for signed in Context::ALL {
        let signature = key.sign(signed, b"the same bytes").unwrap();
        for read in Context::ALL {
            let accepted = keys.verify(read, b"the same bytes", &signature).is_ok();
            assert_eq!(accepted, read == signed, "{signed:?} read as {read:?}");
        }
    }
}

#[test]
fn files_that_are_no_keys_are_refused_with_what_was_expected() {
    let KeyPair { private, public } = KeyPair::generate().unwrap();
    let read = |text: &str| SigningKey::parse(text, "signing.key").unwrap_err().to_string();
    assert!(read("").contains("found none") && read("").contains("signing.key"));
    assert!(read(&public).contains("found none"));
    assert!(read(&(private.clone() + &private)).contains("found several"));
    assert!(read(&private.replace("MC", "NC")).contains("a key of another kind"));
    let read = |text: &str| PublicKeys::parse(text, "signing.pub").unwrap_err().to_string();
    assert!(read(&private).contains("a private key: keep it secret"));
    assert!(read("nothing").contains("found none"));
    assert!(read(&public.replace("MCowBQYDK2Vw", "MCowBQYDK2Vu")).contains("a key of another kind"));
    let missing = SigningKey::read("/nowhere/signing.key".as_ref()).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/signing.key"));
    assert_eq!((missing.id(), missing.exit_status()), ("E0414", ExitStatus::Config));
}

#[test]
fn no_message_shows_a_private_key() {
    let pair = KeyPair::generate().unwrap();
    let secret: String = pair.private.lines().nth(1).unwrap().to_owned();
    let key = SigningKey::parse(&pair.private, "here").unwrap();
    assert!(!format!("{pair:?}{key:?}").contains(&secret));
    let broken = SigningKey::parse(&(pair.private.clone() + &pair.private), "here").unwrap_err();
    assert!(!format!("{broken} {broken:?}").contains(&secret));
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Statement {
    name: String,
    number: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_change_of_the_bytes_or_of_the_signature_is_found(
        bytes in prop::collection::vec(any::<u8>(), 1..200),
        place in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let (key, keys) = one();
        let signature = key.sign(Context::EventLog, &bytes).unwrap();
        prop_assert_eq!(signature, key.sign(Context::EventLog, &bytes).unwrap());
        prop_assert!(keys.verify(Context::EventLog, &bytes, &signature).is_ok());
        let mut changed = bytes.clone();
        *place.get_mut(&mut changed) ^= 1 << bit;
        let error = keys.verify(Context::EventLog, &changed, &signature).unwrap_err();
        prop_assert!(matches!(error, Error::Forged { .. }), "{}", error);
        prop_assert!(keys.verify(Context::EventLog, &bytes[1..], &signature).is_err());
        let text = serde_json::to_string(&signature).unwrap();
        prop_assert_eq!(serde_json::from_str::<Signature>(&text).unwrap(), signature);
        let mut digits = text.into_bytes();
        let at = digits.len() - 3 - place.index(128);
        digits[at] = if digits[at] == b'0' { b'1' } else { b'0' };
        let other: Signature = serde_json::from_slice(&digits).unwrap();
        prop_assert!(keys.verify(Context::EventLog, &bytes, &other).is_err());
    }

    #[test]
    fn a_statement_comes_back_and_another_one_under_its_signature_does_not(
        name in any::<String>(),
        number in any::<u64>(),
    ) {
        let (key, keys) = one();
        let statement = Statement { name, number };
        let signed = Signed::new(statement.clone(), Context::Run, key).unwrap();
        let text = serde_json::to_string(&signed).unwrap();
        let read: Signed<Statement> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read.verified(Context::Run, keys).unwrap(), statement);
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["statement"]["number"] = number.wrapping_add(1).into();
        let forged: Signed<Statement> = serde_json::from_value(value).unwrap();
        prop_assert!(forged.verified(Context::Run, keys).unwrap_err().is_forgery());
    }

    #[test]
    fn no_text_makes_the_reader_of_signatures_fall_over(text in any::<String>()) {
        prop_assert!(serde_json::from_str::<Signature>(&text).is_err());
        prop_assert!(serde_json::from_str::<Signed<Statement>>(&text).is_err());
        let _ = PublicKeys::parse(&text, "here");
    }
}
