use super::{BUNDLE, Bundle, Contents, Description, Parts};
use crate::error::Error;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The longest description: one of 65,536 senones has 8 MB.
const MAX_DESCRIPTION: u64 = 64 << 20;

/// Reads all files of a folder that the description lists. Lengths are compared before anything is read.
pub(super) fn read(folder: &Path) -> Result<(Description, Parts), Error> {
    let path = folder.join(BUNDLE);
    let shown = path.display().to_string();
    let length = match fs::metadata(&path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
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
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            _ => {
                parts.insert(object.name.clone(), read_file(&path)?);
            }
        }
    }
    Ok((description, Parts(parts)))
}

impl Contents<'_> {
    /// Writes a bundle into a new folder, after making sure that it can be used. The description is written last.
    ///
    /// # Errors
    /// Those of [`Bundle::of`]; [`Error::NotStreaming`](stentor_forward::Error::NotStreaming) for a model that needs whole
    /// utterances; [`Error::Options`] if the folder has a bundle already; [`Error::File`].
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
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |source| Error::File { action: "write", path, source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        for (name, bytes) in &parts.0 {
            let path = folder.join(name);
            fs::write(&path, bytes).map_err(failed(&path))?;
        }
        // Renamed, so that a description is whole or absent.
        let unfinished = folder.join(format!("{BUNDLE}.unfinished"));
        fs::write(&unfinished, description.write()).map_err(failed(&unfinished))?;
        fs::rename(&unfinished, &place).map_err(failed(&place))?;
        Ok(bundle)
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::File { action: "read", path: path.display().to_string(), source };
    fs::read(path).map_err(failed)
}
