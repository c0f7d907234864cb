//! A hash over everything that the output depends on.

use crate::aligner;
use crate::decide::set::{Fractions, SplitBy};
use crate::{Error, Options, PdfNumbers, Source};
use serde::Serialize;
use std::path::Path;
use stentor_audio::{DataDirectory, Micros, open_regular};
use stentor_experiment::Features;

/// Raised when the same inputs give other sets: 2 since annotated sets have their phones, and words have times.
const OUTPUT: u32 = 2;

/// Everything that the output depends on.
#[derive(Serialize)]
struct Inputs<'a> {
    version: &'static str,
    output: u32,
    features: &'a Features,
    fractions: &'a Fractions,
    /// Left out where it is not asked for, so that what earlier versions prepared is recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    annotate_all: Option<bool>,
    split_by: Option<SplitBy>,
    channel: Option<usize>,
    seed: u64,
    alignments: String,
    shift: Micros,
    silence_phones: &'a [String],
    row_group_frames: u64,
    shard_frames: u64,
    tables: Vec<Option<String>>,
    /// Size and modification time in nanoseconds.
    audio: Vec<Option<(u64, Option<u64>)>>,
}

/// Returns a hash over settings, tables, alignments, and sizes and times of the audio files: a corpus that was prepared
/// with the same hash need not be prepared again.
///
/// # Errors
/// If a table cannot be read.
pub(crate) fn fingerprint(options: &Options, data: &DataDirectory) -> Result<String, Error> {
    const TABLES: [&str; 6] =
        ["wav.scp", "reco2file_and_channel", "segments", "text", "utt2spk", "utt2group"];
    let table = |name: &&str| {
        let path = options.corpus.join(name);
        path.symlink_metadata().is_ok().then(|| hash_file(&path)).transpose()
    };
    let inputs = Inputs {
        version: env!("CARGO_PKG_VERSION"),
        output: OUTPUT,
        features: &options.features,
        fractions: &options.fractions,
        annotate_all: options.annotate_all.then_some(true),
        split_by: options.split_by,
        channel: options.channel,
        seed: options.seed,
        alignments: match &options.source {
            Source::Ctm(path, kind) => format!("{kind:?} {}", hash_file(path)?),
            Source::Aligner(command) => format!("aligner {}", aligner::identity(command)?),
            Source::Pdfs { numbers, table } => {
                let (kind, path) = match numbers {
                    PdfNumbers::Ark(path, frame_ms) => (format!("pdfs {frame_ms} ms"), path),
                    PdfNumbers::Ctm(path) => ("pdfs".to_owned(), path),
                };
                format!("{kind} {} {}", hash_file(path)?, hash_file(table)?)
            }
        },
        shift: options.shift,
        silence_phones: &options.silence_phones,
        row_group_frames: options.row_group_frames,
        shard_frames: options.shard_frames,
        tables: TABLES.iter().map(table).collect::<Result<_, _>>()?,
        audio: data.recordings.iter().map(|r| stamp(&r.path)).collect(),
    };
    Ok(blake3::hash(&serde_json::to_vec(&inputs)?).to_hex().to_string())
}

/// Properties that change when a file is replaced.
fn stamp(path: &Path) -> Option<(u64, Option<u64>)> {
    let file = path.metadata().ok()?;
    let changed = file.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    Some((file.len(), changed.map(|time| time.as_nanos() as u64)))
}

fn hash_file(path: &Path) -> Result<String, Error> {
    let mut hash = blake3::Hasher::new();
    let copied = std::io::copy(&mut open_regular(path)?, &mut hash);
    copied.map_err(Error::io(format!("read {}", path.display())))?;
    Ok(hash.finalize().to_hex().to_string())
}
