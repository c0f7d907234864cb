//! Files of trees: read again, cut off, changed, forged, and as people read them.

// Helpers outside of test functions unwrap, too.
#![allow(clippy::unwrap_used)]

mod support;

use proptest::prelude::*;
use stentor_inventory::Inventory;
use stentor_senones::{Error, Growth, Roots, Topology, Tree};
use support::{all_states, choices, grow, growth, scheme, statistics, true_world, world};

#[test]
fn a_tree_is_read_only_for_its_own_senones() {
    let tree = grow(&growth(&scheme(9), 50), &true_world(9)).tree;
    let other = grow(&growth(&scheme(9), 51), &true_world(9)).tree;
    let (senones, bytes) = (tree.inventory().unwrap(), tree.encode().unwrap());
    assert_eq!(senones.tree(), Some(tree.fingerprint().unwrap().as_str()));
    assert_eq!(Tree::of(&senones, &bytes).unwrap(), tree);
    let error = Tree::of(&other.inventory().unwrap(), &bytes).unwrap_err();
    let (expected, found) = (other.fingerprint().unwrap(), tree.fingerprint().unwrap());
    assert_eq!(error, Error::OtherTree { expected, found });
    let untied = Inventory::new(senones.senones().to_vec()).unwrap();
    assert_eq!(Tree::of(&untied, &bytes).unwrap_err(), Error::Untied { senones: 50 });
}

fn a_tree() -> Tree {
    let scheme = scheme(5);
    let wish = Growth { roots: Roots::Phone, merge_below: Some(1.0), ..growth(&scheme, 16) };
    grow(&wish, &true_world(5)).tree
}

#[test]
fn a_tree_cut_off_anywhere_is_refused() {
    let bytes = a_tree().encode().unwrap();
    // Without its last line feed it is still complete.
    for end in 0..bytes.len() - 1 {
        let error = Tree::decode(&bytes[..end]).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "cut at {end}: {error}");
    }
}

#[test]
fn a_tree_with_one_wrong_bit_is_refused() {
    let bytes = a_tree().encode().unwrap();
    for place in 0..bytes.len() - 1 {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        let error = Tree::decode(&flipped).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. } | Error::Digest { .. }), "byte {place}: {error}");
    }
}

/// A file whose digest is right, with one text in place of another.
fn forged(from: &str, to: &str) -> Error {
    let text = String::from_utf8(a_tree().encode().unwrap()).unwrap();
    let (_, tree) = text.trim_end().split_once("\"tree\":").unwrap();
    let tree = &tree[..tree.len() - 1];
    assert!(tree.contains(from), "{from} in {tree}");
    let tree = tree.replacen(from, to, 1);
    let digest = blake3::hash(tree.as_bytes()).to_hex();
    Tree::decode(format!("{{\"blake3\":\"{digest}\",\"tree\":{tree}}}").as_bytes()).unwrap_err()
}

#[test]
fn a_forged_tree_is_refused_whatever_its_digest() {
    let reason = |error: Error| match error {
        Error::Damaged { reason } => reason,
        other => panic!("expected damage, found {other}"),
    };
    assert!(reason(forged("\"roots\":[0,1,", "\"roots\":[0,999,")).contains("root 999 is not a node"));
    assert!(reason(forged("\"roots\":[0,1,", "\"roots\":[0,0,")).contains("nothing leads to node 1"));
    assert!(reason(forged("\"roots\":[0,", "\"roots\":[")).contains("expected 10 roots"));
    assert!(reason(forged("{\"senone\":0}", "{\"senone\":40000}")).contains("senone 40000 is unknown"));
    assert!(reason(forged("{\"senone\":0}", "{\"senone\":1}")).contains("senone 0 has no leaf"));
    assert!(reason(forged("\"question\":0,", "\"question\":77,")).contains("question 77 is unknown"));
    assert!(reason(forged("\"state\":[0]", "\"state\":[65535]")).contains("asks for state 65535"));
    assert!(reason(forged("\"yes\":", "\"yes\":0,\"yes_\":")).contains("yes_"));
    assert!(reason(forged("\"SIL\",\"P1\"", "\"SIL\",\"SIL\"")).contains("listed twice"));
    let boundary = forged("\"boundary\":\"SIL\"", "\"boundary\":\"P1\"");
    assert!(reason(boundary).contains("found `P1`, whose neighbours matter"));
    let error = forged("\"schema_version\":1", "\"schema_version\":2");
    assert_eq!(error, Error::SchemaVersion { expected: 1, found: 2 });
}

#[test]
fn people_read_each_question_and_senone() {
    let text = a_tree().to_string();
    assert!(text.starts_with("SIL, state 0: senone 0, "), "{text}");
    assert!(text.contains("P1, state 0: state one of 0? gain "), "{text}");
    assert!(text.contains("\n  yes: left one of "), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_tree_comes_back_from_its_file(seen in world(5, 2), (_, roots, more, _, merge_below) in choices()) {
        let scheme = scheme(5);
        let wish = Growth { roots, leaves: 10 + more, merge_below, ..growth(&scheme, 0) };
        let tree = grow(&wish, &statistics(&seen)).tree;
        let read = Tree::decode(&tree.encode().unwrap()).unwrap();
        prop_assert_eq!(read.fingerprint().unwrap(), tree.fingerprint().unwrap());
        prop_assert_eq!(&read, &tree);
        for of in all_states(5, Topology::FirstThenRest) {
            prop_assert_eq!(read.senone(of).unwrap(), tree.senone(of).unwrap());
        }
    }
}
