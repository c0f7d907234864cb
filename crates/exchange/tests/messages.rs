//! Messages of signs and counts: round trips, and malformed bytes.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use common::{Numbers, entropy_bits};
use proptest::prelude::*;
use stentor_exchange::gtc::{
    Header, MAX_CONTRIBUTORS, add_scaled, decode_add, decode_counts, decode_mean, encode_counts,
};
use stentor_exchange::{Error, Tau};

fn tau() -> Tau {
    Tau::exact(0.5).unwrap()
}

fn message(counts: &[i32], divisor: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_counts(counts, tau(), divisor, &mut bytes).unwrap();
    bytes
}

/// Returns counts up to ±`largest`, of which about `density` are not zero.
fn counts(seed: u64, len: usize, density: f64, largest: i32) -> Vec<i32> {
    let mut numbers = Numbers::new(seed);
    (0..len)
        .map(|_| {
            if numbers.uniform() >= density {
                return 0;
            }
            let magnitude = 1 + (numbers.next() % largest as u64) as i32;
            if numbers.next().is_multiple_of(2) { magnitude } else { -magnitude }
        })
        .collect()
}

fn any_counts() -> impl Strategy<Value = (Vec<i32>, u32)> {
    (any::<u64>(), 0usize..700, 0f64..1.0, 1i32..40, any::<bool>()).prop_map(
        |(seed, len, density, largest, few)| {
            let largest = if few { 1 } else { largest };
            (counts(seed, len, density * density, largest), largest as u32)
        },
    )
}

/// Returns the form's number in a message's first byte.
fn form(bytes: &[u8]) -> u8 {
    bytes[0] & 0x0f
}

