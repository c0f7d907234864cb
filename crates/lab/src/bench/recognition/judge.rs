//! Starting the judges: Python packages that set-up installs.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_tasks::Environment;

/// Runs a Python program that is given as text, and returns its output.
pub(super) fn python(environment: &Environment, program: &str, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(environment.python());
    command.args(["-c", program]).args(arguments);
    output(&mut command)
}

/// Runs a program and returns its output; its messages are in the error if it fails.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let done =
        command.output().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !done.status.success() {
        let messages = String::from_utf8_lossy(&done.stderr);
        bail!("{} ended with {}: {messages}", command.get_program().display(), done.status);
    }
    // Some judges print their figures among messages.
    Ok(String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr))
}

/// The aligner's dictionary of American English, in the format of CMU's.
pub(super) fn dictionary(environment: &Environment) -> Result<PathBuf> {
    const PROGRAM: &str =
        "import pocketsphinx; print(pocketsphinx.get_model_path('en-us/cmudict-en-us.dict'))";
    let path = python(environment, PROGRAM, &[])?;
    let path = path.lines().next().unwrap_or_default();
    match Path::new(path).is_file() {
        true => Ok(path.into()),
        false => bail!("the aligner's dictionary: expected a file, found `{path}`"),
    }
}

/// The texts of the demo's corpus: on each line an utterance's name and its words.
pub(super) fn texts(environment: &Environment) -> PathBuf {
    environment.corpora().join("game/text")
}
