//! Progress messages: the running step, and how long it took.

// Nothing can be done if standard error cannot be written.
#![allow(clippy::print_stderr)]

use anyhow::Result;
use indicatif::FormattedDuration;
use std::time::Instant;

/// Announces a step, runs it, and prints how long it took. An error names the step.
///
/// # Errors
/// The step's.
pub fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("\n── {title}");
    let start = Instant::now();
    let result = work();
    let took = FormattedDuration(start.elapsed());
    match result {
        Ok(value) => {
            eprintln!("── {title}: done in {took}");
            Ok(value)
        }
        Err(error) => {
            eprintln!("── {title}: FAILED after {took}");
            Err(error.context(format!("step `{title}` failed")))
        }
    }
}
