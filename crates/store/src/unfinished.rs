//! Unfinished files that writers which died have left in local folders.
//!
//! Every write to a local folder goes first to a file named `NAME#1` (or `#2`, …), which is then renamed to the
//! object's name. No reader lists such names, so nothing else would ever remove them.

use object_store::{local::LocalFileSystem, path::Path};
use std::ffi::OsStr;
use std::fs::DirEntry;
use std::io;
use std::time::{Duration, SystemTime};

/// No write takes this long.
const AGE: Duration = Duration::from_secs(3600);

/// Removes such files in `folder` and below if their names begin with `prefix` and they were last written longer ago
/// than [`AGE`]; returns how many.
pub(crate) fn sweep(folder: &str, prefix: &str) -> io::Result<usize> {
    let folder = Path::parse(folder).map_err(io::Error::other)?;
    let folder = LocalFileSystem::new().path_to_filesystem(&folder).map_err(io::Error::other)?;
    let (mut folders, mut removed) = (vec![folder], 0);
    while let Some(folder) = folders.pop() {
        for entry in unless_gone(std::fs::read_dir(folder))?.into_iter().flatten() {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if is_under_way(&entry.file_name(), prefix) {
                removed += usize::from(remove_old(&entry)?);
            }
        }
    }
    Ok(removed)
}

/// Removes a file that was last written longer ago than [`AGE`]; returns whether it did. If the file is gone, its
/// writer has finished it meanwhile.
fn remove_old(file: &DirEntry) -> io::Result<bool> {
    let written = unless_gone(file.metadata().and_then(|file| file.modified()))?;
    let waited = written.and_then(|written| SystemTime::now().duration_since(written).ok());
    if waited.is_none_or(|waited| waited <= AGE) {
        return Ok(false);
    }
    Ok(unless_gone(std::fs::remove_file(file.path()))?.is_some())
}

/// A missing file or folder is not an error.
fn unless_gone<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(problem) if problem.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Whether a name is that of an unfinished write, of an object whose name begins with `prefix`.
fn is_under_way(name: &OsStr, prefix: &str) -> bool {
    let parts = name.to_str().and_then(|name| name.split_once('#'));
    parts.is_some_and(|(object, end)| {
        object.starts_with(prefix) && !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::AGE;
    use crate::Store;
    use bytes::Bytes;
    use std::fs::File;
    use std::time::SystemTime;

    #[tokio::test]
    async fn only_the_unfinished_files_of_dead_writers_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("file://{}/the%20labels", folder.path().display())).unwrap();
        // A folder that does not exist yet.
        store.sweep("part-").await;
        store.put("part-00013.parquet", Bytes::from_static(b"whole")).await.unwrap();
        let place = |name: &str| folder.path().join("the labels").join(name);
        std::fs::create_dir(place("below")).unwrap();
        for (name, age, stays) in [
            ("part-00013.parquet#1", 2 * AGE, false),
            ("below/part-00015.parquet#12", 2 * AGE, false),
            // Its writer may still be running.
            ("part-00014.parquet#1", AGE / 2, true),
            // A user's own file.
            ("part-00013.parquet#before the crash", 2 * AGE, true),
            ("take#1", 2 * AGE, true),
        ] {
            File::create(place(name)).unwrap().set_modified(SystemTime::now() - age).unwrap();
            store.sweep("part-").await;
            assert_eq!(place(name).exists(), stays, "{name}");
        }
        assert!(place("part-00013.parquet").exists());
    }
}
