//! Readers of corpora. Each makes a Kaldi-style data directory from the content of Debian packages, which set-up has
//! unpacked.
//!
//! A reader gets the folder in which the directory is built, and its final place, which the paths in the files begin
//! with.

mod asterisk;
mod kaldi_dir;
mod normalise;
mod queen;
mod summary;

use anyhow::{Context, Result};
use kaldi_dir::Destination;
use std::path::PathBuf;
use stentor_tasks::{Corpus, Environment, create_folder, move_into_place, progress, remove_folder};

/// Makes the data directory of a corpus, unless it is made already.
pub(crate) fn make(environment: &Environment, corpus: Corpus) -> Result<()> {
    if corpus.is_ready(environment) {
        return Ok(());
    }
    progress::step(&format!("convert the corpus `{}`", corpus.name()), || convert(environment, corpus))
}

fn convert(environment: &Environment, corpus: Corpus) -> Result<()> {
    let packages: Vec<PathBuf> = corpus.packages().iter().map(|name| environment.package(name)).collect();
    let place = corpus.folder(environment);
    let partial = environment.corpora().join(format!("{}.partial", corpus.name()));
    remove_folder(&partial)?;
    create_folder(&partial)?;
    let destination = Destination { partial: &partial, place: &place };
    let summary = match corpus {
        Corpus::Asterisk => asterisk::convert(&packages, destination)?,
        Corpus::Game => queen::convert(&packages, destination)?,
    };
    eprintln!("{}: {summary}", corpus.name());
    if let [package, ..] = packages.as_slice() {
        let licence = package.join("usr/share/doc").join(corpus.packages()[0]).join("copyright");
        std::fs::copy(&licence, partial.join("LICENCE"))
            .with_context(|| format!("cannot copy the licence {}", licence.display()))?;
    }
    std::fs::write(partial.join("version"), corpus.version()).context("cannot write the corpus's version")?;
    move_into_place(&partial, &place)
}
