//! Decoding of messages: added to counts, converted to a mean, or applied to parameters.

use super::header::Header;
use super::read::Message;
use super::tau::Tau;
use crate::error::Error;

/// Adds a message's signs or counts to `counts`.
///
/// Sums of fewer than 2³¹ signs are exact; beyond, addition wraps, which the [`crate::Reducer`] prevents.
///
/// # Errors
/// All variants of [`Error`] about messages. `counts` is then unchanged.
pub fn decode_add(bytes: &[u8], counts: &mut [i32]) -> Result<Header, Error> {
    add_noting(bytes, counts, |_| {})
}

/// Like [`decode_add`], but calls `note` with each index it changes, even if the change is reverted.
#[inline(always)]
pub(super) fn add_noting(
    bytes: &[u8],
    counts: &mut [i32],
    mut note: impl FnMut(usize),
) -> Result<Header, Error> {
    let message = Message::parse(bytes, counts.len())?;
    let outcome = message.for_each(|index, n| {
        counts[index] = counts[index].wrapping_add(n);
        note(index);
    });
    if outcome.is_err() {
        // The same prefix is visited again and subtracted: integer arithmetic is exact.
        let _same_error = message.for_each(|index, n| counts[index] = counts[index].wrapping_sub(n));
    }
    outcome.map(|()| message.header)
}

/// Reads a message for `values` values to its end, and keeps nothing of it.
///
/// # Errors
/// All variants of [`Error`] about messages.
pub fn check(bytes: &[u8], values: usize) -> Result<Header, Error> {
    let message = Message::parse(bytes, values)?;
    message.for_each(|_, _| {})?;
    Ok(message.header)
}

/// Returns the counts of a message for `values` values.
///
/// # Errors
/// All variants of [`Error`] about messages.
pub fn decode_counts(bytes: &[u8], values: usize) -> Result<(Header, Vec<i32>), Error> {
    let message = Message::parse(bytes, values)?;
    let mut counts = vec![0; values];
    message.for_each(|index, n| counts[index] = n)?;
    Ok((message.header, counts))
}

/// Writes the mean that a message represents, `fl(τ/c)·n`, to `mean`.
///
/// # Errors
/// All variants of [`Error`] about messages. `mean` is then all zeros.
pub fn decode_mean(bytes: &[u8], mean: &mut [f32]) -> Result<Header, Error> {
    mean.fill(0.0);
    let message = Message::parse(bytes, mean.len())?;
    let share = message.header.tau.share(message.header.divisor);
    let outcome = message.for_each(|index, n| mean[index] = share * n as f32);
    if outcome.is_err() {
        mean.fill(0.0);
    }
    outcome.map(|()| message.header)
}

/// Adds `factor · mean` to `parameters` at the indices in the message only: plain SGD with `factor` = −learning rate,
/// with the same bits as [`decode_mean`] followed by `parameters[i] += factor * mean[i]` (except for a −0.0, which that
/// would turn into 0.0).
///
/// # Errors
/// All variants of [`Error`] about messages. `parameters` are then unchanged: the whole message is checked first.
pub fn add_scaled(bytes: &[u8], parameters: &mut [f32], factor: f32) -> Result<Header, Error> {
    let message = Message::parse(bytes, parameters.len())?;
    message.for_each(|_, _| {})?;
    let share = message.header.tau.share(message.header.divisor);
    message.for_each(|index, n| parameters[index] += factor * (share * n as f32))?;
    Ok(message.header)
}

/// Returns the mean over `contributors` of counts in units of `tau`: `fl(τ/c)·n`.
#[must_use]
pub fn counts_to_mean(counts: &[i32], tau: Tau, contributors: u32) -> Vec<f32> {
    let share = tau.share(contributors);
    counts.iter().map(|&n| share * n as f32).collect()
}
