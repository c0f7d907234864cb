//! The files of `--out`.

use super::searching::{Found, Timed};
use crate::out_file::OutFile;
use anyhow::Result;
use std::path::{Path, PathBuf};
use stentor_evaluate::words::files::{CtmWord, Micros, StmSegment, write_ctm, write_stm, write_trn};
use stentor_evaluate::words::{Scored, Utterance, normalise};
use stentor_recogniser::Settings;

/// The only channel of an utterance.
const CHANNEL: &str = "1";

/// A folder whose files can be written.
pub(super) struct OutFolder {
    settings: OutFile,
    reference_trn: OutFile,
    hypothesis_trn: OutFile,
    reference_stm: OutFile,
    hypothesis_ctm: OutFile,
}

/// The names of these files, in their order.
const NAMES: [&str; 5] =
    ["settings.json", "reference.trn", "hypothesis.trn", "reference.stm", "hypothesis.ctm"];

impl OutFolder {
    /// The places of all files in a folder.
    pub(super) fn paths(folder: &Path) -> [PathBuf; 5] {
        NAMES.map(|name| folder.join(name))
    }

    /// Tries the places of all files.
    pub(super) fn at(folder: &Path) -> Result<Self> {
        let [settings, reference_trn, hypothesis_trn, reference_stm, hypothesis_ctm] = Self::paths(folder);
        let file = |path: PathBuf| OutFile::at(&path, "a file of --out");
        Ok(Self {
            settings: file(settings)?,
            reference_trn: file(reference_trn)?,
            hypothesis_trn: file(hypothesis_trn)?,
            reference_stm: file(reference_stm)?,
            hypothesis_ctm: file(hypothesis_ctm)?,
        })
    }

    /// Writes all files. Texts are normalised, as they are compared. An utterance is a recording of its own in the files with times.
    pub(super) fn write(&self, settings: &Settings, scored: &Scored, found: &Found) -> Result<()> {
        let mut json = serde_json::to_vec_pretty(settings)?;
        json.push(b'\n');
        self.settings.write(&json)?;
        self.reference_trn.write(&trn(scored, |utterance| &utterance.reference)?)?;
        self.hypothesis_trn.write(&trn(scored, |utterance| &utterance.hypothesis)?)?;
        let frame = Micros::from(found.frame_ms) * 1_000;
        let (mut segments, mut words) = (Vec::new(), Vec::new());
        for (utterance, timed) in found.utterances.iter().zip(&found.timed) {
            segments.push(StmSegment {
                file: utterance.id.clone(),
                channel: CHANNEL.to_owned(),
                speaker: timed.speaker.clone(),
                begin: 0,
                end: timed.frames as Micros * frame,
                labels: None,
                text: normalise(&utterance.reference).words.join(" "),
            });
            words.extend(timed_words(&utterance.id, timed, frame));
        }
        let (mut stm, mut ctm) = (Vec::new(), Vec::new());
        write_stm(&mut stm, &segments)?;
        write_ctm(&mut ctm, &words)?;
        self.reference_stm.write(&stm)?;
        self.hypothesis_ctm.write(&ctm)
    }
}

fn trn(scored: &Scored, words: impl Fn(&Utterance) -> &Vec<String>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for utterance in &scored.utterances {
        write_trn(&mut bytes, [(utterance.id.as_str(), words(utterance).join(" ").as_str())])?;
    }
    Ok(bytes)
}

/// The words of an utterance as they are compared. `frame`: how long one lasts. A word that becomes several when it is normalised,
/// such as one with a hyphen, has its time shared by them.
fn timed_words(utterance: &str, timed: &Timed, frame: Micros) -> Vec<CtmWord> {
    let mut words = Vec::new();
    for found in &timed.words {
        let parts = normalise(&found.word).words;
        let (start, end) = (found.start as Micros * frame, found.end as Micros * frame);
        let count = parts.len() as Micros;
        for (part, place) in parts.into_iter().zip(0..) {
            let at = |place: Micros| start + (end - start) * place / count;
            words.push(CtmWord {
                file: utterance.to_owned(),
                channel: CHANNEL.to_owned(),
                start: at(place),
                duration: at(place + 1) - at(place),
                word: part,
                confidence: found.confidence.map(|sure| (sure as f32).clamp(0.0, 1.0)),
            });
        }
    }
    words
}
