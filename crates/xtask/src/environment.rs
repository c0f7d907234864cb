//! The folders: checkout, the user's cache folder, build folder, libtorch.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders that all commands share.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// `stentor` in the user's cache folder: libtorch, corpora, Python. Safe to delete.
    pub(crate) cache: PathBuf,
    /// Cargo's target folder. By default in the cache, so that several clones share what they build.
    pub(crate) target: PathBuf,
    /// Where libtorch comes from.
    pub(crate) libtorch: Libtorch,
}

/// Where libtorch comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Libtorch {
    /// From the user, by `LIBTORCH`: it is used unchanged, and nothing is downloaded.
    Own(PathBuf),
    /// From `xtask setup`, in the cache.
    Fetched(PathBuf),
}

impl Environment {
    /// Finds the folders from `CARGO_MANIFEST_DIR`, `XDG_CACHE_HOME` or `HOME`, `CARGO_TARGET_DIR` and `LIBTORCH`.
    pub(crate) fn find() -> Result<Self> {
        let root = find_root()?;
        let cache = match (folder_variable("XDG_CACHE_HOME"), folder_variable("HOME")) {
            (Some(cache), _) => cache.join("stentor"),
            (None, Some(home)) => home.join(".cache/stentor"),
            (None, None) => bail!("neither HOME nor XDG_CACHE_HOME is set; one of them must name a folder"),
        };
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .filter(|v| !v.is_empty())
            .map_or_else(|| cache.join("target"), |v| root.join(v));
        // `.cargo/config.toml` gives LIBTORCH a default; only another value is the user's.
        let own = std::env::var_os("LIBTORCH").map(PathBuf::from).filter(|path| {
            !path.as_os_str().is_empty() && *path != root.join(".libtorch") && !path.starts_with(&cache)
        });
        let libtorch = match own {
            Some(path) => Libtorch::Own(path),
            None => Libtorch::Fetched(cache.join(crate::setup::LIBTORCH_FOLDER)),
        };
        Ok(Self { root, cache, target, libtorch })
    }

    /// Folder of the downloaded corpora, with a data directory for each.
    pub(crate) fn corpora(&self) -> PathBuf {
        self.cache.join("corpora")
    }

    /// The interpreter with `pocketsphinx` and, after `xtask test`, the reference programs of the tests.
    pub(crate) fn python(&self) -> PathBuf {
        self.cache.join("venv/bin/python")
    }

    /// The headless browser for tests of the live page.
    pub(crate) fn browser(&self) -> PathBuf {
        self.cache.join("debian").join(crate::setup::BROWSER_FOLDER).join("start")
    }

    /// The command line of the aligner, for `stentor prepare --aligner`; quoted, because the home folder's name may
    /// contain a blank.
    pub(crate) fn aligner(&self) -> String {
        format!("'{}' '{}'", self.python().display(), self.root.join("deploy/aligner/align.py").display())
    }

    /// The folder for `LIBTORCH`, with links resolved, so that all clones use the same path and share builds.
    pub(crate) fn libtorch_folder(&self) -> Result<PathBuf> {
        let folder = match &self.libtorch {
            Libtorch::Own(path) => path.clone(),
            // After `setup --gpu` the link points to the folder with CUDA.
            Libtorch::Fetched(path) => {
                let link = self.root.join(".libtorch");
                if link.exists() { link } else { path.clone() }
            }
        };
        folder
            .canonicalize()
            .with_context(|| format!("no libtorch at {}; `cargo xtask setup` downloads it", folder.display()))
    }

    /// Cargo in the checkout, for commands that build nothing and need no set-up.
    pub(crate) fn plain_cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target).args(arguments);
        command
    }

    /// Cargo in the checkout, for commands that link libtorch; set-up must have installed it.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Result<Command> {
        claim(&self.target, &self.root)?;
        let mut command = self.plain_cargo(arguments);
        command.env("LIBTORCH", self.libtorch_folder()?);
        Ok(command)
    }
}

/// Makes `checkout` the one that builds in `target`.
///
/// Cargo compares the modification times of sources and build outputs, and does not notice that the sources are
/// another checkout's: an older clone would get the programs of a newer one. So our own build outputs of another
/// checkout are deleted; those of dependencies stay.
fn claim(target: &Path, checkout: &Path) -> Result<()> {
    let stamp = target.join("checkout");
    let own = checkout.display().to_string();
    if std::fs::read_to_string(&stamp).is_ok_and(|last| last == own) {
        return Ok(());
    }
    for profile in ["debug", "release"] {
        let Ok(entries) = std::fs::read_dir(target.join(profile).join(".fingerprint")) else { continue };
        for entry in entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with("stentor")) {
            let path = entry.path();
            std::fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    std::fs::create_dir_all(target).with_context(|| format!("cannot make {}", target.display()))?;
    std::fs::write(&stamp, own).with_context(|| format!("cannot write {}", stamp.display()))
}

/// The checkout: the folder that cargo names, or the nearest parent folder with a workspace.
fn find_root() -> Result<PathBuf> {
    let told = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let start = match told {
        Some(path) => path,
        None => std::env::current_dir().context("the current folder cannot be read")?,
    };
    start.ancestors().find(|folder| is_workspace(folder)).map(Path::to_path_buf).with_context(|| {
        format!("no workspace at or above {}; run `cargo xtask` inside the checkout", start.display())
    })
}

fn is_workspace(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(|text| text.contains("[workspace]"))
}

/// A variable that names an absolute folder; a relative one is ignored, as the XDG specification requires.
fn folder_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_checkout_does_not_get_what_was_built_for_this_one() {
        let target = tempfile::tempdir().unwrap();
        let built = |name: &str| target.path().join("debug/.fingerprint").join(name);
        let make = || {
            for name in ["stentor-plan-0123", "serde-0123"] {
                std::fs::create_dir_all(built(name)).unwrap();
            }
        };
        make();
        claim(target.path(), Path::new("/one")).unwrap();
        assert!(
            !built("stentor-plan-0123").exists() && built("serde-0123").exists(),
            "nobody knows whose it was"
        );
        make();
        claim(target.path(), Path::new("/one")).unwrap();
        assert!(built("stentor-plan-0123").exists());
        claim(target.path(), Path::new("/two")).unwrap();
        assert!(!built("stentor-plan-0123").exists() && built("serde-0123").exists());
    }
}
