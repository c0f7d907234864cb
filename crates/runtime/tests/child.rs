//! Child processes: how they stop, and that none outlives its parent.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/processes.rs"]
mod processes;

use processes::{PROBE, Probe, dies, is_alive, send};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};
use stentor_runtime::{Child, Error, ExitStatus};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// A child after it has printed its first line, and this line.
async fn start(what: &[&str]) -> (Child, String) {
    let mut command = Command::new(PROBE);
    command.args(what).stdout(Stdio::piped());
    let mut child = Child::spawn(what[0], command).await.unwrap();
    let mut lines = BufReader::new(child.take_stdout().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap_or_default();
    // The pipe stays open, so that the child can continue to print.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, line)
}

#[test]
fn a_child_survives_the_thread_that_started_it_but_not_the_process() {
    let (mut parent, mut lines) = Probe::start("brief-parent");
    let child: u32 = lines.next().parse().unwrap();
    thread::sleep(Duration::from_millis(300));
    assert!(is_alive(child), "killed with the thread");
    send(parent.0.id(), libc::SIGKILL);
    parent.0.wait().unwrap();
    assert!(dies(child), "outlived its parent");
}

#[tokio::test]
async fn a_child_let_go_dies_with_all_that_it_started() {
    let (child, grandchild) = start(&["nest"]).await;
    let (child_id, grandchild_id) = (child.process_id(), grandchild.parse().unwrap());
    assert!(is_alive(child_id) && is_alive(grandchild_id));
    drop(child);
    assert!(dies(child_id), "the child");
    assert!(dies(grandchild_id), "the grandchild");
}

#[tokio::test]
async fn a_child_that_is_asked_may_stop_in_good_order() {
    let (mut child, _) = start(&["stop"]).await;
    assert_eq!(child.ended().unwrap(), None);
    let begin = Instant::now();
    let status = child.stop(Duration::from_secs(60)).await.unwrap();
    assert_eq!(status.code().and_then(ExitStatus::from_code), Some(ExitStatus::Stopped));
    assert!(begin.elapsed() < Duration::from_secs(30), "the grace is a bound, not a pause");
    assert_eq!(child.stop(Duration::from_secs(60)).await.unwrap(), status, "asking again changes nothing");
    assert_eq!(child.ended().unwrap(), Some(status));
}

#[tokio::test]
async fn a_child_that_does_not_stop_when_asked_is_killed_after_the_grace() {
    let (mut child, _) = start(&["stubborn"]).await;
    let begin = Instant::now();
    let status = child.stop(Duration::from_millis(300)).await.unwrap();
    assert_eq!(status.signal(), Some(libc::SIGKILL));
    assert!(begin.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn how_a_child_ended_reaches_the_parent() {
    for status in ExitStatus::ALL {
        let code = status.code().to_string();
        let (mut child, _) = start(&["exit", &code]).await;
        assert_eq!(child.wait().await.unwrap().code().and_then(ExitStatus::from_code), Some(status));
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_with_the_child() {
    let error = Child::spawn("worker-0", Command::new("/nowhere/worker")).await.unwrap_err();
    assert!(matches!(error, Error::Spawn { .. }));
    let words = error.to_string();
    assert!(words.contains("worker-0") && words.contains("/nowhere/worker"), "{words}");
}
