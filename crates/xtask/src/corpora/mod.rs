//! Readers of corpora. Each makes a Kaldi-style data directory from the content of Debian packages.
//!
//! A reader gets the folder in which the directory is built, and its final place, which the paths in the files begin
//! with.

pub(crate) mod asterisk;
mod kaldi_dir;
mod normalise;
pub(crate) mod queen;

use std::path::Path;

/// Where a data directory is built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Destination<'a> {
    /// The folder to fill.
    pub(crate) partial: &'a Path,
    /// The folder's final place: paths in `wav.scp` begin with it.
    pub(crate) place: &'a Path,
}

/// What a reader has found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Recordings in the source.
    pub(crate) clips: usize,
    /// Recordings with a text in the source.
    pub(crate) with_text: usize,
    /// Distinct words after normalisation.
    pub(crate) distinct_words: usize,
    /// Recordings of sounds other than speech: left out.
    pub(crate) effects: usize,
    /// Recordings with several different texts: kept as unannotated.
    pub(crate) ambiguous: usize,
    /// Utterances in the data directory.
    pub(crate) utterances: usize,
    /// Utterances with words left after normalisation, which removes stage directions such as `(sigh)`.
    pub(crate) annotated: usize,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} clips, {} with text ({} distinct words), {} sound effects left out, {} with contradictory texts; \
             {} utterances, {} of them annotated",
            self.clips,
            self.with_text,
            self.distinct_words,
            self.effects,
            self.ambiguous,
            self.utterances,
            self.annotated
        )
    }
}
