//! Files as decoders read them: regular files only, and their errors told apart from their end.

use crate::Error;
use std::fs::{File, FileType};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use symphonia::core::io::MediaSource;

/// Opens a regular file. Opening a named pipe would wait for a writer who may never come, and a device has no end.
///
/// # Errors
/// [`Error::NotAFile`] and [`Error::Read`].
pub fn open_regular(path: &Path) -> Result<File, Error> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let kind = path.metadata().map_err(read)?.file_type();
    if kind.is_file() {
        File::open(path).map_err(read)
    } else {
        Err(Error::NotAFile { path: path.to_owned(), found: name(kind) })
    }
}

fn name(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    }
}

/// What a decoder reads from: a file, or bytes in memory.
pub trait ReadSeek: Read + Seek + Send + Sync {}

impl<T: Read + Seek + Send + Sync> ReadSeek for T {}

/// A source of known length that remembers its first error, for decoders' libraries take some errors for the end.
pub(crate) struct Source {
    inner: Box<dyn ReadSeek>,
    length: u64,
    position: u64,
    fault: Fault,
}

impl Source {
    /// # Errors
    /// [`Error::Reading`].
    pub(crate) fn new(mut inner: Box<dyn ReadSeek>) -> Result<Self, Error> {
        let fault = Fault::default();
        let ends = inner.seek(SeekFrom::End(0)).and_then(|length| inner.rewind().map(|()| length));
        let length = ends.map_err(|error| fault.note(0, error));
        fault.check()?;
        Ok(Self { inner, length: length.unwrap_or(0), position: 0, fault })
    }

    /// Where this source's first error will be found, whoever owns it then.
    pub(crate) fn fault(&self) -> Fault {
        self.fault.clone()
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Ok(read) => {
                    self.position += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fault.note(self.position, error)),
            }
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.inner.seek(to).map_err(|error| self.fault.note(self.position, error))?;
        Ok(self.position)
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}

/// The first error of a [`Source`], shared with those who judge what a decoder's library made of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fault(Arc<Mutex<Option<(u64, io::Error)>>>);

impl Fault {
    /// Keeps the first error; gives one like it for the caller's caller.
    fn note(&self, at: u64, error: io::Error) -> io::Error {
        let copy = copy_of(&error);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((at, error));
        copy
    }

    /// # Errors
    /// [`Error::Reading`] if there was an error.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some((at, error)) => Err(Error::Reading { at: *at, source: copy_of(error) }),
        }
    }
}

fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
