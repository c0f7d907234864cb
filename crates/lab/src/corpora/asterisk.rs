//! The prompts of the Asterisk telephone exchange: WAV files, and one text file with a line `name: text` for each.

use super::kaldi_dir::{self, Destination, Utterance};
use super::normalise;
use super::summary::Summary;
use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

const SOUNDS: &str = "usr/share/asterisk/sounds/en_US_f_Allison";
const TEXTS: &str = "usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz";
const SPEAKER: &str = "allison";

/// Makes the data directory from the package with the sounds and the package with the texts. The WAV files stay where
/// they are.
pub(super) fn convert(packages: &[PathBuf], destination: Destination<'_>) -> Result<Summary> {
    let [sounds, texts] = packages else {
        bail!("expected two packages, sounds and texts, found {}", packages.len())
    };
    let path = texts.join(TEXTS);
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
    GzDecoder::new(file)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot unpack {}", path.display()))?;
    let texts = texts_by_name(&String::from_utf8_lossy(&bytes));
    let root = sounds.join(SOUNDS);
    let mut files = BTreeMap::new();
    find_sounds(&root, &root, &mut files)?;
    let (utterances, summary) = utterances(files, &texts);
    kaldi_dir::write(destination.partial, utterances)?;
    Ok(summary)
}

/// Parses lines `name: text`; lines that start with `;` are comments.
fn texts_by_name(content: &str) -> BTreeMap<String, String> {
    let lines = content.lines().filter(|line| !line.starts_with(';'));
    lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, text)| (name.trim().to_owned(), text.trim().to_owned()))
        .collect()
}

fn utterances(
    files: BTreeMap<String, PathBuf>,
    texts: &BTreeMap<String, String>,
) -> (Vec<Utterance>, Summary) {
    let mut summary = Summary { clips: files.len(), ..Summary::default() };
    let mut vocabulary = BTreeSet::new();
    let mut utterances = Vec::new();
    for (name, audio) in files {
        let text = texts.get(&name).map(|text| spoken(text));
        // Beeps and silence: the whole text is a comment.
        if let Some(text) = &text
            && normalise::words(text).is_none()
        {
            summary.effects += 1;
            continue;
        }
        let words = text.as_deref().and_then(normalise::words);
        summary.with_text += usize::from(text.is_some());
        summary.annotated += usize::from(words.is_some());
        vocabulary.extend(words.iter().flat_map(|words| words.split(' ').map(str::to_owned)));
        let id = format!("{SPEAKER}-{}", name.replace('/', "_").to_lowercase());
        // There is only one voice: splitting by speaker would put everything into one part, so each prompt is a group.
        utterances.push(Utterance { group: id.clone(), id, speaker: SPEAKER.to_owned(), audio, text: words });
    }
    summary.utterances = utterances.len();
    summary.distinct_words = vocabulary.len();
    (utterances, summary)
}

/// Replaces the signs of a telephone's keys by the words that are spoken.
fn spoken(text: &str) -> String {
    text.replace('*', " star ").replace('#', " pound ")
}

/// All WAV files in a folder and below, by their path without extension.
fn find_sounds(root: &Path, folder: &Path, found: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        let path = entry.path();
        let kind =
            entry.file_type().with_context(|| format!("cannot read the type of {}", path.display()))?;
        if kind.is_dir() {
            find_sounds(root, &path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "wav") {
            let name = path.strip_prefix(root).unwrap_or(&path).with_extension("");
            found.insert(name.to_string_lossy().into_owned(), path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: &str =
        "; remarks: none\n\nvm-press: Press 1, then # or *.\nbeep: [a beep]\nletters/at: at [@]\n";

    fn sounds(names: &[&str]) -> BTreeMap<String, PathBuf> {
        names.iter().map(|name| ((*name).to_owned(), PathBuf::from(format!("/s/{name}.wav")))).collect()
    }

    #[test]
    fn keys_are_spoken_and_beeps_are_omitted() {
        let texts = texts_by_name(TEXTS);
        let (utterances, summary) = utterances(sounds(&["vm-press", "beep", "letters/at", "new"]), &texts);
        let found: Vec<_> = utterances.iter().map(|u| (u.id.as_str(), u.text.as_deref())).collect();
        assert_eq!(
            found,
            [
                ("allison-letters_at", Some("at")),
                ("allison-new", None),
                ("allison-vm-press", Some("press one then pound or star")),
            ]
        );
        let counts =
            (summary.clips, summary.with_text, summary.effects, summary.utterances, summary.annotated);
        assert_eq!(counts, (4, 2, 1, 3, 2));
    }

    #[test]
    fn sounds_in_folders_are_named_by_their_path() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("digits")).unwrap();
        for name in ["digits/1.wav", "hello.wav", "readme.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let mut found = BTreeMap::new();
        find_sounds(folder.path(), folder.path(), &mut found).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["digits/1", "hello"]);
    }
}
