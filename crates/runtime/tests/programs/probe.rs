//! A program that the tests of this crate start, signal and kill. It reports on standard output what it is doing.

// Only our tests run this program, and its output is its result.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use stentor_experiment::{Source, Strategy};
use stentor_runtime::{Child, ExitStatus, Shutdown, TelemetryOptions, metrics, telemetry};
use tokio::process::Command;

fn main() -> ExitStatus {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["exit", code] => code.parse().ok().and_then(ExitStatus::from_code).unwrap_or(ExitStatus::Config),
        ["sleep"] => sleep("sleeping"),
        ["report"] => report(),
        ["stop"] => stop(),
        ["stubborn"] => stubborn(),
        ["brief-parent"] => brief_parent(),
        ["nest"] => nest(),
        _ => ExitStatus::Config,
    }
}

fn say(words: impl std::fmt::Display) {
    println!("{words}");
    std::io::stdout().flush().expect("standard output is open");
}

fn sleep(words: impl std::fmt::Display) -> ExitStatus {
    say(words);
    thread::sleep(Duration::from_secs(600));
    ExitStatus::Failure
}

/// Logs a few lines, records a few metrics, and prints what it then serves at `/metrics`.
#[tokio::main(flavor = "current_thread")]
async fn report() -> ExitStatus {
    let metrics = Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let telemetry = match telemetry::init(TelemetryOptions { program: "probe", metrics }) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("probe: {error}");
            return ExitStatus::Config;
        }
    };
    for round in 0..10 {
        tracing::trace!(round, "closing");
        metrics::rounds(1, Strategy::Gtc, Source::Annotated);
        metrics::tau(0.5);
    }
    tracing::error!("words for people");
    // Blocks the only thread of this runtime: the listener has to answer from its own thread.
    let mut connection =
        TcpStream::connect(telemetry.metrics_address().expect("asked for")).expect("it listens");
    connection
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("it answers");
    say(answer);
    ExitStatus::Ok
}

/// Stops in an orderly way when asked.
#[tokio::main(flavor = "current_thread")]
async fn stop() -> ExitStatus {
    let shutdown = Shutdown::listen();
    say("ready");
    shutdown.requested().await;
    say("asked");
    ExitStatus::Stopped
}

/// Receives the request to stop, but continues to compute on all its threads.
fn stubborn() -> ExitStatus {
    let shutdown = Shutdown::listen();
    say("ready");
    while !shutdown.is_requested() {
        thread::sleep(Duration::from_millis(1));
    }
    sleep("asked")
}

/// Starts a child from a thread that ends at once, and continues to run.
fn brief_parent() -> ExitStatus {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let handle = runtime.handle().clone();
    let child = thread::spawn(move || handle.block_on(start("sleep"))).join().expect("the thread ends well");
    sleep(child.process_id())
}

/// Starts a grandchild without any precautions, in the same process group.
fn nest() -> ExitStatus {
    let this = std::env::current_exe().expect("it has a path");
    let mut command = std::process::Command::new(this);
    let mut grandchild = command.arg("sleep").stdout(Stdio::null()).spawn().expect("it starts");
    say(grandchild.id());
    grandchild.wait().expect("it is ours");
    ExitStatus::Failure
}

async fn start(what: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("it has a path"));
    command.arg(what).stdout(Stdio::null());
    Child::spawn("child", command).await.expect("it starts")
}
