//! `stentor certs`: a CA for a cluster, and certificates for the roles of its programs.

#[cfg(feature = "crypto")]
mod issue;
#[cfg(feature = "crypto")]
mod make;
#[cfg(feature = "crypto")]
mod place;
#[cfg(test)]
#[cfg(feature = "crypto")]
mod tests;

use crate::number::whole;
use clap::Parser;
use std::path::PathBuf;

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
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1..=MOST_WORKERS))]
    workers: Option<u32>,
    /// Identity for which the certificate of all workers is valid; one that ends with `*`, such as `worker-*`, stands
    /// for all that begin with the rest. Without it, a worker may use any identity.
    #[arg(long, value_name = "IDENTITY", conflicts_with = "workers")]
    worker_identity: Option<String>,
    /// Validity of the certificates in days. The CA's certificate is valid for ten years.
    #[arg(long, default_value_t = 90, value_name = "DAYS", value_parser = whole::<u32>(1..=3650))]
    days: u32,
}

/// The maximum number of members.
const MOST_WORKERS: u64 = 4096;

#[cfg(feature = "crypto")]
pub(crate) use make::run;

/// Says that this build has no TLS.
#[cfg(not(feature = "crypto"))]
pub(crate) fn run(_: &Args) -> anyhow::Result<()> {
    Err(stentor_runtime::tls::Error::NotBuilt { asked: "stentor certs".to_owned() }.into())
}

#[cfg(all(test, not(feature = "crypto")))]
mod without_tls {
    use super::*;

    #[test]
    fn the_command_says_which_build_has_it_and_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let words =
            ["certs", "--cluster", "speech", "--host", "localhost", "--out"].map(std::ffi::OsStr::new);
        let error = run(&Args::try_parse_from(words.into_iter().chain([folder.path().as_os_str()])).unwrap());
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("stentor certs: this program was built without TLS"), "{error}");
        assert!(error.contains("`cargo xtask programs --release`"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
