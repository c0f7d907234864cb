use crate::{Error, IntegerArk};
use proptest::prelude::*;
use std::path::PathBuf;
use tempfile::TempDir;

fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ali.ark");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn open(bytes: &[u8]) -> Result<IntegerArk, Error> {
    let (_folder, path) = file(bytes);
    IntegerArk::open(&path)
}

/// An archive as Kaldi writes it.
fn binary(vectors: &[(&str, &[i32])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (id, numbers) in vectors {
        bytes.extend(id.as_bytes());
        bytes.extend(b" \0B\x04");
        bytes.extend((numbers.len() as i32).to_le_bytes());
        numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    }
    bytes
}

#[test]
fn text_and_binary_archives_have_the_same_numbers() {
    let text = b"a 4 4 17 \nb 0\n\nc \n".to_vec();
    let binary = binary(&[("a", &[4, 4, 17]), ("b", &[0]), ("c", &[])]);
    for bytes in [text, binary] {
        let ark = open(&bytes).unwrap();
        assert_eq!(ark.len(), 3);
        let read = |id| ark.read(id).unwrap();
        assert_eq!([read("a"), read("b"), read("c")], [Some(vec![4, 4, 17]), Some(vec![0]), Some(vec![])]);
        assert_eq!(read("d"), None);
    }
    assert!(open(b"").unwrap().is_empty());
}

#[test]
fn what_is_malformed_is_named_with_its_place() {
    let vectors: [(&str, &[i32]); 2] = [("a", &[4, 4, 17]), ("b", &[0])];
    let whole = binary(&vectors);
    let error = |bytes: &[u8]| open(bytes).unwrap_err().to_string();
    for (bytes, expected) in [
        (&b"a 1 2\nb 1 -2\n"[..], "line 2: expected `UTTERANCE NUMBER NUMBER …`"),
        (b"a 1.5\n", "line 1: expected `UTTERANCE"),
        (b"a 1\na 2\n", "line 2: `a` appears twice"),
        (b"\x1f\x8b\x08\0\0", "gunzip"),
        (&binary(&[("a", &[1, -1])]), "byte 13: expected a number of at least 0, found -1 of `a`"),
        (&binary(&[("a", &[1]), ("a", &[2])]), "`a` twice"),
        // A matrix of floats.
        (b"a \0BFM \x04\0\0\0", "expected a binary vector of 32-bit integers, found the bytes [00, 42, 46"),
        (b"a \0B\x04\xff\xff\xff\x7f\0\0", "found 2147483647 of `a`, and 2 bytes"),
        (b"a \0B\x04\xff\xff\xff\xff\0\0", "found -1 of `a`, and 2 bytes"),
    ] {
        let error = error(bytes);
        assert!(error.contains(expected), "{error} does not contain `{expected}`");
    }
    let ends: Vec<usize> = vec![0, binary(&vectors[..1]).len()];
    for end in (0..whole.len()).filter(|end| !ends.contains(end)) {
        // Before the mark of binary data, an archive cut short is a line of text without numbers.
        let is_line = end <= 3 && open(&whole[..end]).is_ok();
        assert!(is_line || open(&whole[..end]).is_err(), "cut at {end}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80), is_binary in any::<bool>()) {
        let start: &[u8] = if is_binary { b"a \0B" } else { b"a " };
        if let Ok(ark) = open(&[start, &bytes].concat()) {
            prop_assert!(ark.len() <= bytes.len() + 1);
        }
    }

    #[test]
    fn what_kaldi_writes_is_read(vectors in prop::collection::btree_map("[a-z]{1,4}", prop::collection::vec(0..i32::MAX, 0..9), 0..6)) {
        let list: Vec<(&str, &[i32])> = vectors.iter().map(|(id, numbers)| (id.as_str(), &numbers[..])).collect();
        let (_folder, path) = file(&binary(&list));
        let ark = IntegerArk::open(&path).unwrap();
        prop_assert_eq!(ark.len(), vectors.len());
        for (id, numbers) in vectors {
            let expected: Vec<u32> = numbers.into_iter().map(|number| number as u32).collect();
            prop_assert_eq!(ark.read(&id).unwrap(), Some(expected));
        }
    }
}
