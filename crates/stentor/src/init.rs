use anyhow::{Context, Result};
use clap::Parser;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use stentor_experiment::{Key, reference};

/// Write an experiment file with every key, its meaning and its default.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The file to create; it must not exist yet. Default: standard output.
    file: Option<PathBuf>,
}

/// Keys that a first experiment sets; all others are written as comments.
const SET: [&str; 6] = [
    "data.unannotated",
    "data.labels",
    "data.dev",
    "schedule.passes",
    "exchange.strategy",
    "cluster.workers",
];

pub(crate) fn run(arguments: &Args) -> Result<()> {
    match &arguments.file {
        None => stentor_runtime::out!("{}", text()),
        Some(file) => write_new(file)?,
    }
    Ok(())
}

fn write_new(path: &Path) -> Result<()> {
    let shown = path.display();
    let mut file = std::fs::File::create_new(path).map_err(|error| {
        let exists = error.kind() == std::io::ErrorKind::AlreadyExists;
        let remedy = if exists { "; remove it or name another" } else { "" };
        anyhow::Error::new(error).context(format!("{shown}: expected to make a new file{remedy}"))
    })?;
    file.write_all(text().as_bytes()).with_context(|| format!("{shown} cannot be written"))?;
    stentor_runtime::outln!("{shown}: edit [run] and [data], then run `stentor config check {shown}`");
    Ok(())
}

/// Returns the whole file.
fn text() -> String {
    let mut text = String::from(
        "# An experiment of Stentor. Commented keys show the default, or may be absent.\n\
         # Relative locations are relative to this file's folder.\n",
    );
    for section in reference() {
        let _ = write!(text, "\n\n{}[{}]\n", comment(&section.doc), section.name);
        for key in &section.keys {
            let path = format!("{}.{}", section.name, key.name);
            let mark = if key.required || SET.contains(&path.as_str()) { "" } else { "#" };
            let _ = write!(text, "\n{}{mark}{} = {}\n", comment(&described(key)), key.name, key.example);
        }
    }
    text
}

fn described(key: &Key) -> String {
    let words = key.words.iter().map(|word| {
        let doc = word.doc.split("\n\n").next().unwrap_or_default();
        format!("\n\"{}\": {doc}", word.word)
    });
    key.doc.clone() + &words.collect::<String>()
}

/// Comment lines of at most 100 characters; paragraphs and words of a key start new lines.
fn comment(doc: &str) -> String {
    let mut comment = String::new();
    // In a doc comment, a single line break is a space, except before a word of a key.
    let mut paragraphs: Vec<String> = vec![String::new()];
    for line in doc.lines() {
        if (line.starts_with('"') || line.trim().is_empty())
            && paragraphs.last().is_some_and(|p| !p.is_empty())
        {
            paragraphs.push(String::new());
        }
        if let Some(last) = paragraphs.last_mut() {
            last.push_str(line.trim());
            last.push(' ');
        }
    }
    for paragraph in paragraphs {
        let mut line = String::from("#");
        for word in paragraph.split_whitespace() {
            if line.chars().count() + word.chars().count() + 1 > 100 {
                comment.push_str(&line);
                line = String::from("\n#");
            }
            line.push(' ');
            line.push_str(word);
        }
        if line != "#" {
            comment.push_str(&line);
            comment.push('\n');
        }
    }
    comment
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_experiment::Experiment;

    #[test]
    fn the_file_is_an_experiment_with_every_key_at_its_default() {
        let written = Experiment::parse(&text()).unwrap();
        let minimal = "[run]\nname = \"student\"\noutput = \"runs/student\"\n[data]\nannotated = \"data/annotated\"\n\
                       unannotated = \"data/unannotated\"\nlabels = \"labels\"\ndev = \"data/dev\"\n";
        assert_eq!(written, Experiment::parse(minimal).unwrap());
    }

    /// Uncommenting a key sets the documented default.
    #[test]
    fn every_key_that_is_a_comment_can_be_set() {
        let text = text();
        let is_key = |line: &str| line.starts_with('#') && !line.starts_with("# ");
        let keys: Vec<&str> = text.lines().filter(|line| is_key(line)).collect();
        assert!(keys.len() > 40, "{}", keys.len());
        for key in keys {
            let with = text.replacen(&format!("\n{key}\n"), &format!("\n{}\n", &key[1..]), 1);
            assert_ne!(with, text, "{key}");
            Experiment::parse(&with).unwrap_or_else(|error| panic!("{key}: {error}"));
        }
    }

    #[test]
    fn lines_are_short_and_an_existing_file_is_kept() {
        assert!(text().lines().all(|line| line.chars().count() <= 100));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("experiment.toml");
        write_new(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text());
        let error = format!("{:#}", write_new(&path).unwrap_err());
        assert!(error.contains("expected to make a new file; remove it"), "{error}");
        let error = format!("{:#}", write_new(&path.join("below")).unwrap_err());
        assert!(error.contains("expected to make a new file") && !error.contains("remove it"), "{error}");
    }
}
