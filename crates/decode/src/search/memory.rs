//! How much a search holds.

use super::Search;
use crate::network::Network;

/// What a search holds between two frames. With [`super::Options::open_frames`] none of these grows with the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Points in time that are open.
    pub frames: usize,
    /// Tokens of all of them.
    pub tokens: usize,
    /// Links between tokens.
    pub links: usize,
    /// Bytes of memory, with what is kept for frames to come; without the network.
    pub bytes: usize,
}

impl<N: Network> Search<N> {
    /// How much it holds.
    pub fn memory(&self) -> Memory {
        let of_frames = self.frames.iter().map(super::Frame::bytes).sum::<usize>();
        let states = size_of::<N::State>() * self.states.capacity();
        Memory {
            frames: self.frames.len(),
            tokens: self.frames.iter().map(|frame| frame.costs.len()).sum(),
            links: self.frames.iter().map(super::Frame::links).sum(),
            bytes: of_frames + states + self.next.bytes() + self.pruner.bytes(),
        }
    }
}
