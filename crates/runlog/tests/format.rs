//! The bytes of the event log: as written today, and as written by older versions.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;
use stentor_exit::ProgramError;
use stentor_experiment::Source;
use stentor_runlog::{EVENTS, Error, Event, EventLog, OfSource, parse_events, read_events};
use stentor_scores::{FRAME_ERROR, LOSS, Scores};
use stentor_store::Store;

/// Each kind of event and of encoding; the first lines are from a run of the demo.
const TODAY: &str = include_str!("events.jsonl");
/// Lines written before keys were added.
const BEFORE: &str = include_str!("events_of_older_programs.jsonl");

/// Returns the kind of an event in the log. A new kind needs a line in `events.jsonl`.
fn kind(event: &Event) -> &'static str {
    match event {
        Event::Round { .. } => "round",
        Event::Members { .. } => "members",
        Event::Switched { .. } => "switched",
        Event::Dev { .. } => "dev",
        Event::Unscored { .. } => "unscored",
        Event::Refused { .. } => "refused",
        Event::FellBack { .. } => "fell-back",
        Event::Quarantined { .. } => "quarantined",
        Event::Commanded { .. } => "commanded",
        Event::Forged { .. } => "forged",
        Event::Abandoned { .. } => "abandoned",
    }
}

const KINDS: usize = 11;

#[tokio::test]
async fn a_log_is_read_and_rewritten_byte_for_byte() {
    let events = parse_events("x", TODAY).unwrap();
    assert_eq!(events.iter().map(kind).collect::<BTreeSet<_>>().len(), KINDS);
    for (line, event) in TODAY.lines().zip(&events) {
        assert!(line.starts_with(&format!("{{\"event\":\"{}\"", kind(event))), "{line}");
    }
    let run = Store::in_memory();
    let mut log = EventLog::new(&run, 7);
    events.iter().for_each(|event| log.record(event));
    log.flush().await.unwrap();
    let written = run.get(&format!("{EVENTS}/000007-000000.jsonl")).await.unwrap();
    assert_eq!(std::str::from_utf8(&written).unwrap(), TODAY);
    assert_eq!(read_events(&run).await.unwrap(), events);
}

#[test]
fn lines_that_lack_later_keys_are_read() {
    let events = parse_events("x", BEFORE).unwrap();
    let [Event::Round { shares, by_source, .. }, Event::FellBack { committed_frames, .. }] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((shares.len(), by_source.len(), *committed_frames), (0, 0, None));
    // Its rounds had one source each.
    let scores = Scores::default().with(LOSS, 4.0625).with(FRAME_ERROR, 73.5);
    let whole = OfSource { source: Source::MachineLabeled, frames: 185, scores };
    assert_eq!(events[0].by_source(), [whole]);
}

#[tokio::test]
async fn a_line_that_is_no_event_is_named_with_its_segment() {
    let run = Store::in_memory();
    let text = "{\"event\":\"abandoned\",\"checkpoint\":\"c\",\"reason\":\"r\"}\n{\"event\":\"dev\"}\n";
    run.put(&format!("{EVENTS}/000001-000004.jsonl"), text.into()).await.unwrap();
    let error = read_events(&run).await.unwrap_err();
    let words = error.to_string();
    assert!(words.contains("000001-000004.jsonl, line 2: expected an event, found"), "{words}");
    assert!(matches!(error, Error::EventLog { line: 2, .. }) && error.id() == "E0505");
}
