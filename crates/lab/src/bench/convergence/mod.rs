//! Convergence on the demo's corpus: loss by frames for each strategy with 1, 2, 4 and 8 workers on the same data, as
//! a table and a picture. Each run is one `stentor train`; runs that are finished are not repeated.

mod cases;
pub(super) mod errors;
mod results;

use super::figures::Figures;
use crate::journal::{Journal, Leftovers, Step};
use anyhow::{Context, Result, bail, ensure};
use cases::Case;
use results::Trained;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use stentor_tasks::Environment;
use stentor_tasks::options::bench::Convergence;
use stentor_tasks::process::{self, Deadline};

/// A run may be slow, because 8 workers share the cores with other work.
const DEADLINE: Deadline = Deadline::minutes(120);

pub(super) fn run(environment: &Environment, programs: &Path, options: &Convergence) -> Result<Figures> {
    let figures = match &options.figures {
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))?
        }
        None => results::figures(&train_all(environment, programs, options)?),
    };
    results::publish(&environment.root, &figures)?;
    let Value::Object(figures) = figures else { bail!("the figures are not a JSON object") };
    Ok(figures)
}

/// Trains all runs, `jobs` at the same time, and returns them in the order of the table.
fn train_all(environment: &Environment, programs: &Path, options: &Convergence) -> Result<Vec<Trained>> {
    let default = || environment.root.join("runs/demo");
    let data = demo_folder(&options.data.clone().unwrap_or_else(default))?;
    let programs = match &options.programs {
        Some(folder) => std::path::absolute(folder).with_context(|| folder.display().to_string())?,
        None => programs.to_owned(),
    };
    let out = options.out.clone().unwrap_or_else(|| environment.root.join("runs/convergence"));
    let out = std::path::absolute(&out).with_context(|| format!("{} is not a folder", out.display()))?;
    let runs = Runs { journal: Journal::open(&out)?, data, programs, out };

    let cases = cases::all();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    // A failure ends only its own thread: the other runs finish, and the next call does not repeat them.
    let work = || -> Result<()> {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let trained = runs.train(case)?;
            done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(trained);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.jobs).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|trained| cases.iter().position(|case| *case == trained.case));
    Ok(done)
}

/// The folder with links resolved, after checking that it contains everything that a student's training reads.
fn demo_folder(folder: &Path) -> Result<PathBuf> {
    for part in ["tied/annotated", "tied/unannotated", "tied/dev", "seed-1/labels"] {
        ensure!(
            folder.join(part).join("manifest.json").is_file(),
            "expected a finished demo in {}, found no {part}/manifest.json there; run `cargo xtask demo` first, or name \
             its folder with --data",
            folder.display()
        );
    }
    folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))
}

/// The folder of the runs, and their input.
struct Runs {
    journal: Journal,
    data: PathBuf,
    programs: PathBuf,
    out: PathBuf,
}

impl Runs {
    fn train(&self, case: &Case) -> Result<Trained> {
        let name = case.name();
        let toml = case.experiment(&self.data);
        let file = self.out.join(format!("{name}.toml"));
        std::fs::write(&file, &toml).with_context(|| format!("cannot write {}", file.display()))?;
        let mut command = Command::new(self.programs.join("stentor"));
        // One thread, so that sums in libtorch do not depend on the number of cores.
        command.arg("train").arg(&file).args(["--threads", "1", "--resume"]);
        command.arg("--json").arg(self.out.join(format!("{name}.json")));
        if std::env::var_os("STENTOR_LOG").is_none() {
            command.env("STENTOR_LOG", "warn");
        }
        let folder = self.out.join(&name);
        let step = Step { name: &name, inputs: toml, output: &folder, leftovers: Leftovers::Resume };
        self.journal.step(&step, || process::run(&mut command, DEADLINE))?;
        Trained::read(*case, &self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_finished_demo_the_error_names_the_command_that_makes_one() {
        let folder = tempfile::tempdir().unwrap();
        let error = demo_folder(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("tied/annotated") && error.contains("run `cargo xtask demo` first"),
            "{error}"
        );
        for part in ["tied/annotated", "tied/unannotated", "tied/dev", "seed-1/labels"] {
            std::fs::create_dir_all(folder.path().join(part)).unwrap();
            std::fs::write(folder.path().join(part).join("manifest.json"), "{}").unwrap();
        }
        assert_eq!(demo_folder(folder.path()).unwrap(), folder.path().canonicalize().unwrap());
    }
}
