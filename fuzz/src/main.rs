//! Feeds every decoder of bytes from network and disk with inputs that libFuzzer generates, guided by the edges that
//! they reach.
//!
//! One program contains all targets; `STENTOR_FUZZ_TARGET` names the one to run. If `STENTOR_FUZZ_SEEDS` is set, the
//! program only writes the target's valid examples to that folder. `cargo xtask fuzz` builds the program, sets both
//! variables, and counts the inputs.
#![no_main]

mod targets;

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use targets::{TARGETS, Target};

/// The target named in the environment.
static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

fuzz_target!(init: choose(), |data: &[u8]| {
    if let Some(target) = CHOSEN.get() {
        (target.run)(data);
    }
});

fn choose() {
    // The shard reader has to catch panics of the Parquet decoder. Only a panic that reaches this program is a crash.
    std::panic::set_hook(Box::new(|_| {}));
    let name = std::env::var("STENTOR_FUZZ_TARGET").unwrap_or_default();
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("STENTOR_FUZZ_TARGET: expected one of {}, found `{name}`", names.join(", "));
        std::process::exit(2);
    };
    if let Some(folder) = std::env::var_os("STENTOR_FUZZ_SEEDS") {
        let folder = std::path::PathBuf::from(folder);
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            if let Err(error) = std::fs::write(folder.join(format!("seed-{number:02}")), seed) {
                eprintln!("{}: {error}", folder.display());
                std::process::exit(2);
            }
        }
        std::process::exit(0);
    }
    CHOSEN.get_or_init(|| target);
}
