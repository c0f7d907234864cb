//! The two corpora: Debian packages that are converted to data directories.

use super::{Fetch, create_folder, debian, move_into_place, remove_folder};
use crate::corpora::{Destination, Summary, asterisk, queen};
use crate::environment::Environment;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// A corpus in Debian.
#[derive(Debug)]
pub(super) struct Corpus {
    /// Name of its folder.
    name: &'static str,
    /// Its packages; the licence of the first is copied into the corpus.
    packages: &'static [&'static str],
    /// Changed when the conversion changes: older folders are then made again.
    version: &'static str,
    /// Converts the unpacked packages and writes them to a folder.
    convert: fn(&Packages, Destination<'_>) -> Result<Summary>,
    pub(super) fetch: Fetch,
}

/// The folders of a corpus's unpacked packages, in the same order.
type Packages = [PathBuf];

/// Telephone prompts by one clear voice: a small corpus, for tests.
pub(super) const ASTERISK: Corpus = Corpus {
    name: "asterisk",
    packages: &["asterisk-core-sounds-en-wav", "asterisk-core-sounds-en"],
    version: "1",
    convert: asterisk::convert,
    fetch: Fetch {
        what: "the small corpus: 0.4 h of telephone prompts, CC BY-SA 3.0",
        from: "Debian",
        megabytes: 18,
    },
};

/// The lines of a talking adventure game: the demo's corpus.
pub(super) const GAME: Corpus = Corpus {
    name: "game",
    packages: &["flight-of-the-amazon-queen"],
    version: "1",
    convert: queen::convert,
    fetch: Fetch {
        what: "the demo's corpus: 4.6 h of acted lines of a freeware game, not to be sold",
        from: "Debian",
        megabytes: 35,
    },
};

pub(super) fn is_ready(environment: &Environment, corpus: &Corpus) -> bool {
    let stamp = environment.corpora().join(corpus.name).join("version");
    std::fs::read_to_string(stamp).is_ok_and(|version| version.trim() == corpus.version)
}

pub(super) fn make(environment: &Environment, corpus: &Corpus) -> Result<()> {
    let packages = corpus.packages.iter().map(|name| debian::unpacked(environment, name));
    let packages = packages.collect::<Result<Vec<PathBuf>>>()?;
    let place = environment.corpora().join(corpus.name);
    let partial = environment.corpora().join(format!("{}.partial", corpus.name));
    remove_folder(&partial)?;
    create_folder(&partial)?;
    let summary = (corpus.convert)(&packages, Destination { partial: &partial, place: &place })?;
    eprintln!("{}: {summary}", corpus.name);
    if let [package, ..] = packages.as_slice() {
        let licence = package.join("usr/share/doc").join(corpus.packages[0]).join("copyright");
        std::fs::copy(&licence, partial.join("LICENCE"))
            .with_context(|| format!("cannot copy the licence {}", licence.display()))?;
    }
    std::fs::write(partial.join("version"), corpus.version).context("cannot write the corpus's version")?;
    move_into_place(&partial, &place)
}
