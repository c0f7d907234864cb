//! Large contributions arrive in parts, in any order of the network, and the mean has the same bits as if all had been
//! present.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::Numbers;
use proptest::prelude::*;
use stentor_exchange::{Error, Precision, StreamingMean, WeightedMean, encode_bf16, encode_dense};

/// Slot, weight, format and payload of a member.
struct Member {
    slot: u32,
    weight: u64,
    precision: Precision,
    payload: Vec<u8>,
}

fn members(numbers: &mut Numbers, len: usize, weights: &[u64]) -> Vec<Member> {
    let mut slot = 0;
    weights
        .iter()
        .map(|&weight| {
            slot += 1 + (numbers.next() % 3) as u32;
            let mut values = numbers.gradient(len, 1.0);
            values.iter_mut().step_by(7).for_each(|v| *v = -0.0);
            let (precision, payload) = match numbers.next() % 2 {
                0 => (Precision::F32, encode_dense(&values)),
                _ => (Precision::Bf16, encode_bf16(&values, &vec![-0.0; len], &mut vec![0.0; len]).unwrap()),
            };
            Member { slot, weight, precision, payload }
        })
        .collect()
}

fn streaming(len: usize, members: &[Member]) -> StreamingMean {
    let slots: Vec<u32> = members.iter().map(|m| m.slot).collect();
    StreamingMean::new(len, &slots).unwrap()
}

/// Returns the same sum computed from complete contributions.
fn at_once(len: usize, members: &[Member]) -> Vec<u8> {
    let mut mean = WeightedMean::new(len);
    members.iter().for_each(|m| mean.add_payload(m.weight, &m.payload, m.precision).unwrap());
    mean.finish_payload().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_order_parts_arrive_in_the_mean_has_the_same_bits(
        seed in any::<u64>(),
        len in 0usize..400,
        weights in prop::collection::vec(0u64..5000, 1..7),
    ) {
        prop_assume!(weights.iter().any(|&w| w > 0));
        let mut numbers = Numbers::new(seed);
        let members = members(&mut numbers, len, &weights);
        let mut mean = streaming(len, &members);
        let mut opened = std::collections::BTreeSet::new();
        let mut sent = Vec::new();
        let mut turns = 0;
        while !mean.is_complete() {
            turns += 1;
            prop_assert!(turns < 100_000, "a member waits forever: {mean:?}");
            let member = &members[(numbers.next() % members.len() as u64) as usize];
            if opened.insert(member.slot) {
                mean.open(member.slot, member.weight).unwrap();
                continue;
            }
            let (at, ready) = (mean.next(member.slot).unwrap(), mean.ready(member.slot).unwrap());
            let wanted = (numbers.next() % 100) as usize;
            let count = wanted.min(len - at);
            let bytes = &member.payload[at * member.precision.bytes()..][..count * member.precision.bytes()];
            let outcome = mean.add(member.slot, at, bytes, member.precision);
            if count <= ready {
                prop_assert_eq!(outcome, Ok(()));
            } else {
                prop_assert_eq!(outcome, Err(Error::Ahead { slot: member.slot, ready, found: count }));
                prop_assert_eq!(mean.next(member.slot), Ok(at), "nothing was added");
            }
            // Complete values can be sent as soon as all weights are known.
            if opened.len() == members.len() {
                mean.take_mean(mean.complete(), &mut sent).unwrap();
                prop_assert_eq!(sent.len(), 4 * mean.taken());
            }
        }
        mean.take_mean(len, &mut sent).unwrap();
        prop_assert_eq!(&sent, &at_once(len, &members));
        prop_assert_eq!(mean.weight(), weights.iter().sum::<u64>());
    }
}

#[test]
fn sums_longer_than_a_segment_are_taken_segment_by_segment() {
    let len = 200_000;
    let mut numbers = Numbers::new(5);
    let members = members(&mut numbers, len, &[3, 1]);
    let mut mean = streaming(len, &members);
    members.iter().for_each(|m| mean.open(m.slot, m.weight).unwrap());
    let mut sent = Vec::new();
    for part in (0..len).step_by(50_001).map(|at| at..(at + 50_001).min(len)) {
        for Member { slot, precision, payload, .. } in &members {
            let bytes = &payload[part.start * precision.bytes()..part.end * precision.bytes()];
            mean.add(*slot, part.start, bytes, *precision).unwrap();
        }
        mean.take_mean(mean.complete(), &mut sent).unwrap();
        assert_eq!((mean.taken(), sent.len()), (part.end, 4 * part.end));
    }
    assert_eq!(sent, at_once(len, &members));
}

const ONES: [u8; 16] = [0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f, 0, 0, 0x80, 0x3f];

