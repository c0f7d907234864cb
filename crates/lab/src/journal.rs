//! Records which steps of a demo are done. Each step leaves a marker that contains everything that its result depends
//! on. A step with an equal marker is not repeated; if a step is repeated, the steps that depend on it are repeated,
//! too.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use stentor_tasks::progress;
use stentor_tasks::{create_folder, remove_folder};

/// The markers of one demo.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
}

/// A step's marker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Marker {
    /// Command line, files and earlier steps that the result depends on.
    inputs: String,
    /// `None` while the step is running.
    done: Option<Done>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Its duration; if it was interrupted, the duration of its last part only.
    pub(crate) seconds: f64,
    /// Distinguishes this execution of the step from others.
    pub(crate) token: u64,
}

/// How to handle what an interrupted step has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leftovers {
    /// The program continues with it.
    Resume,
    /// The program must start from the beginning.
    Discard,
}

/// A step to run, unless it is already done.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    /// Name for display, and for the marker's file name.
    pub(crate) name: &'a str,
    /// Everything that its result depends on.
    pub(crate) inputs: String,
    /// What it writes.
    pub(crate) output: &'a Path,
    pub(crate) leftovers: Leftovers,
}

impl Journal {
    /// Opens the journal of the demo in `folder`, which must be new, empty or an earlier demo's.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let markers = folder.join("steps");
        let is_empty = || std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
        ensure!(
            !folder.exists() || markers.is_dir() || is_empty(),
            "{} contains something other than a demo; name another folder with --out",
            folder.display()
        );
        create_folder(&markers)?;
        Ok(Self { folder: markers })
    }

    /// Runs a step unless its marker says that it is done.
    pub(crate) fn step(&self, step: &Step<'_>, work: impl FnOnce() -> Result<()>) -> Result<Done> {
        let path = self.folder.join(format!("{}.json", step.name.replace([' ', '/'], "-")));
        let marker = read(&path).filter(|marker| marker.inputs == step.inputs);
        let is_there = step.output.exists();
        match marker {
            Some(Marker { done: Some(done), .. }) if is_there => {
                eprintln!("\n── {}: already done", step.name);
                return Ok(done);
            }
            Some(Marker { done: None, .. }) if is_there && step.leftovers == Leftovers::Resume => {
                eprintln!("\n── {}: was interrupted; its time will be that of the remaining part", step.name);
            }
            _ => discard(step.output)?,
        }
        write(&path, &Marker { inputs: step.inputs.clone(), done: None })?;
        let start = Instant::now();
        progress::step(step.name, work)?;
        let token = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
        let done = Done { seconds: start.elapsed().as_secs_f64(), token };
        write(&path, &Marker { inputs: step.inputs.clone(), done: Some(done) })?;
        Ok(done)
    }
}

/// A marker that cannot be read counts as missing: the step is done again.
fn read(path: &Path) -> Option<Marker> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn write(path: &Path, marker: &Marker) -> Result<()> {
    let text = serde_json::to_vec_pretty(marker).context("a marker is plain JSON")?;
    let partial = path.with_extension("partial");
    std::fs::write(&partial, text).with_context(|| format!("cannot write {}", partial.display()))?;
    std::fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))
}

fn discard(output: &Path) -> Result<()> {
    if output.is_file() {
        return std::fs::remove_file(output).with_context(|| format!("cannot remove {}", output.display()));
    }
    remove_folder(output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::cell::Cell;

    struct Trial {
        home: tempfile::TempDir,
        times: Cell<u32>,
    }

    impl Trial {
        fn new() -> Self {
            Self { home: tempfile::tempdir().unwrap(), times: Cell::new(0) }
        }

        fn output(&self) -> PathBuf {
            self.home.path().join("demo/out")
        }

        /// One run: the step appends a line to a file in its output folder, then succeeds or fails.
        fn run(&self, inputs: &str, leftovers: Leftovers, is_killed: bool) -> Result<Done> {
            let journal = Journal::open(&self.home.path().join("demo")).unwrap();
            let output = self.output();
            let step = Step { name: "train x", inputs: inputs.to_owned(), output: &output, leftovers };
            journal.step(&step, || {
                self.times.set(self.times.get() + 1);
                create_folder(&output)?;
                let before = std::fs::read_to_string(output.join("lines")).unwrap_or_default();
                std::fs::write(output.join("lines"), before + "line\n")?;
                if is_killed { bail!("killed") } else { Ok(()) }
            })
        }

        fn lines(&self) -> usize {
            std::fs::read_to_string(self.output().join("lines")).unwrap().lines().count()
        }
    }

    #[test]
    fn a_finished_step_is_not_repeated() {
        let trial = Trial::new();
        let first = trial.run("a", Leftovers::Discard, false).unwrap();
        assert_eq!(trial.run("a", Leftovers::Discard, false).unwrap(), first);
        assert_eq!(trial.times.get(), 1);
    }

    #[test]
    fn other_inputs_or_a_lost_output_repeat_the_step_from_the_beginning() {
        let trial = Trial::new();
        let first = trial.run("a", Leftovers::Resume, false).unwrap();
        let second = trial.run("b", Leftovers::Resume, false).unwrap();
        assert_ne!(first.token, second.token);
        assert_eq!((trial.times.get(), trial.lines()), (2, 1));
        std::fs::remove_dir_all(trial.output()).unwrap();
        trial.run("b", Leftovers::Resume, false).unwrap();
        assert_eq!((trial.times.get(), trial.lines()), (3, 1));
    }

    #[test]
    fn an_interrupted_step_continues_if_its_program_can() {
        for (leftovers, lines) in [(Leftovers::Resume, 2), (Leftovers::Discard, 1)] {
            let trial = Trial::new();
            let error = format!("{:#}", trial.run("a", leftovers, true).unwrap_err());
            assert!(error.contains("killed"), "{error}");
            trial.run("a", leftovers, false).unwrap();
            assert_eq!((trial.times.get(), trial.lines()), (2, lines), "{leftovers:?}");
        }
    }

    #[test]
    fn a_folder_with_other_content_is_not_touched() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("thesis.txt"), "years of work").unwrap();
        let error = Journal::open(home.path()).unwrap_err().to_string();
        assert!(error.contains("--out"), "{error}");
        assert!(home.path().join("thesis.txt").is_file());
    }
}
