/// A phone between two others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Triphone {
    /// The phone before.
    pub left: u32,
    /// The phone.
    pub centre: u32,
    /// The phone after.
    pub right: u32,
}
