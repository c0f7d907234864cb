//! Helpers for the tests of this crate.
#![allow(dead_code, reason = "each story uses a part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) const PROBE: &str = env!("CARGO_BIN_EXE_runtime-probe");

/// The standard output of a process, line by line.
pub(crate) struct Lines(BufReader<std::process::ChildStdout>);

impl Lines {
    pub(crate) fn next(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

/// A process that is killed at the end of the test, whatever its outcome.
pub(crate) struct Probe(pub(crate) Child);

impl Probe {
    pub(crate) fn start(what: &str) -> (Probe, Lines) {
        let mut child = Command::new(PROBE).arg(what).stdout(Stdio::piped()).spawn().unwrap();
        let lines = Lines(BufReader::new(child.stdout.take().unwrap()));
        (Probe(child), lines)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn send(process_id: u32, signal: i32) {
    // SAFETY: `kill` does not access our memory; the test has not reaped the process.
    assert_eq!(unsafe { libc::kill(process_id as i32, signal) }, 0);
}

/// Whether the process runs: it exists and is not a zombie.
pub(crate) fn is_alive(process_id: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(Path::new("/proc").join(process_id.to_string()).join("stat"))
    else {
        return false;
    };
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

pub(crate) fn dies(process_id: u32) -> bool {
    let patience = Instant::now() + Duration::from_secs(10);
    while is_alive(process_id) {
        if Instant::now() > patience {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Status line with headers, and body, of a GET request.
pub(crate) fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(connection, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}
