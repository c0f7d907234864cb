//! The container: a table of names, offsets and sizes, then the files.

use super::bytes::Bytes;
use anyhow::{Context, Result, ensure};

/// `QTBL`, then 6 bytes of version, 2 unused bytes.
const MAGIC: &[u8] = b"QTBL";
const COMPRESSION: usize = 12;
const MP3: u8 = 1;
const COUNT: usize = 13;
const TABLE: usize = 15;
/// 12 bytes of name, 1 unused byte, offset and size of 4 bytes each.
const ENTRY: usize = 21;
const NAME: usize = 12;

/// A parsed container.
#[derive(Debug)]
pub(super) struct Container<'a> {
    files: Vec<File<'a>>,
}

/// A file in the container.
#[derive(Debug, Clone, Copy)]
pub(super) struct File<'a> {
    pub(super) name: &'a str,
    pub(super) bytes: &'a [u8],
}

/// An MP3 file, with its name without extension.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clip<'a> {
    pub(super) name: &'a str,
    pub(super) bytes: &'a [u8],
}

impl<'a> Container<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let content = Bytes(bytes);
        let magic = content.slice(0, MAGIC.len())?;
        ensure!(magic == MAGIC, "expected a container that starts with `QTBL`, found {magic:02x?}");
        let compression = content.u8(COMPRESSION)?;
        ensure!(compression == MP3, "expected clips in MP3 (compression 1), found compression {compression}");
        let count = usize::from(content.u16(COUNT)?);
        let entry = |index: usize| -> Result<File<'a>> {
            let at = TABLE + index * ENTRY;
            let name = content.slice(at, NAME)?;
            let name = std::str::from_utf8(name).map(|name| name.trim_end_matches('\0'));
            let name =
                name.ok().filter(|name| is_plain(name)).context("expected a name of letters and digits")?;
            let offset = content.u32(at + NAME + 1)? as usize;
            let size = content.u32(at + NAME + 5)? as usize;
            Ok(File { name, bytes: content.slice(offset, size)? })
        };
        let files = (0..count).map(|index| entry(index).with_context(|| format!("entry {index} of {count}")));
        Ok(Self { files: files.collect::<Result<_>>()? })
    }

    pub(super) fn files(&self) -> &[File<'a>] {
        &self.files
    }

    pub(super) fn clips(&self) -> Vec<Clip<'a>> {
        let clips = self.files.iter().filter_map(|file| {
            let name = file.name.strip_suffix(".SB")?;
            Some(Clip { name, bytes: file.bytes })
        });
        clips.collect()
    }
}

/// Names become file names, so they must not lead out of a folder.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A container with these files.
    pub(in super::super) fn container(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = b"QTBLTEST10\0\0\x01".to_vec();
        bytes.extend(u16::try_from(files.len()).unwrap().to_be_bytes());
        let mut offset = TABLE + files.len() * ENTRY;
        for (name, content) in files {
            let mut padded = name.as_bytes().to_vec();
            padded.resize(NAME + 1, 0);
            bytes.extend(padded);
            bytes.extend(u32::try_from(offset).unwrap().to_be_bytes());
            bytes.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
            offset += content.len();
        }
        bytes.extend(files.iter().flat_map(|(_, content)| content.clone()));
        bytes
    }

    fn failure(bytes: &[u8]) -> String {
        format!("{:#}", Container::parse(bytes).unwrap_err())
    }

    #[test]
    fn files_are_found_by_the_table() {
        let bytes = container(&[("A.DOG", b"dialogue".to_vec()), ("12.SB", b"mp3".to_vec())]);
        let container = Container::parse(&bytes).unwrap();
        assert_eq!(container.files()[0].bytes, b"dialogue");
        let clips: Vec<_> = container.clips().iter().map(|clip| (clip.name, clip.bytes)).collect();
        assert_eq!(clips, [("12", b"mp3".as_slice())]);
    }

    #[test]
    fn another_kind_of_file_or_compression_is_rejected() {
        assert!(failure(b"RIFF and more").contains("`QTBL`"));
        let mut bytes = container(&[]);
        bytes[COMPRESSION] = 2;
        assert!(failure(&bytes).contains("compression 2"));
    }

    #[test]
    fn an_entry_past_the_end_is_named() {
        let mut bytes = container(&[("A.SB", b"12345".to_vec())]);
        bytes.pop();
        assert!(failure(&bytes).contains("entry 0 of 1: expected 5 bytes"), "{}", failure(&bytes));
    }

    #[test]
    fn a_name_that_escapes_the_folder_is_rejected() {
        for name in ["../A.SB", ".SB", "A/B.SB", ""] {
            assert!(failure(&container(&[(name, Vec::new())])).contains("name of letters"), "{name}");
        }
    }
}
