use super::random::Random;

/// Mixes a stream: what goes in comes out later, in random order, with at most `limit` units waiting.
///
/// Recordings are shuffled before they are read, but the segments of one come out together; this spreads them.
#[derive(Debug)]
pub(crate) struct ShuffleBuffer<T> {
    waiting: Vec<(T, u64)>,
    size: u64,
    limit: u64,
    random: Random,
}

impl<T> ShuffleBuffer<T> {
    /// With a `limit` of 0 everything passes straight through.
    pub(crate) fn new(limit: u64, random: Random) -> Self {
        Self { waiting: Vec::new(), size: 0, limit, random }
    }

    /// Takes an item of `size` units.
    pub(crate) fn push(&mut self, item: T, size: u64) {
        self.waiting.push((item, size));
        self.size += size;
    }

    /// An item that must go to make room; none while there is room.
    pub(crate) fn overflow(&mut self) -> Option<T> {
        if self.size > self.limit { self.draw() } else { None }
    }

    /// Any item, until there are none.
    pub(crate) fn draw(&mut self) -> Option<T> {
        if self.waiting.is_empty() {
            return None;
        }
        let (item, size) = self.waiting.swap_remove(self.random.below(self.waiting.len()));
        self.size -= size;
        Some(item)
    }
}
