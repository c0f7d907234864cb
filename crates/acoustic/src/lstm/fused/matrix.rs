use crate::error::Error;
use std::ops::Range;
use tch::{Device, Kind, Tensor};

/// A row-major f32 matrix in main memory, accessible as a tensor (for libtorch's products) and as slices (for
/// everything else).
pub(super) struct Matrix {
    tensor: Tensor,
    rows: usize,
    columns: usize,
}

impl Matrix {
    /// A matrix of zeros.
    pub(super) fn zeros(rows: usize, columns: usize) -> Result<Self, Error> {
        let tensor = Tensor::f_zeros([rows as i64, columns as i64], (Kind::Float, Device::Cpu))?;
        Ok(Self { tensor, rows, columns })
    }

    /// A matrix for the output of a product; until it is written, its values are arbitrary.
    pub(super) fn unset(rows: usize, columns: usize) -> Result<Self, Error> {
        let tensor = Tensor::f_empty([rows as i64, columns as i64], (Kind::Float, Device::Cpu))?;
        Ok(Self { tensor, rows, columns })
    }

    /// Converts a two-dimensional tensor; a contiguous one shares its memory.
    pub(super) fn of(tensor: &Tensor) -> Result<Self, Error> {
        let (rows, columns) = tensor.size2()?;
        if (tensor.kind(), tensor.device()) != (Kind::Float, Device::Cpu) {
            let found = format!("{:?} on {:?}", tensor.kind(), tensor.device());
            return Err(Error::shape("matrix", "32-bit floats in main memory", found));
        }
        Ok(Self { tensor: tensor.f_contiguous()?, rows: rows as usize, columns: columns as usize })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The whole matrix, for products.
    pub(super) fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// A view of some rows and columns, for products.
    pub(super) fn part(&self, rows: Range<usize>, columns: Range<usize>) -> Result<Tensor, Error> {
        let rows = self.tensor.f_narrow(0, rows.start as i64, rows.len() as i64)?;
        if columns.len() == self.columns {
            return Ok(rows);
        }
        Ok(rows.f_narrow(1, columns.start as i64, columns.len() as i64)?)
    }

    /// The values of some rows.
    pub(super) fn values(&self, rows: Range<usize>) -> &[f32] {
        &self.all()[rows.start * self.columns..rows.end * self.columns]
    }

    /// The values of some rows, mutable.
    pub(super) fn values_mut(&mut self, rows: Range<usize>) -> &mut [f32] {
        let columns = self.columns;
        &mut self.all_mut()[rows.start * columns..rows.end * columns]
    }

    /// The values of two disjoint ranges of rows, the second one mutable.
    pub(super) fn values_and_mut(&mut self, read: Range<usize>, write: Range<usize>) -> (&[f32], &mut [f32]) {
        assert!(read.end <= write.start || write.end <= read.start, "rows {read:?} and {write:?} overlap");
        let columns = self.columns;
        let all = self.all_mut();
        let cut = read.start.max(write.start) * columns;
        let (low, high) = all.split_at_mut(cut);
        if read.start < write.start {
            (&low[read.start * columns..read.end * columns], &mut high[..write.len() * columns])
        } else {
            (&high[..read.len() * columns], &mut low[write.start * columns..write.end * columns])
        }
    }

    fn all(&self) -> &[f32] {
        // SAFETY: the tensor is contiguous, f32, in main memory and has rows × columns values from its creation on, and
        // is never resized. Views returned by `part` are written only inside libtorch calls, which have ended before a
        // slice is created: the type is not shared between threads (it is not Sync).
        unsafe { std::slice::from_raw_parts(self.pointer(), self.rows * self.columns) }
    }

    fn all_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and the exclusive borrow prevents other slices.
        unsafe { std::slice::from_raw_parts_mut(self.pointer(), self.rows * self.columns) }
    }

    /// Pointer to the first value; for an empty matrix, for which libtorch returns no address, any aligned pointer.
    fn pointer(&self) -> *mut f32 {
        let pointer = self.tensor.data_ptr().cast::<f32>();
        if pointer.is_null() { std::ptr::NonNull::dangling().as_ptr() } else { pointer }
    }
}

/// out ← a · b.
pub(super) fn multiply(out: &Tensor, a: &Tensor, b: &Tensor) -> Result<(), Error> {
    let _ = a.f_mm_out(out, b)?;
    Ok(())
}

/// out ← out + a · b.
pub(super) fn add_product(out: &Tensor, a: &Tensor, b: &Tensor) -> Result<(), Error> {
    let _ = out.shallow_clone().f_addmm_(a, b)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensor_and_slices_share_the_same_values() {
        let tensor = Tensor::arange(12, (Kind::Float, Device::Cpu)).view([4, 3]).tr();
        let mut matrix = Matrix::of(&tensor).unwrap();
        assert_eq!(matrix.values(1..2), [1.0, 4.0, 7.0, 10.0]);
        matrix.values_mut(1..2)[3] = -1.0;
        assert_eq!(matrix.part(1..2, 3..4).unwrap().double_value(&[0, 0]), -1.0);
        let _ = matrix.part(0..1, 0..4).unwrap().fill_(9.0);
        assert_eq!(matrix.values(0..1), [9.0; 4]);
    }

    #[test]
    fn only_a_matrix_of_floats_is_accepted() {
        for (size, kind, expected) in [
            (&[2i64, 2][..], Kind::Int64, "expected 32-bit floats in main memory, found Int64 on Cpu"),
            (&[2], Kind::Float, "expected two dims, got [2]"),
        ] {
            let error = Matrix::of(&Tensor::zeros(size, (kind, Device::Cpu))).err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn two_ranges_of_rows_are_returned_correctly_in_either_order() {
        let mut matrix = Matrix::zeros(4, 2).unwrap();
        matrix.values_mut(0..4).iter_mut().enumerate().for_each(|(n, v)| *v = n as f32);
        let (read, write) = matrix.values_and_mut(0..1, 2..4);
        assert_eq!((read, &*write), (&[0.0, 1.0][..], &[4.0, 5.0, 6.0, 7.0][..]));
        let (read, write) = matrix.values_and_mut(2..3, 0..2);
        assert_eq!((read, &*write), (&[4.0, 5.0][..], &[0.0, 1.0, 2.0, 3.0][..]));
    }

    #[test]
    #[should_panic(expected = "overlap")]
    fn rows_that_overlap_are_refused() {
        Matrix::zeros(4, 2).unwrap().values_and_mut(0..2, 1..3);
    }
}
