use super::random::Random;

/// Shuffles a stream: items come out later in random order, with at most `limit` units waiting.
///
/// Recordings are shuffled before they are read, but the segments of one recording arrive together; this spreads them.
#[derive(Debug)]
pub(crate) struct ShuffleBuffer<T> {
    waiting: Vec<(T, u64)>,
    size: u64,
    limit: u64,
    random: Random,
}

impl<T> ShuffleBuffer<T> {
    /// With a `limit` of 0, items pass straight through.
    pub(crate) fn new(limit: u64, random: Random) -> Self {
        Self { waiting: Vec::new(), size: 0, limit, random }
    }

    /// Adds an item of `size` units.
    pub(crate) fn push(&mut self, item: T, size: u64) {
        self.waiting.push((item, size));
        self.size += size;
    }

    /// Removes an item if the limit is exceeded.
    pub(crate) fn overflow(&mut self) -> Option<T> {
        if self.size > self.limit { self.draw() } else { None }
    }

    /// Removes a random item, or returns `None` if there is none.
    pub(crate) fn draw(&mut self) -> Option<T> {
        if self.waiting.is_empty() {
            return None;
        }
        let (item, size) = self.waiting.swap_remove(self.random.below(self.waiting.len()));
        self.size -= size;
        Some(item)
    }
}
