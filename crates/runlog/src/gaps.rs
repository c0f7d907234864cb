//! Segments of an event log that are missing between others.

use crate::log::segment_name;
use std::collections::BTreeMap;

/// Number of missing segments in a row that are listed.
const MOST_GAPS: usize = 100;

/// The segments that are not among `names`, before others of the same incarnation that are.
pub(crate) fn gaps<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut next: BTreeMap<u64, u64> = BTreeMap::new();
    let mut gaps = Vec::new();
    for (incarnation, number) in names.filter_map(numbers) {
        let next = next.entry(incarnation).or_default();
        gaps.extend((*next..number).take(MOST_GAPS).map(|number| segment_name(incarnation, number)));
        *next = number + 1;
    }
    gaps
}

/// The incarnation and the number in a segment's name; `None`: it is not one that a coordinator wrote.
fn numbers(segment: &str) -> Option<(u64, u64)> {
    let (incarnation, number) = segment.strip_suffix(".jsonl")?.split_once('-')?;
    let (incarnation, number) = (incarnation.parse().ok()?, number.parse().ok()?);
    (number < u64::MAX && segment_name(incarnation, number) == segment).then_some((incarnation, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check_log;
    use crate::log::EVENTS;
    use stentor_store::Store;

    #[tokio::test]
    async fn segments_that_are_missing_between_others_are_named_also_in_a_log_without_signatures() {
        let run = Store::in_memory();
        for name in [(1, 0), (1, 1), (3, 2), (3, 5), (4, 0)].map(|(of, number)| segment_name(of, number)) {
            run.child(EVENTS).put(&name, bytes::Bytes::new()).await.unwrap();
        }
        for odd in ["notes.jsonl", "1-9.jsonl", "000004-000007.txt", "000005-18446744073709551615.jsonl"] {
            run.child(EVENTS).put(odd, bytes::Bytes::new()).await.unwrap();
        }
        let log = check_log(&run, None, &[]).await.unwrap();
        let missing: Vec<&str> = log
            .iter()
            .filter(|segment| segment.bytes.is_none())
            .map(|segment| segment.name.as_str())
            .collect();
        assert_eq!(missing, [(3, 0), (3, 1), (3, 3), (3, 4)].map(|(of, number)| segment_name(of, number)));
        assert!(log.iter().all(|segment| segment.bytes.is_some() == segment.faults.is_empty()), "{log:?}");
    }
}
