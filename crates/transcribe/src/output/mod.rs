//! Events as text.

mod json;
mod srt;
mod time;

use crate::error::Error;
use crate::event::{Event, Word};
use json::Line;
use std::io::Write;
use time::{seconds, srt_time};

/// How words are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A line for each utterance: its words.
    #[default]
    Text,
    /// A JSON object on each line: every event.
    Json,
    /// A line for each word: `FILE 1 START DURATION WORD CONFIDENCE`, in seconds, as NIST's tools read it.
    Ctm,
    /// Subtitles.
    Srt,
}

/// Writes the events of one stream after the other. Everything is flushed at once, so that whoever reads it need not wait.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    format: Format,
    /// What the stream is called; text names it only if there are several.
    name: String,
    names_streams: bool,
    cues: usize,
}

impl<W: Write> Writer<W> {
    /// A writer of a format. `names_streams`: each line of text begins with the name of its stream and a tab.
    pub fn new(to: W, format: Format, names_streams: bool) -> Self {
        Self { to, format, name: String::new(), names_streams, cues: 0 }
    }

    /// What comes next is of the stream with this name. Subtitles are numbered anew.
    pub fn begin(&mut self, name: &str) {
        name.clone_into(&mut self.name);
        self.cues = 0;
    }

    /// Writes what the format has of these events.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub fn write(&mut self, events: &[Event]) -> Result<(), Error> {
        let mut text = String::new();
        for event in events {
            self.add(event, &mut text);
        }
        if text.is_empty() {
            return Ok(());
        }
        self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush()).map_err(Error::Output)
    }

    fn add(&mut self, event: &Event, text: &mut String) {
        if self.format == Format::Json {
            // An event has no part that JSON cannot express.
            *text += &serde_json::to_string(&Line { file: &self.name, event }).unwrap_or_default();
            text.push('\n');
            return;
        }
        let Event::Final { words, .. } = event else { return };
        match self.format {
            Format::Text if words.words.is_empty() => {}
            Format::Text if self.names_streams => *text += &format!("{}\t{}\n", self.name, words.text),
            Format::Text | Format::Json => *text += &format!("{}\n", words.text),
            Format::Ctm => words.words.iter().for_each(|word| *text += &ctm(&self.name, word)),
            Format::Srt => {
                for cue in srt::cues(&words.words) {
                    self.cues += 1;
                    let (start, end) = (srt_time(cue.start_ms), srt_time(cue.end_ms));
                    *text += &format!("{}\n{start} --> {end}\n{}\n\n", self.cues, cue.text);
                }
            }
        }
    }
}

/// The name of a file in a CTM file: its last part without suffix, and without blanks, which separate columns.
pub(crate) fn recording(name: &str) -> String {
    let stem = std::path::Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.unwrap_or_else(|| name.to_owned()).replace(char::is_whitespace, "_")
}

fn ctm(name: &str, word: &Word) -> String {
    let recording = recording(name);
    let (start, length) = (seconds(word.start_ms), seconds(word.end_ms.saturating_sub(word.start_ms)));
    let confidence = word.confidence.map(|confidence| format!(" {:.3}", confidence.clamp(0.0, 1.0)));
    format!("{recording} 1 {start} {length} {}{}\n", word.word, confidence.unwrap_or_default())
}
