//! What programs say to `--help`: of themselves, and of every command below them.

use std::path::Path;
use std::process::Command;

/// The help texts of a program and of all its commands, as deep as they go, each below the line that asks for it. Which
/// commands there are is read from the texts themselves.
///
/// # Panics
/// Where the program does not answer.
#[must_use]
pub fn help_of_all(name: &str, program: &Path) -> String {
    let mut texts = Vec::new();
    let mut open = vec![Vec::<String>::new()];
    while let Some(words) = open.pop() {
        let said = help(program, &words);
        let line = [&[name.to_owned()][..], &words[..]].concat().join(" ");
        open.extend(commands(&said).into_iter().rev().map(|command| [&words[..], &[command]].concat()));
        texts.push(format!("$ {line} --help\n{said}"));
    }
    texts.join("\n")
}

/// What a program says to these words and `--help`, without blanks at the ends of lines. Settings in the environment, which
/// would show in it, are taken from it.
fn help(program: &Path, words: &[String]) -> String {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STENTOR_") {
            command.env_remove(name);
        }
    }
    let output = command.args(words).arg("--help").output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Commands that a help text lists.
#[must_use]
pub fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = lines.take_while(|line| line.starts_with("  "));
    // Longer words about a command go on in lines that are further in.
    let names =
        listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Where two texts begin to differ, with what stands there; none where they are the same.
#[must_use]
pub fn first_difference(kept: &str, found: &str) -> Option<String> {
    let same = kept.lines().zip(found.lines()).take_while(|(kept, found)| kept == found).count();
    let line = |text: &str| text.lines().nth(same).map(|line| format!("`{line}`"));
    match (line(kept), line(found)) {
        (None, None) => None,
        (kept, found) => {
            let shown = |line: Option<String>| line.unwrap_or_else(|| "its end".to_owned());
            Some(format!("line {}: kept {}, found {}", same + 1, shown(kept), shown(found)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_what_stands_under_their_heading_but_for_help() {
        let text = "Chores.\n\nUsage: x <COMMAND>\n\nCommands:\n  setup  Fetches\n         much\n  test   Checks\n  \
                    help   Print\n\nOptions:\n  -h, --help\n";
        assert_eq!(commands(text), ["setup", "test"]);
        assert_eq!(commands("Usage: x\n\nOptions:\n  -h, --help\n"), [""; 0]);
    }

    #[test]
    fn the_first_difference_is_named_with_its_line() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        let said = |kept, found| first_difference(kept, found).unwrap();
        assert_eq!(said("a\nb\n", "a\nc\n"), "line 2: kept `b`, found `c`");
        assert_eq!(said("a\n", "a\nb\n"), "line 2: kept its end, found `b`");
        assert_eq!(said("a\nb\n", "a\n"), "line 2: kept `b`, found its end");
    }
}
