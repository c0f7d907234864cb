//! Progress messages: the running step, and how long it took.

// Nothing can be done if standard error cannot be written.
#![allow(clippy::print_stderr)]

use anyhow::Result;
use std::time::Instant;

/// Announces a step, runs it, and prints how long it took. An error names the step.
///
/// # Errors
/// The step's.
pub fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("\n── {title}");
    let start = Instant::now();
    let result = work();
    let seconds = start.elapsed().as_secs_f64();
    match result {
        Ok(value) => {
            eprintln!("── {title}: done in {}", duration(seconds));
            Ok(value)
        }
        Err(error) => {
            eprintln!("── {title}: FAILED after {}", duration(seconds));
            Err(error.context(format!("step `{title}` failed")))
        }
    }
}

/// `0.4 s`, `12 s` or `3 min 05 s`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    if whole < 60 { format!("{whole} s") } else { format!("{} min {:02} s", whole / 60, whole % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_readable_at_every_size() {
        let said = [0.04, 9.94, 9.96, 59.4, 59.6, 185.0].map(duration);
        assert_eq!(said, ["0.0 s", "9.9 s", "10 s", "59 s", "1 min 00 s", "3 min 05 s"]);
    }
}