/// Checks that any bytes give either an error without changes, or counts within the header's bounds.
fn check_harmless(bytes: &[u8], len: usize) {
    let before: Vec<i32> = (0..len as i32).collect();
    let mut sums = before.clone();
    let outcome = decode_add(bytes, &mut sums);
    let mut mean = vec![1.0; len];
    let mean_outcome = decode_mean(bytes, &mut mean);
    let mut parameters = vec![1.0; len];
    let applied = add_scaled(bytes, &mut parameters, 1.0);
    // Compared as text, because an error may contain a NaN, which is not equal to itself.
    assert_eq!(format!("{outcome:?}"), format!("{mean_outcome:?}"));
    assert_eq!(format!("{outcome:?}"), format!("{applied:?}"));
    match outcome {
        Err(error) => {
            assert_eq!(sums, before);
            assert!(mean.iter().all(|&m| m == 0.0));
            assert!(parameters.iter().all(|&p| p == 1.0));
            assert_eq!(format!("{:?}", decode_counts(bytes, len).unwrap_err()), format!("{error:?}"));
        }
        Ok(header) => {
            let (_, counts) = decode_counts(bytes, len).unwrap();
            assert_eq!(counts.iter().filter(|&&n| n != 0).count() as u64, header.nonzero);
            assert!(counts.iter().all(|n| n.unsigned_abs() <= header.divisor));
            assert!(sums.iter().zip(&before).zip(&counts).all(|((s, b), n)| s - b == *n));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn counts_come_back_as_they_were((counts, divisor) in any_counts()) {
        let bytes = message(&counts, divisor);
        let (header, back) = decode_counts(&bytes, counts.len()).unwrap();
        let nonzero = counts.iter().filter(|&&n| n != 0).count() as u64;
        prop_assert_eq!(header, Header { tau: tau(), divisor, values: counts.len(), nonzero });
        prop_assert_eq!(back, counts);
    }

    #[test]
    fn no_message_of_signs_is_much_longer_than_a_bitmap_or_five_values_a_byte(
        seed in any::<u64>(), len in 0usize..2000, density in 0f64..1.0,
    ) {
        let signs = counts(seed, len, density, 1);
        let nonzero = signs.iter().filter(|&&n| n != 0).count();
        let shortest = len.div_ceil(5).min(len.div_ceil(8) + nonzero.div_ceil(8));
        let header = 13;
        prop_assert!(message(&signs, 1).len() <= header + shortest + shortest / 100 + 1);
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..120), len in 0usize..200) {
        check_harmless(&bytes, len);
    }

    #[test]
    fn a_valid_header_before_random_bytes_does_no_harm(
        form in 0u8..5,
        divisor in 1u8..100,
        len in 0u8..128,
        nonzero in 0u8..128,
        rest in prop::collection::vec(any::<u8>(), 0..100),
        zeros in any::<bool>(),
    ) {
        let mut bytes = vec![0x10 | form];
        bytes.extend(0.5f32.to_le_bytes());
        bytes.extend([divisor, len, nonzero]);
        // Unary codes consist of runs of zeros.
        bytes.extend(rest.iter().map(|&b| if zeros && b > 20 { 0 } else { b }));
        check_harmless(&bytes, usize::from(len));
    }

    #[test]
    fn a_message_with_some_bytes_changed_does_no_harm(
        (counts, divisor) in any_counts(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = message(&counts, divisor);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check_harmless(&bytes, counts.len());
    }

    #[test]
    fn a_message_cut_short_or_continued_is_refused(
        (counts, divisor) in any_counts(),
        at in any::<prop::sample::Index>(),
        more in 1usize..20,
    ) {
        let bytes = message(&counts, divisor);
        let cut = &bytes[..at.index(bytes.len())];
        let error = decode_counts(cut, counts.len()).unwrap_err();
        prop_assert!(matches!(error, Error::Truncated { .. }), "{}", error);
        check_harmless(cut, counts.len());
        for byte in [0, 0xff] {
            let mut longer = bytes.clone();
            longer.resize(bytes.len() + more, byte);
            let error = decode_counts(&longer, counts.len()).unwrap_err();
            prop_assert!(matches!(error, Error::Trailing { .. }), "{}", error);
            check_harmless(&longer, counts.len());
        }
    }
}

#[test]
fn each_density_takes_the_form_that_suits_it() {
    let form_of = |density, largest| form(&message(&counts(3, 20_000, density, largest), largest as u32));
    assert_eq!(form_of(0.001, 1), 0, "few signs: gaps");
    assert_eq!(form_of(0.001, 9), 0, "few counts: gaps");
    assert_eq!(form_of(0.45, 1), 1, "many signs: a bitmap");
    assert_eq!(form_of(0.9, 1), 2, "few zeros: five values per byte");
    assert_eq!(form_of(0.45, 3), 1, "many counts: a bitmap");
    assert_eq!(form_of(1.0, 9), 3, "few zeros: dense codes");
}

#[test]
fn clustered_values_use_another_parameter_than_their_mean_gap_suggests() {
    // One layer sends every fourth value, the rest nothing.
    let clustered: Vec<i32> = (0..1_000_000).map(|i| i32::from(i < 40_000 && i % 4 == 0)).collect();
    let sent = 10_000;
    let bits = message(&clustered, 1).len() as f64 * 8.0;
    assert!(bits < 0.6 * entropy_bits(clustered.len(), sent), "{bits} bits: less than at random places");
}

#[test]
fn the_sum_of_256_workers_stays_near_its_entropy() {
    const LEN: usize = 100_000;
    let mut sum = vec![0; LEN];
    for seed in 0..256 {
        sum.iter_mut().zip(counts(seed, LEN, 0.03, 1)).for_each(|(s, n)| *s += n);
    }
    let mut histogram = std::collections::BTreeMap::<i32, f64>::new();
    sum.iter().for_each(|&n| *histogram.entry(n).or_default() += 1.0);
    let entropy: f64 = histogram.values().map(|&seen| -seen * (seen / LEN as f64).log2()).sum();
    let bytes = message(&sum, 256);
    let over = bytes.len() as f64 * 8.0 / entropy;
    assert!(over < 1.08, "{over} of entropy, form {}", form(&bytes));
}

#[test]
fn each_kind_of_malformed_message_has_its_error() {
    let sparse = message(&counts(1, 5000, 0.01, 1), 1);
    let bitmap = message(&counts(2, 5000, 0.45, 1), 1);
    let ternary = message(&counts(3, 5000, 0.9, 1), 1);
    let dense = message(&counts(4, 5000, 1.0, 9), 9);
    let refused = |bytes: &[u8]| decode_counts(bytes, 5000).unwrap_err();
    let with = |bytes: &[u8], at: usize, byte: u8| {
        let mut changed = bytes.to_vec();
        changed[at] = byte;
        refused(&changed)
    };
    assert_eq!(refused(&[]), Error::Truncated { part: "header", found: 0 });
    assert_eq!(refused(&sparse[..12]), Error::Truncated { part: "gaps", found: 12 });
    assert!(matches!(refused(&bitmap[..100]), Error::Truncated { part: "bitmap", .. }));
    assert!(matches!(refused(&bitmap[..700]), Error::Truncated { part: "signs", .. }));
    assert!(matches!(refused(&ternary[..100]), Error::Truncated { part: "ternary values", .. }));
    assert!(matches!(refused(&dense[..100]), Error::Truncated { part: "dense counts", .. }));
    assert_eq!(with(&sparse, 0, 0x20), Error::UnknownForm { found: 0x20 });
    assert_eq!(with(&sparse, 0, 0x14), Error::UnknownForm { found: 0x14 });
    assert!(matches!(with(&sparse, 1, 1), Error::TauNotExact { .. }));
    assert!(matches!(with(&sparse, 4, 0xff), Error::TauOutOfRange { .. }));
    assert!(matches!(with(&sparse, 5, 0), Error::Header { field: "divisor", found: 0, .. }));
    assert!(matches!(decode_counts(&sparse, 4999), Err(Error::Length { expected: 4999, found: 5000, .. })));
    // The number of values takes two bytes; that of nonzero values takes one in the sparse message and two in the
    // bitmap.
    assert!(matches!(with(&sparse, 9, 32), Error::Header { field: "gap parameter", found: 32, .. }));
    assert!(matches!(with(&sparse, 10, 32), Error::Header { field: "magnitude parameter", found: 32, .. }));
    assert!(
        matches!(with(&bitmap, 9, 0x7f), Error::Header { field: "nonzero", .. }),
        "16,000 and more of 5,000"
    );
    assert!(matches!(with(&bitmap, 8, bitmap[8] ^ 1), Error::Nonzero { .. }));
    let end = ternary.len() - 1;
    assert!(matches!(with(&ternary, end, 243), Error::Trailing { .. }));
    let mut longer = ternary;
    longer.push(0);
    assert!(matches!(refused(&longer), Error::Trailing { .. }));
    // A count larger than its contributors allow.
    let mut few = dense;
    few[5] = 4;
    assert!(matches!(refused(&few), Error::CountOutOfBounds { divisor: 4, .. }));
    // An index beyond the vector: a gap of more than a thousand times the parameter in zeros.
    let mut beyond = sparse[..11].to_vec();
    beyond.extend([0; 4000]);
    beyond.push(1);
    assert!(matches!(refused(&beyond), Error::IndexOutOfBounds { values: 5000, .. }));
}

#[test]
fn a_number_in_the_header_that_never_ends_is_refused() {
    let mut bytes = vec![0x10];
    bytes.extend(0.5f32.to_le_bytes());
    bytes.extend([0xff; 30]);
    assert!(matches!(decode_counts(&bytes, 10), Err(Error::Header { field: "divisor", .. })));
}

#[test]
fn impossible_counts_are_not_written() {
    let mut out = vec![1, 2, 3];
    assert!(matches!(
        encode_counts(&[0, 3, -4], tau(), 2, &mut out),
        Err(Error::CountOutOfBounds { index: 1, found: 3, divisor: 2 })
    ));
    assert!(matches!(encode_counts(&[i32::MIN], tau(), 1, &mut out), Err(Error::CountOutOfBounds { .. })));
    for divisor in [0, MAX_CONTRIBUTORS + 1] {
        assert!(matches!(encode_counts(&[0], tau(), divisor, &mut out), Err(Error::Header { .. })));
    }
    assert_eq!(out, [1, 2, 3]);
}
