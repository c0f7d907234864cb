//! Debian packages as archives: fetched with apt and unpacked into the cache, without root and without installing.

use super::{create_folder, move_into_place, remove_folder};
use crate::environment::Environment;
use crate::process;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of a package's files, whether they are there or not.
pub(super) fn folder(environment: &Environment, package: &str) -> PathBuf {
    environment.cache.join("debian").join(package)
}

/// The folder with a package's files, fetched and unpacked first where it is not there yet.
pub(super) fn unpacked(environment: &Environment, package: &str) -> Result<PathBuf> {
    let folder = folder(environment, package);
    match folder.is_dir() {
        true => Ok(folder),
        false => unpack(environment, package, Needs::Without),
    }
}

/// As [`unpacked`], anew each time, and in the same folder the packages that it needs and the system lacks.
pub(super) fn unpacked_with_needs(environment: &Environment, package: &str) -> Result<PathBuf> {
    unpack(environment, package, Needs::With)
}

/// Whether a package's dependencies are unpacked beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    With,
    Without,
}

fn unpack(environment: &Environment, package: &str, needs: Needs) -> Result<PathBuf> {
    let folder = environment.cache.join("debian").join(package);
    let partial = environment.cache.join("downloads").join(package);
    remove_folder(&partial)?;
    create_folder(&partial)?;
    download(environment, package, needs, &partial)?;
    let files = partial.join("files");
    for archive in archives(&partial)? {
        process::output(Command::new("dpkg").arg("-x").args([&archive, &files]))?;
    }
    create_folder(&environment.cache.join("debian"))?;
    move_into_place(&files, &folder)?;
    remove_folder(&partial)?;
    Ok(folder)
}

/// With the system's package lists; where those are missing or old, with lists of our own, which needs no root.
fn download(environment: &Environment, package: &str, needs: Needs, into: &Path) -> Result<()> {
    let fetch = |apt: &dyn Fn() -> Command| {
        let mut packages = vec![package.to_owned()];
        if needs == Needs::With {
            let plan =
                process::output(apt().args(["install", "--simulate", "--no-install-recommends", package]))?;
            packages.extend(missing(&plan).filter(|name| *name != package).map(str::to_owned));
        }
        process::output(apt().arg("download").args(packages)).map(drop)
    };
    if fetch(&|| apt(into)).is_ok() {
        return Ok(());
    }
    let lists = environment.cache.join("apt/lists");
    let cache = environment.cache.join("apt/cache");
    create_folder(&lists.join("partial"))?;
    create_folder(&cache.join("archives/partial"))?;
    let own = || {
        let mut command = apt(into);
        command.arg("-o").arg(format!("Dir::State::Lists={}", lists.display()));
        command.arg("-o").arg(format!("Dir::Cache={}", cache.display()));
        command
    };
    // An earlier package may have brought the lists.
    if fetch(&own).is_ok() {
        return Ok(());
    }
    eprintln!("the system's package lists do not give `{package}`; fetching lists of our own (20 MB)");
    // Debian's container images clean apt's own cache after an update, which fails without root after all went well: only
    // the download decides.
    let update = process::output(own().arg("update"));
    fetch(&own)
        .map_err(|error| match update {
            Ok(_) => error,
            Err(update) => error.context(format!("{update:#}")),
        })
        .with_context(|| {
            format!("Debian package `{package}` cannot be fetched; as root, `apt-get update` may help")
        })?;
    Ok(())
}

/// Packages that a simulated installation would unpack: `Inst NAME (VERSION …)`.
fn missing(plan: &str) -> impl Iterator<Item = &str> {
    plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next())
}

fn apt(folder: &Path) -> Command {
    let mut command = Command::new("apt-get");
    // Root's downloads would go through the user `_apt`, who may not write here.
    command.current_dir(folder).args(["-q", "-o", "APT::Sandbox::User=root"]);
    command
}

fn archives(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            found.push(path);
        }
    }
    ensure!(!found.is_empty(), "apt-get reported success, but left no package in {}", folder.display());
    Ok(found)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_simulated_installation_tells_what_is_missing() {
        let plan = "NOTE: This is only a simulation!\nReading package lists...\n\
                    Inst libopus0 (1.3.1-3 Debian:12.5/oldstable [amd64])\n\
                    Inst libc6 [2.36-9] (2.36-10 Debian:12.5/oldstable [amd64]) []\n\
                    Conf libopus0 (1.3.1-3 Debian:12.5/oldstable [amd64])\n";
        assert_eq!(super::missing(plan).collect::<Vec<_>>(), ["libopus0", "libc6"]);
    }
}
