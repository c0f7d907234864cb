//! The two corpora: Debian packages, turned into data directories.

use super::{Fetch, create_folder, debian, move_into_place, remove_folder};
use crate::corpora::{Destination, Summary, asterisk, queen};
use crate::environment::Environment;
use anyhow::{Context, Result};
use std::path::PathBuf;

/// A corpus that Debian has.
#[derive(Debug)]
pub(super) struct Corpus {
    /// Its folder among the corpora.
    name: &'static str,
    /// Its packages; the licence of the first goes with the corpus.
    packages: &'static [&'static str],
    /// Raised whenever what is made of the packages changes: older folders are then made anew.
    version: &'static str,
    /// Fills a folder from the unpacked packages.
    convert: fn(&Packages, Destination<'_>) -> Result<Summary>,
    pub(super) fetch: Fetch,
}

/// The unpacked packages of a corpus, in its own order.
type Packages = [PathBuf];

/// Telephone prompts in one clear voice: small, for tests.
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
