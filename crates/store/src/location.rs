use crate::opened::Opened;
use crate::{Error, remote};
use object_store::{local::LocalFileSystem, path::Path};
use std::path::{Component, PathBuf};
use std::sync::Arc;
use stentor_experiment::StoreKind;
use url::Url;

/// Interprets a location. `settings` are for stores on the network.
pub(crate) fn open(
    location: &str,
    settings: impl IntoIterator<Item = (String, String)>,
) -> Result<Opened, Error> {
    let refuse = |reason: String| Error::Location { location: location.to_owned(), reason };
    if location.is_empty() {
        return Err(refuse("it is empty".to_owned()));
    }
    if location == "~" || location.starts_with("~/") {
        let reason = "only shells expand `~` to the home folder, and no shell has read this location; write the folder \
                      out, or `./~` for a folder of that name";
        return Err(refuse(reason.to_owned()));
    }
    if starts_with_a_variable(location) {
        let reason = "only shells expand variables such as `$HOME`, and no shell has read this location; write the folder \
                      out, or `./$HOME` for a folder of that name";
        return Err(refuse(reason.to_owned()));
    }
    if !location.contains("://") {
        return local(absolute(location.as_ref()).map_err(|e| refuse(e.to_string()))?).map_err(refuse);
    }
    let url = Url::parse(location).map_err(|e| refuse(e.to_string()))?;
    match StoreKind::of(url.scheme()) {
        None => Err(refuse(format!("there is no kind of store for `{}://`", url.scheme()))),
        Some(StoreKind::Folder) => {
            let folder = url.to_file_path().map_err(|()| refuse("the URL names no local path".to_owned()))?;
            local(folder).map_err(refuse)
        }
        Some(kind) => remote::open(kind, &url, settings).map_err(refuse),
    }
}

/// Whether a location begins with what a shell would take for a variable: `$HOME`, `${HOME}`.
fn starts_with_a_variable(location: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '{';
    location.strip_prefix('$').is_some_and(|rest| rest.starts_with(is_name))
}

fn local(folder: PathBuf) -> Result<Opened, String> {
    let path = Path::from_absolute_path(folder).map_err(|e| e.to_string())?;
    // A manifest may be on disk only when the objects that it names are. Without the sync, a power failure could leave
    // the manifest without its objects.
    let objects = Arc::new(LocalFileSystem::new().with_fsync(true));
    Ok(Opened { objects, path, is_remote: false })
}

/// The absolute form without `.` and `..`, whether or not the folder exists yet.
fn absolute(folder: &std::path::Path) -> std::io::Result<PathBuf> {
    let mut built = PathBuf::new();
    for part in std::path::absolute(folder)?.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                // The parent of a linked folder is its target's parent.
                built = built.canonicalize().unwrap_or(built);
                built.pop();
            }
            part => built.push(part),
        }
    }
    Ok(built)
}
