//! Bounds on the content of messages, besides their size. A faulty member, or another program that uses its name, must not make
//! the coordinator store, log or forward unbounded data.

use std::borrow::Cow;
use stentor_proto::v1;
use stentor_runtime::print::printable;
use tonic::Status;

/// Maximum number of members and applicants; `cluster.workers` is at most 1024.
pub(crate) const MOST_MEMBERS: usize = 4096;
/// Maximum number of objects that a member writes at a boundary.
const MOST_OBJECTS: usize = 4096;
/// Maximum length of a name, bytes.
const MOST_NAME_BYTES: usize = 256;
/// Maximum length of a text for people, bytes.
const MOST_WORD_BYTES: usize = 2000;

/// Cuts a text for people to the maximum length, and writes out what would command the terminal that it ends on.
pub(crate) fn cut(mut words: String) -> String {
    words.truncate(words.floor_char_boundary(MOST_WORD_BYTES));
    match printable(&words) {
        Cow::Borrowed(_) => words,
        Cow::Owned(shown) => shown,
    }
}

/// Checks the length of a name.
pub(crate) fn name(field: &str, name: &str) -> Result<(), Status> {
    at_most(field, "bytes", MOST_NAME_BYTES, name.len())
}

/// Largest amount of traffic that a member reports at once, bytes.
const MOST_TRAFFIC: u64 = 1 << 50;
/// Largest amount of memory, MB.
const MOST_MEMORY_MB: f64 = 1e9;

/// Checks what a member says about its network traffic.
pub(crate) fn traffic(traffic: &v1::Traffic) -> Result<(), String> {
    let most = traffic.sent_bytes.max(traffic.received_bytes);
    if most <= MOST_TRAFFIC {
        return Ok(());
    }
    Err(format!("expected traffic of at most {MOST_TRAFFIC} bytes, found {most}"))
}

/// Checks what a member says about its memory.
pub(crate) fn memory(megabytes: f64) -> Result<(), String> {
    if (0.0..=MOST_MEMORY_MB).contains(&megabytes) {
        return Ok(());
    }
    Err(format!("expected memory of 0 to {MOST_MEMORY_MB} MB, found {megabytes}"))
}

pub(crate) fn sum_group(sum_group: &v1::SumGroup) -> Result<(), Status> {
    at_most("sum_group", "slots", MOST_MEMBERS, sum_group.slots.len())
}

pub(crate) fn report(report: &v1::BoundaryReport) -> Result<(), Status> {
    at_most("written", "objects", MOST_OBJECTS, report.written.len())?;
    name("identity", &report.identity)?;
    name("checkpoint", &report.checkpoint)?;
    report.written.iter().try_for_each(|object| name("written", &object.name))
}

fn at_most(field: &str, of: &str, most: usize, found: usize) -> Result<(), Status> {
    if found <= most {
        return Ok(());
    }
    Err(Status::out_of_range(format!("expected at most {most} {of} in `{field}`, found {found}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bound_is_named_with_what_was_found() {
        let object = v1::WrittenObject { name: "x".repeat(257), ..v1::WrittenObject::default() };
        let one = v1::BoundaryReport { written: vec![object], ..v1::BoundaryReport::default() };
        let many = v1::BoundaryReport {
            written: vec![v1::WrittenObject::default(); MOST_OBJECTS + 1],
            ..v1::BoundaryReport::default()
        };
        let crowd = v1::SumGroup { slots: vec![0; MOST_MEMBERS + 1], ..v1::SumGroup::default() };
        for (verdict, expected) in [
            (report(&one), "expected at most 256 bytes in `written`, found 257"),
            (report(&many), "expected at most 4096 objects in `written`, found 4097"),
            (sum_group(&crowd), "expected at most 4096 slots in `sum_group`, found 4097"),
        ] {
            assert_eq!(verdict.unwrap_err().message(), expected);
        }
        report(&v1::BoundaryReport::default()).unwrap();
    }

    #[test]
    fn figures_for_people_are_held_against_what_can_be() {
        traffic(&v1::Traffic { sent_bytes: 1 << 40, received_bytes: 0 }).unwrap();
        let most = v1::Traffic { sent_bytes: 0, received_bytes: u64::MAX };
        assert!(traffic(&most).unwrap_err().contains("found 18446744073709551615"));
        memory(4096.5).unwrap();
        for found in [f64::INFINITY, f64::NAN, -1.0, 1e30] {
            memory(found).unwrap_err();
        }
    }

    #[test]
    fn words_are_cut_between_characters() {
        assert_eq!(cut("é".repeat(MOST_WORD_BYTES)).len(), MOST_WORD_BYTES);
        assert_eq!(cut(format!("x{}", "é".repeat(MOST_WORD_BYTES))).len(), MOST_WORD_BYTES - 1);
        assert_eq!(cut("short".into()), "short");
    }

    #[test]
    fn words_do_not_command_a_terminal() {
        assert_eq!(cut("\u{1b}[2Jgone\nnext".into()), "\\u{1b}[2Jgone\\nnext");
    }
}
