//! The meaning of the demo's options.

use super::recipe::Recipe;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use stentor_tasks::options::demo::{Options, Size};
use stentor_tasks::process::Deadline;
use stentor_tasks::{Corpus, Environment};

/// The recipe for a demo of this size.
pub(super) fn recipe(size: Size) -> Recipe {
    match size {
        Size::Quick => Recipe::quick(),
        Size::Game => Recipe::game(),
        Size::Full => Recipe::full(),
    }
}

/// The longest that one program may run.
pub(super) fn deadline(size: Size) -> Deadline {
    match size {
        Size::Quick => Deadline::minutes(10),
        Size::Game => Deadline::minutes(6 * 60),
        Size::Full => Deadline::minutes(7 * 24 * 60),
    }
}

/// The corpus: that of set-up, or the user's own, which must be a data directory.
pub(super) fn corpus_folder(options: &Options, environment: &Environment) -> Result<PathBuf> {
    let Some(folder) = &options.corpus else {
        return Ok(options.fetched().unwrap_or(Corpus::Game).folder(environment));
    };
    for file in ["wav.scp", "text", "utt2spk"] {
        ensure!(
            folder.join(file).is_file(),
            "expected a data directory with wav.scp, text and utt2spk, found no {file} in {}",
            folder.display()
        );
    }
    folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))
}

/// Checks that the files exist, also those that are read late: a typing error must not cost an hour.
pub(super) fn check_files(options: &Options) -> Result<()> {
    let Options { phones, lexicon, lm_text, .. } = options;
    for (path, option) in [(phones, "--phones"), (lexicon, "--lexicon"), (lm_text, "--lm-text")] {
        path.as_deref().map(|path| file(path, option)).transpose()?;
    }
    Ok(())
}

/// A file that an option names, absolute, because programs run in the checkout.
pub(super) fn file(path: &Path, option: &str) -> Result<PathBuf> {
    ensure!(path.is_file(), "{option}: expected a file, found none at {}", path.display());
    path.canonicalize().with_context(|| format!("cannot find {}", path.display()))
}

/// What changes when a file of the user is written anew: its size and its time.
pub(super) fn version(path: &Path) -> Result<String> {
    let about = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    let time =
        about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    Ok(format!("{} bytes of {}", about.len(), time.as_nanos()))
}
