use super::{BUNDLE, Bundle, Contents, Description, Parts};
use crate::error::Error;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The longest description: one of 65,536 senones has 8 MB.
const MAX_DESCRIPTION: u64 = 64 << 20;

/// Reads all files of a folder that the description lists. Lengths are compared before anything is read.
pub(super) fn read(folder: &Path) -> Result<(Description, Parts), Error> {
    let path = folder.join(BUNDLE);
    let shown = path.display().to_string();
    let length = match fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(Error::NoBundle { path: folder.display().to_string() });
        }
        Err(source) => return Err(Error::File { action: "read", path: shown, source }),
    };
    if length > MAX_DESCRIPTION {
        let reason = format!("expected at most {MAX_DESCRIPTION} bytes, found {length}");
        return Err(Error::Description { path: shown, reason });
    }
    let description = Description::read(&read_file(&path)?, &shown)?;
    let mut parts = BTreeMap::new();
    for object in &description.parts {
        if object.name.contains(['/', '\\']) || object.name.starts_with('.') {
            let reason = format!("expected names of files in the folder, found `{}`", object.name);
            return Err(Error::Description { path: shown, reason });
        }
        let path = folder.join(&object.name);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.len() != object.bytes => {
                let bytes = |count: u64| format!("{count} bytes");
                let (expected, found) = (bytes(object.bytes), bytes(metadata.len()));
                return Err(Error::Part { part: object.name.clone(), expected, found });
            }
            // A part that does not exist is missed by name where it is needed.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            _ => {
                parts.insert(object.name.clone(), read_file(&path)?);
            }
        }
    }
    Ok((description, Parts(parts)))
}

impl Contents<'_> {
    /// Writes a bundle into a new folder, after making sure that it can be used. The description is written last. A folder that is
    /// there already keeps all its files: what an interrupted call has left is completed.
    ///
    /// # Errors
    /// Those of [`Bundle::of`]; [`Error::NotStreaming`](stentor_forward::Error::NotStreaming) for a model that needs whole
    /// utterances; [`Error::Options`] if the folder has a bundle already, or other files with the names of its parts;
    /// [`Error::File`].
    pub fn write(self, folder: &Path) -> Result<Bundle, Error> {
        let place = folder.join(BUNDLE);
        if place.exists() {
            let shown = folder.display();
            return Err(Error::Options(format!(
                "{shown} holds a model already: name another folder, or remove it"
            )));
        }
        let (description, parts) = self.pack()?;
        let bundle = Bundle::of(description.clone(), &parts, "")?;
        bundle.network().stream()?;
        let files = parts.0.iter().map(|(name, bytes)| (folder.join(name), bytes));
        let files: Vec<(PathBuf, &Vec<u8>)> = files.collect();
        if let Some((path, _)) = files.iter().find(|(path, bytes)| is_another(path, bytes)) {
            return Err(Error::Options(format!(
                "{} is there already, and is not the model's: expected a new folder; name another one, or remove the file",
                path.display()
            )));
        }
        fs::create_dir_all(folder).map_err(|source| not_written(folder, source))?;
        for (path, bytes) in files {
            write_whole(&path, bytes)?;
        }
        write_whole(&place, &description.write())?;
        Ok(bundle)
    }
}

/// Whether there is something at this path, and not a file with these bytes.
fn is_another(path: &Path, bytes: &[u8]) -> bool {
    let is_same = |metadata: fs::Metadata| {
        metadata.is_file()
            && metadata.len() == bytes.len() as u64
            && fs::read(path).is_ok_and(|found| found == bytes)
    };
    fs::symlink_metadata(path).is_ok_and(|metadata| !is_same(metadata))
}

/// Writes a file that is whole or absent: under another name first.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    fs::write(&unfinished, bytes).map_err(|source| not_written(&unfinished, source))?;
    fs::rename(&unfinished, path).map_err(|source| not_written(path, source))
}

fn not_written(path: &Path, source: std::io::Error) -> Error {
    Error::File { action: "write", path: path.display().to_string(), source }
}

fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::File { action: "read", path: path.display().to_string(), source };
    fs::read(path).map_err(failed)
}
