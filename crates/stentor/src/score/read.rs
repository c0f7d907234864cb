//! Transcript files of several formats, as texts by utterance.

use crate::exit::Meaning;
use crate::in_file;
use anyhow::{Context, Result, anyhow};
use std::io::BufReader;
use std::path::Path;
use stentor_evaluate::words::files::{
    CtmWord, StmSegment, read_ctm, read_names, read_stm, read_text, read_trn,
};
use stentor_evaluate::words::{Names, Transcripts, assign, by_file, by_segment, segment_id};
use stentor_runtime::ExitStatus;

/// Formats of transcript files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// NIST: `words (utterance)`
    Trn,
    /// NIST: `file channel start duration word [confidence]`
    Ctm,
    /// NIST: `file channel speaker begin end [<labels>] words`
    Stm,
    /// Kaldi: `utterance words`
    Text,
}

impl Format {
    /// By a file's name, which is case-insensitive.
    fn of(path: &Path) -> Result<Self> {
        let lower = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().to_lowercase());
        match (lower(path.extension()).as_deref(), lower(path.file_name()).as_deref()) {
            (Some("trn"), _) => Ok(Self::Trn),
            (Some("ctm"), _) => Ok(Self::Ctm),
            (Some("stm"), _) => Ok(Self::Stm),
            (Some("txt" | "text"), _) | (_, Some("text")) => Ok(Self::Text),
            _ => Err(anyhow!(
                "{}: expected a name that ends with .trn, .ctm, .stm or .txt, or a file named `text`; give --format",
                path.display()
            ))
            .meaning(ExitStatus::Config),
        }
    }
}

/// What a file contains.
enum Content {
    Texts(Transcripts),
    Words(Vec<CtmWord>),
    Segments(Vec<StmSegment>),
}

impl Content {
    fn read(path: &Path, format: Option<Format>) -> Result<Self> {
        let format = format.map_or_else(|| Format::of(path), Ok)?;
        let told = || path.display().to_string();
        let reader = BufReader::new(in_file::open(path, "transcripts")?);
        match format {
            Format::Trn => read_trn(reader).map(Self::Texts),
            Format::Text => read_text(reader).map(Self::Texts),
            Format::Ctm => read_ctm(reader).map(Self::Words),
            Format::Stm => read_stm(reader).map(Self::Segments),
        }
        .with_context(told)
    }
}

/// What was said.
pub(super) struct Reference {
    texts: Transcripts,
    /// Where the file tells who speaks.
    speakers: Option<Names>,
    /// Where the file tells when.
    segments: Vec<StmSegment>,
}

impl Reference {
    pub(super) fn read(path: &Path, format: Option<Format>) -> Result<Self> {
        let told = || path.display().to_string();
        let (texts, speakers, segments) = match Content::read(path, format)? {
            Content::Texts(texts) => (texts, None, Vec::new()),
            Content::Words(words) => (by_file(&words).with_context(told)?, None, Vec::new()),
            Content::Segments(segments) => {
                let (texts, speakers) = by_segment(&segments).with_context(told)?;
                (texts, Some(speakers), segments)
            }
        };
        Ok(Self { texts, speakers, segments })
    }

    /// Reads what was recognised of it, by the same utterances.
    pub(super) fn hypothesis(&self, path: &Path, format: Option<Format>) -> Result<Transcripts> {
        match Content::read(path, format)? {
            Content::Texts(texts) => Ok(texts),
            Content::Words(words) if self.segments.is_empty() => by_file(&words),
            Content::Words(words) => assign(&words, &self.segments),
            Content::Segments(segments) => by_segment(&segments).map(|(mut texts, _)| {
                let ignored = self.segments.iter().filter(|segment| segment.is_ignored());
                ignored.for_each(|segment| drop(texts.remove(&segment_id(segment))));
                texts
            }),
        }
        .with_context(|| path.display().to_string())
    }

    pub(super) fn texts(&self) -> &Transcripts {
        &self.texts
    }

    pub(super) fn speakers(&self) -> Option<&Names> {
        self.speakers.as_ref()
    }
}

/// A name for each utterance.
pub(super) fn names(path: &Path) -> Result<Names> {
    let told = || path.display().to_string();
    read_names(BufReader::new(in_file::open(path, "a table of utterances and names (--speakers, --groups)")?))
        .with_context(told)
}
