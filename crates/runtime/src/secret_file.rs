use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Warns if everybody on this machine can read a file that holds a secret. A group may: Kubernetes gives secrets to a pod's group.
pub fn warn_if_exposed(path: &Path, what: &str) {
    if is_exposed(path) {
        let path = path.display();
        tracing::warn!(%path, "every user of this machine can read {what}; `chmod o= {path}`, and issue a new one if others use it");
    }
}

/// Whether users other than owner and group can read a file.
fn is_exposed(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_others_can_read_is_noticed_and_one_of_a_group_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tls.key");
        std::fs::write(&path, "x").unwrap();
        for (mode, expected) in [(0o600, false), (0o440, false), (0o644, true), (0o604, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_exposed(&path), expected, "{mode:o}");
        }
        assert!(!is_exposed(&folder.path().join("nowhere")));
    }
}
