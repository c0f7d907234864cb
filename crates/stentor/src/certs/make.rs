use super::Args;
use super::issue::{Authority, Leaf, check_hosts};
use super::place;
use anyhow::{Context, Result, bail};
use std::path::Path;
use stentor_runtime::tls::{Identity, Role};

/// A certificate that is asked for.
#[derive(Debug)]
struct Wanted {
    identity: Identity,
    /// The name of its folder, which is its common name.
    name: String,
}

pub(crate) fn run(arguments: &Args) -> Result<()> {
    let Args { out, cluster, host, workers, worker_identity, days } = arguments;
    // Nothing is written for a command line that cannot be carried out to its end.
    let wanted = wanted(cluster, *workers, worker_identity.as_deref())?;
    check_hosts(host)?;
    let (authority, is_new) = authority(&out.join("ca"), cluster)?;
    let made = if is_new { "a new CA" } else { "the existing CA" };
    stentor_runtime::outln!("cluster `{cluster}`, {made}: {}", out.join("ca").display());
    stentor_runtime::outln!("  ca.key can sign any certificate: keep it offline; no program needs it");
    for Wanted { identity, name } in wanted {
        let role = identity.role;
        let hosts: &[String] = if role == Role::Coordinator { host } else { &[] };
        let Leaf { certificate, key, expires } = authority.issue(&identity, &name, hosts, *days)?;
        let folder = out.join(&name);
        // The key is written first: a program that reads the files in between keeps its old pair until both exist.
        place::secret(&folder.join("tls.key"), &key)?;
        place::public(&folder.join("tls.crt"), &certificate)?;
        place::public(&folder.join("ca.crt"), authority.certificate())?;
        let whom = if role == Role::Worker && workers.is_some() { &name } else { whom(role) };
        stentor_runtime::outln!("{}: for {whom}, until {expires}", folder.display());
    }
    stentor_runtime::outln!(
        "pass each program or operator its folder with --tls or STENTOR_TLS (a labeler needs none: it only connects \
         to the store); replaced files take effect at the next connection"
    );
    Ok(())
}

/// The certificates that are asked for.
fn wanted(cluster: &str, workers: Option<u32>, worker_identity: Option<&str>) -> Result<Vec<Wanted>> {
    let mut wanted = Vec::new();
    for (role, name) in holders(workers) {
        let identity = Identity::new(cluster, role).with_context(|| {
            format!(
                "--cluster: expected 1 to 63 letters, digits, dots, hyphens or underscores, found `{cluster}`"
            )
        })?;
        let holder = match (role, workers) {
            (Role::Worker, Some(_)) => Some(name.as_str()),
            (Role::Worker, None) => worker_identity,
            _ => None,
        };
        let identity = match holder {
            Some(holder) => identity.named(holder).with_context(|| {
                format!(
                    "--worker-identity: expected 1 to 128 letters, digits, dots, hyphens or underscores, with `*` at the end or \
                     without, found `{holder}`"
                )
            })?,
            None => identity,
        };
        wanted.push(Wanted { identity, name });
    }
    Ok(wanted)
}

/// The roles that get certificates, with the names of their folders.
pub(super) fn holders(workers: Option<u32>) -> Vec<(Role, String)> {
    let mut holders = Vec::new();
    for role in Role::ALL {
        match workers {
            Some(workers) if role == Role::Worker => {
                holders.extend((0..workers).map(|index| (role, format!("{role}-{index}"))));
            }
            _ => holders.push((role, role.to_string())),
        }
    }
    holders
}

fn whom(role: Role) -> &'static str {
    match role {
        Role::Coordinator => "coordinator and reducers",
        Role::Worker => "every worker",
        Role::Labeler => "labeling jobs",
        Role::Admin => "operators: stentor status, stentor switch",
    }
}

/// Reads the CA in `folder`, or creates one if there is none.
fn authority(folder: &Path, cluster: &str) -> Result<(Authority, bool)> {
    let (certificate, key) = (folder.join("ca.crt"), folder.join("ca.key"));
    match (certificate.exists(), key.exists()) {
        (false, false) => {
            let (authority, secret) = Authority::new(cluster)?;
            place::secret(&key, &secret)?;
            place::public(&certificate, authority.certificate())?;
            Ok((authority, true))
        }
        (true, true) => {
            let read =
                |path: &Path| std::fs::read_to_string(path).with_context(|| path.display().to_string());
            let (text, secret) = (read(&certificate)?, read(&key)?);
            let authority = Authority::read(cluster, text, &secret)
                .with_context(|| format!("{}: expected the CA of cluster `{cluster}`", folder.display()))?;
            Ok((authority, false))
        }
        (_, has_key) => {
            let (there, missing) = if has_key { (&key, &certificate) } else { (&certificate, &key) };
            bail!(
                "{}: expected {} beside it, found none; restore it, or name another folder",
                there.display(),
                missing.display()
            )
        }
    }
}
