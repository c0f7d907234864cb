//! Labels of a model for a feature set: given, or computed now by the program `teacher-labeler`.

use crate::exit::{Meaning, stopped};
use crate::siblings;
use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use stentor_evaluate::LabelerFigures;
use stentor_runtime::{Child, ExitStatus, Shutdown};
use stentor_store::Fault;

/// Number of senones kept per frame: all of them if they are phone states, otherwise practically all of the mass.
const TOP_K: usize = 256;

/// What a restart does after a signal.
pub(crate) const AGAIN: &str = "start again: labels that are kept with --labels are reused";

/// How long the labeler may take to shut down cleanly.
const GRACE: Duration = Duration::from_secs(10);

/// Where the labels of a command's model come from.
pub(crate) struct Labels<'a> {
    /// A run or a checkpoint that labels are computed with; without one they must be given.
    pub(crate) model: Option<&'a str>,
    /// For the labeler; 0 means all cores.
    pub(crate) threads: usize,
    /// Folder for labels that need not be kept.
    pub(crate) scratch: &'a Scratch,
    pub(crate) shutdown: &'a Shutdown,
}

impl Labels<'_> {
    /// Returns the location of a set's labels: as given, or computed now by the labeler, whose figures are returned too. With a model,
    /// `given` is where they are written and kept. `name` tells them from those of other sets.
    pub(crate) async fn of(
        &self,
        features: &str,
        given: Option<&str>,
        name: &str,
    ) -> Result<(String, Option<LabelerFigures>)> {
        let Self { threads, scratch, shutdown, .. } = *self;
        match (self.model, given) {
            (None, None) => {
                bail!("{features}: expected its labels or a model to compute them with, found neither")
            }
            (None, Some(labels)) => Ok((labels.to_owned(), None)),
            (Some(model), given) => {
                let out = given.map_or_else(|| scratch.place(name), ToOwned::to_owned);
                let figures = scratch.place(&format!("{name}.json"));
                let job = Job { model, features, out: &out, figures: &figures, threads, shutdown };
                let figures = job.run().await?;
                Ok((out, Some(figures)))
            }
        }
    }
}

/// One run of the program `teacher-labeler` over one feature set.
struct Job<'a> {
    model: &'a str,
    features: &'a str,
    out: &'a str,
    /// File for the labeler's own figures.
    figures: &'a str,
    threads: usize,
    shutdown: &'a Shutdown,
}

impl Job<'_> {
    async fn run(&self) -> Result<LabelerFigures> {
        let mut command = siblings::command("teacher-labeler");
        command
            .args([
                "--model",
                self.model,
                "--features",
                self.features,
                "--out",
                self.out,
                "--json",
                self.figures,
            ])
            .arg(format!("--top-k={TOP_K}"))
            .arg(format!("--threads={}", self.threads))
            .stdout(Stdio::null());
        let mut labeler = Child::spawn("teacher-labeler", command)
            .await
            .with_context(|| siblings::expected("teacher-labeler"))?;
        let status = tokio::select! {
            status = labeler.wait() => status?,
            () = self.shutdown.requested() => {
                labeler.stop(GRACE).await?;
                return Err(stopped(AGAIN));
            }
        };
        if !status.success() {
            let ended = siblings::Ended::new("teacher-labeler", status, self.features);
            return Err(if ended.was_stopped() { stopped(AGAIN) } else { ended.into() });
        }
        let text = std::fs::read(self.figures).with_context(|| self.figures.to_owned())?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{}: expected the labeler's figures", self.figures))
    }
}

/// Beginning of the names of scratch folders, and the file in each that its process keeps locked.
const SCRATCH: &str = "stentor-labels-";
const LOCK: &str = ".lock";

/// A scratch folder of this process for labels that need not be kept; removed with its contents when dropped. A process
/// that is killed leaves its folder behind; the next one removes it.
pub(crate) struct Scratch {
    path: PathBuf,
    /// The system releases the lock when the process ends for any reason.
    _lock: File,
}

