//! Files as decoders read them: regular files only, with read errors told apart from the end of the file.

use crate::Error;
use std::fs::{File, FileType};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use symphonia::core::io::MediaSource;

/// Opens a regular file. Opening a named pipe could wait forever for a writer, and a device has no end.
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

/// The source of a decoder: a file, or bytes in memory.
pub trait ReadSeek: Read + Seek + Send + Sync {}

impl<T: Read + Seek + Send + Sync> ReadSeek for T {}

/// The part of a file that contains sound. It records its first error, because decoding libraries take some errors for
/// the end.
pub(crate) struct Source {
    inner: Box<dyn ReadSeek>,
    /// In bytes of the file; positions of the source count from its start.
    range: Range<u64>,
    /// Position in bytes of the file.
    position: u64,
    /// Offset of the patched bytes in the file, and their replacement.
    patch: (u64, Vec<u8>),
    fault: Fault,
}

impl Source {
    /// Creates a source of the whole file.
    ///
    /// # Errors
    /// [`Error::Reading`].
    pub(crate) fn new(mut inner: Box<dyn ReadSeek>) -> Result<Self, Error> {
        let fault = Fault::default();
        let ends = inner.seek(SeekFrom::End(0)).and_then(|length| inner.rewind().map(|()| length));
        let length = ends.map_err(|error| fault.note(0, error));
        fault.check()?;
        let range = 0..length.unwrap_or(0);
        Ok(Self { inner, range, position: 0, patch: (0, Vec::new()), fault })
    }

    /// Returns a handle to this source's first error, which stays valid when the source has moved into a library.
    pub(crate) fn fault(&self) -> Fault {
        self.fault.clone()
    }

    /// Returns the length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Restricts the source to `range`, without tags for example, and moves to the new start.
    ///
    /// # Errors
    /// [`Error::Reading`].
    pub(crate) fn narrow(&mut self, range: Range<u64>) -> Result<(), Error> {
        let (start, end) = (self.range.start + range.start, self.range.start + range.end);
        self.range = start.min(self.range.end)..end.min(self.range.end);
        self.go_to(0)
    }

    /// Replaces the bytes from `at` on with `bytes`.
    pub(crate) fn patch(&mut self, at: u64, bytes: Vec<u8>) {
        self.patch = (self.range.start + at, bytes);
    }

    /// Moves to `at`.
    ///
    /// # Errors
    /// [`Error::Reading`].
    pub(crate) fn go_to(&mut self, at: u64) -> Result<(), Error> {
        // An error is recorded; the check returns it.
        let _ = self.seek(SeekFrom::Start(at));
        self.fault.check()
    }

    /// Fills the buffer from the current position as far as there are bytes; returns their number.
    ///
    /// # Errors
    /// [`Error::Reading`].
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                // An error is recorded; the check returns it.
                Err(_) => break,
            }
        }
        self.fault.check()?;
        Ok(filled)
    }

    /// Returns up to `length` bytes from `at` on, fewer at the end.
    ///
    /// # Errors
    /// [`Error::Reading`].
    pub(crate) fn bytes_at(&mut self, at: u64, length: usize) -> Result<Vec<u8>, Error> {
        self.go_to(at)?;
        let mut bytes = vec![0; length];
        let filled = self.fill(&mut bytes)?;
        bytes.truncate(filled);
        Ok(bytes)
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = self.range.end.saturating_sub(self.position).min(buffer.len() as u64) as usize;
        if room == 0 {
            return Ok(0);
        }
        let read = loop {
            match self.inner.read(&mut buffer[..room]) {
                Ok(read) => break read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fault.note(self.position, error)),
            }
        };
        let (at, bytes) = &self.patch;
        for (place, byte) in (*at..).zip(bytes) {
            if (self.position..self.position + read as u64).contains(&place) {
                buffer[(place - self.position) as usize] = *byte;
            }
        }
        self.position += read as u64;
        Ok(read)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => self.range.start.checked_add(place),
            SeekFrom::End(offset) => self.range.end.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        let place = place.filter(|&place| place >= self.range.start);
        let place = place.ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        self.position =
            self.inner.seek(SeekFrom::Start(place)).map_err(|error| self.fault.note(self.position, error))?;
        Ok(self.position - self.range.start)
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len())
    }
}

/// The first error of a [`Source`], shared with the code that interprets a decoding library's result.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fault(Arc<Mutex<Option<(u64, io::Error)>>>);

impl Fault {
    /// Records the first error; returns a copy.
    fn note(&self, at: u64, error: io::Error) -> io::Error {
        let copy = copy_of(&error);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((at, error));
        copy
    }

    /// Returns the recorded error.
    ///
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
