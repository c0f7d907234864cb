//! Labels of a model for a feature set: given, or computed now by the program `teacher-labeler`.

use crate::exit::stopped;
use crate::siblings;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use stentor_evaluate::LabelerFigures;
use stentor_runtime::{Child, Shutdown};

/// Number of senones kept per frame: all of them if they are phone states, otherwise practically all of the mass.
const TOP_K: usize = 256;

/// What a restart does after a signal.
pub(crate) const AGAIN: &str = "start again: existing labels are reused";

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
            bail!("teacher-labeler ended with {status} over {}; see its messages above", self.features);
        }
        let text = std::fs::read(self.figures).with_context(|| self.figures.to_owned())?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{}: expected the labeler's figures", self.figures))
    }
}

/// A scratch folder of this process for labels that need not be kept; removed with its contents when dropped.
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(crate) fn new() -> Result<Self> {
        let process = std::process::id();
        for attempt in 0..1000 {
            let path = std::env::temp_dir().join(format!("stentor-labels-{process}-{attempt}"));
            match create_private(&path) {
                // An earlier process with the same id may have left its folder.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
                Ok(()) => return Ok(Self { path }),
            }
        }
        bail!(
            "{}: a thousand folders named stentor-labels-{process}-… already exist; remove them",
            std::env::temp_dir().display()
        )
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
}
