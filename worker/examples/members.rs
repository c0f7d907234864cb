//! Many workers in one process, for measurements of large clusters: `cargo xtask bench members` starts several of these.
//!
//!     members data FOLDER UTTERANCES       writes the features that they train on, some 100 frames in each utterance
//!     members join URL FIRST COUNT         COUNT whole workers, named worker-FIRST and so on, until the run's end
//!
//! Each is the worker that ships, with its own connections, replica, data feed and checkpoints; only the process is shared.

// Only our benchmark runs this program; what it prints is for whoever looks into a failure.
#![allow(clippy::print_stderr)]

use std::path::Path;
use stentor_runtime::{Shutdown, descriptors};
use stentor_worker::{Error, Options};
use tokio::task::{JoinSet, LocalSet};

/// Files and connections of one worker.
const DESCRIPTORS: u64 = 16;
/// Threads that read and write files.
const FILES: usize = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime =
        tokio::runtime::Builder::new_current_thread().max_blocking_threads(FILES).enable_all().build()?;
    match words[..] {
        ["data", folder, utterances] => {
            runtime.block_on(stentor_tests::write_features(Path::new(folder), utterances.parse()?, 1));
            Ok(())
        }
        ["join", url, first, count] => {
            let (first, count): (usize, usize) = (first.parse()?, count.parse()?);
            descriptors::raise(count as u64 * DESCRIPTORS + 256);
            runtime.block_on(LocalSet::new().run_until(join(url, first, count)))
        }
        _ => Err("expected `data FOLDER UTTERANCES` or `join URL FIRST COUNT`".into()),
    }
}

/// Runs the workers; fails with the first one that fails.
async fn join(url: &str, first: usize, count: usize) -> Result<(), Box<dyn std::error::Error>> {
    let mut workers = JoinSet::new();
    let shutdown = Shutdown::listen();
    for number in first..first + count {
        let (options, shutdown) = (options(url, number), shutdown.clone());
        workers.spawn_local(async move {
            let result = stentor_worker::run(&options, &shutdown).await;
            result.map_err(|error| (options.identity, error))
        });
    }
    while let Some(ended) = workers.join_next().await {
        if let Err((identity, error)) = ended? {
            eprintln!("{identity}: {error}");
            return Err(Box::<Error>::new(error));
        }
    }
    Ok(())
}

fn options(url: &str, number: usize) -> Options {
    Options { device: "cpu".to_owned(), ..Options::new(url, format!("worker-{number}")) }
}
