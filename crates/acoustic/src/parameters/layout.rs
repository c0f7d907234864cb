//! The layout of parameters in the flat vector.

use crate::error::Error;
use tch::Tensor;

/// The position of one named parameter in the flat vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSlot {
    /// Unique name, such as `layer.0.forward.input_weight`.
    pub name: String,
    /// Its sizes, outermost first.
    pub shape: Vec<usize>,
    /// Offset in the flat vector, in values.
    pub offset: usize,
    /// Number of values.
    pub len: usize,
}

/// Name, sizes and values of one parameter or buffer, borrowed.
pub type NamedSlice<'a> = (&'a str, &'a [usize], &'a [f32]);

/// A copy of one parameter or buffer.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedValues {
    /// Its name.
    pub name: String,
    /// Its sizes, outermost first.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub values: Vec<f32>,
}

impl NamedValues {
    /// Borrows it.
    #[must_use]
    pub fn as_slices(&self) -> NamedSlice<'_> {
        (&self.name, &self.shape, &self.values)
    }
}

/// Contiguous positions in the order given.
pub(super) fn laid_out(parameters: Vec<(String, Vec<usize>)>) -> Vec<ParameterSlot> {
    let mut offset = 0;
    let slot = |(name, shape): (String, Vec<usize>)| {
        let len = shape.iter().product();
        offset += len;
        ParameterSlot { name, shape, offset: offset - len, len }
    };
    parameters.into_iter().map(slot).collect()
}

/// Assembles the flat vector from values given by name in any order: each name once, with the shape of its slot.
pub(super) fn by_name<'a>(
    slots: &[ParameterSlot],
    tensors: impl IntoIterator<Item = NamedSlice<'a>>,
) -> Result<Vec<f32>, Error> {
    let mut host = vec![0f32; slots.last().map_or(0, |slot| slot.offset + slot.len)];
    let mut seen = vec![false; slots.len()];
    for (name, shape, values) in tensors {
        let index = slots
            .iter()
            .position(|slot| slot.name == name)
            .ok_or_else(|| Error::UnknownParameter { name: name.to_owned() })?;
        let slot = &slots[index];
        if slot.shape != shape {
            let (expected, found) = (slot.shape.clone(), shape.to_vec());
            return Err(Error::ParameterShape { name: name.to_owned(), expected, found });
        }
        if values.len() != slot.len {
            return Err(Error::shape(format!("values of parameter `{name}`"), slot.len, values.len()));
        }
        host[slot.offset..slot.offset + slot.len].copy_from_slice(values);
        seen[index] = true;
    }
    match seen.iter().position(|seen| !seen) {
        Some(missing) => Err(Error::MissingParameter { name: slots[missing].name.clone() }),
        None => Ok(host),
    }
}

/// Returns a leaf of the autograd graph that shares the flat vector's storage.
pub(super) fn leaf(values: &Tensor, slot: &ParameterSlot, learns: bool) -> Result<Tensor, Error> {
    let shape: Vec<i64> = slot.shape.iter().map(|&n| n as i64).collect();
    let view = values.f_narrow(0, slot.offset as i64, slot.len as i64)?.f_view(shape.as_slice())?;
    Ok(view.f_detach()?.f_set_requires_grad(learns)?)
}
