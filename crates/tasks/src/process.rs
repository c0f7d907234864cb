//! Runs other programs, with a deadline; errors contain the whole command line.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Exit code of our programs after a signal stopped them.
const STOPPED: i32 = 8;

/// The longest that a program may run.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Duration);

impl Deadline {
    /// A deadline in minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(60 * minutes))
    }

    #[cfg(test)]
    const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

/// Runs a program that writes to the terminal itself; fails unless it exits with 0 in time.
///
/// # Errors
/// Contains the whole command line and how it ended.
pub fn run(command: &mut Command, deadline: Deadline) -> Result<()> {
    let words = describe(command);
    let mut child = command.spawn().with_context(|| format!("cannot start `{words}`"))?;
    judge(wait(&mut child, deadline, &words)?, &words)
}

/// Like [`run`], and passes each line of the program's standard output to `heard` when it arrives, and `None` once a
/// second without one.
///
/// # Errors
/// See [`run`].
pub fn follow(command: &mut Command, deadline: Deadline, mut heard: impl FnMut(Option<&str>)) -> Result<()> {
    let words = describe(command);
    let spawned = command.stdout(Stdio::piped()).spawn();
    let mut child = spawned.with_context(|| format!("cannot start `{words}`"))?;
    let (sender, lines) = mpsc::channel();
    let output = child.stdout.take().with_context(|| format!("cannot read what `{words}` prints"))?;
    std::thread::spawn(move || {
        // The thread ends with the program, or after the deadline, when the receiver is dropped.
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let start = Instant::now();
    while start.elapsed() < deadline.0 {
        match lines.recv_timeout(Duration::from_secs(1)) {
            Ok(line) => heard(Some(&line)),
            Err(mpsc::RecvTimeoutError::Timeout) => heard(None),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    let left = Deadline(deadline.0.saturating_sub(start.elapsed()));
    judge(wait(&mut child, left, &words)?, &words)
}

fn judge(status: ExitStatus, words: &str) -> Result<()> {
    match status.code() {
        Some(0) => Ok(()),
        Some(STOPPED) => bail!("`{words}` was stopped by a signal; run the command again to continue"),
        _ => bail!("`{words}` ended with {status}"),
    }
}

/// Runs a program and returns its standard output; its standard error goes to ours.
///
/// # Errors
/// Contains the command line, how it ended, and its standard error.
pub fn output(command: &mut Command) -> Result<String> {
    let words = describe(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{words}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{words}` ended with {}: {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program with this name can be started.
#[must_use]
pub fn is_there(program: &str) -> bool {
    is_there_with(program, "--version")
}

/// Whether a program can be started with this option, which makes it print its version.
#[must_use]
pub fn is_there_with(program: &str, option: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(option).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

/// The command line, for messages.
fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn wait(child: &mut Child, Deadline(limit): Deadline, words: &str) -> Result<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("cannot wait for `{words}`"))? {
            return Ok(status);
        }
        if start.elapsed() > limit {
            kill_with_descendants(child.id());
            // It was killed, so its status is known; it only has to be reaped.
            child.wait().with_context(|| format!("cannot wait for `{words}`"))?;
            bail!("`{words}` did not end within {} minutes and was killed", limit.as_secs().div_ceil(60));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Kills a process and all its descendants. They stay in our process group, so that Ctrl-C reaches all of them.
/// Therefore the descendants are found in `/proc`, and no signal is sent to a process group.
fn kill_with_descendants(root: u32) {
    let mut family = vec![root];
    let parents = parents();
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(parents.iter().filter(|(_, p)| *p == parent).map(|(child, _)| *child));
        next += 1;
    }
    let ids = family.iter().map(u32::to_string);
    // If a process has already ended, that is fine; nothing else can be done about a failure here.
    let _ = Command::new("kill").arg("-KILL").args(ids).stderr(Stdio::null()).status();
}

/// All processes, each with its parent.
fn parents() -> Vec<(u32, u32)> {
    let Ok(folder) = std::fs::read_dir("/proc") else { return Vec::new() };
    folder
        .flatten()
        .filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // `id (name, which may contain any characters) state parent …`
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((id, parent))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_names_the_command_line_and_the_exit_status() {
        let error = run(&mut shell("exit 3"), Deadline::minutes(1)).unwrap_err().to_string();
        assert!(error.contains("sh -c exit 3") && error.ends_with("ended with exit status: 3"), "{error}");
    }

    #[test]
    fn a_program_that_does_not_end_in_time_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let id = folder.path().join("child");
        let script = format!("sleep 600 & echo $! > {}; wait", id.display());
        let error = run(&mut shell(&script), Deadline::seconds(1)).unwrap_err().to_string();
        assert!(error.contains("was killed"), "{error}");
        let child: u32 = std::fs::read_to_string(id).unwrap().trim().parse().unwrap();
        // The process that adopts the orphan reaps it some time later; a zombie counts as dead.
        let deadline = Instant::now() + Duration::from_secs(10);
        let alive = || {
            std::fs::read_to_string(format!("/proc/{child}/stat"))
                .is_ok_and(|stat| !stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" Z")))
        };
        while alive() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(!alive(), "the child {child} is still alive");
    }

    #[test]
    fn lines_are_passed_on_as_they_arrive_and_the_exit_status_is_still_checked() {
        let mut heard = Vec::new();
        let mut silent = 0;
        let script = "echo one; sleep 1.5; echo two; exit 3";
        let result = follow(&mut shell(script), Deadline::minutes(1), |line| match line {
            Some(line) => heard.push(line.to_owned()),
            None => silent += 1,
        });
        assert_eq!(heard, ["one", "two"]);
        assert!(silent > 0, "a second went by between the lines");
        let error = result.unwrap_err().to_string();
        assert!(error.ends_with("ended with exit status: 3"), "{error}");
    }

    #[test]
    fn output_is_returned_and_errors_contain_standard_error() {
        assert_eq!(output(&mut shell("echo here")).unwrap(), "here\n");
        let error = output(&mut shell("echo because >&2; exit 1")).unwrap_err().to_string();
        assert!(error.contains("because"), "{error}");
    }
}
