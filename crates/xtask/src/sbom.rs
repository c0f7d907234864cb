//! `cargo xtask sbom`: what is in each image that is deployed, as CycloneDX: the crates that its programs link, by cargo's own tree
//! and the lock file, and the wheels that libtorch comes from. Packages of the base image are not in it: the base image is named.

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use stentor_tasks::{Environment, create_folder, process};

/// Options of the command.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folder to write a file for each image to, `stentor-worker.cdx.json` for example.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The base image of the build, by its digest: `debian@sha256:…`. Without it the files name none.
    #[arg(long, value_name = "IMAGE", value_parser = by_digest)]
    base_image: Option<String>,
    /// The wheels that libtorch is taken from.
    #[arg(long, value_name = "KIND", default_value = "cpu", value_parser = ["cpu", "gpu"])]
    accelerator: String,
}

/// An image, the packages whose programs it contains, and whether it contains libtorch.
const IMAGES: [(&str, &[&str], bool); 3] = [
    ("stentor-coordinator", &["stentor", "stentor-coordinator"], false),
    ("stentor-worker", &["stentor-worker"], true),
    ("stentor-teacher-labeler", &["stentor-teacher-labeler"], true),
];

/// Writes the files.
pub(crate) fn run(environment: &Environment, options: &Options) -> Result<()> {
    let lock = read(&environment.root.join("Cargo.lock"))?;
    let checksums = checksums(&lock);
    let wheels = format!("deploy/docker/libtorch-{}.txt", options.accelerator);
    let wheels = wheels_of(&read(&environment.root.join(wheels))?);
    create_folder(&options.out)?;
    for (image, packages, has_libtorch) in IMAGES {
        let mut components = crates(&tree(environment, packages)?, &checksums)?;
        if has_libtorch {
            components.extend(wheels.iter().cloned());
        }
        if let Some((name, digest)) = options.base_image.as_deref().and_then(|image| image.split_once('@')) {
            components.push(json!({ "type": "container", "name": name, "version": digest }));
        }
        let count = components.len();
        let file = options.out.join(format!("{image}.cdx.json"));
        let text = serde_json::to_string_pretty(&document(image, &components))? + "\n";
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        println!("{}: {count} components", file.display());
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A tag names another image tomorrow.
fn by_digest(image: &str) -> Result<String, String> {
    let digest = image.split_once("@sha256:").map_or("", |(_, digest)| digest);
    let is_digest = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    if is_digest {
        Ok(image.to_owned())
    } else {
        Err(format!("expected NAME@sha256:DIGEST, found `{image}`"))
    }
}

/// The crates that the packages link in a release: name, version and licence in each line.
fn tree(environment: &Environment, packages: &[&str]) -> Result<String> {
    let mut command = environment.plain_cargo(&["tree", "--locked", "--prefix", "none", "--edges", "normal"]);
    command.args(["--no-dedupe", "--format", "{p}\t{l}", "--target", "x86_64-unknown-linux-gnu"]);
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    process::output(&mut command)
}

/// The checksum of each crate of a registry, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
        line.map(|line| line.trim_end_matches('"').to_owned())
    };
    let package =
        |block: &str| Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?));
    lock.split("[[package]]").filter_map(package).collect()
}

fn crates(tree: &str, checksums: &BTreeMap<(String, String), String>) -> Result<Vec<Value>> {
    let lines: BTreeSet<&str> = tree.lines().filter(|line| !line.is_empty()).collect();
    let component = |line: &str| {
        let (package, licence) =
            line.split_once('\t').with_context(|| format!("cargo tree printed `{line}`"))?;
        let mut words = package.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let version = version.strip_prefix('v').with_context(|| format!("cargo tree printed `{line}`"))?;
        // Those of the workspace have no checksum.
        let checksum = checksums.get(&(name.to_owned(), version.to_owned()));
        let is_ours = package.contains(" (/");
        ensure!(is_ours || checksum.is_some(), "{name} {version} has no checksum in Cargo.lock");
        // Older crates separate licences by a slash, which means OR.
        let mut component = json!({
            "type": "library",
            "name": name,
            "version": version,
            "bom-ref": format!("pkg:cargo/{name}@{version}"),
            "purl": format!("pkg:cargo/{name}@{version}"),
            "licenses": [{ "expression": licence.replace('/', " OR ") }],
        });
        if let Some(checksum) = checksum {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
        }
        Ok(component)
    };
    lines.into_iter().map(component).collect()
}

/// The wheels of a file with pinned requirements, each with its hashes.
fn wheels_of(requirements: &str) -> Vec<Value> {
    let text: String =
        requirements.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let wheel = |line: &str| {
        let (name, rest) = line.split_once("==")?;
        let mut words = rest.split_whitespace();
        let version = words.next()?;
        let hashes = words.filter_map(|word| word.strip_prefix("--hash=sha256:"));
        let hashes: Vec<Value> = hashes.map(|hash| json!({ "alg": "SHA-256", "content": hash })).collect();
        let purl = format!("pkg:pypi/{name}@{version}");
        Some(json!({
            "type": "library", "name": name, "version": version, "bom-ref": purl, "purl": purl, "hashes": hashes,
        }))
    };
    text.replace("\\\n", " ").lines().filter_map(wheel).collect()
}

fn document(image: &str, components: &[Value]) -> Value {
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": { "type": "container", "name": image, "version": env!("CARGO_PKG_VERSION"), "bom-ref": image },
        },
        "components": components,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_lists_what_it_links_and_only_workers_and_labelers_have_libtorch() {
        let environment = Environment::find().unwrap();
        let out = tempfile::tempdir().unwrap();
        let base = format!("debian@sha256:{}", "ab".repeat(32));
        let options = Options {
            out: out.path().to_owned(),
            base_image: Some(by_digest(&base).unwrap()),
            accelerator: "cpu".to_owned(),
        };
        run(&environment, &options).unwrap();
        for (image, packages, has_libtorch) in IMAGES {
            let text = std::fs::read(out.path().join(format!("{image}.cdx.json"))).unwrap();
            let found: Value = serde_json::from_slice(&text).unwrap();
            let components = found["components"].as_array().unwrap();
            let names: Vec<&str> = components.iter().filter_map(|c| c["name"].as_str()).collect();
            assert!(packages.iter().all(|package| names.contains(package)), "{image}: {names:?}");
            assert!(names.contains(&"rustls") && !names.contains(&"proptest"), "{image}: {names:?}");
            assert_eq!(names.contains(&"torch"), has_libtorch, "{image}");
            assert_eq!(names.contains(&"tch"), has_libtorch, "{image}");
            let of_registry =
                |c: &&Value| !c["name"].as_str().unwrap().starts_with("stentor") && c["type"] == "library";
            assert!(
                components.iter().filter(of_registry).all(|c| c["hashes"][0]["content"].is_string()),
                "{image}"
            );
            let references: BTreeSet<&str> = components.iter().filter_map(|c| c["purl"].as_str()).collect();
            assert_eq!(
                references.len() + 1,
                components.len(),
                "{image}: each component but the base image once"
            );
        }
    }

    #[test]
    fn a_base_image_by_tag_is_refused() {
        for image in ["debian:bookworm-slim", "debian", "debian@sha256:12", "debian@sha256:"] {
            assert!(by_digest(image).unwrap_err().contains(image), "{image}");
        }
    }
}
