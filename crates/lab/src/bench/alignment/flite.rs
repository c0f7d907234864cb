//! Synthetic speech by `flite`, which prints when each phone ends.

use super::boundaries::{Phone, Phones};
use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_tasks::{Environment, FLITE_PACKAGE, create_folder, process};

/// A voice with 16 kHz.
const VOICE: &str = "slt";

/// Speaks the texts of a corpus, writes a corpus of that into `folder`, and returns the true phones of each utterance.
pub(super) fn speak(environment: &Environment, corpus: &Path, folder: &Path) -> Result<Phones> {
    create_folder(folder)?;
    let package = environment.package(FLITE_PACKAGE);
    let libraries = libraries(&package)?;
    let path = corpus.join("text");
    let texts = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (mut scp, mut text, mut truth) = (String::new(), String::new(), Phones::new());
    for line in texts.lines() {
        let Some((utterance, words)) = line.split_once(' ') else { continue };
        let wav = folder.join(format!("{utterance}.wav"));
        let mut command = Command::new(package.join("usr/bin/flite"));
        command.args(["-voice", VOICE, "-psdur", "-t", words, "-o"]).arg(&wav);
        let printed = process::output(command.env("LD_LIBRARY_PATH", &libraries))?;
        truth.insert(
            utterance.to_owned(),
            phones(&printed).with_context(|| format!("utterance {utterance}"))?,
        );
        writeln!(scp, "{utterance} {}", wav.display())?;
        writeln!(text, "{utterance} {words}")?;
    }
    for (name, content) in [("wav.scp", scp), ("text", text)] {
        let path = folder.join(name);
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(truth)
}

/// The folder of the package's libraries, which has the name of the machine's architecture.
fn libraries(package: &Path) -> Result<PathBuf> {
    let folders =
        std::fs::read_dir(package.join("usr/lib")).with_context(|| package.display().to_string())?;
    let mut folders = folders.filter_map(|entry| Some(entry.ok()?.path()));
    let found = folders.find(|folder| folder.join("libflite.so.1").exists());
    found.with_context(|| format!("no library of flite in {}", package.display()))
}

/// Reads `PHONE:END PHONE:END …`, seconds. The names become those of the CMU dictionary, which has no sign of its own for a reduced
/// vowel; pauses are left out.
fn phones(printed: &str) -> Result<Vec<Phone>> {
    let (mut phones, mut start_ms) = (Vec::new(), 0.0);
    for field in printed.split_whitespace() {
        let wrong = || format!("expected `PHONE:END` of flite, found `{field}`");
        let (name, end) = field.split_once(':').with_context(wrong)?;
        let end_ms = 1_000.0 * end.parse::<f64>().with_context(wrong)?;
        let name = match name {
            "ax" => "AH".to_owned(),
            name => name.to_uppercase(),
        };
        if name != "PAU" {
            phones.push(Phone { name, start_ms, end_ms });
        }
        start_ms = end_ms;
    }
    ensure!(!phones.is_empty(), "flite printed no phones");
    Ok(phones)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_read_with_their_times_and_pauses_are_left_out() {
        let phone = |name: &str, start_ms, end_ms| Phone { name: name.to_owned(), start_ms, end_ms };
        let found = phones("pau:0.2 ax:0.25 l:0.5 pau:0.75 \n").unwrap();
        assert_eq!(found, [phone("AH", 200.0, 250.0), phone("L", 250.0, 500.0)]);
        assert!(format!("{:#}", phones("ax 0.25").unwrap_err()).contains("`ax`"));
        assert!(phones("pau:0.2").is_err());
    }
}
