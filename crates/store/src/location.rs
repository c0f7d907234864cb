use crate::Error;
use object_store::{ObjectStore, local::LocalFileSystem, path::Path};
use std::path::{Component, PathBuf};
use std::sync::Arc;
use url::Url;

/// The object store that a location names, and the path in it.
pub(crate) struct Opened {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) path: Path,
    pub(crate) is_remote: bool,
}

/// How long one request may take, body and all; `AWS_TIMEOUT`, `GOOGLE_TIMEOUT` and `AZURE_TIMEOUT` beat it. A large model
/// on a narrow line takes longer than the 30 seconds that are object_store's own.
const TIMEOUT: (&str, &str) = ("timeout", "2 minutes");

/// Finds out what a location means. `settings` are for stores on the network.
pub(crate) fn open(
    location: &str,
    settings: impl IntoIterator<Item = (String, String)>,
) -> Result<Opened, Error> {
    let refuse = |reason: String| Error::Location { location: location.to_owned(), reason };
    if location.is_empty() {
        return Err(refuse("it is empty".to_owned()));
    }
    if !location.contains("://") {
        return local(absolute(location.as_ref()).map_err(|e| refuse(e.to_string()))?).map_err(refuse);
    }
    let url = Url::parse(location).map_err(|e| refuse(e.to_string()))?;
    if url.scheme() == "file" {
        let folder = url.to_file_path().map_err(|()| refuse("the URL names no local path".to_owned()))?;
        return local(folder).map_err(refuse);
    }
    remote(&url, settings).map_err(refuse)
}

/// A store on the network, with those of `settings` that are its provider's: a variable `TOKEN` is somebody else's.
fn remote(url: &Url, settings: impl IntoIterator<Item = (String, String)>) -> Result<Opened, String> {
    let owned: &[&str] = match url.scheme() {
        "s3" | "s3a" => &["AWS_"],
        "gs" => &["GOOGLE_", "SERVICE_ACCOUNT"],
        "az" | "adl" | "azure" | "abfs" | "abfss" => &["AZURE_", "IDENTITY_ENDPOINT"],
        other => return Err(format!("there is no kind of store for `{other}://`")),
    };
    let settings =
        settings.into_iter().filter(|(name, _)| owned.iter().any(|prefix| name.starts_with(prefix)));
    let (name, value) = TIMEOUT;
    let settings = std::iter::once((name.to_owned(), value.to_owned())).chain(settings);
    let (objects, path) = object_store::parse_url_opts(url, settings).map_err(|e| e.to_string())?;
    Ok(Opened { objects: Arc::from(objects), path, is_remote: true })
}

fn local(folder: PathBuf) -> Result<Opened, String> {
    let path = Path::from_absolute_path(folder).map_err(|e| e.to_string())?;
    // A manifest may only be on disk when the objects that it names are: without the sync a power cut can
    // turn "published last" around.
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
