//! Each way in which a row is invalid has its own error, which names the row.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::*;
use std::collections::BTreeMap;
use stentor_inventory::SenoneId;
use stentor_shards::{
    Error, FeatureRow, FeatureWriter, LabelLayout, LabelRow, Normalisation, RowError, decode_label_shard,
    encode_feature_shard, encode_label_shard, f16,
};
use stentor_store::Store;

fn written(row: FeatureRow) -> Error {
    encode_feature_shard("f.parquet", &[vec![feature_row(0, 2)], vec![row]], FEATURES).unwrap_err()
}

fn labeled(row: LabelRow) -> Error {
    encode_label_shard("l.parquet", &[vec![label_row(0, 2)], vec![row]], LABELS).unwrap_err()
}

/// Returns what is wrong with the row, after checking the reported location.
fn row_problem(error: Error) -> RowError {
    match error {
        Error::Row { row_group: 1, problem, file } if file.ends_with(".parquet") => *problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_utterance_without_frames() {
    let error = written(FeatureRow { features: Vec::new(), ..feature_row(1, 1) });
    assert_error!(row_problem(error), RowError::EmptyUtterance { .. }, ["utterance-1"]);
    assert_error!(row_problem(labeled(label_row(1, 0))), RowError::EmptyUtterance { .. }, ["utterance-1"]);
}

#[test]
fn features_that_are_no_whole_frames() {
    let mut row = feature_row(1, 2);
    row.features.pop();
    let error = row_problem(written(row));
    assert_error!(error, RowError::FeatureLength { values: 31, dimension: 16, .. }, ["utterance-1", "31"]);
}

#[test]
fn features_that_are_not_finite() {
    for bad in [f16::NAN, f16::INFINITY, f16::NEG_INFINITY] {
        let mut row = feature_row(1, 3);
        row.features[2 * DIMENSION + 5] = bad;
        assert_error!(
            row_problem(written(row)),
            RowError::NotFinite { frame: 2, index: 5, .. },
            ["utterance-1"]
        );
    }
}

#[test]
fn an_alignment_of_another_length() {
    let row = FeatureRow { alignment: Some(SenoneId::list([0; 4])), ..feature_row(2, 3) };
    let error = row_problem(written(row));
    assert_error!(
        error,
        RowError::ColumnLength { expected: 3, found: 4, .. },
        ["utterance-2", "`alignment`"]
    );
}

#[test]
fn a_senone_outside_of_the_inventory() {
    let row = FeatureRow { alignment: Some(SenoneId::list([0, 6, 1])), ..feature_row(2, 3) };
    let error = row_problem(written(row));
    assert_error!(
        error,
        RowError::SenoneOutOfRange { frame: 1, senones: 6, .. },
        ["utterance-2", "senone 6 is"]
    );
    let mut row = label_row(2, 3);
    row.ids[2 * TOP_K] = SenoneId::new(700);
    assert_error!(row_problem(labeled(row)), RowError::SenoneOutOfRange { frame: 2, .. }, ["senone 700"]);
    // The same when reading, with the manifest's inventory.
    let (bytes, _) = encode_label_shard("l.parquet", &[vec![label_row(0, 6)]], LABELS).unwrap();
    let error = decode_label_shard("l.parquet", &bytes, LabelLayout { senones: 4, ..LABELS }).unwrap_err();
    assert_error!(error, Error::Row { row_group: 0, .. }, ["l.parquet, row group 0", "senone 4"]);
}

#[test]
fn labels_whose_columns_are_of_different_lengths() {
    let mut row = label_row(1, 4);
    row.ids.pop();
    let error = row_problem(labeled(row));
    assert_error!(
        error,
        RowError::ColumnLength { expected: 12, found: 11, .. },
        ["`ids`", "3 per frame, 4 frames"]
    );
    let mut row = label_row(1, 4);
    row.log_probs.push(-5000);
    let error = row_problem(labeled(row));
    assert_error!(error, RowError::ColumnLength { expected: 12, found: 13, .. }, ["`log_probs`"]);
    let mut row = label_row(1, 4);
    row.residual.pop();
    let error = row_problem(labeled(row));
    assert_error!(error, RowError::ColumnLength { expected: 9, found: 12, .. }, ["`ids`"]);
}

#[test]
fn probabilities_that_rise_or_exceed_one() {
    let mut row = label_row(1, 2);
    row.log_probs[TOP_K + 2] = -499;
    assert_error!(row_problem(labeled(row)), RowError::LogProbability { frame: 1, .. }, ["utterance-1"]);
    let mut row = label_row(1, 2);
    row.log_probs[0] = 1;
    assert_error!(row_problem(labeled(row)), RowError::LogProbability { frame: 0, .. }, []);
}

#[test]
fn a_senone_twice_in_a_frame() {
    let mut row = label_row(1, 2);
    row.ids[TOP_K + 1] = row.ids[TOP_K];
    assert_error!(row_problem(labeled(row)), RowError::DuplicateSenone { frame: 1, .. }, ["senone 2 "]);
}

#[test]
fn an_empty_row_group_and_an_empty_shard() {
    let error = row_problem(
        encode_feature_shard("f.parquet", &[vec![feature_row(0, 1)], vec![]], FEATURES).unwrap_err(),
    );
    assert_error!(error, RowError::RowGroupSize { rows: 0, .. }, []);
    let error = encode_label_shard("l.parquet", &[], LABELS).unwrap_err();
    assert_error!(error, Error::Row { row_group: 0, .. }, ["l.parquet", "0 utterances"]);
}

#[tokio::test]
async fn a_normalisation_of_another_width() {
    let writer = FeatureWriter::new(Store::in_memory(), options()).unwrap();
    let short = Normalisation { mean: vec![0.0; 3], std: vec![1.0; 3] };
    let error = writer.finish(Some(short), BTreeMap::new()).await.unwrap_err();
    assert_error!(error, Error::ManifestContent { .. }, ["3 means"]);
}
