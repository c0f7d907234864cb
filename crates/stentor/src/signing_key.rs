//! `stentor signing-key`: the keys with which a coordinator signs a run, and others verify it.

use anyhow::{Context, Result};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use stentor_signature::{KeyPair, SigningKey};

/// Make a private key with which a coordinator signs checkpoints and event log, and the public key to verify them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder for signing.key, which only its owner can read, and signing.pub. An existing signing.key is kept.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Names of the files.
const PRIVATE: &str = "signing.key";
const PUBLIC: &str = "signing.pub";

pub(crate) fn run(arguments: &Args) -> Result<()> {
    let (private, public) = (arguments.out.join(PRIVATE), arguments.out.join(PUBLIC));
    std::fs::create_dir_all(&arguments.out).with_context(|| arguments.out.display().to_string())?;
    let is_new = match private.try_exists().with_context(|| private.display().to_string())? {
        true => false,
        false => write_new(&private, &KeyPair::generate()?.private, 0o600)?,
    };
    // What was written is read again: a key that cannot be used must not be found when a run ends.
    let key = SigningKey::read(&private)?;
    let text = key.public().to_pem();
    if std::fs::read_to_string(&public).ok().as_ref() != Some(&text) {
        match std::fs::remove_file(&public) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| public.display().to_string());
            }
            _ => write_new(&public, &text, 0o644)?,
        };
    }
    let made = if is_new { "a new key" } else { "the existing key" };
    stentor_runtime::outln!("{made}, {}: {}", key.public().id(), arguments.out.display());
    stentor_runtime::outln!(
        "  {PRIVATE}: for the coordinator alone (--signing-key); who has it can forge the run"
    );
    stentor_runtime::outln!(
        "  {PUBLIC}: for everybody who verifies (--public-key); give it to them by another way than the run's store"
    );
    Ok(())
}

/// Writes a file whole, never with more permissions than `mode`. Returns `false` if it exists by now.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<bool> {
    let shown = || path.display().to_string();
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    // Left by a killed process with this id.
    let _ = std::fs::remove_file(&draft);
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft);
    let mut file = file.with_context(shown)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(shown)?;
    // Another process may have written one meanwhile: it is not replaced.
    let linked = std::fs::hard_link(&draft, path);
    let _ = std::fs::remove_file(&draft);
    match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(shown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use stentor_signature::{Context, PublicKeys};

    #[test]
    fn the_private_key_is_for_its_owner_alone_and_is_kept_by_a_second_call() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("keys");
        run(&Args { out: out.clone() }).unwrap();
        let mode = |name: &str| out.join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(PRIVATE), mode(PUBLIC)), (0o600, 0o644));
        let key = SigningKey::read(&out.join(PRIVATE)).unwrap();
        let signature = key.sign(Context::Manifest, b"bytes").unwrap();
        std::fs::remove_file(out.join(PUBLIC)).unwrap();
        run(&Args { out: out.clone() }).unwrap();
        let public = PublicKeys::read(&[out.join(PUBLIC)]).unwrap();
        public.verify(Context::Manifest, b"bytes", &signature).unwrap();
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 2, "no draft is left");
        std::fs::write(out.join(PRIVATE), "not a key").unwrap();
        let error = format!("{:#}", run(&Args { out }).unwrap_err());
        assert!(error.contains("signing.key: expected one private key of Ed25519"), "{error}");
    }
}