impl Scratch {
    /// A folder in the system's folder for temporary files (`TMPDIR`).
    pub(crate) fn new() -> Result<Self> {
        Self::under(&std::env::temp_dir())
    }

    fn under(folder: &Path) -> Result<Self> {
        remove_abandoned(folder);
        let process = std::process::id();
        for attempt in 0..1000 {
            let path = folder.join(format!("{SCRATCH}{process}-{attempt}"));
            match create_private(&path).and_then(|()| lock(&path)) {
                // Another process with the same id, in a container for instance, has it.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    let status = ExitStatus::from(Fault::of_io("write", &error));
                    let shown = path.display();
                    let what = format!(
                        "cannot make a folder for temporary files, {shown}; TMPDIR names another place"
                    );
                    return Err(anyhow::Error::new(error).context(what)).meaning(status);
                }
                Ok(lock) => return Ok(Self { path, _lock: lock }),
            }
        }
        let shown = folder.display();
        bail!("{shown}: a thousand folders named {SCRATCH}{process}-… already exist; remove them")
    }

    /// Returns the path for a file or folder with this name in the folder.
    fn place(&self, name: &str) -> String {
        self.path.join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the scratch folder");
        }
    }
}

/// Locks a scratch folder for this process.
fn lock(folder: &Path) -> std::io::Result<File> {
    let file = File::create_new(folder.join(LOCK))?;
    file.try_lock().map_err(|error| match error {
        std::fs::TryLockError::WouldBlock => ErrorKind::AlreadyExists.into(),
        std::fs::TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

/// Removes the scratch folders of processes that have ended without doing so. Those of other users are left alone, because
/// their files cannot be opened.
fn remove_abandoned(folder: &Path) {
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let is_scratch =
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(SCRATCH.as_bytes()));
        let held = |file: File| file.try_lock().is_ok().then_some(file);
        // Without the file it may be just being made.
        if is_scratch
            && let Some(_lock) = File::options().write(true).open(path.join(LOCK)).ok().and_then(held)
        {
            // What cannot be removed now is removed later.
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

/// Creates a folder that only this user can access; an existing folder is an error.
fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_folders_are_private_distinct_and_removed_afterwards() {
        use std::os::unix::fs::PermissionsExt;
        let (one, two) = (Scratch::new().unwrap(), Scratch::new().unwrap());
        assert_ne!(one.path, two.path);
        assert_eq!(std::fs::metadata(&one.path).unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::write(one.place("labels"), "x").unwrap();
        let path = one.path.clone();
        drop(one);
        assert!(!path.exists() && two.path.exists());
    }

    #[test]
    fn the_folder_of_a_killed_process_is_removed_by_the_next_and_that_of_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let living = Scratch::under(folder.path()).unwrap();
        let killed = Scratch::under(folder.path()).unwrap();
        let Scratch { path, .. } = &killed;
        std::fs::create_dir(path.join("test")).unwrap();
        std::fs::write(path.join("test/part-00000.parquet"), "labels").unwrap();
        // As of a killed process: the folder is there, and nobody has the lock.
        let (kept, left) = (folder.path().join("kept"), path.clone());
        std::fs::rename(&left, &kept).unwrap();
        drop(killed);
        std::fs::rename(&kept, &left).unwrap();
        let strangers = folder.path().join("stentor-labelsmith");
        std::fs::create_dir(&strangers).unwrap();
        let next = Scratch::under(folder.path()).unwrap();
        assert!(living.path.exists() && next.path.exists() && strangers.exists());
        assert!(next.path == left || !left.exists());
        assert!(!next.path.join("test").exists());
    }

    #[test]
    fn a_place_for_temporary_files_that_can_hold_none_is_a_mistake_of_the_command_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "no folder").unwrap();
        let error = Scratch::under(&file).err().unwrap();
        assert_eq!(crate::exit::of(&error), ExitStatus::Config);
        assert!(format!("{error:#}").contains("TMPDIR"), "{error:#}");
    }
}
