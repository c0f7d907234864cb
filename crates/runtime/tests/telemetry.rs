//! What a whole program with telemetry writes, depending on the environment.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/processes.rs"]
mod processes;

use processes::PROBE;
use std::process::{Command, Output};

fn report(settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(PROBE);
    command.arg("report").env_remove("STENTOR_LOG").env_remove("STENTOR_LOG_FORMAT");
    command.envs(settings.iter().copied()).output().unwrap()
}

fn exposed(output: &Output) -> Option<f64> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let body = text.split_once("\r\n\r\n").unwrap().1.trim_end();
    let labels = [("source", "annotated"), ("strategy", "gtc")];
    exposition::parse(body)["stentor_rounds_total"].value(&labels)
}

#[test]
fn at_the_finest_level_metric_events_do_not_spam_the_logs() {
    let output = report(&[("STENTOR_LOG", "trace")]);
    assert_eq!(exposed(&output), Some(10.0));
    let logs = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<serde_json::Value> =
        logs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |target: &str| lines.iter().filter(|line| line["target"] == target).count();
    assert_eq!(of("stentor::metrics"), 0, "{logs}");
    assert_eq!(of("runtime_probe"), 11, "{logs}");
    assert!(!logs.contains("monotonic_counter"), "{logs}");
}

#[test]
fn a_coarse_log_filter_does_not_silence_the_metrics() {
    let output = report(&[("STENTOR_LOG", "error")]);
    assert_eq!(exposed(&output), Some(10.0));
    let logs = String::from_utf8(output.stderr).unwrap();
    assert_eq!(logs.lines().count(), 1, "{logs}");
    assert!(logs.contains("words for people"), "{logs}");
}

#[test]
fn by_default_a_program_without_a_terminal_logs_json_and_says_where_it_serves() {
    let output = report(&[]);
    let logs = String::from_utf8(output.stderr).unwrap();
    let first: serde_json::Value = serde_json::from_str(logs.lines().next().unwrap()).unwrap();
    assert!(first["address"].as_str().unwrap().starts_with("127.0.0.1:"), "{logs}");
    assert_eq!(logs.lines().count(), 2, "{logs}");
}

#[test]
fn logs_for_people_can_be_had_without_a_terminal() {
    let output = report(&[("STENTOR_LOG_FORMAT", "human")]);
    let logs = String::from_utf8(output.stderr).unwrap();
    assert!(logs.contains("probe ERROR words for people"), "{logs}");
    assert!(!logs.contains('\u{1b}'), "colours without a terminal: {logs}");
}

#[test]
fn settings_that_cannot_be_read_stop_the_program_with_their_name() {
    for (variable, value) in [("STENTOR_LOG", "worker=loud"), ("STENTOR_LOG_FORMAT", "xml")] {
        let output = report(&[(variable, value)]);
        assert_eq!(output.status.code(), Some(2));
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.contains(variable) && words.contains(value), "{words}");
    }
}
