use thiserror::Error;

/// Errors in values, settings and messages of the exchange.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Error {
    /// A threshold that is zero, negative, not finite, or too small for exact arithmetic.
    #[error("threshold of {found}: expected a finite number of at least {}", f32::MIN_POSITIVE)]
    TauOutOfRange {
        /// The threshold.
        found: f32,
    },
    /// A threshold with more than 8 significant bits, with which `r − τ` could round.
    #[error(
        "threshold of {found} has more than 8 significant bits; the nearest that is possible is {nearest}"
    )]
    TauNotExact {
        /// The threshold.
        found: f32,
        /// The nearest possible threshold.
        nearest: f32,
    },
    /// A bound on the residual that would cut values which the next round needs.
    #[error("residual clip of {found} thresholds: expected at least 1")]
    ClipOutOfRange {
        /// Multiples of τ.
        found: f32,
    },
    /// Two vectors that must have the same length differ.
    #[error("{what} has {found} values, expected {expected}")]
    Length {
        /// Name of the vector.
        what: &'static str,
        /// Number of values expected.
        expected: usize,
        /// Number of values found.
        found: usize,
    },
    /// A vector too long for a message's 32-bit indices.
    #[error("{found} values in one message, at most {} are possible: split the vector into ranges", u32::MAX)]
    TooLong {
        /// Number of values in the vector.
        found: usize,
    },
    /// An infinity or NaN.
    #[error("{what} is {value} at index {index}, expected a finite number")]
    NonFinite {
        /// Name of the vector.
        what: &'static str,
        /// Index of the first such value.
        index: usize,
        /// The value.
        value: f32,
    },
    /// A message ends before the content that its header states.
    #[error("message ends after {found} bytes, in the middle of {part}")]
    Truncated {
        /// The part that was being read.
        part: &'static str,
        /// Length of the message in bytes.
        found: usize,
    },
    /// A message continues after the content that its header states, or its padding is not zero.
    #[error("message of {found} bytes continues after its last value")]
    Trailing {
        /// Length of the message in bytes.
        found: usize,
    },
    /// The first byte of a message is no known form.
    #[error("message of unknown form {found:#04x}: sender and receiver run different versions")]
    UnknownForm {
        /// The byte.
        found: u8,
    },
    /// A field of a message's header is out of its bounds.
    #[error("message header: {field} is {found}, expected {expected}")]
    Header {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        found: u64,
        /// Its permitted values.
        expected: String,
    },
    /// A message contains an index beyond the vector.
    #[error("message contains index {index}, but the vector has {values} values")]
    IndexOutOfBounds {
        /// The index.
        index: u64,
        /// Length of the vector.
        values: usize,
    },
    /// A count is larger than its contributors allow.
    #[error("message counts {found} at index {index}, but has {divisor} contributors who send one sign each")]
    CountOutOfBounds {
        /// Index of the value.
        index: usize,
        /// Magnitude of the count.
        found: u64,
        /// Number of contributors to the sum.
        divisor: u32,
    },
    /// The number of nonzero values in a message differs from its header.
    #[error("message states {announced} nonzero values and contains {found}")]
    Nonzero {
        /// Number in the header.
        announced: u64,
        /// Number in the body.
        found: u64,
    },
    /// A contribution was encoded with another threshold than the round's.
    #[error("slot {slot} encoded with a threshold of {found}, the round's is {expected}")]
    TauMismatch {
        /// The contribution's slot.
        slot: u32,
        /// The round's threshold.
        expected: f32,
        /// The contribution's threshold.
        found: f32,
    },
    /// Contributions must be added in ascending order of slots; otherwise the float sum would depend on the order of
    /// arrival.
    #[error(
        "slot {found} added after slot {previous}: contributions are added in ascending order of slots, each once"
    )]
    SlotOrder {
        /// The slot added before.
        previous: u32,
        /// The slot out of order.
        found: u32,
    },
    /// A slot that is not a member of the round.
    #[error("slot {found} is not a member of this sum")]
    UnknownSlot {
        /// The slot.
        found: u32,
    },
    /// A part of a contribution does not begin where the previous one ended.
    #[error("slot {slot} sent values from index {found} on, expected those from {expected} on")]
    Gap {
        /// The contribution's slot.
        slot: u32,
        /// Index of the value that is due.
        expected: usize,
        /// Index that was sent.
        found: usize,
    },
    /// A part of a contribution is ahead of the slots before it; adding it would make the float sum depend on the order
    /// of arrival.
    #[error(
        "slot {slot} sent {found} values while {ready} may be added: it must wait for the slots before it"
    )]
    Ahead {
        /// The contribution's slot.
        slot: u32,
        /// Number of values that may be added now.
        ready: usize,
        /// Number of values sent.
        found: usize,
    },
    /// The mean was requested before all values were added.
    #[error("slot {slot} has added {found} of {expected} values: the mean is not complete")]
    Incomplete {
        /// A slot whose values are missing.
        slot: u32,
        /// Number of values it has added.
        found: usize,
        /// Number of values needed.
        expected: usize,
    },
    /// No contribution with frames was added.
    #[error("nothing to reduce: no contribution has a frame")]
    NothingToReduce,
    /// More frames or contributors than can be counted.
    #[error("{what} overflow: {found} more cannot be counted")]
    Overflow {
        /// The quantity that overflowed.
        what: &'static str,
        /// The amount to be added.
        found: u64,
    },
    /// A round has an encoding that the current strategy does not use.
    #[error(
        "expected {expected}, found a round encoded as `{found}`: coordinator and worker use different strategies"
    )]
    OtherEncoding {
        /// What the strategy exchanges.
        expected: &'static str,
        /// The encoding's name.
        found: &'static str,
    },
    /// A checkpoint lacks state that all replicas share.
    #[error("expected `{name}` in the checkpoint, found nothing")]
    NotSaved {
        /// Name of the state.
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

/// Returns an error unless `found == expected`.
pub(crate) fn same_length(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Length { what, expected, found }) }
}

/// Returns the first value that is not finite, as an error.
pub(crate) fn first_non_finite(what: &'static str, values: impl Iterator<Item = f32>) -> Option<Error> {
    values.enumerate().find(|(_, value)| !value.is_finite()).map(|(index, value)| Error::NonFinite {
        what,
        index,
        value,
    })
}
