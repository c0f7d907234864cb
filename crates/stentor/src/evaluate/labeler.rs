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
pub(super) const AGAIN: &str = "start again: existing labels are reused";

/// How long the labeler may take to shut down cleanly.
const GRACE: Duration = Duration::from_secs(10);

/// One run of the program `teacher-labeler` over one feature set.
pub(super) struct Job<'a> {
    pub(super) model: &'a str,
    pub(super) features: &'a str,
    pub(super) out: &'a str,
    /// File for the labeler's own figures.
    pub(super) figures: &'a str,
    pub(super) threads: usize,
    pub(super) shutdown: &'a Shutdown,
}

impl Job<'_> {
    pub(super) async fn run(&self) -> Result<LabelerFigures> {
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
            .with_context(|| crate::siblings::expected("teacher-labeler"))?;
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
pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(super) fn new() -> Result<Self> {
        let process = std::process::id();
        for attempt in 0..1000 {
            let path = std::env::temp_dir().join(format!("stentor-evaluate-{process}-{attempt}"));
            match create_private(&path) {
                // An earlier process with the same id may have left its folder.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
                Ok(()) => return Ok(Self { path }),
            }
        }
        bail!(
            "{}: a thousand folders named stentor-evaluate-{process}-… already exist; remove them",
            std::env::temp_dir().display()
        )
    }

    /// Returns the path for a file or folder with this name in the folder.
    pub(super) fn place(&self, name: &str) -> String {
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
