/// A row group: the smallest piece of a shard that is read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowGroup {
    /// Frames of all its utterances.
    pub frames: u64,
    /// Its utterances.
    pub utterances: u32,
}

/// The row groups of one source, in the order of its shards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalogue {
    /// Numbered through all shards: number 0 is the first row group of the first shard.
    pub row_groups: Vec<RowGroup>,
}
