use super::*;
use crate::{Context, Topology};
use proptest::prelude::*;
use stentor_inventory::PhoneTable;

const FRAME: i64 = 30_000;

fn scheme() -> Scheme {
    Scheme {
        phones: PhoneTable::new(["SIL", "A", "B", "C"].map(str::to_owned).to_vec()).unwrap(),
        context_independent: vec![PhoneId::new(0)],
        boundary: PhoneId::new(0),
        context: Context::WithinWords,
        topology: Topology::FirstThenRest,
    }
}

fn said(list: &[(char, i64, i64)]) -> Vec<Said> {
    let phone = |letter| "SABC".find(letter).map(|place| PhoneId::new(place as u16));
    let said = |&(letter, start, end): &(char, i64, i64)| Said {
        phone: phone(letter.to_ascii_uppercase()),
        start_us: start * 1_000,
        end_us: end * 1_000,
        begins_word: letter.is_ascii_uppercase(),
    };
    list.iter().map(said).collect()
}

fn frames(letters: &str) -> Vec<Sounding> {
    let frame = |(number, letter)| Sounding {
        phone: PhoneId::new("SABC".find(letter).unwrap() as u16),
        centre_us: number * FRAME + 22_500,
    };
    (0..).zip(letters.chars()).map(frame).collect()
}

/// Spans as letters, capital ones at the beginning of words, with their frames.
fn found(list: &[(char, i64, i64)], letters: &str) -> Result<String, Error> {
    let shown = |span: &Span| {
        let letter = "SABC".chars().nth(span.phone.index()).unwrap();
        let letter = if span.begins_word { letter } else { letter.to_ascii_lowercase() };
        format!("{letter}{}", span.frames)
    };
    let spans = spans(&said(list), &frames(letters), &scheme())?;
    Ok(spans.iter().map(shown).collect::<Vec<_>>().join(" "))
}

#[test]
fn frames_belong_to_the_phones_that_were_said_at_their_time() {
    assert_eq!(found(&[('A', 60, 120), ('b', 120, 180)], "SSAABBS").unwrap(), "s2 A2 b2 s1");
    assert_eq!(found(&[], "SSS").unwrap(), "s3");
    assert_eq!(found(&[], "").unwrap(), "");
}

#[test]
fn a_phone_that_is_said_twice_is_two_phones() {
    assert_eq!(found(&[('A', 0, 60), ('A', 60, 150)], "AAAAA").unwrap(), "A2 A3");
    assert_eq!(
        found(&[('A', 0, 60), ('a', 60, 90), ('b', 90, 120), ('a', 120, 150)], "AAABA").unwrap(),
        "A2 a1 b1 a1"
    );
}

#[test]
fn a_phone_too_short_for_any_frame_stands_where_it_was_said() {
    let list = [('A', 0, 60), ('b', 60, 70), ('C', 70, 120)];
    assert_eq!(found(&list, "AACC").unwrap(), "A2 b0 C2");
    // Before, in and after silence.
    assert_eq!(found(&[('A', 0, 10), ('B', 50, 55), ('C', 115, 118)], "SSSS").unwrap(), "A0 s2 B0 s2 C0");
    assert_eq!(found(&[('A', 0, 30), ('b', 30, 40)], "ASS").unwrap(), "A1 b0 s2");
}

#[test]
fn a_phone_that_the_tree_does_not_know_is_left_out_but_its_word_still_begins() {
    assert_eq!(found(&[('A', 0, 60), ('X', 60, 70), ('b', 70, 120)], "AABB").unwrap(), "A2 B2");
    assert_eq!(found(&[('X', 0, 10)], "SS").unwrap(), "s2");
}

#[test]
fn the_alignment_decides_where_times_are_rounded_or_leave_frames_uncovered() {
    // The centre of frame 1 is at 52.5 ms.
    assert_eq!(found(&[('A', 0, 53), ('b', 53, 90)], "ABB").unwrap(), "A1 b2");
    assert_eq!(found(&[('A', 40, 60), ('b', 100, 120)], "AAAB").unwrap(), "A3 b1");
}

