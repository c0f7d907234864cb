//! The values of flat tensors as slices of host memory.

use crate::error::Error;
use tch::{Device, Kind, Tensor};

/// Passes the values of a flat tensor to `f`, without a copy if they are on the CPU; an empty slice if the tensor is
/// undefined.
pub(super) fn shown<T>(flat: &Tensor, f: impl FnOnce(&[f32]) -> T) -> T {
    if !flat.defined() {
        return f(&[]);
    }
    if flat.device() != Device::Cpu || flat.numel() == 0 {
        return f(&copy_to_host(flat));
    }
    // SAFETY: a contiguous f32 tensor on the CPU with this number of values, which is not written while `f` runs: its
    // owner is not `Sync`, and `f` has no access to it; storage shared with other threads is frozen and never written.
    f(unsafe { std::slice::from_raw_parts(flat.data_ptr().cast::<f32>(), flat.numel()) })
}

/// Lets `f` change the values of a flat tensor in place; on other devices, in a copy that is then loaded.
pub(super) fn changed<T>(flat: &Tensor, f: impl FnOnce(&mut [f32]) -> T) -> Result<T, Error> {
    if flat.device() != Device::Cpu || flat.numel() == 0 {
        let mut host = copy_to_host(flat);
        let result = f(&mut host);
        tch::no_grad(|| flat.shallow_clone().f_copy_(&Tensor::f_from_slice(&host)?))?;
        return Ok(result);
    }
    // SAFETY: a contiguous f32 tensor on the CPU with this number of values, shared only with its views, which are not
    // read while `f` runs: its owner is not `Sync`, `f` has no access to them, and callers have checked that it is not
    // frozen.
    let values = unsafe { std::slice::from_raw_parts_mut(flat.data_ptr().cast::<f32>(), flat.numel()) };
    let result = f(values);
    // libtorch did not see the change. An in-place operation that changes no bit increments its version counter, so
    // that a backward pass through overwritten values is still detected.
    let _ = tch::no_grad(|| flat.f_narrow(0, 0, 1)?.f_mul_scalar_(1.0))?;
    Ok(result)
}

/// Returns a copy of the values of a flat tensor; empty if it is undefined.
pub(super) fn copy_to_host(flat: &Tensor) -> Vec<f32> {
    if !flat.defined() {
        return Vec::new();
    }
    let len = flat.numel();
    let mut host = vec![0f32; len];
    flat.to_device(Device::Cpu).to_kind(Kind::Float).copy_data(&mut host, len);
    host
}
