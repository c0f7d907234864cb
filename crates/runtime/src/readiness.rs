//! Whether this program can do its work now: `/readyz`. Whether it lives is `/healthz`. A program that waits for a slow store lives and
//! is not ready; its supervisor must not kill it for that.

use std::sync::atomic::{AtomicU8, Ordering};

/// What a program can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Readiness {
    /// It prepares its work.
    Starting,
    /// It works, or takes calls.
    Ready,
    /// It ends.
    Stopping,
}

impl Readiness {
    const ALL: [Readiness; 3] = [Readiness::Starting, Readiness::Ready, Readiness::Stopping];

    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Readiness::Starting => "starting",
            Readiness::Ready => "ready",
            Readiness::Stopping => "stopping",
        }
    }
}

/// Of this process.
static READINESS: AtomicU8 = AtomicU8::new(Readiness::Starting as u8);

/// Says what this process can do from now on.
pub fn is_now(readiness: Readiness) {
    READINESS.store(readiness as u8, Ordering::Relaxed);
}

/// What this process can do.
#[must_use]
pub fn readiness() -> Readiness {
    let now = READINESS.load(Ordering::Relaxed);
    Readiness::ALL.into_iter().find(|one| *one as u8 == now).unwrap_or(Readiness::Starting)
}
