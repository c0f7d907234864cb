//! The labeler, killed and restarted until it finishes: it must write the same bytes as an undisturbed one.

use super::cluster::send;
use super::disturbance::Random;
use super::place::Place;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::remove_folder;

/// How long it is stopped by SIGSTOP.
const ASLEEP: Duration = Duration::from_secs(1);

/// A labeler of the unannotated data with the model of `run`.
pub(super) fn command(place: &Place, run: &Path, out: &Path) -> Command {
    let mut command = Command::new(place.programs.join("teacher-labeler"));
    command.arg("--model").arg(run).arg("--features").arg(place.folder.join("data/unannotated"));
    command.arg("--out").arg(out).stdin(Stdio::null()).stdout(Stdio::null()).env("STENTOR_LOG", "error");
    command
}

/// Labels the unannotated data with the model of `run`, with `kills` kills. Returns whether the bytes are the same.
pub(super) fn run(place: &Place, run: &Path, kills: u32, seed: u64) -> Result<bool> {
    let label = |out: &Path| command(place, run, out);
    let (undisturbed, out) = (place.folder.join("labels-undisturbed"), place.folder.join("labels"));
    for folder in [&undisturbed, &out] {
        remove_folder(folder)?;
    }
    let begun = Instant::now();
    process::run(&mut label(&undisturbed), Deadline::minutes(10))?;
    let takes = begun.elapsed();
    let mut random = Random(stentor_random::SplitMix64::new(seed));
    let mut killed = 0;
    while killed < kills {
        let mut child = label(&out).spawn().context("cannot start `teacher-labeler`")?;
        let mut lives = || Duration::from_micros(random.below(takes.as_micros() as u64));
        std::thread::sleep(lives());
        // Every second one is stopped first, and continues for a while.
        if killed % 2 == 1 && send("STOP", &child) {
            std::thread::sleep(ASLEEP);
            send("CONT", &child);
            std::thread::sleep(lives() / 4);
        }
        if child.try_wait().context("cannot wait for the labeler")?.is_none() {
            child.kill().context("cannot kill the labeler")?;
            killed += 1;
        }
        child.wait().context("cannot wait for the labeler")?;
        if out.join("manifest.json").is_file() {
            // It has finished between two kills: the remaining kills are used on another set.
            if objects(&out)? != objects(&undisturbed)? {
                return Ok(false);
            }
            remove_folder(&out)?;
        }
    }
    process::run(&mut label(&out), Deadline::minutes(10))?;
    Ok(objects(&out)? == objects(&undisturbed)?)
}

/// Every object in a folder with its bytes: everything that a reader of the store sees. A killed writer may have left
/// an unfinished file with a name (`…#1`) that no reader uses.
fn objects(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = files(folder)?;
    found.retain(|name, _| !name.to_string_lossy().contains('#'));
    Ok(found)
}

/// Every file in a folder and below, with its bytes.
pub(super) fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = std::fs::read_dir(&next).with_context(|| format!("cannot read {}", next.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes =
                    std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
                found.insert(name, bytes);
            }
        }
    }
    Ok(found)
}
