//! Files found by fuzzing, and files that another program could have written.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bytes::Bytes;
use common::*;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use std::path::PathBuf;
use stentor_shards::{Error, decode_feature_shard, decode_label_shard, encode_label_shard, examine_shard};

/// Two of these once broke the decoder: an absurd count in a page of strings made it allocate 288 PB, and a list of
/// 2^31 booleans in an unused field kept it busy for half a minute. A regression would exceed the tests' time limit.
#[test]
fn files_found_by_fuzzing_are_rejected() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/found/shard");
    let mut files = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let bytes = Bytes::from(std::fs::read(&path).unwrap());
        let name = path.to_string_lossy();
        assert_error!(examine_shard(&name, &bytes).unwrap_err(), Error::Parquet { .. }, [&*name]);
        // A readable footer identifies a shard of the other kind by its columns.
        for error in [
            decode_feature_shard(&name, &bytes, FEATURES).unwrap_err(),
            decode_label_shard(&name, &bytes, LABELS).unwrap_err(),
        ] {
            assert_error!(error, Error::Parquet { .. } | Error::Columns { .. }, [&*name]);
        }
        files += 1;
    }
    assert!(files >= 2);
}

/// A shard of labels, written again by another program that encodes it in another way.
fn rewritten(change: impl FnOnce(WriterPropertiesBuilder) -> WriterPropertiesBuilder) -> Bytes {
    let (shard, _) = encode_label_shard("x", &[vec![label_row(0, 2)]], LABELS).unwrap();
    let mut batches = ParquetRecordBatchReader::try_new(shard, 8).unwrap();
    let batch = batches.next().unwrap().unwrap();
    let properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_encoding(Encoding::PLAIN)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true);
    let options =
        ArrowWriterOptions::new().with_properties(change(properties).build()).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    Bytes::from(writer.into_inner().unwrap())
}

#[test]
fn a_file_that_is_encoded_in_another_way_is_refused_with_its_column() {
    let (groups, _) = decode_label_shard("x", &rewritten(|as_it_is| as_it_is), LABELS).unwrap();
    assert_eq!(groups, [[label_row(0, 2)]]);
    type Change = fn(WriterPropertiesBuilder) -> WriterPropertiesBuilder;
    let changes: [(&str, Change); 4] = [
        ("column `utterance`: a page is not encoded", |builder| {
            builder.set_column_encoding("utterance".into(), Encoding::DELTA_BYTE_ARRAY)
        }),
        ("the footer: an unknown field", |builder| builder.set_dictionary_enabled(true)),
        ("column `utterance`: an unknown field", |builder| {
            builder.set_writer_version(WriterVersion::PARQUET_1_0)
        }),
        ("column `utterance`: it is not compressed", |builder| {
            builder.set_compression(Compression::UNCOMPRESSED)
        }),
    ];
    for (reason, change) in changes {
        let error = decode_label_shard("other.parquet", &rewritten(change), LABELS).unwrap_err();
        assert_error!(error, Error::Parquet { .. }, ["other.parquet", reason]);
    }
}
