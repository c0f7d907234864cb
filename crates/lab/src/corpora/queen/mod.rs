//! The talking game: one container file with thousands of MP3 clips, and their texts in dialogue, cut-scene and
//! description files inside it.
//!
//! All numbers in the files are big-endian. The files are untrusted: every offset is checked, and the error for an
//! invalid file says where the problem is.

mod bytes;
mod container;
mod cutscene;
mod descriptions;
mod dialogue;
mod segments;

use super::kaldi_dir::{self, Destination, Utterance};
use super::normalise;
use super::summary::Summary;
use anyhow::{Context, Result, bail, ensure};
use container::{Clip, Container};
use segments::Texts;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

const CONTAINER: &str = "usr/share/scummvm/flight-of-the-amazon-queen/queen.1c";

/// The hero's speaker name in dialogues and descriptions: one actor.
const HERO: &str = "joe";

/// Writes the clips as files, and the data directory beside them.
pub(super) fn convert(packages: &[PathBuf], destination: Destination<'_>) -> Result<Summary> {
    let [package] = packages else { bail!("expected one package, found {}", packages.len()) };
    let path = package.join(CONTAINER);
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let container = Container::parse(&bytes).with_context(|| format!("{} is damaged", path.display()))?;
    let corpus = Corpus::read(&container).with_context(|| format!("{} is damaged", path.display()))?;
    let clips = destination.partial.join("clips");
    stentor_tasks::create_folder(&clips)?;
    let mut utterances = Vec::new();
    for clip in &corpus.clips {
        let file = format!("{}.mp3", clip.name.to_lowercase());
        let target = clips.join(&file);
        std::fs::write(&target, clip.bytes).with_context(|| format!("cannot write {}", target.display()))?;
        utterances.push(corpus.utterance(clip, destination.place.join("clips").join(file)));
    }
    let summary = Summary {
        utterances: utterances.len(),
        annotated: utterances.iter().filter(|u| u.text.is_some()).count(),
        ..corpus.summary
    };
    kaldi_dir::write(destination.partial, utterances)?;
    Ok(summary)
}

/// The clips of speech, with their texts and speakers.
#[derive(Debug)]
struct Corpus<'a> {
    clips: Vec<Clip<'a>>,
    texts: Texts,
    /// The other person of each dialogue, by the dialogue's number.
    persons: BTreeMap<i16, String>,
    summary: Summary,
}

impl<'a> Corpus<'a> {
    fn read(container: &Container<'a>) -> Result<Self> {
        let mut texts = Texts::default();
        let mut persons = BTreeMap::new();
        let mut descriptions = (None, None);
        for file in container.files() {
            let bytes = file.bytes;
            match file.name.rsplit_once('.') {
                Some((stem, "DOG")) => {
                    let number = dialogue::read(bytes, &mut texts)
                        .with_context(|| format!("dialogue `{}`", file.name))?;
                    let person = stem.trim_end_matches(|c: char| c.is_ascii_digit()).to_lowercase();
                    persons.insert(number, person);
                }
                Some((stem, "CUT")) => {
                    cutscene::read(bytes, stem, &mut texts)
                        .with_context(|| format!("cut-scene `{}`", file.name))?;
                }
                Some(("QUEEN", "JAS")) => descriptions.0 = Some(bytes),
                Some(("QUEEN2", "JAS")) => descriptions.1 = Some(bytes),
                _ => {}
            }
        }
        let (Some(counts), Some(lines)) = descriptions else {
            bail!(
                "expected the files `QUEEN.JAS` and `QUEEN2.JAS` in the container, found one or none of them"
            );
        };
        descriptions::read(counts, lines, &mut texts).context("descriptions `QUEEN.JAS`, `QUEEN2.JAS`")?;
        let all = container.clips();
        ensure!(!all.is_empty(), "expected MP3 clips in the container, found none");
        let mut summary = Summary { clips: all.len(), ..Summary::default() };
        let mut vocabulary = BTreeSet::new();
        for clip in &all {
            summary.ambiguous += usize::from(texts.is_ambiguous(clip.name));
            // Counted before stage directions are removed.
            if let Some(text) = texts.of(clip.name) {
                summary.with_text += 1;
                vocabulary
                    .extend(normalise::words(text).iter().flat_map(|w| w.split(' ').map(str::to_owned)));
            }
        }
        summary.distinct_words = vocabulary.len();
        let (effects, clips): (Vec<_>, Vec<_>) = all.into_iter().partition(|clip| is_effect(clip.name));
        summary.effects = effects.len();
        Ok(Self { clips, texts, persons, summary })
    }

    fn utterance(&self, clip: &Clip<'_>, audio: PathBuf) -> Utterance {
        let name = clip.name.to_lowercase();
        let speaker = self.speaker(&name);
        Utterance {
            id: format!("{speaker}-{name}"),
            speaker,
            group: group(&name).to_owned(),
            audio,
            text: self.texts.of(clip.name).and_then(normalise::words),
        }
    }

