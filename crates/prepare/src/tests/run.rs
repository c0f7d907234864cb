//! Complete runs over a small corpus.

use super::corpus::Corpus;
use crate::{Error, Fractions, Options, Progress, Source, Summary, prepare};
use std::path::Path;
use stentor_audio::CtmKind;
use stentor_runtime::Shutdown;

/// The result of a run with these options, until `shutdown` is requested.
pub(super) fn run_until(
    options: &Options,
    shutdown: &Shutdown,
    progress: &mut dyn FnMut(Progress),
) -> Result<Summary, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    prepare(options, &runtime, shutdown, progress).map(|prepared| prepared.summary)
}

/// The result of a run with these options.
pub(super) fn run(options: &Options) -> Result<Summary, Error> {
    run_until(options, &Shutdown::manual().1, &mut |_| ())
}

/// A run with the corpus's own CTM file, and the options changed by `change`.
pub(super) fn run_ctm(
    corpus: &Corpus,
    out: &Path,
    change: impl FnOnce(&mut Options),
) -> Result<Summary, Error> {
    let source = Source::Ctm(corpus.ctm(), CtmKind::Phones);
    let mut options = Options::new(corpus.data(), out.to_owned(), source);
    options.fractions = Fractions { annotated: 0.3, dev: 0.3, test: 0.2, unannotated: None };
    change(&mut options);
    run(&options)
}

/// Options with an aligner, and so large an annotated share that most utterances are aligned.
pub(super) fn with_aligner(corpus: &Corpus, out: &Path, command: &str, threads: usize) -> Options {
    let source = Source::Aligner(command.to_owned());
    let fractions = Fractions { annotated: 0.5, test: 0.3, ..Fractions::default() };
    Options { fractions, threads, ..Options::new(corpus.data(), out.to_owned(), source) }
}

/// A run with an aligner, on one thread.
pub(super) fn run_aligner(corpus: &Corpus, out: &Path, command: &str) -> Result<Summary, Error> {
    run(&with_aligner(corpus, out, command, 1))
}
