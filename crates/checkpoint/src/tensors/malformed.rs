use thiserror::Error;

/// Why bytes are not a valid tensor file.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// Too few bytes for the header's length.
    #[error("not a tensor file: expected at least 8 bytes, found {bytes}")]
    TooShort {
        /// Length of the file.
        bytes: usize,
    },
    /// A header that is longer than allowed.
    #[error("not a tensor file: expected a header of at most {limit} bytes, found {length}")]
    HeaderTooLarge {
        /// The length in the file.
        length: u64,
        /// The maximum.
        limit: u64,
    },
    /// The file ends within its header.
    #[error("the tensor file is cut off: expected a header of {length} bytes, found {available}")]
    HeaderTruncated {
        /// The length in the file.
        length: u64,
        /// Bytes after the length.
        available: usize,
    },
    /// A header that is not UTF-8 text.
    #[error("the tensor file's header is damaged: expected UTF-8, found something else at byte {at}")]
    HeaderNotUtf8 {
        /// Offset within the header.
        at: usize,
    },
    /// A header that is not JSON, or does not describe tensors.
    #[error("the tensor file's header is damaged: {reason}")]
    HeaderNotJson {
        /// The parser's error message.
        reason: String,
    },
    /// More tensors than allowed.
    #[error("expected at most {limit} tensors in a file, found more")]
    TooManyTensors {
        /// The maximum.
        limit: usize,
    },
    /// A name that occurs twice in the header.
    #[error("the tensor file's header is damaged: `{name}` occurs in it twice")]
    RepeatedName {
        /// Name of the tensor, or `__metadata__`.
        name: String,
    },
    /// A tensor of another type than f32.
    #[error("tensor `{name}`: expected type F32, found {found}")]
    Type {
        /// Name of the tensor.
        name: String,
        /// The type in the file.
        found: String,
    },
    /// A shape whose product overflows.
    #[error("tensor `{name}`: the shape {shape:?} has more values than can be counted")]
    ShapeTooLarge {
        /// Name of the tensor.
        name: String,
        /// The shape in the file.
        shape: Vec<usize>,
    },
    /// A tensor whose end is before its start.
    #[error("tensor `{name}`: expected bytes from a lower to a higher offset, found {begin} to {end}")]
    OffsetsReversed {
        /// Name of the tensor.
        name: String,
        /// First byte.
        begin: usize,
        /// One past the last byte.
        end: usize,
    },
    /// Offsets and shape do not match.
    #[error("tensor `{name}`: expected {expected} bytes for its shape, found {found}")]
    WrongLength {
        /// Name of the tensor.
        name: String,
        /// Bytes according to the shape.
        expected: usize,
        /// Bytes according to the offsets.
        found: usize,
    },
    /// A tensor beyond the end of the file.
    #[error("the tensor file is cut off: expected {end} bytes of data for `{name}`, found {available}")]
    DataTruncated {
        /// Name of the tensor.
        name: String,
        /// One past the tensor's last byte.
        end: usize,
        /// Bytes after the header.
        available: usize,
    },
    /// Two tensors that overlap.
    #[error("tensor `{name}` begins at byte {begin}, before the previous tensor ends at byte {expected}")]
    Overlap {
        /// Name of the tensor.
        name: String,
        /// End of the previous tensor.
        expected: usize,
        /// Its first byte.
        begin: usize,
    },
    /// Bytes between tensors.
    #[error("tensor `{name}`: expected it to begin at byte {expected}, found it at {begin}: there is a gap")]
    Gap {
        /// Name of the tensor.
        name: String,
        /// End of the previous tensor.
        expected: usize,
        /// Its first byte.
        begin: usize,
    },
    /// Bytes after the last tensor.
    #[error("the tensor file is too long: expected {expected} bytes of data, found {available}")]
    TrailingBytes {
        /// End of the last tensor.
        expected: usize,
        /// Bytes after the header.
        available: usize,
    },
    /// When writing: shape and values do not match.
    #[error("tensor `{name}`: expected as many values as its shape {shape:?} says, found {values}")]
    ValuesAndShape {
        /// Name of the tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Its number of values.
        values: usize,
    },
    /// When writing: a name that the format reserves.
    #[error("a tensor cannot be named `{name}`: the format reserves that name for the metadata")]
    ReservedName {
        /// The name.
        name: &'static str,
    },
    /// A requested tensor is not in the file.
    #[error("the tensor file lacks `{name}`: it comes from another model or strategy")]
    NoTensor {
        /// Name of the tensor.
        name: String,
    },
    /// A requested counter is not in the file.
    #[error("the tensor file's metadata: expected a whole number under `{key}`, found {}", found.as_deref().unwrap_or("nothing"))]
    NoCounter {
        /// Its key.
        key: String,
        /// The value found instead.
        found: Option<String>,
    },
}
