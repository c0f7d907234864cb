//! A disk that is full for a while: the one with a worker's objects, the coordinator's event log, or the labeler's
//! shards.

use super::case::Case;
use super::disturbance::{self, TICK, Undisturbed, audit, deployed};
use super::place::Place;
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::remove_folder;

/// A small separate disk mounted at a folder; unmounted when dropped.
#[derive(Debug)]
pub(super) struct Disk {
    /// Mount point of the whole disk.
    whole: PathBuf,
    /// The folder that a program writes to: a part of the disk, so that it does not contain the file that fills the
    /// disk.
    folder: PathBuf,
}

const FILLER: &str = "filler";

impl Disk {
    /// Mounts a disk of `megabytes` at `folder`.
    pub(super) fn lay(folder: &Path, megabytes: u32) -> Result<Self> {
        let disk = Self { whole: folder.with_extension("disk"), folder: folder.to_owned() };
        for path in [&disk.whole, &disk.folder] {
            std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        let size = format!("size={megabytes}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "stentor-chaos"]).arg(&disk.whole);
        process::output(&mut mount).context("mounting a disk needs root")?;
        let inner = disk.whole.join("folder");
        std::fs::create_dir(&inner).with_context(|| format!("cannot make {}", inner.display()))?;
        process::output(Command::new("mount").arg("--bind").arg(&inner).arg(&disk.folder))?;
        Ok(disk)
    }

    /// Fills the disk to the last byte.
    pub(super) fn fill(&self) -> Result<()> {
        let path = self.whole.join(FILLER);
        let mut file =
            std::fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut piece = vec![0u8; 1 << 20];
        loop {
            match file.write(&piece) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                    if piece.len() == 1 {
                        return Ok(());
                    }
                    piece.truncate(piece.len() / 2);
                }
                Err(error) => return Err(error).with_context(|| format!("cannot write {}", path.display())),
            }
        }
    }

    pub(super) fn clear(&self) -> Result<()> {
        let path = self.whole.join(FILLER);
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for path in [&self.folder, &self.whole] {
            // An error means that it was not mounted. With `--lazy`, a program that is still ending keeps its own
            // view.
            let _ = Command::new("umount").arg("--lazy").arg(path).output();
        }
        let _ = std::fs::remove_dir(&self.whole);
    }
}

/// The program whose disk becomes full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Whose {
    Worker,
    Coordinator,
    Labeler,
}

/// The result of a run with a full disk.
#[derive(Debug, Serialize)]
pub(super) struct FullDisk {
    pub(super) name: String,
    whose: Whose,
    /// Exit codes of programs that ended while the disk was full.
    codes: BTreeSet<i32>,
    /// Whether the log contains the system's error message.
    told: bool,
    /// Whether a checkpoint or shard set was published while the disk was full.
    published_meanwhile: bool,
    /// Whether every object that was written is intact in the end, and no unfinished file is left.
    whole: bool,
    /// Whether parameters or labels are equal to those of an undisturbed run; with `elastic`, whether the ledger is
    /// clean.
    as_undisturbed: bool,
}

impl FullDisk {
    /// Whether all guarantees hold.
    pub(super) fn holds(&self) -> bool {
        let codes = self.codes.iter().all(|code| *code == 75);
        codes && self.told && !self.published_meanwhile && self.whole && self.as_undisturbed
    }
}

impl fmt::Display for FullDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, codes, told, published_meanwhile, whole, as_undisturbed, .. } = self;
        let word = |yes: bool| if yes { "yes" } else { "NO" };
        write!(
            f,
            "{name:34} ended with {codes:?}, error logged {}, nothing published meanwhile {}, all intact {}, equal to undisturbed run {}",
            word(*told),
            word(!published_meanwhile),
            word(*whole),
            word(*as_undisturbed)
        )
    }
}

/// How long the disk stays full: the time of several checkpoints.
const FULL: Duration = Duration::from_secs(8);

