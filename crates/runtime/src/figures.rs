use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file for what is only known at the end of long work. Its place is tried before the work, so that a typing error does not
/// cost hours; it is written at the end, whole or not at all.
#[derive(Debug, Clone)]
pub struct FiguresFile {
    path: PathBuf,
    /// A pipe or a device: written as it stands, and not tried, for whoever reads it would take the try for the figures.
    is_special: bool,
}

impl FiguresFile {
    /// Tries a place. A folder that is missing is made; a file that is there stays as it is until [`write`](Self::write).
    ///
    /// # Errors
    /// The system's, where the file could not be written.
    pub fn at(path: &Path) -> io::Result<Self> {
        let (path, is_special) = match fs::metadata(path) {
            Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if !there.is_file() => (path.to_owned(), true),
            Ok(_) => {
                OpenOptions::new().write(true).open(path)?;
                // What a link leads to is replaced, not the link.
                (path.canonicalize()?, false)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                    fs::create_dir_all(folder)?;
                }
                let trial = beside(path)?;
                OpenOptions::new().write(true).create(true).truncate(true).open(&trial)?;
                fs::remove_file(&trial)?;
                (path.to_owned(), false)
            }
            Err(error) => return Err(error),
        };
        Ok(Self { path, is_special })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// The system's; what was there before is still there then.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if self.is_special {
            return fs::write(&self.path, bytes);
        }
        let fresh = beside(&self.path)?;
        let written = write_whole(&fresh, bytes).and_then(|()| fs::rename(&fresh, &self.path));
        if written.is_err() {
            // There may be nothing to remove.
            let _ = fs::remove_file(&fresh);
        }
        written
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name of this process's own in the same folder.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::InvalidInput)?);
    name.push(format!(".{}", std::process::id()));
    Ok(path.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_tried_first_and_written_last_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/figures.json");
        let file = FiguresFile::at(&path).unwrap();
        assert!(!path.exists(), "only tried");
        file.write(b"one").unwrap();
        FiguresFile::at(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one", "only tried");
        file.write(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("figures.json"), folder.path().join("link"));
        fs::write(&path, b"old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        FiguresFile::at(&link).unwrap().write(b"new").unwrap();
        assert!(link.is_symlink() && fs::read(&path).unwrap() == b"new");
    }

    #[test]
    fn places_that_can_hold_no_file_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        for place in [folder.path().to_owned(), file.join("figures.json"), "/".into(), "".into()] {
            assert!(FiguresFile::at(&place).is_err(), "{}", place.display());
        }
    }

    #[test]
    fn a_device_is_written_as_it_stands() {
        FiguresFile::at(Path::new("/dev/null")).unwrap().write(b"figures").unwrap();
        assert!(FiguresFile::at(Path::new("/dev/full")).unwrap().write(b"figures").is_err());
    }
}
