use super::{
    F32, LENGTH_BYTES, MAX_HEADER, MAX_TENSORS, METADATA, Malformed, NamedTensor, TensorFile, count,
};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub(super) fn read(bytes: &[u8]) -> Result<TensorFile, Malformed> {
    let (header, data) = split(bytes)?;
    let header = parse(header)?;
    let mut spans = Vec::with_capacity(header.tensors.len());
    for (name, entry) in header.tensors {
        check(&name, &entry, data.len())?;
        let [begin, end] = entry.data_offsets;
        spans.push((begin, end, name, entry.shape));
    }
    // Every byte belongs to exactly one tensor, so a file has no hidden content, and needs no more memory than its
    // size.
    spans.sort_unstable();
    let mut expected = 0;
    for (begin, end, name, _) in &spans {
        let (begin, name) = (*begin, name.clone());
        match begin.cmp(&expected) {
            std::cmp::Ordering::Less => return Err(Malformed::Overlap { name, expected, begin }),
            std::cmp::Ordering::Greater => return Err(Malformed::Gap { name, expected, begin }),
            std::cmp::Ordering::Equal => expected = *end,
        }
    }
    if expected != data.len() {
        return Err(Malformed::TrailingBytes { expected, available: data.len() });
    }
    let tensors = spans
        .into_iter()
        .map(|(begin, end, name, shape)| (name, NamedTensor { shape, values: values(&data[begin..end]) }))
        .collect();
    Ok(TensorFile { tensors, metadata: header.metadata })
}

/// Splits a file into header and data.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), Malformed> {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(Malformed::TooShort { bytes: bytes.len() });
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER {
        return Err(Malformed::HeaderTooLarge { length, limit: MAX_HEADER });
    }
    let Some((header, data)) = rest.split_at_checked(length as usize) else {
        return Err(Malformed::HeaderTruncated { length, available: rest.len() });
    };
    match std::str::from_utf8(header) {
        Ok(text) => Ok((text, data)),
        Err(error) => Err(Malformed::HeaderNotUtf8 { at: error.valid_up_to() }),
    }
}

/// Checks type, shape and offsets of one tensor.
fn check(name: &str, entry: &Entry, available: usize) -> Result<(), Malformed> {
    let name = || name.to_owned();
    if entry.dtype != F32 {
        return Err(Malformed::Type { name: name(), found: entry.dtype.clone() });
    }
    let too_large = || Malformed::ShapeTooLarge { name: name(), shape: entry.shape.clone() };
    let expected = count(&entry.shape).ok_or_else(too_large)? * size_of::<f32>();
    let [begin, end] = entry.data_offsets;
    let found =
        end.checked_sub(begin).ok_or_else(|| Malformed::OffsetsReversed { name: name(), begin, end })?;
    if found != expected {
        return Err(Malformed::WrongLength { name: name(), expected, found });
    }
    if end > available {
        return Err(Malformed::DataTruncated { name: name(), end, available });
    }
    Ok(())
}

fn values(bytes: &[u8]) -> Vec<f32> {
    let (words, _) = bytes.as_chunks::<{ size_of::<f32>() }>();
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// The header, or why it is not valid; serde's own errors are only text.
#[derive(Default)]
struct Header {
    tensors: Vec<(String, Entry)>,
    metadata: BTreeMap<String, String>,
    problem: Option<Malformed>,
}

fn parse(text: &str) -> Result<Header, Malformed> {
    let mut header = Header::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let parsed = json.deserialize_map(&mut header).and_then(|()| json.end());
    match (header.problem.take(), parsed) {
        (Some(problem), _) => Err(problem),
        (None, Err(error)) => Err(Malformed::HeaderNotJson { reason: error.to_string() }),
        (None, Ok(())) => Ok(header),
    }
}

impl<'d> Visitor<'d> for &mut Header {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an entry for each tensor")
    }

    fn visit_map<M: MapAccess<'d>>(self, mut entries: M) -> Result<(), M::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            if !names.insert(name.clone()) {
                self.problem = Some(Malformed::RepeatedName { name });
                return Err(M::Error::custom("repeated name"));
            }
            if name == METADATA {
                self.metadata = entries.next_value()?;
                continue;
            }
            if self.tensors.len() == MAX_TENSORS {
                self.problem = Some(Malformed::TooManyTensors { limit: MAX_TENSORS });
                return Err(M::Error::custom("too many tensors"));
            }
            let entry = entries.next_value()?;
            self.tensors.push((name, entry));
        }
        Ok(())
    }
}
