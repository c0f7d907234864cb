//! Paths that are no regular files, and files that cannot be read to the end.

use super::decode::{FLAC, MP3, OGG, wav};
use crate::{Ctm, CtmKind, DataDirectory, Decoder, Error, open_regular};
use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Command;

/// Bytes that cannot be read from `bad` on, as on a disk with a bad block.
struct BadBlock {
    bytes: Cursor<Vec<u8>>,
    bad: u64,
}

impl Read for BadBlock {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let good = self.bad.saturating_sub(self.bytes.position()).min(buffer.len() as u64) as usize;
        if good == 0 && !buffer.is_empty() {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.bytes.read(&mut buffer[..good])
    }
}

impl Seek for BadBlock {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

/// Decodes to the end; returns the number of samples.
fn count(mut decoder: Decoder) -> Result<usize, Error> {
    let mut samples = 0;
    while let Some(block) = decoder.next_block()? {
        samples += block.len();
    }
    Ok(samples)
}

#[test]
fn a_read_error_anywhere_in_a_file_fails_the_file_with_the_systems_error_and_is_never_its_end() {
    let wav = wav(16_000, 1, &[7; 8_000]);
    for (name, bytes) in [("wav", &wav[..]), ("flac", FLAC), ("ogg", OGG), ("mp3", MP3)] {
        for tenth in 0..10 {
            let bad = (bytes.len() * tenth / 10) as u64;
            let source = BadBlock { bytes: Cursor::new(bytes.to_vec()), bad };
            let error = Decoder::from_source(source).and_then(count).unwrap_err();
            assert!(matches!(error, Error::Reading { .. }), "{name} from {bad}: {error}");
            assert!(error.to_string().contains("os error 5"), "{name} from {bad}: {error}");
        }
        let whole = BadBlock { bytes: Cursor::new(bytes.to_vec()), bad: bytes.len() as u64 };
        assert!(matches!(
            Decoder::from_source(whole).and_then(count),
            Err(Error::Reading { .. }) | Ok(8_000)
        ));
    }
}

/// Returns a few bytes at a time and is interrupted before each.
struct Interrupted {
    bytes: Cursor<Vec<u8>>,
    ready: bool,
}

impl Read for Interrupted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.ready = !self.ready;
        let most = buffer.len().min(100);
        if self.ready { self.bytes.read(&mut buffer[..most]) } else { Err(ErrorKind::Interrupted.into()) }
    }
}

impl Seek for Interrupted {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

#[test]
fn an_interrupted_read_is_repeated() {
    let wav = wav(16_000, 1, &[7; 8_000]);
    for bytes in [&wav[..], FLAC, OGG, MP3] {
        let source = Interrupted { bytes: Cursor::new(bytes.to_vec()), ready: false };
        assert_eq!(Decoder::from_source(source).and_then(count).unwrap(), 8_000);
    }
}

#[test]
fn pipes_sockets_directories_and_devices_are_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.wav");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let socket = folder.path().join("socket.wav");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let cases = [
        (pipe.as_path(), "a named pipe"),
        (socket.as_path(), "a socket"),
        (folder.path(), "a directory"),
        (Path::new("/dev/zero"), "a device"),
    ];
    for (path, found) in cases {
        for error in [Decoder::open(path).unwrap_err(), open_regular(path).unwrap_err()] {
            let text = error.to_string();
            assert!(text.contains(found) && text.contains(path.to_str().unwrap()), "{text}");
        }
    }
    assert!(matches!(Ctm::open(&pipe, CtmKind::Phones), Err(Error::NotAFile { .. })));
    std::fs::rename(&pipe, folder.path().join("wav.scp")).unwrap();
    assert!(matches!(DataDirectory::read(folder.path()), Err(Error::NotAFile { .. })));
}