#[test]
fn a_phone_that_silence_interrupts_begins_its_word_once() {
    assert_eq!(found(&[('A', 0, 120)], "ASSA").unwrap(), "A1 s2 a1");
}

#[test]
fn a_frame_of_a_phone_that_was_not_said_is_named() {
    let missing = |frame| Error::NotSaid { frame, phone: "B".to_owned() };
    assert_eq!(found(&[('A', 0, 60)], "AAB").unwrap_err(), missing(2));
    assert_eq!(found(&[('B', 0, 30), ('a', 30, 90)], "BAB").unwrap_err(), missing(2));
    let beyond = [Sounding { phone: PhoneId::new(7), centre_us: 0 }];
    let error = spans(&[], &beyond, &scheme()).unwrap_err();
    assert_eq!(error, Error::Unknown { what: "phone", found: 7, limit: 4 });
}

#[test]
fn a_word_begins_with_the_phone_whose_middle_is_in_another_word() {
    let phones = [(0, 10), (10, 20), (20, 30), (50, 60), (58, 70)];
    assert_eq!(words(&phones, &[(0, 20), (20, 30), (50, 70)]), [true, false, true, true, false]);
    // Rounded times, and phones outside of all words.
    assert_eq!(words(&phones, &[(11, 19), (21, 30)]), [true, true, true, false, false]);
    assert_eq!(words(&phones, &[]), [true, false, false, false, false]);
}

proptest! {
    /// Phones and pauses of whole milliseconds, and the alignment that a frame's centre gives.
    #[test]
    fn any_alignment_comes_back_as_the_phones_that_it_was_made_of(
        spoken in prop::collection::vec((0u16..4, 1i64..200, any::<bool>()), 1..20),
    ) {
        let (mut list, mut end) = (Vec::new(), 0);
        let mut everything = Vec::new();
        for &(phone, duration, begins_word) in &spoken {
            everything.push((phone, end, end + duration));
            if phone > 0 {
                let phone = Some(PhoneId::new(phone));
                list.push(Said { phone, start_us: end * 1_000, end_us: (end + duration) * 1_000, begins_word });
            }
            end += duration;
        }
        let centres = (0..).map(|number| number * FRAME + 22_500).take_while(|&centre| centre < end * 1_000);
        let of = |centre_us: i64| everything.iter().find(|(_, start, end)| (start * 1_000..end * 1_000).contains(&centre_us));
        let frames: Vec<Sounding> = centres
            .map(|centre_us| Sounding { phone: PhoneId::new(of(centre_us).unwrap().0), centre_us })
            .collect();
        let spans = spans(&list, &frames, &scheme()).unwrap();
        let count = |start: i64, end: i64| frames.iter().filter(|f| (start * 1_000..end * 1_000).contains(&f.centre_us)).count();
        let expected: Vec<(u16, usize)> = everything.iter().filter(|(phone, ..)| *phone > 0).map(|&(phone, start, end)| (phone, count(start, end))).collect();
        let found: Vec<(u16, usize)> = spans.iter().filter(|span| span.phone.number() > 0).map(|span| (span.phone.number(), span.frames)).collect();
        prop_assert_eq!(found, expected);
        let begins: Vec<bool> = spans.iter().filter(|span| span.phone.number() > 0).map(|span| span.begins_word).collect();
        prop_assert_eq!(begins, list.iter().map(|said| said.begins_word).collect::<Vec<_>>());
        let total: usize = spans.iter().map(|span| span.frames).sum();
        prop_assert_eq!(total, frames.len());
        // Frames of silence are where they were.
        let mut laid = Vec::new();
        spans.iter().for_each(|span| laid.extend(std::iter::repeat_n(span.phone, span.frames)));
        prop_assert_eq!(laid, frames.iter().map(|frame| frame.phone).collect::<Vec<_>>());
    }
}
