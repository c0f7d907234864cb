use super::{F32, LENGTH_BYTES, MAX_HEADER, MAX_TENSORS, METADATA, Malformed, TensorFile, count};
use bytes::Bytes;
use serde_json::{Map, json};

/// The header is padded to end on a multiple of this, so that each value is aligned and a reader may map the file.
const ALIGNMENT: usize = 8;

pub(super) fn write(file: &TensorFile) -> Result<Bytes, Malformed> {
    if file.tensors.len() > MAX_TENSORS {
        return Err(Malformed::TooManyTensors { limit: MAX_TENSORS });
    }
    // A map of serde_json is sorted by key, as ours is: tensors are in the file in the order of their names.
    let mut header = Map::new();
    let mut end = 0;
    for (name, tensor) in &file.tensors {
        if name == METADATA {
            return Err(Malformed::ReservedName { name: METADATA });
        }
        if count(&tensor.shape) != Some(tensor.values.len()) {
            let (shape, values) = (tensor.shape.clone(), tensor.values.len());
            return Err(Malformed::ValuesAndShape { name: name.clone(), shape, values });
        }
        let begin = end;
        end += size_of_val(tensor.values.as_slice());
        header
            .insert(name.clone(), json!({"dtype": F32, "shape": tensor.shape, "data_offsets": [begin, end]}));
    }
    if !file.metadata.is_empty() {
        header.insert(METADATA.into(), json!(file.metadata));
    }
    let mut text = serde_json::to_string(&header).expect("a map of strings and numbers is JSON");
    let padded = text.len().next_multiple_of(ALIGNMENT);
    text.extend(std::iter::repeat_n(' ', padded - text.len()));
    let length = text.len() as u64;
    if length > MAX_HEADER {
        return Err(Malformed::HeaderTooLarge { length, limit: MAX_HEADER });
    }

    let mut bytes = Vec::with_capacity(LENGTH_BYTES + text.len() + end);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    for tensor in file.tensors.values() {
        let start = bytes.len();
        bytes.resize(start + size_of_val(tensor.values.as_slice()), 0);
        let (words, _) = bytes[start..].as_chunks_mut::<{ size_of::<f32>() }>();
        for (word, value) in words.iter_mut().zip(&tensor.values) {
            *word = value.to_le_bytes();
        }
    }
    Ok(bytes.into())
}