fn two_of_four_values() -> StreamingMean {
    let mut mean = StreamingMean::new(4, &[2, 5]).unwrap();
    mean.open(2, 1).unwrap();
    mean.open(5, 3).unwrap();
    mean
}

#[test]
fn a_slot_waits_for_the_one_before_it() {
    let mut mean = two_of_four_values();
    assert_eq!((mean.ready(2), mean.ready(5)), (Ok(4), Ok(0)));
    assert_eq!(mean.add(5, 0, &ONES[..4], Precision::F32), Err(Error::Ahead { slot: 5, ready: 0, found: 1 }));
    mean.add(2, 0, &ONES[..12], Precision::F32).unwrap();
    assert_eq!((mean.ready(2), mean.ready(5), mean.complete()), (Ok(1), Ok(3), 0));
    mean.add(5, 0, &ONES[..8], Precision::F32).unwrap();
    assert_eq!((mean.ready(5), mean.complete()), (Ok(1), 2));
    let late = Error::Incomplete { slot: 2, found: 3, expected: 4 };
    assert_eq!(mean.take_mean(4, &mut Vec::new()), Err(late));
}

#[test]
fn gaps_repetitions_and_overruns_are_refused_and_change_nothing() {
    let mut mean = two_of_four_values();
    mean.add(2, 0, &ONES[..8], Precision::F32).unwrap();
    for at in [0, 1, 3] {
        let refused = mean.add(2, at, &ONES[..4], Precision::F32);
        assert_eq!(refused, Err(Error::Gap { slot: 2, expected: 2, found: at }));
    }
    let beyond = mean.add(2, 2, &ONES[..12], Precision::F32);
    assert!(matches!(beyond, Err(Error::Length { expected: 4, found: 5, .. })));
    assert_eq!(mean.add(2, 2, &ONES[..7], Precision::F32), Err(Error::Trailing { found: 7 }));
    assert_eq!(mean.add(3, 0, &ONES, Precision::F32), Err(Error::UnknownSlot { found: 3 }));
    assert_eq!(mean.next(2), Ok(2));
    mean.add(2, 2, &ONES[..8], Precision::F32).unwrap();
    mean.add(5, 0, &ONES, Precision::F32).unwrap();
    let more = mean.add(5, 4, &ONES[..4], Precision::F32);
    assert!(matches!(more, Err(Error::Length { expected: 4, found: 5, .. })));
    assert_eq!(mean.finish_payload().unwrap(), ONES);
}

#[test]
fn a_value_that_is_not_finite_is_named_with_its_index_and_nothing_of_its_part_is_summed() {
    let mut mean = two_of_four_values();
    mean.add(2, 0, &ONES, Precision::F32).unwrap();
    mean.add(5, 0, &ONES[..4], Precision::F32).unwrap();
    let bad = encode_dense(&[1.0, f32::INFINITY]);
    let refused = mean.add(5, 1, &bad, Precision::F32).unwrap_err();
    assert!(matches!(refused, Error::NonFinite { index: 2, value, .. } if value == f32::INFINITY));
    assert_eq!((mean.next(5), mean.is_complete()), (Ok(1), false));
}

#[test]
fn a_slot_without_frames_has_nothing_to_send() {
    let mut mean = StreamingMean::new(4, &[0, 1, 2]).unwrap();
    mean.open(1, 7).unwrap();
    assert_eq!(mean.ready(1), Ok(0), "the weight of slot 0 is not known");
    mean.open(0, 0).unwrap();
    assert_eq!(mean.ready(1), Ok(4));
    mean.add(1, 0, &ONES, Precision::F32).unwrap();
    assert!(!mean.is_complete(), "the weight of slot 2 is not known");
    mean.open(2, 0).unwrap();
    assert!(mean.is_complete());
    assert_eq!(mean.finish_payload().unwrap(), ONES);
}

#[test]
fn members_out_of_order_begun_twice_or_with_overflowing_weights_are_refused() {
    let of = |slots: &[u32]| StreamingMean::new(4, slots).map(drop);
    assert_eq!(of(&[1, 1]), Err(Error::SlotOrder { previous: 1, found: 1 }));
    assert_eq!(of(&[2, 1]), Err(Error::SlotOrder { previous: 2, found: 1 }));
    let mut mean = StreamingMean::new(4, &[1, 2]).unwrap();
    mean.open(1, u64::MAX).unwrap();
    assert_eq!(mean.open(1, 1), Err(Error::SlotOrder { previous: 1, found: 1 }));
    assert_eq!(mean.open(3, 1), Err(Error::UnknownSlot { found: 3 }));
    assert!(matches!(mean.open(2, 1), Err(Error::Overflow { what: "weights", found: 1 })));
    let mut idle = StreamingMean::new(4, &[1]).unwrap();
    idle.open(1, 0).unwrap();
    assert_eq!(idle.finish_payload(), Err(Error::NothingToReduce));
}
