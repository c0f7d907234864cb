use crate::error::Error;
use tch::{Kind, Tensor};

/// Scales a gradient in place to a 2-norm of at most `max_norm`, and returns its original norm. A `max_norm` of 0 only
/// measures the norm; if the norm is not finite, it is returned and the gradient is unchanged.
///
/// # Errors
/// [`Error::Torch`] if libtorch fails.
pub fn clip_to_norm(gradient: &Tensor, max_norm: f64) -> Result<f64, Error> {
    let _guard = tch::no_grad_guard();
    // f32 sums of squares overflow at norms from 1.8e19: rare enough to be reported as infinite, and then nothing is
    // scaled.
    let norm = gradient.f_norm()?.f_to_kind(Kind::Double)?.f_double_value(&[])?;
    if max_norm > 0.0 && norm.is_finite() && norm > max_norm {
        let _ = gradient.shallow_clone().f_mul_scalar_(max_norm / norm)?;
    }
    Ok(norm)
}

/// Multiplies a gradient by `factor`, in place.
///
/// # Errors
/// [`Error::Torch`] if libtorch fails.
pub fn scale_gradient(gradient: &Tensor, factor: f64) -> Result<(), Error> {
    let _guard = tch::no_grad_guard();
    let _ = gradient.shallow_clone().f_mul_scalar_(factor)?;
    Ok(())
}