    /// Dialogues name both speakers; the speakers of cut-scenes are not recorded anywhere.
    fn speaker(&self, name: &str) -> String {
        if name.starts_with(HERO) {
            return HERO.to_owned();
        }
        match (name.get(..2).and_then(|digits| digits.parse::<i16>().ok()), name.chars().nth(6)) {
            (Some(_), Some('j')) => HERO.to_owned(),
            (Some(number), Some('p')) => {
                self.persons.get(&number).cloned().unwrap_or_else(|| format!("dialogue{number:02}"))
            }
            _ => format!("scene-{}", group(name)),
        }
    }
}

/// The clips that must stay in one set: a dialogue, a cut-scene, ten descriptions. `name` is in lower case.
fn group(name: &str) -> &str {
    let length = match name {
        _ if name.starts_with(HERO) => 6,
        _ if name.starts_with(|c: char| c.is_ascii_digit()) => 2,
        _ => 5,
    };
    name.get(..length).unwrap_or(name)
}

/// Names of sound effects have `SSSS` in place of a line's number, and no letter for a speaker.
fn is_effect(name: &str) -> bool {
    name.get(4..8).is_some_and(|end| end == "SSSS")
}

#[cfg(test)]
mod tests {
    use super::container::tests::container;
    use super::*;

    /// A container with one dialogue (number 7, with BOB), one cut-scene, descriptions and clips of all kinds.
    fn small() -> Vec<u8> {
        let dialogue = dialogue::tests::file(
            7,
            &[(0x1E, "Hello.*02(sigh)")],
            &[(0, "*05Hi there.")],
            ["Bye.", "So long."],
        );
        let scene = cutscene::tests::file(&["", "It speaks!*00Again."]);
        let (counts, lines) = descriptions::tests::files(&["A bone."], &["Closed."]);
        let clips =
            ["07001EP1", "07001EP2", "07SSSSJ2", "07XXXXP1", "CUTS_011", "CUTS_012", "JOE00411", "JOE00011"];
        let mut files = vec![
            ("BOB1.DOG", dialogue),
            ("CUTS.CUT", scene),
            ("QUEEN.JAS", counts),
            ("QUEEN2.JAS", lines),
            ("12SSSSSS.SB", b"effect".to_vec()),
            ("UNTITLED.SB", b"unknown".to_vec()),
        ];
        let names: Vec<String> = clips.iter().map(|name| format!("{name}.SB")).collect();
        files.extend(names.iter().map(|name| (name.as_str(), name.as_bytes().to_vec())));
        container(&files)
    }

    #[test]
    fn every_kind_of_clip_gets_its_text_speaker_and_group() {
        let bytes = small();
        let corpus = Corpus::read(&Container::parse(&bytes).unwrap()).unwrap();
        let mut found: Vec<_> = corpus
            .clips
            .iter()
            .map(|clip| corpus.utterance(clip, PathBuf::new()))
            .map(|u| (u.id, u.group, u.text.unwrap_or_default()))
            .collect();
        found.sort();
        let expected = [
            ("bob-07001ep1", "07", "hello"),
            ("bob-07001ep2", "07", ""),
            ("bob-07xxxxp1", "07", "bye"),
            ("joe-07ssssj2", "07", "hi there"),
            ("joe-joe00011", "joe000", "closed"),
            ("joe-joe00411", "joe004", "a bone"),
            ("scene-cuts_-cuts_011", "cuts_", "it speaks"),
            ("scene-cuts_-cuts_012", "cuts_", "again"),
            ("scene-untit-untitled", "untit", ""),
        ];
        assert_eq!(
            found,
            expected.map(|(id, group, text)| (id.to_owned(), group.to_owned(), text.to_owned()))
        );
        let counts = (corpus.summary.clips, corpus.summary.with_text, corpus.summary.effects);
        assert_eq!(counts, (10, 8, 1));
    }

    #[test]
    fn the_data_directory_names_the_clips_at_their_final_place() {
        let home = tempfile::tempdir().unwrap();
        let package = home.path().join("package");
        std::fs::create_dir_all(package.join(CONTAINER).parent().unwrap()).unwrap();
        std::fs::write(package.join(CONTAINER), small()).unwrap();
        let (partial, place) = (home.path().join("partial"), home.path().join("place"));
        std::fs::create_dir(&partial).unwrap();
        let destination = Destination { partial: &partial, place: &place };
        let summary = convert(&[package], destination).unwrap();
        assert_eq!((summary.utterances, summary.annotated), (9, 7));
        let scp = std::fs::read_to_string(partial.join("wav.scp")).unwrap();
        let first = scp.lines().next().unwrap();
        assert_eq!(first, format!("bob-07001ep1 {}/clips/07001ep1.mp3", place.display()));
        assert_eq!(std::fs::read(partial.join("clips/07001ep1.mp3")).unwrap(), b"07001EP1.SB");
    }

    #[test]
    fn truncation_and_flipped_bytes_never_make_the_reader_panic() {
        let bytes = small();
        for length in 0..bytes.len() {
            // Both an error and a smaller corpus are acceptable.
            let _ =
                Container::parse(&bytes[..length]).and_then(|container| Corpus::read(&container).map(drop));
        }
        for position in 0..bytes.len() {
            for value in [0x00, 0x7F, 0x80, 0xFF] {
                let mut damaged = bytes.clone();
                damaged[position] = value;
                let _ = Container::parse(&damaged).and_then(|container| Corpus::read(&container).map(drop));
            }
        }
    }
}
