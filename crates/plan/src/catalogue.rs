/// A row group: the smallest part of a shard that is read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowGroup {
    /// Number of frames of all its utterances.
    pub frames: u64,
    /// Number of its utterances.
    pub utterances: u32,
}

/// The row groups of one source, in the order of its shards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue {
    /// Numbered across all shards: number 0 is the first row group of the first shard.
    pub row_groups: Vec<RowGroup>,
}
