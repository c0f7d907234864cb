//! The base images of the stack: from the public registry or, if it cannot be reached, a Debian made by debootstrap
//! and this machine's own toolchain.

use anyhow::{Context, Result, ensure};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use stentor_tasks::Environment;
use stentor_tasks::process::{self, Deadline};
use stentor_tasks::{create_folder, remove_folder};

/// Names of images.
#[derive(Debug, Clone)]
pub(super) struct Images {
    pub(super) base: String,
    pub(super) rust: String,
    pub(super) prometheus: String,
}

const BASE: &str = "stentor-local-debian:bookworm";
const TOOLCHAIN: &str = "stentor-local-toolchain";
const RUST: &str = "stentor-local-rust";
const PROMETHEUS: &str = "stentor-local-prometheus";

/// Finds or makes the images.
pub(super) fn make(environment: &Environment) -> Result<Images> {
    let public = Images {
        base: "debian:bookworm-slim".into(),
        rust: "rust:1.95-slim-bookworm".into(),
        prometheus: "prom/prometheus:v2.53.5".into(),
    };
    if [&public.base, &public.rust, &public.prometheus]
        .into_iter()
        .all(|image| is_there(image) || pull(image))
    {
        return Ok(public);
    }
    eprintln!("no images can be pulled; making a Debian with debootstrap and this machine's toolchain");
    if !is_there(BASE) {
        debian(environment)?;
    }
    if !is_there(RUST) {
        toolchain()?;
        let install =
            "apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev ca-certificates";
        build(RUST, &format!("FROM {BASE}\nRUN {install}\nCOPY --from={TOOLCHAIN} / /usr/local/\n"))?;
    }
    if !is_there(PROMETHEUS) {
        let install = "apt-get update && apt-get install --yes --no-install-recommends prometheus";
        let folder = "install --directory --owner=65534 --group=65534 /prometheus";
        let start = "USER 65534:65534\nENTRYPOINT [\"prometheus\"]\n";
        build(PROMETHEUS, &format!("FROM {BASE}\nRUN {install} && {folder}\n{start}"))?;
    }
    Ok(Images { base: BASE.into(), rust: RUST.into(), prometheus: PROMETHEUS.into() })
}

fn is_there(image: &str) -> bool {
    process::output(Command::new("docker").args(["image", "inspect", image])).is_ok()
}

fn pull(image: &str) -> bool {
    process::run(Command::new("docker").args(["pull", "--quiet", image]), Deadline::minutes(10)).is_ok()
}

/// A Debian as small as its own slim image. CAs that this machine trusts in addition (of a proxy, for example) are
/// also in the image.
fn debian(environment: &Environment) -> Result<()> {
    ensure!(
        process::is_there("debootstrap"),
        "no image can be pulled, and there is no debootstrap to make one: `apt-get install debootstrap`"
    );
    let folder = environment.cache.join("downloads/debian");
    remove_folder(&folder)?;
    create_folder(&folder)?;
    let mut make = Command::new("debootstrap");
    make.args(["--variant=minbase", "--include=ca-certificates", "bookworm"]).arg(&folder);
    process::run(make.stdout(Stdio::null()), Deadline::minutes(30))?;
    let own = Path::new("/usr/local/share/ca-certificates");
    if own.is_dir() {
        let into = folder.join("usr/local/share");
        process::run(Command::new("cp").arg("--recursive").args([own, &into]), Deadline::minutes(1))?;
        let mut update = Command::new("chroot");
        process::run(update.arg(&folder).arg("update-ca-certificates"), Deadline::minutes(1))?;
    }
    for excess in ["var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"]
    {
        remove_folder(&folder.join(excess))?;
        create_folder(&folder.join(excess))?;
    }
    import(&folder, &[], BASE)?;
    remove_folder(&folder)
}

/// This machine's Rust, without documentation.
fn toolchain() -> Result<()> {
    let root = process::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    import(&PathBuf::from(root.trim()), &["--exclude=./share", "--exclude=./etc"], TOOLCHAIN)
}

/// Makes an image of a folder's content.
fn import(folder: &Path, excess: &[&str], image: &str) -> Result<()> {
    let mut pack = Command::new("tar");
    pack.arg("--directory").arg(folder).args(excess).args(["--create", "."]).stdout(Stdio::piped());
    let mut packing = pack.spawn().context("cannot start tar")?;
    let packed = packing.stdout.take().context("tar's output is piped")?;
    let mut take = Command::new("docker");
    process::run(
        take.args(["import", "-", image]).stdin(packed).stdout(Stdio::null()),
        Deadline::minutes(20),
    )?;
    let status = packing.wait().context("cannot wait for tar")?;
    ensure!(status.success(), "tar ended with {status} over {}", folder.display());
    Ok(())
}

/// Builds an image from a Dockerfile without other files.
fn build(image: &str, dockerfile: &str) -> Result<()> {
    let mut command = Command::new("docker");
    command.args(["build", "--quiet", "--tag", image, "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut building = command.spawn().context("cannot start docker")?;
    let mut input = building.stdin.take().context("docker's input is piped")?;
    input.write_all(dockerfile.as_bytes()).context("docker does not read its input")?;
    drop(input);
    let status = building.wait().context("cannot wait for docker")?;
    ensure!(status.success(), "image {image} cannot be built: docker ended with {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    const PROGRAMS: [&str; 3] = [
        include_str!("../../../../deploy/docker/coordinator.Dockerfile"),
        include_str!("../../../../deploy/docker/worker.Dockerfile"),
        include_str!("../../../../deploy/docker/teacher-labeler.Dockerfile"),
    ];

    /// Docker caches a step only if everything before it is the same.
    #[test]
    fn all_programs_are_compiled_by_the_same_steps() {
        let steps = PROGRAMS.map(|file| {
            let from = file.find("ARG RUST_IMAGE").unwrap();
            let to = file.rfind("FROM ${BASE_IMAGE}").unwrap();
            &file[from..to]
        });
        assert!(steps[0].contains("AS build") && steps.iter().all(|of_one| *of_one == steps[0]));
    }

    #[test]
    fn a_release_accepts_base_images_by_digest_alone() {
        let digest = format!("@sha256:{}", "0".repeat(64));
        let (base, rust) = (format!("debian{digest}"), format!("rust{digest}"));
        for file in PROGRAMS.into_iter().chain([include_str!("../../../../deploy/docker/s3.Dockerfile")]) {
            let from = file.find("RUN case").unwrap();
            let step = &file[from + "RUN ".len()..from + file[from..].find("esac").unwrap() + "esac".len()];
            let built = |release: &str, base: &str, rust: &str| {
                let mut shell = std::process::Command::new("sh");
                shell.args(["-c", step]).envs([
                    ("RELEASE", release),
                    ("BASE_IMAGE", base),
                    ("RUST_IMAGE", rust),
                ]);
                shell.output().unwrap()
            };
            assert!(built("no", "debian:bookworm-slim", "rust:1.95-slim-bookworm").status.success());
            assert!(built("yes", &base, &rust).status.success());
            for (release, base, rust) in [
                ("yes", "debian:bookworm-slim", rust.as_str()),
                ("yes", base.as_str(), "rust:1.95-slim-bookworm"),
                ("true", base.as_str(), rust.as_str()),
                ("", base.as_str(), rust.as_str()),
            ] {
                let refused = built(release, base, rust);
                let words = String::from_utf8_lossy(&refused.stderr).into_owned();
                assert!(!refused.status.success() && words.contains(base), "{release}: {words}");
            }
        }
    }
}