/// Trains while the disk of `whose` is full for a while.
pub(super) fn train(place: &Place, case: Case, whose: Whose, undisturbed: &Undisturbed) -> Result<FullDisk> {
    let (part, megabytes) = match whose {
        Whose::Worker => ("checkpoints", 512),
        Whose::Coordinator | Whose::Labeler => ("events", 16),
    };
    let name = format!("{}-full-{part}", case.name());
    let run = place.folder.join(&name);
    remove_folder(&run)?;
    let disk = Disk::lay(&run.join(part), megabytes)?;
    let mut cluster = disturbance::fresh(place, case, &name, 0, None)?;
    let begun = Instant::now();
    let mut full: Option<(Instant, Option<String>)> = None;
    let (mut was_full, mut published_meanwhile) = (false, false);
    while !cluster.tend()? {
        disturbance::check(begun, &name)?;
        std::thread::sleep(TICK);
        let newest = cluster.watch.newest_checkpoint();
        match &full {
            None if !was_full && newest.is_some() => {
                disk.fill()?;
                // A checkpoint already in progress may have had enough space.
                std::thread::sleep(Duration::from_millis(500));
                (was_full, full) = (true, Some((Instant::now(), cluster.watch.newest_checkpoint())));
            }
            Some((since, before)) => {
                published_meanwhile |= newest > *before;
                if since.elapsed() >= FULL {
                    disk.clear()?;
                    full = None;
                }
            }
            None => {}
        }
    }
    ensure!(was_full && full.is_none(), "{name} finished before its disk had been full and freed again");
    let log = std::fs::read_to_string(run.with_extension("log")).unwrap_or_default();
    let clean = audit(place, &run)?.clean;
    let same = case.membership != super::case::Membership::Fixed || deployed(&run)? == undisturbed.model;
    Ok(FullDisk {
        name,
        whose,
        codes: cluster.codes.clone(),
        told: log.contains("No space left"),
        published_meanwhile,
        whole: is_whole(place, &run)?,
        as_undisturbed: clean && same,
    })
}

/// Labels on a full disk, and again after space has been freed.
pub(super) fn label(place: &Place, run: &Path) -> Result<FullDisk> {
    let (undisturbed, out) = (place.folder.join("labels-undisturbed"), place.folder.join("labels-full-disk"));
    for folder in [&undisturbed, &out] {
        remove_folder(folder)?;
    }
    process::run(&mut super::labeler::command(place, run, &undisturbed), Deadline::minutes(10))?;
    let disk = Disk::lay(&out, 16)?;
    disk.fill()?;
    let mut labeler = super::labeler::command(place, run, &out);
    let ended = labeler.output().context("cannot start the labeler")?;
    let published_meanwhile = out.join("manifest.json").exists();
    let half_written = !super::labeler::files(&out)?.is_empty();
    disk.clear()?;
    process::run(&mut super::labeler::command(place, run, &out), Deadline::minutes(10))?;
    Ok(FullDisk {
        name: "labeler-full-disk".to_owned(),
        whose: Whose::Labeler,
        codes: ended.status.code().into_iter().collect(),
        told: String::from_utf8_lossy(&ended.stderr).contains("No space left"),
        published_meanwhile,
        whole: !half_written && is_whole(place, &out)?,
        as_undisturbed: super::labeler::files(&out)? == super::labeler::files(&undisturbed)?,
    })
}

/// Whether `stentor verify` finds every object intact, and no file has the name of an unfinished file.
fn is_whole(place: &Place, path: &Path) -> Result<bool> {
    let verdict = place.stentor("verify").arg(path).output().context("cannot start `stentor verify`")?;
    let in_the_making = super::labeler::files(path)?.keys().any(|name| name.to_string_lossy().contains('#'));
    Ok(verdict.status.success() && !in_the_making)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_that_ends_with_a_code_other_than_retryable_fails_the_test() {
        let good = || FullDisk {
            name: "x".to_owned(),
            whose: Whose::Worker,
            codes: BTreeSet::from([75]),
            told: true,
            published_meanwhile: false,
            whole: true,
            as_undisturbed: true,
        };
        assert!(good().holds());
        assert!(!FullDisk { codes: BTreeSet::from([3, 75]), ..good() }.holds());
        assert!(!FullDisk { published_meanwhile: true, ..good() }.holds());
        assert!(!FullDisk { told: false, ..good() }.holds(), "the error must be reported");
    }
}
