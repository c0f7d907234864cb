use crate::exit::stopped;
use crate::siblings;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use stentor_evaluate::LabelerFigures;
use stentor_runtime::{Child, Shutdown};

/// Senones kept per frame: all of them where they are phone states, and practically all of the mass elsewhere.
const TOP_K: usize = 256;

/// What another start does after a signal.
pub(super) const AGAIN: &str = "start again: labels that are kept are not made again";

/// How long the labeler may take to stop in good order.
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
            bail!("teacher-labeler ended with {status} over {}; its own words are above", self.features);
        }
        let text = std::fs::read(self.figures).with_context(|| self.figures.to_owned())?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{}: expected the labeler's figures", self.figures))
    }
}

/// A folder of this process for labels that nobody asked to keep; removed with everything in it when dropped.
pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(super) fn new() -> Result<Self> {
        let process = std::process::id();
        for attempt in 0..1000 {
            let path = std::env::temp_dir().join(format!("stentor-evaluate-{process}-{attempt}"));
            match create_private(&path) {
                // Another process of this number, long gone, may have left its folder.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
                Ok(()) => return Ok(Self { path }),
            }
        }
        bail!(
            "{}: a thousand folders named stentor-evaluate-{process}-… are in the way",
            std::env::temp_dir().display()
        )
    }

    /// A place in the folder, for a file or a folder of that name.
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

/// Creates a folder that only this user can enter; one that is there already is an error.
fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_folders_are_private_apart_and_gone_afterwards() {
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
