//! What a transcription tells.

use serde::Serialize;

/// A word that was recognised.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Word {
    /// As the lexicon writes it.
    pub word: String,
    /// When it begins, in milliseconds since the stream's first sample.
    pub start_ms: u64,
    /// When it ends.
    pub end_ms: u64,
    /// How probable it is that it was said then, 0 to 1; `None` while later sound may still change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

/// The words from one end to the next.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Utterance {
    /// Counted from 0.
    pub utterance: u64,
    /// When it begins, in milliseconds since the stream's first sample.
    pub start_ms: u64,
    /// When it ends, or the time so far.
    pub end_ms: u64,
    /// The words, with blanks between them.
    pub text: String,
    /// The same words with their times.
    pub words: Vec<Word>,
}

/// Something new in a stream. All but [`Event::Final`] may be ignored.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The words of the utterance in progress, as they look now.
    Partial(Utterance),
    /// The utterance seems to have ended with these words. Either a [`Event::Final`] with the same words follows, or
    /// [`Event::TakenBack`].
    Guess(Utterance),
    /// The guess was wrong: the speaker goes on, or the words have changed.
    TakenBack {
        /// The utterance that goes on.
        utterance: u64,
    },
    /// Words that will not change any more.
    Final {
        /// The words.
        #[serde(flatten)]
        words: Utterance,
        /// Whether the utterance has ended. If not, it is so long that its first part was settled.
        ended: bool,
        /// Whether the last word is complete. If not, the sound ended within it.
        complete: bool,
    },
}

impl Utterance {
    /// The words of utterance number `utterance`, between these times.
    pub(crate) fn new(utterance: u64, start_ms: u64, end_ms: u64, words: Vec<Word>) -> Self {
        let text = words.iter().map(|word| word.word.as_str()).collect::<Vec<_>>().join(" ");
        Self { utterance, start_ms, end_ms, text, words }
    }
}
