use crate::{Error, FrameClock, Micros, StateSpan, frame_labels, thirds};
use proptest::prelude::*;
use stentor_experiment::Features;

fn clock() -> FrameClock {
    FrameClock::new(&Features::default())
}

/// Spans with these ends, in milliseconds, one after the other from `start`.
fn chain(start: Micros, ends: &[Micros]) -> Vec<StateSpan> {
    let mut from = start;
    let span = |&end: &Micros| {
        let span = StateSpan { phone: "AH".to_owned(), state: 0, start: from * 1_000, end: end * 1_000 };
        from = end;
        span
    };
    ends.iter().map(span).collect()
}

#[test]
fn a_stacked_frame_is_centred_in_its_middle_window() {
    // Windows of 25 ms at 0, 10 and 20 ms: the middle one is centred at 22.5 ms.
    assert_eq!(clock().centre(0), 22_500);
    assert_eq!(clock().centre(10), 322_500);
    let plain = FrameClock::new(&Features { stack: 1, ..Features::default() });
    assert_eq!((plain.centre(0), plain.frame()), (12_500, 10_000));
}

#[test]
fn a_frame_has_the_state_at_its_centre() {
    // Centres at 22.5, 52.5, 82.5 and 112.5 ms.
    assert_eq!(frame_labels(&chain(0, &[20, 50, 60, 140]), 4, clock(), 0).unwrap(), [1, 2, 3, 3]);
    assert_eq!(frame_labels(&chain(0, &[23, 52, 83, 140]), 4, clock(), 0).unwrap(), [0, 2, 2, 3]);
}

#[test]
fn an_aligner_that_counts_frames_labels_the_middle_frame_of_each_three() {
    // State i of the aligner covers its 10-ms frame i alone; the middle frames are 1, 4, 7 and 10.
    let spans = chain(0, &(1..=12).map(|f| f * 10).collect::<Vec<_>>());
    assert_eq!(frame_labels(&spans, 4, clock(), 10_000).unwrap(), [1, 4, 7, 10]);
}

#[test]
fn a_few_missing_frames_are_padded_with_the_nearest_state() {
    let early = frame_labels(&chain(0, &[30, 60]), 5, clock(), 0).unwrap();
    assert_eq!(early, [0, 1, 1, 1, 1]);
    let late = frame_labels(&chain(80, &[120, 200]), 5, clock(), 0).unwrap();
    assert_eq!(late, [0, 0, 0, 0, 1]);
}

#[test]
fn a_gap_goes_to_whichever_side_is_nearer() {
    let mut spans = chain(0, &[40]);
    spans.extend(chain(90, &[200]));
    assert_eq!(frame_labels(&spans, 4, clock(), 0).unwrap(), [0, 0, 1, 1]);
}

#[test]
fn phones_that_are_said_at_the_same_time_are_no_alignment_but_rounding_is() {
    let both = |second: Micros| {
        let mut spans = chain(0, &[100, 200]);
        spans.extend(chain(second, &[300]));
        spans.sort_by_key(|span| (span.start, span.end));
        frame_labels(&spans, 9, clock(), 0)
    };
    assert!(both(200).is_ok() && both(110).is_ok());
    // As of two channels under one name.
    let error = both(105).unwrap_err();
    assert!(matches!(error, Error::Overlap { by_ms: 95, limit_ms: 90 }), "{error}");
}

#[test]
fn more_than_a_few_missing_frames_are_a_misalignment() {
    let cases = [
        ("ends early", chain(0, &[30, 60]), 8),
        ("starts late", chain(130, &[200, 250]), 8),
        ("runs past the end", chain(0, &[30, 600]), 8),
        ("empty", Vec::new(), 8),
        ("gap", [chain(0, &[30]), chain(260, &[300])].concat(), 9),
    ];
    for (what, spans, frames) in cases {
        let error = frame_labels(&spans, frames, clock(), 0).unwrap_err();
        assert!(
            matches!(error, Error::Misaligned { .. }) && error.to_string().contains(what),
            "{what}: {error}"
        );
    }
}

#[test]
fn thirds_cover_the_phone_without_a_gap() {
    let [a, b, c] = thirds("AH", 10, 20);
    assert_eq!([a.start, a.end, b.start, b.end, c.start, c.end], [10, 13, 13, 16, 16, 20]);
    assert_eq!([a.state, b.state, c.state], [0, 1, 2]);
}

proptest! {
    #[test]
    fn whole_alignments_give_each_frame_the_span_around_its_centre(
        durations in prop::collection::vec(1i64..40, 1..80),
    ) {
        let mut end = 0;
        let ends: Vec<Micros> = durations.iter().map(|d| { end += d * 10; end }).collect();
        let spans = chain(0, &ends);
        // As many frames as an aligner with 10-ms frames counts.
        let frames = (end / 30) as usize;
        let labels = frame_labels(&spans, frames, clock(), 10_000).unwrap();
        prop_assert_eq!(labels.len(), frames);
        for (j, &label) in labels.iter().enumerate() {
            let middle = (3 * j as Micros + 1) * 10_000;
            prop_assert!(spans[label].start <= middle && middle < spans[label].end);
        }
    }
}
