//! Kaldi-style data directories: one line per utterance in `wav.scp`, `text`, `utt2spk` and `utt2group`.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

/// Where a data directory is built.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination<'a> {
    /// The folder to fill.
    pub(super) partial: &'a Path,
    /// The folder's final place: paths in `wav.scp` begin with it.
    pub(super) place: &'a Path,
}

/// An utterance: one line of each file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Utterance {
    /// Unique; begins with the speaker, so that sorting by utterance also sorts by speaker, as Kaldi's tools expect.
    pub(super) id: String,
    pub(super) speaker: String,
    /// Utterances of one group stay together when data is split.
    pub(super) group: String,
    pub(super) audio: PathBuf,
    /// Normalised words; `None` for an unannotated utterance.
    pub(super) text: Option<String>,
}

/// Writes the files, sorted by utterance.
pub(super) fn write(folder: &Path, mut utterances: Vec<Utterance>) -> Result<()> {
    utterances.sort_by(|a, b| a.id.cmp(&b.id));
    for pair in utterances.windows(2) {
        ensure!(pair[0].id != pair[1].id, "expected each utterance once, found `{}` twice", pair[0].id);
    }
    for utterance in &utterances {
        for name in [&utterance.id, &utterance.speaker, &utterance.group] {
            ensure!(
                !name.is_empty() && !name.contains(char::is_whitespace),
                "expected names without blanks, found `{name}` at utterance `{}`",
                utterance.id
            );
        }
    }
    let lines = |column: fn(&Utterance) -> Option<String>| {
        let lines = utterances.iter().filter_map(|u| Some(format!("{} {}\n", u.id, column(u)?)));
        lines.collect::<String>()
    };
    for (name, content) in [
        ("wav.scp", lines(|u| Some(u.audio.display().to_string()))),
        ("text", lines(|u| u.text.clone())),
        ("utt2spk", lines(|u| Some(u.speaker.clone()))),
        ("utt2group", lines(|u| Some(u.group.clone()))),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utterance(id: &str, text: Option<&str>) -> Utterance {
        Utterance {
            id: id.into(),
            speaker: "s".into(),
            group: "g".into(),
            audio: format!("/clips/{id}.mp3").into(),
            text: text.map(str::to_owned),
        }
    }

    #[test]
    fn lines_are_sorted_and_an_utterance_without_words_has_no_line_in_text() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), vec![utterance("s-b", Some("two words")), utterance("s-a", None)]).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("wav.scp"), "s-a /clips/s-a.mp3\ns-b /clips/s-b.mp3\n");
        assert_eq!(read("text"), "s-b two words\n");
        assert_eq!(read("utt2spk"), "s-a s\ns-b s\n");
        assert_eq!(read("utt2group"), "s-a g\ns-b g\n");
    }

    #[test]
    fn a_name_that_would_break_a_line_or_is_repeated_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let blank = write(folder.path(), vec![utterance("a b", None)]).unwrap_err().to_string();
        assert!(blank.contains("`a b`"), "{blank}");
        let twice =
            write(folder.path(), vec![utterance("a", None), utterance("a", None)]).unwrap_err().to_string();
        assert!(twice.contains("twice"), "{twice}");
    }
}
