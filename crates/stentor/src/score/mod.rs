//! `stentor score`: word error rates of recognised texts.

mod read;

#[cfg(test)]
mod tests;

use crate::apart::Files;
use crate::json_file::JsonFile;
use crate::out_file::OutFile;
use crate::tested::{RESAMPLES, SEED};
use anyhow::{Context, Result};
use read::{Format, Reference};
use std::path::{Path, PathBuf};
use stentor_evaluate::Error;
use stentor_evaluate::words::files::write_trn;
use stentor_evaluate::words::{Labels, Scored, Utterance, WordFigures, printout, score};

/// Score recognised texts against a reference: word error rate with substitutions, deletions and insertions, and its 95 %
/// interval.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What was said.
    #[arg(long, value_name = "FILE")]
    reference: PathBuf,
    /// What was recognised, of the same utterances. Words of a CTM file are assigned to the segments of an STM reference by their
    /// times.
    #[arg(long, value_name = "FILE")]
    hypothesis: PathBuf,
    /// What another system recognised, to compute the confidence in the difference.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Format of all these files. Default: by each file's suffix; a file named `text` has Kaldi's format.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Speakers of utterances, as Kaldi's `utt2spk`. Default: those of an STM reference.
    #[arg(long, value_name = "FILE")]
    speakers: Option<PathBuf>,
    /// Groups of utterances, as `utt2group`: dialogues or sessions. The confidence interval is bootstrapped over groups; without
    /// groups, over speakers; without speakers, over utterances.
    #[arg(long, value_name = "FILE")]
    groups: Option<PathBuf>,
    /// File for the figures.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// File for the alignments: reference above hypothesis, with errors marked.
    #[arg(long, value_name = "FILE")]
    alignments: Option<PathBuf>,
    /// Folder for `reference.trn` and `hypothesis.trn`, normalised, so that other programs can score the same words.
    #[arg(long, value_name = "DIR")]
    trn: Option<PathBuf>,
}

/// Files of `--trn`.
const REFERENCE_TRN: &str = "reference.trn";
const HYPOTHESIS_TRN: &str = "hypothesis.trn";

impl Args {
    fn files(&self) -> Files {
        let Self { reference, hypothesis, baseline, speakers, groups, json, alignments, trn, .. } = self;
        let trn = trn.iter().flat_map(|folder| [REFERENCE_TRN, HYPOTHESIS_TRN].map(|name| folder.join(name)));
        Files::default()
            .reads("--reference", [reference])
            .reads("--hypothesis", [hypothesis])
            .reads("--baseline", baseline)
            .reads("--speakers", speakers)
            .reads("--groups", groups)
            .writes("--json", json)
            .writes("--alignments", alignments)
            .writes("--trn", trn)
    }
}

pub(crate) fn run(arguments: &Args) -> Result<()> {
    arguments.files().check_apart()?;
    let json = JsonFile::at(arguments.json.as_deref())?;
    let alignments = destination("the alignments", arguments.alignments.clone())?;
    let trn = |name: &str| {
        let path = arguments.trn.as_ref().map(|folder| folder.join(name));
        destination("the texts of --trn", path)
    };
    let (reference_trn, hypothesis_trn) = (trn(REFERENCE_TRN)?, trn(HYPOTHESIS_TRN)?);

    let reference = Reference::read(&arguments.reference, arguments.format)?;
    let named = |path: &Option<PathBuf>| path.as_deref().map(read::names).transpose();
    let (speakers, groups) = (named(&arguments.speakers)?, named(&arguments.groups)?);
    let labels = Labels { speakers: speakers.as_ref().or(reference.speakers()), groups: groups.as_ref() };
    let scored = |path: &Path| -> Result<Scored> {
        let hypothesis = reference.hypothesis(path, arguments.format)?;
        score(reference.texts(), &hypothesis, labels)
            .with_context(|| format!("{} against {}", path.display(), arguments.reference.display()))
    };
    let baseline = arguments.baseline.as_deref().map(scored).transpose()?;
    let system = scored(&arguments.hypothesis)?;

    let figures = WordFigures::new(&system, baseline.as_ref(), RESAMPLES, SEED);
    json.write(&figures)?;
    if let Some(file) = alignments {
        let printed: Vec<_> = system.utterances.iter().map(printout).collect();
        file.write(printed.join("\n").as_bytes())?;
    }
    if let Some(file) = reference_trn {
        file.write(&as_trn(&system, |utterance| &utterance.reference)?)?;
    }
    if let Some(file) = hypothesis_trn {
        file.write(&as_trn(&system, |utterance| &utterance.hypothesis)?)?;
    }
    stentor_runtime::out!("{}", figures.to_text());
    Ok(())
}

/// A file that was asked for, checked for writability before the work. `what`: its content, for messages.
fn destination(what: &'static str, path: Option<PathBuf>) -> Result<Option<OutFile>> {
    path.map(|path| OutFile::at(&path, what)).transpose()
}

fn as_trn(scored: &Scored, words: impl Fn(&Utterance) -> &Vec<String>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    for utterance in &scored.utterances {
        let text = words(utterance).join(" ");
        write_trn(&mut bytes, [(utterance.id.as_str(), text.as_str())])?;
    }
    Ok(bytes)
}
