//! Command lines in documents, checked with the real programs.

use crate::{program, xtask};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A command line and its place.
#[derive(Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// File and line.
    pub place: String,
    /// Program and arguments, without quotes.
    pub words: Vec<String>,
}

/// The programs whose command lines are checked.
const PROGRAMS: [&str; 5] = ["stentor", "coordinator", "worker", "teacher-labeler", "cargo"];

/// The command lines of our programs in the code blocks of a Markdown text, fenced or indented.
#[must_use]
pub fn command_lines(name: &str, text: &str) -> Vec<CommandLine> {
    let (mut found, mut fence) = (Vec::new(), None);
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language.trim().to_owned()) };
            continue;
        }
        let is_shell = match &fence {
            Some(language) => matches!(language.as_str(), "" | "sh" | "console"),
            None => line.starts_with("    "),
        };
        if !is_shell {
            continue;
        }
        let mut command = line.trim().trim_start_matches("$ ").to_owned();
        while let Some(begun) = command.strip_suffix('\\') {
            command = begun.to_owned() + lines.next().map_or("", |(_, line)| line.trim());
        }
        let words = split(&command);
        let is_ours = match words.as_slice() {
            [cargo, xtask, ..] if cargo == "cargo" => xtask == "xtask",
            [first, ..] => PROGRAMS.contains(&first.as_str()),
            [] => false,
        };
        if is_ours {
            found.push(CommandLine { place: format!("{name}:{}", number + 1), words });
        }
    }
    found
}

/// Splits a line into words like a shell: quotes group words, `#` starts a comment.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Checks that a program understands a command line. It is passed, with `--help` at its end, to the real program,
/// which then parses every option before it and does nothing.
///
/// # Errors
/// The program's error message.
///
/// # Panics
/// If the program is not built.
pub fn understood(words: &[String]) -> Result<(), String> {
    let (path, arguments): (PathBuf, &[String]) = match words {
        [cargo, _, rest @ ..] if cargo == "cargo" => (xtask(), rest),
        [name, rest @ ..] => (program(name), rest),
        [] => return Err("no words".into()),
    };
    let output = Command::new(path).args(arguments).arg("--help").output().map_err(|e| e.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// All Markdown files of a folder and those below it.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_blocks_and_nowhere_else() {
        let text = "stentor no\n\n    stentor a --b \"c d\"   # e\n    ls\n\n```sh\nworker \\\n    --x 'y'\n```\n\n```toml\nstentor = 1\n```\n\
                    - item\n\n      cargo xtask test\n      cargo test\n`stentor inline`\n";
        let found: Vec<Vec<String>> =
            command_lines("page", text).into_iter().map(|line| line.words).collect();
        let expected: [&[&str]; 3] =
            [&["stentor", "a", "--b", "c d"], &["worker", "--x", "y"], &["cargo", "xtask", "test"]];
        assert_eq!(found, expected.map(|words| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()));
        assert_eq!(command_lines("page", text)[0].place, "page:3");
    }
}
