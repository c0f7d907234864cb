//! Observes a run from outside: the output of its coordinator, with a line for each closed round, and its checkpoints.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// An observer of one run, across restarts of its coordinator.
pub(super) struct Watch {
    checkpoints: PathBuf,
    lines: (Sender<Instant>, Receiver<Instant>),
    started: Instant,
    /// When the last round closed.
    last: Option<Instant>,
    first: Option<Duration>,
    longest: Duration,
    rounds: u64,
}

impl Watch {
    pub(super) fn new(run: &Path) -> Self {
        Self {
            checkpoints: run.join("checkpoints"),
            lines: channel(),
            started: Instant::now(),
            last: None,
            first: None,
            longest: Duration::ZERO,
            rounds: 0,
        }
    }

    /// Reads the output of another coordinator process until it ends.
    pub(super) fn listen(&self, output: ChildStdout) {
        let sender = self.lines.0.clone();
        // The thread ends with the coordinator, whose end closes the output.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let Ok(line) = line else { return };
                if line.contains("committed_frames") && sender.send(Instant::now()).is_err() {
                    return;
                }
            }
        });
    }

    /// Processes the lines that have arrived since the last call.
    pub(super) fn look(&mut self) {
        for moment in self.lines.1.try_iter() {
            self.rounds += 1;
            match self.last {
                Some(last) => self.longest = self.longest.max(moment.saturating_duration_since(last)),
                None => self.first = Some(moment.saturating_duration_since(self.started)),
            }
            self.last = Some(moment);
        }
    }

    /// Number of closed rounds, including repeated ones.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Time from the start to the first closed round.
    pub(super) fn first(&self) -> Duration {
        self.first.unwrap_or_default()
    }

    /// Longest time between two closed rounds.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// Name of the newest published checkpoint. Old ones are deleted, and names ascend.
    pub(super) fn newest_checkpoint(&self) -> Option<String> {
        let folders = std::fs::read_dir(&self.checkpoints).ok()?.flatten();
        let published = folders.filter(|folder| folder.path().join("manifest.json").is_file());
        published.map(|folder| folder.file_name().to_string_lossy().into_owned()).max()
    }
}
