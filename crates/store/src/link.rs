//! Further names of local files.

use object_store::{local::LocalFileSystem, path::Path};
use std::fs::File;
use std::io;

/// Gives a file a further name, on disk before this returns.
pub(crate) fn link(old: &Path, new: &Path) -> io::Result<()> {
    let files = LocalFileSystem::new();
    let [old, new] = [old, new].map(|path| files.path_to_filesystem(path).map_err(io::Error::other));
    let (old, new) = (old?, new?);
    let folder = new.parent().ok_or_else(|| io::Error::other("the root folder is not an object"))?;
    std::fs::create_dir_all(folder)?;
    std::fs::hard_link(old, &new)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use crate::Store;
    use bytes::Bytes;
    use std::os::unix::fs::MetadataExt;

    #[tokio::test]
    async fn a_linked_object_is_one_file_with_two_names_and_outlives_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let store = |name: &str| Store::open(folder.path().join(name).to_str().unwrap()).unwrap();
        let (from, to) = (store("from"), store("to/a b"));
        from.put("part", Bytes::from_static(b"whole")).await.unwrap();
        assert!(to.link_from(&from, "part").await);
        let inode = |name: &str| std::fs::metadata(folder.path().join(name).join("part")).unwrap().ino();
        assert_eq!(inode("from"), inode("to/a b"));
        // A later object of the first name is another file.
        from.put("part", Bytes::from_static(b"other")).await.unwrap();
        assert_eq!(to.get("part").await.unwrap(), "whole");
        from.delete("part").await.unwrap();
        assert_eq!(to.get("part").await.unwrap(), "whole");
    }

    #[tokio::test]
    async fn what_cannot_be_linked_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = |name: &str| Store::open(folder.path().join(name).to_str().unwrap()).unwrap();
        let (from, to) = (store("from"), store("to"));
        assert!(!to.link_from(&from, "part").await, "there is nothing to link");
        from.put("part", Bytes::from_static(b"new")).await.unwrap();
        to.put("part", Bytes::from_static(b"old")).await.unwrap();
        assert!(!to.link_from(&from, "part").await);
        assert_eq!(to.get("part").await.unwrap(), "old");
        assert!(!to.link_from(&from, "../part").await);
        assert!(!Store::in_memory().link_from(&from, "part").await);
    }
}
