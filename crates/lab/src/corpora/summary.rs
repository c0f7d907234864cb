/// The findings of a reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Summary {
    /// Recordings in the source.
    pub(super) clips: usize,
    /// Recordings with a text in the source.
    pub(super) with_text: usize,
    /// Distinct words after normalisation.
    pub(super) distinct_words: usize,
    /// Recordings of sounds other than speech: left out.
    pub(super) effects: usize,
    /// Recordings with several different texts: kept as unannotated.
    pub(super) ambiguous: usize,
    /// Utterances in the data directory.
    pub(super) utterances: usize,
    /// Utterances with words left after normalisation, which removes stage directions such as `(sigh)`.
    pub(super) annotated: usize,
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} clips, {} with text ({} distinct words), {} sound effects left out, {} with contradictory texts; \
             {} utterances, {} of them annotated",
            self.clips,
            self.with_text,
            self.distinct_words,
            self.effects,
            self.ambiguous,
            self.utterances,
            self.annotated
        )
    }
}
