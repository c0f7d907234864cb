//! `stentor certs`: a CA for a cluster, and certificates for the roles of its programs.

mod issue;
mod place;

use anyhow::{Context, Result, bail};
use clap::Parser;
use issue::{Authority, Leaf};
use std::path::{Path, PathBuf};
use stentor_runtime::tls::{Identity, Role};

/// Create a CA for a cluster, or use the existing one, and issue certificates for its programs.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// Folder for the CA and one folder for each role. An existing CA is kept; certificates are reissued.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the cluster; programs with certificates of another cluster are rejected.
    #[arg(long, value_name = "NAME")]
    cluster: String,
    /// Name or address at which others reach the coordinator or a reducer; repeat the option for each.
    #[arg(long, value_name = "NAME_OR_IP", required = true)]
    host: Vec<String>,
    /// Issue a separate certificate for each of N workers, in folders worker-0, worker-1 and so on, instead of one for
    /// all, so that no key is on two machines. Each is valid for the identity worker-0, worker-1 and so on alone: start
    /// the worker with that --identity.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=MOST_WORKERS))]
    workers: Option<u32>,
    /// Identity for which the certificate of all workers is valid; one that ends with `*`, such as `stentor-worker-*`, stands
    /// for all that begin with the rest. Without it, a worker may use any identity.
    #[arg(long, value_name = "IDENTITY", conflicts_with = "workers")]
    worker_identity: Option<String>,
    /// Validity of the certificates in days. The CA's certificate is valid for ten years.
    #[arg(long, default_value_t = 90, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
}

/// The maximum number of members.
const MOST_WORKERS: i64 = 4096;

pub(crate) fn run(arguments: &Args) -> Result<()> {
    let Args { out, cluster, host, workers, worker_identity, days } = arguments;
    let expected = "1 to 63 letters, digits, dots, hyphens or underscores";
    if Identity::new(cluster, Role::Admin).is_none() {
        bail!("--cluster: expected {expected}, found `{cluster}`");
    }
    let (authority, is_new) = authority(&out.join("ca"), cluster)?;
    let made = if is_new { "a new CA" } else { "the existing CA" };
    stentor_runtime::outln!("cluster `{cluster}`, {made}: {}", out.join("ca").display());
    stentor_runtime::outln!("  ca.key can sign any certificate: keep it offline; no program needs it");
    for (role, name) in holders(*workers) {
        let identity =
            Identity::new(cluster, role).with_context(|| format!("--cluster: expected {expected}"))?;
        let holder = match (role, workers) {
            (Role::Worker, Some(_)) => Some(&name),
            (Role::Worker, None) => worker_identity.as_ref(),
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

/// The roles that get certificates, with the names of their folders.
fn holders(workers: Option<u32>) -> Vec<(Role, String)> {
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

#[cfg(test)]
mod tests;
