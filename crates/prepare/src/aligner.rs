//! An aligner is an external program that aligns one utterance at a time.
//!
//! For each utterance it reads from standard input one line of JSON, `{"utterance": "a1", "text": "HELLO THERE",
//! "samples": 31200, "rate": 16000}`, followed by `samples` 16-bit little-endian integers, mono. It answers on standard
//! output with one line: `{"utterance": "a1", "states": [["SIL", 0, 0, 12], ["HH", 0, 12, 4], …], "words": [["hello", 12,
//! 31], …]}`, where each state is phone, state from 0, first frame and number of frames, in frames of 10 ms, and each word
//! its text, first frame and number of frames. An aligner without times of words leaves `words` out. For an utterance that
//! it cannot align, for instance because of an unknown word, it answers `{"utterance": "a1", "error": "…"}`. Its standard
//! error is shown if it dies. It exits at the end of its input.

use crate::Error;
use crate::answer::Answer;
use crate::interrupt::go_on;
use crate::words::words;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use stentor_audio::open_regular;
use stentor_runtime::Shutdown;

/// Sample rate of the audio sent to an aligner.
pub(crate) const ALIGNER_RATE_HZ: u32 = 16_000;

/// Maximum length of an answer: hours of speech. It limits the memory that a faulty program can use.
const LONGEST_ANSWER: u64 = 64 << 20;

/// How long a program may take to exit after the end of its input.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long to read the output of a program that has exited: its children may keep standard error open.
const LISTENING: Duration = Duration::from_secs(1);

/// How long a program may take to answer for the current utterance once a signal has requested termination.
const LAST_ANSWER: Duration = Duration::from_secs(3);

/// How often a wait for an answer looks for such a request.
const LOOK: Duration = Duration::from_millis(100);

/// Identifies an aligner: its command line, and the contents of the files that it names.
pub(crate) fn identity(command: &str) -> Result<String, Error> {
    let mut hash = blake3::Hasher::new();
    hash.update(command.as_bytes());
    for word in words(command)? {
        if let Ok(mut file) = open_regular(Path::new(&word)) {
            let mut content = blake3::Hasher::new();
            std::io::copy(&mut file, &mut content).map_err(Error::io(format!("read {word}")))?;
            hash.update(content.finalize().as_bytes());
        }
    }
    Ok(hash.finalize().to_hex().to_string())
}

#[derive(Serialize)]
struct Question<'a> {
    utterance: &'a str,
    text: &'a str,
    samples: usize,
    rate: u32,
}

#[derive(Deserialize)]
struct Line {
    utterance: String,
    #[serde(flatten)]
    answer: Answer,
}

/// A running aligner.
pub(crate) struct Aligner {
    command: String,
    child: Child,
    /// `None` once its input has ended.
    questions: Option<SyncSender<Vec<u8>>>,
    answers: Receiver<std::io::Result<String>>,
    listener: JoinHandle<()>,
    last_words: Arc<Mutex<VecDeque<String>>>,
    patience: Duration,
}

