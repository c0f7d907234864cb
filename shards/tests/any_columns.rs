//! Properties of rows with any declared columns.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bytes::Bytes;
use common::*;
use proptest::prelude::*;
use stentor_shards::{
    Codec, Column, Element, Error, Extent, LabelRow, Row, Span, Values, View, decode_shard, encode_shard, f16,
};

fn any_column(name: String) -> impl Strategy<Value = Column> {
    let extent = prop_oneof![
        (1u32..4).prop_map(|values| Extent::PerFrame { values }),
        (1u32..4).prop_map(|values| Extent::PerClip { values }),
        Just(Extent::Sequence),
    ];
    let element = prop::sample::select(vec![
        Element::U8,
        Element::U16,
        Element::U32,
        Element::I16,
        Element::F16,
        Element::F32,
        Element::Utf8,
        Element::Span,
    ]);
    (extent, element, any::<bool>(), any::<bool>()).prop_map(move |(extent, element, split, optional)| {
        let texts = matches!(element, Element::Utf8 | Element::Span);
        let extent = match (element, extent) {
            (Element::Span, _) => Extent::Sequence,
            (Element::Utf8, Extent::PerFrame { values }) => Extent::PerClip { values },
            (_, extent) => extent,
        };
        let codec = if split && !texts { Codec::Split } else { Codec::Plain };
        Column { optional, ..Column::new(&name, extent, element, codec) }
    })
}

fn any_columns() -> impl Strategy<Value = Vec<Column>> {
    (1usize..6).prop_flat_map(|count| (0..count).map(|i| any_column(format!("c{i}"))).collect::<Vec<_>>())
}

/// Generates values from random bits, in the number required by the column.
fn values(column: &Column, frames: u32, mut bits: impl FnMut() -> u32) -> Option<Values> {
    if column.optional && bits().is_multiple_of(3) {
        return None;
    }
    let count = column.extent.count(frames).unwrap_or_else(|| u64::from(bits() % 5));
    let finite = |half: f16| if half.is_finite() { half } else { f16::NEG_ZERO };
    let mut start_ms = 0;
    Some(match column.element {
        Element::U8 => (0..count).map(|_| bits() as u8).collect::<Vec<_>>().into(),
        Element::U16 => (0..count).map(|_| bits() as u16).collect::<Vec<_>>().into(),
        Element::U32 => (0..count).map(|_| bits()).collect::<Vec<_>>().into(),
        Element::I16 => (0..count).map(|_| bits() as i16).collect::<Vec<_>>().into(),
        Element::F16 => (0..count).map(|_| finite(f16::from_bits(bits() as u16))).collect::<Vec<_>>().into(),
        Element::F32 => (0..count).map(|_| bits() as f32 - 1e9).collect::<Vec<_>>().into(),
        Element::Utf8 => (0..count).map(|_| "ü".repeat(bits() as usize % 4)).collect::<Vec<_>>().into(),
        Element::Span => {
            let mut span = |_| {
                start_ms += bits() % 100;
                Span { text: "w".repeat(bits() as usize % 4), start_ms, duration_ms: bits() % 100 }
            };
            (0..count).map(&mut span).collect::<Vec<_>>().into()
        }
    })
}

/// Generates the columns of a label set with additional ones, and row groups with values in them.
fn any_shard() -> impl Strategy<Value = (Vec<Column>, Vec<Vec<Row>>)> {
    let groups = prop::collection::vec(prop::collection::vec(1u32..6, 1..4), 1..3);
    (any_columns(), groups, any::<u64>()).prop_map(|(further, groups, seed)| {
        let mut state = seed;
        let mut bits = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u32
        };
        let mut row = |frames: u32| {
            let base = label_row(frames as usize, frames as usize).into_row(LABELS);
            further
                .iter()
                .fold(base, |row, column| row.with_option(&column.name, values(column, frames, &mut bits)))
        };
        let rows: Vec<Vec<Row>> =
            groups.into_iter().map(|frames| frames.into_iter().map(&mut row).collect()).collect();
        let mut columns = LabelRow::columns(LABELS);
        columns.extend(further);
        (columns, rows)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_declared_columns_survive((columns, groups) in any_shard()) {
        let (bytes, info) = encode_shard("a.parquet", &groups, &columns).unwrap();
        let (read, described) = decode_shard("a.parquet", &bytes, &columns).unwrap();
        prop_assert_eq!(&read, &groups);
        prop_assert_eq!(&described, &info);
        prop_assert_eq!(encode_shard("a.parquet", &groups, &columns).unwrap(), (bytes, info));
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_is_an_error_with_its_name(
        (columns, groups) in any_shard(),
        place in any::<prop::sample::Index>(),
    ) {
        let (bytes, _) = encode_shard("a.parquet", &groups, &columns).unwrap();
        let cut = bytes.slice(..place.index(bytes.len()));
        let error = decode_shard("a.parquet", &cut, &columns).unwrap_err();
        prop_assert!(matches!(error, Error::Parquet { .. }), "{:?}", error);
        prop_assert!(error.to_string().contains("a.parquet"), "{}", error);
    }

    #[test]
    fn damage_is_an_error_or_leaves_rows_that_match_the_declaration(
        (columns, groups) in any_shard(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1u8..), 1..6),
    ) {
        let (bytes, _) = encode_shard("a.parquet", &groups, &columns).unwrap();
        let mut bytes = bytes.to_vec();
        for (place, flip) in flips {
            let at = place.index(bytes.len());
            bytes[at] ^= flip;
        }
        if let Ok((groups, _)) = decode_shard("a.parquet", &Bytes::from(bytes), &columns) {
            prop_assert!(groups.iter().flatten().all(|row| row.check(&columns).is_ok()));
        }
    }

    #[test]
    fn a_declaration_survives_a_json_round_trip(columns in any_columns()) {
        for column in columns {
            let json = serde_json::to_string(&column).unwrap();
            prop_assert_eq!(serde_json::from_str::<Column>(&json).unwrap(), column);
        }
    }
}
