//! Tensor files: written content is read back, other implementations agree, and each kind of malformed file has its
//! own error.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use proptest::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::{BTreeMap, HashMap};
use stentor_checkpoint::{Error, Malformed, NamedTensor, TensorFile};

fn tensor(shape: &[usize], values: &[f32]) -> NamedTensor {
    NamedTensor { shape: shape.to_vec(), values: values.to_vec() }
}

fn file(tensors: &[(&str, NamedTensor)], metadata: &[(&str, &str)]) -> TensorFile {
    TensorFile {
        tensors: tensors.iter().map(|(name, t)| ((*name).to_owned(), t.clone())).collect(),
        metadata: metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
    }
}

fn sample() -> TensorFile {
    let weights = tensor(&[2, 3], &[1.0, -2.5, f32::MIN_POSITIVE, 0.0, -0.0, 3e38]);
    file(
        &[("weights", weights), ("bias", tensor(&[1], &[7.0])), ("one", tensor(&[], &[0.1]))],
        &[("steps", "41")],
    )
}

/// A file with this header and this many bytes of data.
fn bytes_with(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(std::iter::repeat_n(0, data));
    bytes
}

fn refusal(bytes: &[u8]) -> Malformed {
    match TensorFile::from_bytes(bytes) {
        Err(Error::Tensors(malformed)) => malformed,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[test]
fn what_is_written_comes_back() {
    let bytes = sample().to_bytes().unwrap();
    assert_eq!(TensorFile::from_bytes(&bytes).unwrap(), sample());
    assert_eq!(bytes, sample().to_bytes().unwrap());
    let nothing = TensorFile::default();
    assert_eq!(TensorFile::from_bytes(&nothing.to_bytes().unwrap()).unwrap(), nothing);
}

#[test]
fn counters_keep_all_their_bits_and_missing_things_are_named() {
    let mut file = sample();
    file.metadata.insert("batches".into(), u64::MAX.to_string());
    let file = TensorFile::from_bytes(&file.to_bytes().unwrap()).unwrap();
    assert_eq!(file.counter("batches").unwrap(), u64::MAX);
    assert_eq!(file.tensor("bias").unwrap().values, [7.0]);
    assert!(file.counter("steps.").unwrap_err().to_string().contains("under `steps.`, found nothing"));
    assert!(file.tensor("residual").unwrap_err().to_string().contains("lacks `residual`"));
    let text = TensorFile { metadata: [("steps".to_owned(), "-1".to_owned())].into(), ..file };
    assert!(matches!(
        text.counter("steps"),
        Err(Error::Tensors(Malformed::NoCounter { found: Some(_), .. }))
    ));
}

#[test]
fn a_file_without_room_for_a_length_is_refused() {
    assert_eq!(refusal(&[]), Malformed::TooShort { bytes: 0 });
    assert_eq!(refusal(&[1; 7]), Malformed::TooShort { bytes: 7 });
}

#[test]
fn a_header_of_absurd_length_is_refused_before_anything_is_allocated() {
    for length in [u64::MAX, 1 << 40, (16 << 20) + 1] {
        let malformed = refusal(&length.to_le_bytes());
        assert_eq!(malformed, Malformed::HeaderTooLarge { length, limit: 16 << 20 });
    }
}

#[test]
fn a_header_cut_off_is_refused() {
    let bytes = bytes_with("{}", 0);
    assert_eq!(refusal(&bytes[..9]), Malformed::HeaderTruncated { length: 2, available: 1 });
}

#[test]
fn a_header_that_is_no_text_is_refused() {
    let mut bytes = bytes_with(r#"{"a": 1}"#, 0);
    bytes[8 + 2] = 0xff;
    assert_eq!(refusal(&bytes), Malformed::HeaderNotUtf8 { at: 2 });
}

#[test]
fn a_header_that_is_no_map_of_tensors_is_refused() {
    for header in [
        "",
        "[]",
        "{",
        "{} {}",
        r#"{"a": 1}"#,
        r#"{"a": {"dtype": "F32", "shape": [1]}}"#,
        r#"{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}"#,
        r#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]}}"#,
        r#"{"a": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 4]}}"#,
        r#"{"__metadata__": {"steps": 5}}"#,
    ] {
        let malformed = refusal(&bytes_with(header, 4));
        assert!(matches!(malformed, Malformed::HeaderNotJson { .. }), "{header}: {malformed}");
    }
    let deep = "[".repeat(100_000);
    assert!(matches!(refusal(&bytes_with(&format!(r#"{{"a": {deep}"#), 0)), Malformed::HeaderNotJson { .. }));
}

#[test]
fn a_bomb_of_tensors_is_refused() {
    let entries: Vec<String> =
        (0..70_000).map(|i| format!(r#""{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#)).collect();
    let malformed = refusal(&bytes_with(&format!("{{{}}}", entries.join(",")), 0));
    assert_eq!(malformed, Malformed::TooManyTensors { limit: 65_536 });
}

#[test]
fn a_name_that_stands_twice_is_refused() {
    let entry = r#"{"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}"#;
    let malformed = refusal(&bytes_with(&format!(r#"{{"a": {entry}, "a": {entry}}}"#), 4));
    assert_eq!(malformed, Malformed::RepeatedName { name: "a".into() });
    let malformed = refusal(&bytes_with(r#"{"__metadata__": {}, "__metadata__": {}}"#, 0));
    assert_eq!(malformed, Malformed::RepeatedName { name: "__metadata__".into() });
}

#[test]
fn numbers_of_another_type_are_refused() {
    for found in ["F16", "BF16", "I64", "F33", ""] {
        let header = format!(r#"{{"a": {{"dtype": "{found}", "shape": [2], "data_offsets": [0, 4]}}}}"#);
        assert_eq!(
            refusal(&bytes_with(&header, 4)),
            Malformed::Type { name: "a".into(), found: found.into() }
        );
    }
}

#[test]
fn a_shape_beyond_counting_is_refused() {
    let shapes = [vec![1 << 32, 1 << 32], vec![usize::MAX], vec![1 << 62], vec![usize::MAX, 2, 0]];
    for shape in shapes {
        let header = format!(r#"{{"a": {{"dtype": "F32", "shape": {shape:?}, "data_offsets": [0, 4]}}}}"#);
        assert_eq!(refusal(&bytes_with(&header, 4)), Malformed::ShapeTooLarge { name: "a".into(), shape });
    }
}

#[test]
fn a_tensor_that_ends_before_it_begins_is_refused() {
    let header = r#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [8, 4]}}"#;
    assert_eq!(
        refusal(&bytes_with(header, 8)),
        Malformed::OffsetsReversed { name: "a".into(), begin: 8, end: 4 }
    );
}

#[test]
fn a_length_that_does_not_fit_the_shape_is_refused() {
    let header = r#"{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}"#;
    assert_eq!(
        refusal(&bytes_with(header, 8)),
        Malformed::WrongLength { name: "a".into(), expected: 12, found: 8 }
    );
}

#[test]
fn data_cut_off_is_refused() {
    let header = r#"{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}"#;
    let malformed = refusal(&bytes_with(header, 11));
    assert_eq!(malformed, Malformed::DataTruncated { name: "a".into(), end: 12, available: 11 });
}

#[test]
fn tensors_in_the_same_bytes_are_refused() {
    let entry = |begin, end| format!(r#"{{"dtype": "F32", "shape": [2], "data_offsets": [{begin}, {end}]}}"#);
    let header = format!(r#"{{"a": {}, "b": {}}}"#, entry(0, 8), entry(4, 12));
    assert_eq!(
        refusal(&bytes_with(&header, 12)),
        Malformed::Overlap { name: "b".into(), expected: 8, begin: 4 }
    );
}

#[test]
fn bytes_between_tensors_are_refused() {
    let entry = |begin, end| format!(r#"{{"dtype": "F32", "shape": [1], "data_offsets": [{begin}, {end}]}}"#);
    let header = format!(r#"{{"a": {}, "b": {}}}"#, entry(0, 4), entry(8, 12));
    assert_eq!(refusal(&bytes_with(&header, 12)), Malformed::Gap { name: "b".into(), expected: 4, begin: 8 });
    let header = format!(r#"{{"a": {}}}"#, entry(4, 8));
    assert_eq!(refusal(&bytes_with(&header, 8)), Malformed::Gap { name: "a".into(), expected: 0, begin: 4 });
}

#[test]
fn bytes_after_the_last_tensor_are_refused() {
    let header = r#"{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}"#;
    assert_eq!(refusal(&bytes_with(header, 5)), Malformed::TrailingBytes { expected: 4, available: 5 });
    assert_eq!(refusal(&bytes_with("{}", 1)), Malformed::TrailingBytes { expected: 0, available: 1 });
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    let malformed = |file: TensorFile| match file.to_bytes() {
        Err(Error::Tensors(malformed)) => malformed,
        other => panic!("expected a refusal, found {other:?}"),
    };
    let wrong = file(&[("a", tensor(&[2, 2], &[1.0; 3]))], &[]);
    assert_eq!(
        malformed(wrong),
        Malformed::ValuesAndShape { name: "a".into(), shape: vec![2, 2], values: 3 }
    );
    let wrong = file(&[("a", tensor(&[usize::MAX, 2], &[]))], &[]);
    assert!(matches!(malformed(wrong), Malformed::ValuesAndShape { .. }));
    let reserved = file(&[("__metadata__", tensor(&[1], &[1.0]))], &[]);
    assert_eq!(malformed(reserved), Malformed::ReservedName { name: "__metadata__" });
    let many = (0..70_000).map(|i| (i.to_string(), NamedTensor { shape: vec![0], values: vec![] })).collect();
    let many = TensorFile { tensors: many, metadata: BTreeMap::new() };
    assert_eq!(malformed(many), Malformed::TooManyTensors { limit: 65_536 });
    let long = file(&[], &[("text", &"x".repeat(17 << 20))]);
    assert!(matches!(malformed(long), Malformed::HeaderTooLarge { .. }));
}

fn files() -> impl Strategy<Value = TensorFile> {
    // Includes zero-sized tensors, single numbers, NaN with any payload, and names of all kinds.
    let tensor = prop::collection::vec(0_usize..4, 0..4).prop_flat_map(|shape| {
        let len = shape.iter().product::<usize>();
        prop::collection::vec(any::<u32>().prop_map(f32::from_bits), len)
            .prop_map(move |values| NamedTensor { shape: shape.clone(), values })
    });
    (
        prop::collection::btree_map(".{0,12}", tensor, 0..8),
        prop::collection::btree_map(".{0,8}", ".{0,20}", 0..4),
    )
        .prop_map(|(tensors, metadata)| TensorFile { tensors, metadata })
}

fn bits(file: &TensorFile) -> BTreeMap<String, (Vec<usize>, Vec<u32>)> {
    let of = |t: &NamedTensor| (t.shape.clone(), t.values.iter().map(|v| v.to_bits()).collect());
    file.tensors.iter().map(|(name, tensor)| (name.clone(), of(tensor))).collect()
}

proptest! {
    #[test]
    fn any_file_comes_back_bit_for_bit_and_aligned(file in files()) {
        let bytes = file.to_bytes().unwrap();
        let read = TensorFile::from_bytes(&bytes).unwrap();
        prop_assert_eq!(bits(&read), bits(&file));
        prop_assert_eq!(&read.metadata, &file.metadata);
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        prop_assert_eq!(header % 8, 0);
    }

    #[test]
    fn the_reference_implementation_reads_ours(file in files()) {
        let bytes = file.to_bytes().unwrap();
        let reference = SafeTensors::deserialize(&bytes).unwrap();
        prop_assert_eq!(reference.len(), file.tensors.len());
        for (name, tensor) in &file.tensors {
            let view = reference.tensor(name).unwrap();
            prop_assert_eq!(view.dtype(), Dtype::F32);
            prop_assert_eq!(view.shape(), &tensor.shape[..]);
            let data: Vec<u8> = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            prop_assert_eq!(view.data(), &data[..]);
        }
    }

    #[test]
    fn we_read_the_reference_implementation(file in files()) {
        let data: BTreeMap<&str, Vec<u8>> = file.tensors.iter()
            .map(|(name, t)| (name.as_str(), t.values.iter().flat_map(|v| v.to_le_bytes()).collect()))
            .collect();
        let views: Vec<(&str, TensorView<'_>)> = file.tensors.iter()
            .map(|(name, t)| {
                let view = TensorView::new(Dtype::F32, t.shape.clone(), &data[name.as_str()]).unwrap();
                (name.as_str(), view)
            })
            .collect();
        let metadata: HashMap<String, String> = file.metadata.clone().into_iter().collect();
        // With an empty map and no tensor, the reference implementation writes a header that is not JSON; without a
        // map it does not.
        let metadata = Some(metadata).filter(|m| !m.is_empty());
        let bytes = safetensors::serialize(views, metadata).unwrap();
        let read = TensorFile::from_bytes(&bytes).unwrap();
        prop_assert_eq!(bits(&read), bits(&file));
        prop_assert_eq!(read.metadata, file.metadata);
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused(file in files(), part in 0.0_f64..1.0) {
        let bytes = file.to_bytes().unwrap();
        let end = (bytes.len() as f64 * part) as usize;
        let malformed = refusal(&bytes[..end]);
        prop_assert!(
            matches!(
                malformed,
                Malformed::TooShort { .. }
                    | Malformed::HeaderTruncated { .. }
                    | Malformed::DataTruncated { .. }
            ),
            "{}",
            malformed
        );
    }

    #[test]
    fn no_bytes_make_the_reader_fall_over(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        length in prop_oneof![0_u64..200, any::<u64>()],
    ) {
        if bytes.len() >= 8 {
            bytes[..8].copy_from_slice(&length.to_le_bytes());
        }
        if let Ok(file) = TensorFile::from_bytes(&bytes) {
            prop_assert_eq!(bits(&TensorFile::from_bytes(&file.to_bytes().unwrap()).unwrap()), bits(&file));
        }
    }

    #[test]
    fn a_damaged_header_is_read_as_it_stands_or_refused(
        file in files(),
        place: prop::sample::Index,
        byte: u8,
    ) {
        let mut bytes = file.to_bytes().unwrap().to_vec();
        let at = place.index(bytes.len());
        bytes[at] = byte;
        if let Ok(read) = TensorFile::from_bytes(&bytes) {
            // No values are invented: they are as many as the file has.
            let values: usize = read.tensors.values().map(|t| t.values.len()).sum();
            prop_assert!(values * 4 <= bytes.len());
        }
    }
}
