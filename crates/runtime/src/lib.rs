//! What every program of Stentor needs: telemetry, shutdown, retries, exit codes, child processes.
//!
//! A main looks like this:
//!
//! ```no_run
//! use stentor_runtime::{ExitStatus, Shutdown, TelemetryOptions, telemetry};
//!
//! fn main() -> ExitStatus {
//!     let options = TelemetryOptions { program: "worker", metrics: None };
//!     let _telemetry = match telemetry::init(options) {
//!         Ok(telemetry) => telemetry,
//!         Err(error) => {
//!             stentor_runtime::errln!("worker: {error}");
//!             return ExitStatus::Config;
//!         }
//!     };
//!     let shutdown = Shutdown::listen();
//!     if shutdown.is_requested() { ExitStatus::Stopped } else { ExitStatus::Ok }
//! }
//! ```
//!
//! Our libraries only emit `tracing` events and call [`metrics`]; this crate decides what becomes of both.

mod address;
mod attempts;
mod busy;
pub mod child;
mod connections;
pub mod descriptors;
mod disk;
mod error;
mod figures;
mod goaway;
mod memory;
pub mod metrics;
pub mod print;
mod readiness;
mod retry;
mod secret;
mod secret_file;
mod shutdown;
pub mod telemetry;
pub mod tls;
mod token;
mod tokens;
pub mod traces;

pub use address::address;
pub use attempts::{Attempts, Denied};
pub use busy::busy;
pub use child::Child;
pub use connections::{Activity, Bounds, Call, Full};
pub use disk::watch_disk;
pub use error::Error;
pub use figures::FiguresFile;
pub use memory::{cpu_seconds, peak_rss_bytes, peak_rss_mb};
pub use readiness::{Readiness, is_now, readiness};
pub use retry::{Retry, Verdict};
pub use secret::secret;
pub use secret_file::warn_if_exposed;
pub use shutdown::{Shutdown, Trigger};
pub use stentor_exit::{ExitStatus, ProgramError, Reaction};
pub use telemetry::{Telemetry, TelemetryOptions};
pub use token::Token;
pub use tokens::{Right, Tokens};

/// The output of `--version`: the release, whether the build contains debug assertions, which cost time, and whether it lacks TLS.
pub const VERSION: &str = match (cfg!(debug_assertions), cfg!(feature = "crypto")) {
    (false, true) => env!("CARGO_PKG_VERSION"),
    (false, false) => {
        concat!(env!("CARGO_PKG_VERSION"), " (without TLS; with it: cargo xtask programs --release)")
    }
    (true, true) => concat!(
        env!("CARGO_PKG_VERSION"),
        " (with debug assertions; for long runs: cargo xtask programs --release)"
    ),
    (true, false) => concat!(
        env!("CARGO_PKG_VERSION"),
        " (with debug assertions, without TLS; for long runs and networks: cargo xtask programs --release)"
    ),
};
