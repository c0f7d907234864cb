use crate::WordId;

/// An n-gram of a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// The node of the n-gram without its last word.
    pub(crate) history: u32,
    pub(crate) word: WordId,
    pub(crate) log_prob: f32,
    pub(crate) backoff: f32,
}
