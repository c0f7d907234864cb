use thiserror::Error;

/// What can be wrong with values, settings and messages of the exchange.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// A threshold that is zero, negative, not finite, or too small for exact arithmetic.
    #[error("threshold of {found}: expected a finite number of at least {}", f32::MIN_POSITIVE)]
    TauOutOfRange {
        /// The threshold.
        found: f32,
    },
    /// A threshold with more than 8 significant bits, with which `r − τ` could round.
    #[error("threshold of {found} has more than 8 significant bits; the nearest that has not is {nearest}")]
    TauNotExact {
        /// The threshold.
        found: f32,
        /// What to take instead.
        nearest: f32,
    },
    /// A bound on the residual that would cut what the next round needs.
    #[error("residual clip of {found} thresholds: expected at least 1")]
    ClipOutOfRange {
        /// Multiples of τ.
        found: f32,
    },
    /// Two vectors that must be of one length are not.
    #[error("{what} holds {found} values, expected {expected}")]
    Length {
        /// Which vector.
        what: &'static str,
        /// Values expected.
        expected: usize,
        /// Values found.
        found: usize,
    },
    /// A vector too long for a message's 32-bit indices.
    #[error("{found} values in one message, at most {} are possible: cut the vector into ranges", u32::MAX)]
    TooLong {
        /// Values in the vector.
        found: usize,
    },
    /// An infinity or NaN.
    #[error("{what} is {value} at index {index}, expected a finite number")]
    NonFinite {
        /// Which vector.
        what: &'static str,
        /// Index of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A message ends before all that it announced.
    #[error("message ends after {found} bytes, in the middle of {part}")]
    Truncated {
        /// What was being read.
        part: &'static str,
        /// Bytes of the message.
        found: usize,
    },
    /// A message goes on after all that it announced, or pads with something else than zeros.
    #[error("message of {found} bytes has something left after its last value")]
    Trailing {
        /// Bytes of the message.
        found: usize,
    },
    /// The first byte of a message names no known form.
    #[error("message of unknown form {found:#04x}: sender and receiver run different versions")]
    UnknownForm {
        /// The byte.
        found: u8,
    },
    /// A field of a message's header is out of its bounds.
    #[error("message header: {field} is {found}, expected {expected}")]
    Header {
        /// Which field.
        field: &'static str,
        /// What it holds.
        found: u64,
        /// What it may hold.
        expected: String,
    },
    /// A message names an index beyond the vector.
    #[error("message names index {index} of a vector of {values} values")]
    IndexOutOfBounds {
        /// The index.
        index: u64,
        /// Values of the vector.
        values: usize,
    },
    /// A count is larger than its contributors can have made it.
    #[error("message counts {found} at index {index}, but has {divisor} contributors who send one sign each")]
    CountOutOfBounds {
        /// Index of the value.
        index: usize,
        /// Magnitude of the count.
        found: u64,
        /// Contributors behind the sum.
        divisor: u32,
    },
    /// A message holds another number of values other than zero than it announced.
    #[error("message announces {announced} values other than zero and holds {found}")]
    Nonzero {
        /// In the header.
        announced: u64,
        /// In the body.
        found: u64,
    },
    /// A contribution was made with another threshold than the round's.
    #[error("slot {slot} encoded with a threshold of {found}, the round's is {expected}")]
    TauMismatch {
        /// Whose contribution.
        slot: u32,
        /// The round's threshold.
        expected: f32,
        /// The contribution's.
        found: f32,
    },
    /// Contributions must be added in ascending order of slots, or the float sum would depend on arrival.
    #[error("slot {found} added after slot {previous}: contributions go in ascending slots, each once")]
    SlotOrder {
        /// Slot added before.
        previous: u32,
        /// Slot out of order.
        found: u32,
    },
    /// A slot that is no member of the round.
    #[error("slot {found} is not a member of this sum")]
    UnknownSlot {
        /// The slot.
        found: u32,
    },
    /// A part of a contribution does not begin where the last one ended.
    #[error("slot {slot} sent values from index {found} on, expected those from {expected} on")]
    Gap {
        /// Whose part.
        slot: u32,
        /// Index of the value that comes next.
        expected: usize,
        /// Index sent.
        found: usize,
    },
    /// A part of a contribution runs ahead of the slots before it, and the float sum would depend on arrival.
    #[error(
        "slot {slot} sent {found} values while {ready} may be added: it must wait for the slots before it"
    )]
    Ahead {
        /// Whose part.
        slot: u32,
        /// Values that may be added now.
        ready: usize,
        /// Values sent.
        found: usize,
    },
    /// A mean was asked for before all values were in.
    #[error("slot {slot} has added {found} of {expected} values: the mean is not complete")]
    Incomplete {
        /// A slot whose values are missing.
        slot: u32,
        /// Values it has added.
        found: usize,
        /// Values needed.
        expected: usize,
    },
    /// No contribution with frames behind it was added.
    #[error("nothing to reduce: no contribution holds a frame")]
    NothingToReduce,
    /// More frames or contributors than can be counted.
    #[error("{what} overflow: {found} more cannot be counted")]
    Overflow {
        /// What overflowed.
        what: &'static str,
        /// What was to be added.
        found: u64,
    },
    /// A round is coded as the strategy in force codes none.
    #[error(
        "expected {expected}, found a round coded as `{found}`: coordinator and worker differ about the strategy"
    )]
    OtherEncoding {
        /// What the strategy exchanges.
        expected: &'static str,
        /// The encoding's name.
        found: &'static str,
    },
    /// A checkpoint lacks what all replicas keep.
    #[error("expected `{name}` in the checkpoint, found nothing")]
    NotSaved {
        /// Its name.
        name: &'static str,
    },
    /// A block's momentum or learning rate out of its bounds.
    #[error("block {what} of {found}: expected {expected}")]
    BlockRate {
        /// `momentum` or `learning rate`.
        what: &'static str,
        /// The value.
        found: f64,
        /// Its bounds.
        expected: &'static str,
    },
}

/// `Ok` where `found == expected`.
pub(crate) fn same_length(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Length { what, expected, found }) }
}

/// The first value of `values` that is not finite, as an error.
pub(crate) fn first_non_finite(what: &'static str, values: impl Iterator<Item = f32>) -> Option<Error> {
    values.enumerate().find(|(_, value)| !value.is_finite()).map(|(index, value)| Error::NonFinite {
        what,
        index,
        value,
    })
}
