//! libtorch from PyPI's wheels: of several gigabytes, only the libraries and headers that the build needs.
//!
//! The folder contains `include` and `lib`, both made of relative links into `wheels/`, and a linker script in place
//! of `libtorch.so`, because the original requires CUDA at link time.

use super::fetch::{Accelerator, Fetch};
use super::python;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::{Environment, LIBTORCH_FOLDER, Libtorch, create_folder, move_into_place, remove_folder};

const GPU_FOLDER: &str = "libtorch-2.11.0-gpu";
const TORCH: &str = "torch==2.11.0";
/// `libtorch_cpu.so` of PyPI's wheel depends on both, even without a GPU.
const CPU_COMPANIONS: [&str; 2] = ["nvidia-cuda-runtime==13.0.96", "nvidia-cuda-cupti==13.0.85"];
const CPU_LIBRARIES: [&str; 5] =
    ["libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart.so.13", "libcupti.so.13"];
const LINKER_SCRIPT: &str = "INPUT ( libtorch_cpu.so libc10.so )\n";

/// Unpacks the members of a wheel whose names start with one of the prefixes.
const UNPACK: &str = "\
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in wheel.namelist():
        if name.startswith(tuple(sys.argv[3:])):
            wheel.extract(name, sys.argv[2])
";

pub(super) fn fetch(accelerator: Accelerator) -> Fetch {
    match accelerator {
        Accelerator::Cpu => Fetch { what: "libtorch 2.11 for processors", from: "PyPI", megabytes: 540 },
        Accelerator::Gpu => Fetch { what: "libtorch 2.11 with CUDA", from: "PyPI", megabytes: 2_700 },
    }
}

/// Whether the user has a libtorch, or the folder in the cache has every library and the headers.
pub(super) fn is_ready(environment: &Environment, accelerator: Accelerator) -> bool {
    if matches!(environment.libtorch, Libtorch::Own(_)) {
        return true;
    }
    let folder = folder(environment, accelerator);
    let cuda = (accelerator == Accelerator::Gpu).then_some("libtorch_cuda.so");
    let mut libraries = CPU_LIBRARIES.iter().copied().chain(["libtorch.so"]).chain(cuda);
    libraries.all(|name| folder.join("lib").join(name).is_file()) && folder.join("include/torch").is_dir()
}

pub(super) fn make(environment: &Environment, accelerator: Accelerator) -> Result<()> {
    ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "libtorch can be downloaded for Linux on x86-64 only; elsewhere set LIBTORCH to a libtorch 2.11 of your own"
    );
    python::pip_is_ready(environment)?;
    let folder = folder(environment, accelerator);
    let partial = environment.cache.join("downloads/libtorch");
    remove_folder(&partial)?;
    let wheels = partial.join("wheels");
    create_folder(&wheels)?;
    let archives = environment.cache.join("downloads/wheels");
    let prefixes: &[&str] = match accelerator {
        Accelerator::Cpu => &[
            "torch/lib/libtorch_cpu.so",
            "torch/lib/libc10.so",
            "torch/lib/libgomp",
            "torch/include/",
            "nvidia/cu13/lib/libcudart.so",
            "nvidia/cu13/lib/libcupti.so",
        ],
        Accelerator::Gpu => &["torch/lib/", "torch/include/", "nvidia/"],
    };
    match accelerator {
        Accelerator::Cpu => {
            // One by one, so that an interrupted set-up keeps the wheels that it has downloaded.
            for wheel in [TORCH].iter().chain(&CPU_COMPANIONS) {
                download(environment, &archives, &["--no-deps", wheel])?;
            }
        }
        Accelerator::Gpu => download(environment, &archives, &[TORCH])?,
    }
    for wheel in files(&archives)?.into_values() {
        let mut unpack = Command::new(environment.python());
        process::output(unpack.args(["-c", UNPACK]).args([&wheel, &wheels]).args(prefixes))?;
    }
    lay_links(&partial)?;
    move_into_place(&partial, &folder)?;
    remove_folder(&archives)
}

/// Makes the link `.libtorch` in the checkout, the default of `.cargo/config.toml`, point to the downloaded folder.
pub(super) fn link_checkout(environment: &Environment, accelerator: Accelerator) -> Result<()> {
    if matches!(environment.libtorch, Libtorch::Own(_)) {
        return Ok(());
    }
    let link = environment.root.join(".libtorch");
    let folder = folder(environment, accelerator);
    let current = std::fs::read_link(&link);
    // If the GPU version was requested once, it stays in use until the link is removed.
    let keeps = |target: &PathBuf| *target == folder || target.ends_with(GPU_FOLDER) && target.is_dir();
    match current {
        Ok(target) if keeps(&target) => return Ok(()),
        Ok(_) => std::fs::remove_file(&link).with_context(|| format!("cannot remove {}", link.display()))?,
        Err(_) if link.exists() => {
            eprintln!("{} is a folder and not a link; it is not changed", link.display());
            return Ok(());
        }
        Err(_) => {}
    }
    symlink(&folder, &link).with_context(|| format!("cannot link {} to {}", link.display(), folder.display()))
}

