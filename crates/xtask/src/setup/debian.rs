//! Debian packages as archives: fetched with apt and unpacked into the cache, without root and without installing.

use super::{create_folder, move_into_place, remove_folder};
use crate::environment::Environment;
use crate::process;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of a package's files, whether they are there or not.
pub(super) fn folder(environment: &Environment, package: &str) -> PathBuf {
    environment.cache.join("debian").join(package)
}

/// The folder with a package's files, fetched and unpacked first where it is not there yet.
pub(super) fn unpacked(environment: &Environment, package: &str) -> Result<PathBuf> {
    let folder = folder(environment, package);
    if folder.is_dir() {
        return Ok(folder);
    }
    let partial = environment.cache.join("downloads").join(package);
    remove_folder(&partial)?;
    create_folder(&partial)?;
    download(environment, package, &partial)?;
    let archive = only_archive(&partial)?;
    let files = partial.join("files");
    process::output(Command::new("dpkg").arg("-x").args([&archive, &files]))?;
    create_folder(&environment.cache.join("debian"))?;
    move_into_place(&files, &folder)?;
    remove_folder(&partial)?;
    Ok(folder)
}

/// With the system's package lists; where those are missing or old, with lists of our own, which needs no root.
fn download(environment: &Environment, package: &str, into: &Path) -> Result<()> {
    if process::output(apt(into).args(["download", package])).is_ok() {
        return Ok(());
    }
    let lists = environment.cache.join("apt/lists");
    let cache = environment.cache.join("apt/cache");
    create_folder(&lists.join("partial"))?;
    create_folder(&cache.join("archives/partial"))?;
    let own = |verb: &[&str]| {
        let mut command = apt(into);
        command.arg("-o").arg(format!("Dir::State::Lists={}", lists.display()));
        command.arg("-o").arg(format!("Dir::Cache={}", cache.display())).args(verb);
        process::output(&mut command)
    };
    // An earlier package may have brought the lists.
    if own(&["download", package]).is_ok() {
        return Ok(());
    }
    eprintln!("the system's package lists do not give `{package}`; fetching lists of our own (20 MB)");
    // Debian's container images clean apt's own cache after an update, which fails without root after all went well: only
    // the download decides.
    let update = own(&["update"]);
    own(&["download", package])
        .map_err(|error| match update {
            Ok(_) => error,
            Err(update) => error.context(format!("{update:#}")),
        })
        .with_context(|| {
            format!("Debian package `{package}` cannot be fetched; as root, `apt-get update` may help")
        })?;
    Ok(())
}

fn apt(folder: &Path) -> Command {
    let mut command = Command::new("apt-get");
    // Root's downloads would go through the user `_apt`, who may not write here.
    command.current_dir(folder).args(["-q", "-o", "APT::Sandbox::User=root"]);
    command
}

fn only_archive(folder: &Path) -> Result<PathBuf> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            return Ok(path);
        }
    }
    bail!("apt-get reported success, but left no package in {}", folder.display())
}
