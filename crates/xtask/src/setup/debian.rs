//! Debian packages as archives: downloaded with apt and unpacked into the cache, without root and without
//! installation.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_tasks::{Environment, create_folder, move_into_place, process, remove_folder};

/// The folder of a package's files; downloads and unpacks the package first if necessary.
pub(super) fn unpacked(environment: &Environment, package: &str) -> Result<PathBuf> {
    let folder = environment.package(package);
    match folder.is_dir() {
        true => Ok(folder),
        false => unpack(environment, package, Needs::Without),
    }
}

/// Like [`unpacked`], but downloads again each time, and unpacks the package's missing dependencies into the same
/// folder.
pub(super) fn unpacked_with_needs(environment: &Environment, package: &str) -> Result<PathBuf> {
    unpack(environment, package, Needs::With)
}

/// Whether a package's dependencies are unpacked, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    With,
    Without,
}

fn unpack(environment: &Environment, package: &str, needs: Needs) -> Result<PathBuf> {
    let folder = environment.package(package);
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

/// Downloads with the system's package lists; if those are missing or old, with separate lists, which needs no root.
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
    // An earlier package may have downloaded the lists.
    if fetch(&own).is_ok() {
        return Ok(());
    }
    eprintln!("the system's package lists do not contain `{package}`; downloading separate lists (20 MB)");
    // In Debian's container images `apt-get update` cleans apt's own cache at the end, which fails without root even
    // if the update succeeded. So only the download decides.
    let update = process::output(own().arg("update"));
    fetch(&own)
        .map_err(|error| match update {
            Ok(_) => error,
            Err(update) => error.context(format!("{update:#}")),
        })
        .with_context(|| {
            format!("Debian package `{package}` cannot be downloaded; as root, `apt-get update` may help")
        })?;
    Ok(())
}

/// The packages that a simulated installation would unpack: `Inst NAME (VERSION …)`.
fn missing(plan: &str) -> impl Iterator<Item = &str> {
    plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split_whitespace().next())
}

fn apt(folder: &Path) -> Command {
    let mut command = Command::new("apt-get");
    // As root, apt would download as the user `_apt`, who may not write here.
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
    fn a_simulated_installation_lists_what_is_missing() {
        let plan = "NOTE: This is only a simulation!\nReading package lists...\n\
                    Inst libopus0 (1.3.1-3 Debian:12.5/oldstable [amd64])\n\
                    Inst libc6 [2.36-9] (2.36-10 Debian:12.5/oldstable [amd64]) []\n\
                    Conf libopus0 (1.3.1-3 Debian:12.5/oldstable [amd64])\n";
        assert_eq!(super::missing(plan).collect::<Vec<_>>(), ["libopus0", "libc6"]);
    }
}