impl Aligner {
    /// Starts the program. `patience` is the time limit for one utterance.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub(crate) fn start(command: &str, patience: Duration) -> Result<Self, Error> {
        let words = words(command)?;
        let no_program =
            || Error::Option { option: "--aligner", value: "``".into(), expected: "a command".into() };
        let (program, arguments) = words.split_first().ok_or_else(no_program)?;
        let mut child = Command::new(program)
            .args(arguments)
            // Ctrl-C at a terminal is handled by this program, which stops between two utterances.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Error::io(format!("start the aligner `{command}`")))?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            let what = "was started without pipes".to_owned();
            return Err(Error::Aligner { command: command.to_owned(), what });
        };
        let (questions, asked) = sync_channel(0);
        let (answer, answers) = sync_channel(1);
        std::thread::spawn(move || converse(stdin, stdout, &asked, &answer));
        let last_words = Arc::new(Mutex::new(VecDeque::new()));
        let heard = Arc::clone(&last_words);
        let listener = std::thread::spawn(move || listen(stderr, &heard));
        let questions = Some(questions);
        Ok(Self { command: command.to_owned(), child, questions, answers, listener, last_words, patience })
    }

    /// Aligns one utterance with `samples` at [`ALIGNER_RATE_HZ`].
    ///
    /// # Errors
    /// If the program dies, hangs, or gives an answer that does not match the request; [`Error::Stopped`] if it does not answer
    /// soon after `shutdown` is requested. After a hang the program is killed, and every further request fails.
    pub(crate) fn align(
        &mut self,
        utterance: &str,
        text: &str,
        samples: &[i16],
        shutdown: &Shutdown,
    ) -> Result<Answer, Error> {
        let question = Question { utterance, text, samples: samples.len(), rate: ALIGNER_RATE_HZ };
        let mut bytes = serde_json::to_vec(&question)?;
        bytes.push(b'\n');
        bytes.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        let sent = self.questions.as_ref().is_some_and(|questions| questions.send(bytes).is_ok());
        if !sent {
            return Err(self.death(utterance));
        }
        let line = match self.answer(shutdown) {
            Ok(Ok(line)) if !line.is_empty() => line,
            Ok(_) | Err(RecvTimeoutError::Disconnected) => return Err(self.death(utterance)),
            Err(RecvTimeoutError::Timeout) => {
                // The thread that writes and reads is still waiting for this answer and takes no other request.
                self.kill();
                go_on(shutdown)?;
                let seconds = self.patience.as_secs();
                return Err(
                    self.failed(format!("has not answered for utterance `{utterance}` in {seconds} s"))
                );
            }
        };
        let parsed: Line = serde_json::from_str(&line).map_err(|e| {
            let shown: String = line.trim_end().chars().take(120).collect();
            self.failed(format!(
                "answered for utterance `{utterance}` with `{shown}`, expected {{\"utterance\", \"states\" or \"error\"}}: {e}"
            ))
        })?;
        if parsed.utterance != utterance {
            let other = parsed.utterance;
            return Err(self.failed(format!("was asked for `{utterance}` but answered for `{other}`")));
        }
        if let Some(list) = parsed.answer.unordered() {
            return Err(self.failed(format!(
                "answered for utterance `{utterance}` with {list} that are not in order of time"
            )));
        }
        Ok(parsed.answer)
    }

    /// Waits for an answer: as long as one utterance may take, or [`LAST_ANSWER`] once termination is requested.
    fn answer(&self, shutdown: &Shutdown) -> Result<std::io::Result<String>, RecvTimeoutError> {
        let begun = Instant::now();
        let mut stopping: Option<Instant> = None;
        loop {
            if shutdown.is_requested() {
                stopping = stopping.or(Some(Instant::now()));
            }
            let left = stopping.map(|since| LAST_ANSWER.saturating_sub(since.elapsed()));
            let left = self.patience.saturating_sub(begun.elapsed()).min(left.unwrap_or(Duration::MAX));
            match self.answers.recv_timeout(left.min(LOOK)) {
                Err(RecvTimeoutError::Timeout) if !left.is_zero() => {}
                answer => return answer,
            }
        }
    }

    /// Kills the program and its children, and takes no more requests.
    fn kill(&mut self) {
        self.questions = None;
        // Once it has been waited for, its id may be that of another process.
        let has_ended = !matches!(self.child.try_wait(), Ok(None));
        let group = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group.filter(|_| !has_ended) {
            // It may have just exited.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
    }

    fn death(&mut self, utterance: &str) -> Error {
        self.questions = None;
        let end = match wait(&mut self.child, FAREWELL) {
            Some(status) => status.to_string(),
            None => "closed its output".to_owned(),
        };
        // Its last messages may not have arrived yet.
        let deadline = Instant::now() + LISTENING;
        while !self.listener.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let words =
            if words.is_empty() { "nothing".to_owned() } else { format!("\n  {}", words.join("\n  ")) };
        self.failed(format!("died at utterance `{utterance}` ({end}); its last messages: {words}"))
    }

    fn failed(&self, what: String) -> Error {
        Error::Aligner { command: self.command.clone(), what }
    }
}

impl Drop for Aligner {
    fn drop(&mut self) {
        self.questions = None;
        let patience = if std::thread::panicking() { Duration::ZERO } else { FAREWELL };
        if wait(&mut self.child, patience).is_none() {
            self.kill();
        }
    }
}

/// Waits for a child, but at most for `patience`.
fn wait(child: &mut Child, patience: Duration) -> Option<std::process::ExitStatus> {
    let deadline = Instant::now() + patience;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Err(_) => return None,
            Ok(None) if Instant::now() >= deadline => return None,
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Writes each request and reads its answer, on a separate thread so that the caller can time out.
fn converse(
    mut stdin: ChildStdin,
    stdout: ChildStdout,
    questions: &Receiver<Vec<u8>>,
    answers: &SyncSender<std::io::Result<String>>,
) {
    let mut stdout = BufReader::new(stdout);
    while let Ok(question) = questions.recv() {
        let written = stdin.write_all(&question).and_then(|()| stdin.flush());
        let answer = written.and_then(|()| {
            let mut line = String::new();
            stdout.by_ref().take(LONGEST_ANSWER).read_line(&mut line)?;
            Ok(line)
        });
        if answers.send(answer).is_err() {
            return;
        }
    }
}

/// Keeps the last lines of the program's standard error.
fn listen(stderr: impl Read, last_words: &Mutex<VecDeque<String>>) {
    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
        let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() == 12 {
            words.pop_front();
        }
        words.push_back(String::from_utf8_lossy(&line).trim_end().chars().take(300).collect());
    }
}
