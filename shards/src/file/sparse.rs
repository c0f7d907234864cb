use bytes::{Buf, Bytes, buf::Reader};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// A file of which one range was fetched. Reading outside it is an error.
#[derive(Debug, Clone)]
pub(super) struct SparseFile {
    /// Size of the whole file.
    pub(super) size: u64,
    /// Offset of `bytes` in the file.
    pub(super) offset: u64,
    /// The bytes of the range.
    pub(super) bytes: Bytes,
}

impl SparseFile {
    fn from(&self, start: u64) -> Result<Bytes> {
        let inside = start.checked_sub(self.offset).and_then(|at| usize::try_from(at).ok());
        match inside {
            Some(at) if at <= self.bytes.len() => Ok(self.bytes.slice(at..)),
            _ => Err(ParquetError::EOF(format!(
                "byte {start} is outside of the row group at {}..{}",
                self.offset,
                self.offset + self.bytes.len() as u64
            ))),
        }
    }
}

impl Length for SparseFile {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for SparseFile {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.from(start)?;
        if length > bytes.len() {
            return Err(ParquetError::EOF(format!(
                "{length} bytes at {start} extend past the end of the row group"
            )));
        }
        Ok(bytes.slice(..length))
    }
}
