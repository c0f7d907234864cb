//! Checks the footer and the page headers against each other and against the actual bytes before the Parquet crate
//! decodes anything, because the crate allocates according to them.

use super::sparse::SparseFile;
use super::thrift::Shape::{Binary, Bool, I8, I16, I32, I64, List, Struct};
use super::thrift::{Fields, walk};
use crate::registry::MAX_TEXT;
use parquet::basic::{Compression, Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use std::ops::RangeInclusive;

/// `FileMetaData` of parquet.thrift, limited to the fields used by this program's shards.
const FOOTER: Fields = &[
    (1, I32),                          // version
    (2, List(&Struct(COLUMN_SCHEMA))), // schema
    (3, I64),                          // num_rows
    (4, List(&Struct(ROW_GROUP))),     // row_groups
    (6, Binary),                       // created_by
    (7, List(&Struct(COLUMN_ORDER))),  // column_orders
];

/// `ColumnOrder`: by type, or by IEEE 754 for floats.
const COLUMN_ORDER: Fields = &[(1, Struct(&[])), (2, Struct(&[]))];

/// `SchemaElement`.
const COLUMN_SCHEMA: Fields = &[
    (1, I32),    // type
    (2, I32),    // type_length
    (3, I32),    // repetition_type
    (4, Binary), // name
    (5, I32),    // num_children
    (6, I32),    // converted_type
    (10, Struct(LOGICAL_TYPE)),
];

/// `LogicalType`: STRING, LIST, INTEGER, FLOAT16.
const LOGICAL_TYPE: Fields =
    &[(1, Struct(&[])), (3, Struct(&[])), (10, Struct(&[(1, I8), (2, Bool)])), (15, Struct(&[]))];

/// `RowGroup`.
const ROW_GROUP: Fields = &[
    (1, List(&Struct(COLUMN_CHUNK))), // columns
    (2, I64),                         // total_byte_size
    (3, I64),                         // num_rows
    (5, I64),                         // file_offset
    (6, I64),                         // total_compressed_size
    (7, I16),                         // ordinal
];

/// `ColumnChunk`.
const COLUMN_CHUNK: Fields = &[(2, I64), (3, Struct(COLUMN_META))];

/// `ColumnMetaData`.
const COLUMN_META: Fields = &[
    (1, I32),                                             // type
    (2, List(&I32)),                                      // encodings
    (3, List(&Binary)),                                   // path_in_schema
    (4, I32),                                             // codec
    (5, I64),                                             // num_values
    (6, I64),                                             // total_uncompressed_size
    (7, I64),                                             // total_compressed_size
    (9, I64),                                             // data_page_offset
    (13, List(&Struct(&[(1, I32), (2, I32), (3, I32)]))), // encoding_stats
];

/// `PageHeader`, with a `DataPageHeaderV2`.
const PAGE: Fields = &[
    (1, I32), // type
    (2, I32), // uncompressed_page_size
    (3, I32), // compressed_page_size
    (8, Struct(&[(1, I32), (2, I32), (3, I32), (4, I32), (5, I32), (6, I32), (7, Bool)])),
];

/// `PageType.DATA_PAGE_V2`.
const DATA_PAGE: i64 = 3;
/// `Encoding.PLAIN` and `Encoding.BYTE_STREAM_SPLIT`: neither stores a count of its values.
const PLAIN: i64 = 0;
const BYTE_STREAM_SPLIT: i64 = 9;

/// Checks a footer against the table of allowed fields.
///
/// # Errors
/// If it ends early or late, or contains a field that is not in the table.
pub(super) fn check_footer(bytes: &[u8]) -> Result<()> {
    let length = walk(bytes, FOOTER, &mut |_, _| {})
        .map_err(|problem| ParquetError::General(format!("the footer: {problem}")))?;
    if length == bytes.len() {
        return Ok(());
    }
    Err(ParquetError::General("the footer has bytes after its last field".to_owned()))
}

/// Checks the pages of a column against the rows of its row group, against the limits of its declaration, and against
/// their bytes. Allocation during decoding is then bounded by the declaration and by the decompressed size of the
/// column.
///
/// # Errors
/// If a column has more or fewer values than `bound`, or if a page is not encoded as this program encodes it or counts
/// more values than it contains.
pub(super) fn check_column(
    file: &SparseFile,
    group: &RowGroupMetaData,
    column: usize,
    bound: &RangeInclusive<u64>,
) -> Result<()> {
    let column = group.columns().get(column);
    let column = column.ok_or_else(|| ParquetError::General("a column is missing".to_owned()))?;
    let failed = |what: &str| {
        let name = column.column_path().parts().first().map_or("", String::as_str);
        ParquetError::General(format!("column `{name}`: {what}"))
    };
    let found = column.num_values();
    if !u64::try_from(found).is_ok_and(|found| bound.contains(&found)) {
        let (least, most) = (bound.start(), bound.end());
        return Err(failed(&format!(
            "it has {found} values, expected {least} to {most} from its declaration and `frames`"
        )));
    }
    if !matches!(column.compression(), Compression::ZSTD(_)) {
        return Err(failed("it is not compressed as this program compresses it"));
    }
    let (start, length) = column.byte_range();
    let bytes = file.get_bytes(start, usize::try_from(length).unwrap_or(usize::MAX))?;
    let mut rest = &bytes[..];
    let (mut rows, mut values) = (0, 0);
    while !rest.is_empty() {
        let page = PageHeader::read(rest).map_err(|problem| failed(&problem))?;
        page.check(column, group.num_rows()).map_err(failed)?;
        let after = page.length.checked_add(page.compressed as usize).and_then(|next| rest.get(next..));
        rest = after.ok_or_else(|| failed("a page extends past the end"))?;
        rows += page.rows;
        values += page.values;
    }
    if rows != group.num_rows() || values != column.num_values() {
        return Err(failed("the numbers of rows or values in its pages differ from the footer"));
    }
    Ok(())
}

struct PageHeader {
    /// Length of the header itself.
    length: usize,
    kind: i64,
    uncompressed: i64,
    compressed: i64,
    values: i64,
    nulls: i64,
    rows: i64,
    encoding: i64,
    definition_levels: i64,
    repetition_levels: i64,
    is_compressed: bool,
}

impl PageHeader {
    /// Missing fields stay below zero.
    fn read(bytes: &[u8]) -> std::result::Result<Self, String> {
        let mut page = PageHeader {
            length: 0,
            kind: -1,
            uncompressed: -1,
            compressed: -1,
            values: -1,
            nulls: -1,
            rows: -1,
            encoding: -1,
            definition_levels: -1,
            repetition_levels: -1,
            is_compressed: true,
        };
        page.length = walk(bytes, PAGE, &mut |path, value| match path {
            [1] => page.kind = value,
            [2] => page.uncompressed = value,
            [3] => page.compressed = value,
            [8, 1] => page.values = value,
            [8, 2] => page.nulls = value,
            [8, 3] => page.rows = value,
            [8, 4] => page.encoding = value,
            [8, 5] => page.definition_levels = value,
            [8, 6] => page.repetition_levels = value,
            [8, 7] => page.is_compressed = value != 0,
            _ => {}
        })?;
        Ok(page)
    }

    fn check(
        &self,
        column: &ColumnChunkMetaData,
        rows_of_group: i64,
    ) -> std::result::Result<(), &'static str> {
        if self.kind != DATA_PAGE || !matches!(self.encoding, PLAIN | BYTE_STREAM_SPLIT) {
            return Err("a page is not encoded as this program encodes it");
        }
        let counts = [self.values, self.nulls, self.rows, self.definition_levels, self.repetition_levels];
        if counts.into_iter().any(|count| !(0..=i32::MAX.into()).contains(&count)) || self.compressed < 0 {
            return Err("a page's header lacks a count or has one below zero");
        }
        // Only whole rows can be missing: lists have no missing values.
        if self.nulls > self.values || self.nulls > rows_of_group || self.rows > self.values {
            return Err("a page's header contradicts itself");
        }
        // Levels are never compressed.
        if self.definition_levels + self.repetition_levels > self.compressed {
            return Err("a page's levels extend past its end");
        }
        let length = if self.is_compressed { self.uncompressed } else { self.compressed };
        let stored = length - self.definition_levels - self.repetition_levels;
        let values = self.values - self.nulls;
        let description = column.column_descr();
        let fits = match description.physical_type() {
            Type::INT32 | Type::FLOAT => stored == 4 * values,
            Type::FIXED_LEN_BYTE_ARRAY => stored == i64::from(description.type_length()) * values,
            // Each value with a length prefix of four bytes.
            Type::BYTE_ARRAY => {
                let most = (4 + MAX_TEXT as i64).saturating_mul(values);
                self.encoding == PLAIN && (4 * values..=most).contains(&stored)
            }
            _ => false,
        };
        if fits { Ok(()) } else { Err("a page's length differs from its header") }
    }
}