fn folder(environment: &Environment, accelerator: Accelerator) -> PathBuf {
    match (accelerator, &environment.libtorch) {
        (Accelerator::Cpu, Libtorch::Fetched(folder)) => folder.clone(),
        (Accelerator::Cpu, Libtorch::Own(_)) => environment.cache.join(LIBTORCH_FOLDER),
        (Accelerator::Gpu, _) => environment.cache.join(GPU_FOLDER),
    }
}

/// The wheel of any Python version can be used, because only its C++ libraries are needed; one version is fixed, so
/// that all machines get the same.
fn download(environment: &Environment, into: &Path, what: &[&str]) -> Result<()> {
    let mut pip = python::pip(environment)?;
    pip.args([
        "download",
        "--no-cache-dir",
        "--only-binary=:all:",
        "--python-version=3.11",
        "--implementation=cp",
    ]);
    // With a given platform, pip accepts only wheels for exactly that one, so all platforms that Debian 12 can run are
    // given.
    for glibc in 5..=28 {
        pip.arg(format!("--platform=manylinux_2_{glibc}_x86_64"));
    }
    pip.arg("--platform=manylinux2014_x86_64");
    pip.arg("--dest").arg(into).args(what);
    process::run(&mut pip, Deadline::minutes(60))
}

/// Links every library under `wheels/` into `lib/` and the headers as `include`, and writes the linker script.
fn lay_links(folder: &Path) -> Result<()> {
    let lib = folder.join("lib");
    create_folder(&lib)?;
    let mut homes = vec![PathBuf::from("wheels/torch/lib")];
    if let Ok(entries) = files(&folder.join("wheels/nvidia")) {
        homes.extend(entries.keys().map(|name| Path::new("wheels/nvidia").join(name).join("lib")));
    }
    for home in homes.iter().filter(|home| folder.join(home).is_dir()) {
        for name in files(&folder.join(home))?
            .into_keys()
            .filter(|name| name.contains(".so") && name != "libtorch.so")
        {
            let target = Path::new("..").join(home).join(&name);
            symlink(&target, lib.join(&name))
                .with_context(|| format!("cannot link {name} in {}", lib.display()))?;
        }
    }
    symlink("wheels/torch/include", folder.join("include")).context("cannot link the headers of libtorch")?;
    std::fs::write(lib.join("libtorch.so"), LINKER_SCRIPT)
        .context("cannot write the linker script `libtorch.so`")?;
    for name in CPU_LIBRARIES {
        if !lib.join(name).is_file() {
            bail!("the wheels contain no `{name}`; {TORCH} on PyPI may have changed");
        }
    }
    Ok(())
}

/// Names and paths of the content of a folder, sorted.
fn files(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries
        .map(|entry| {
            let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
            Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_names_every_library_and_survives_a_move() {
        let home = tempfile::tempdir().unwrap();
        let partial = home.path().join("partial");
        for (folder, names) in [
            (
                "wheels/torch/lib",
                vec!["libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libtorch.so", "notes.txt"],
            ),
            ("wheels/nvidia/cu13/lib", vec!["libcudart.so.13", "libcupti.so.13"]),
            ("wheels/torch/include/torch", vec!["all.h"]),
        ] {
            std::fs::create_dir_all(partial.join(folder)).unwrap();
            for name in names {
                std::fs::write(partial.join(folder).join(name), name).unwrap();
            }
        }
        lay_links(&partial).unwrap();
        let place = home.path().join("place");
        std::fs::write(home.path().join("other"), "").unwrap();
        move_into_place(&partial, &place).unwrap();
        for name in CPU_LIBRARIES {
            assert_eq!(std::fs::read_to_string(place.join("lib").join(name)).unwrap(), name);
        }
        assert_eq!(std::fs::read_to_string(place.join("lib/libtorch.so")).unwrap(), LINKER_SCRIPT);
        assert!(place.join("include/torch/all.h").is_file());
        assert!(!place.join("lib/notes.txt").exists());
    }

    #[test]
    fn a_wheel_without_a_library_is_an_error_that_names_it() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join("wheels/torch/lib")).unwrap();
        let error = lay_links(home.path()).unwrap_err().to_string();
        assert!(error.contains("libtorch_cpu.so"), "{error}");
    }
}
