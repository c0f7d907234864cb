use thiserror::Error;

/// The ways in which bytes fail to be a tensor file.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// No room for the header's length.
    #[error("not a tensor file: expected at least 8 bytes, found {bytes}")]
    TooShort {
        /// Of the file.
        bytes: usize,
    },
    /// A header longer than any of ours.
    #[error("not a tensor file: expected a header of at most {limit} bytes, found {length}")]
    HeaderTooLarge {
        /// As the file says.
        length: u64,
        /// The bound.
        limit: u64,
    },
    /// The file ends within its header.
    #[error("the tensor file is cut off: expected a header of {length} bytes, found {available}")]
    HeaderTruncated {
        /// As the file says.
        length: u64,
        /// Bytes after the length.
        available: usize,
    },
    /// A header that is no text.
    #[error("the tensor file's header is damaged: expected UTF-8, found something else at byte {at}")]
    HeaderNotUtf8 {
        /// Within the header.
        at: usize,
    },
    /// A header that is not JSON, or JSON of other things than tensors.
    #[error("the tensor file's header is damaged: {reason}")]
    HeaderNotJson {
        /// The parser's words.
        reason: String,
    },
    /// More tensors than any of our models has.
    #[error("expected at most {limit} tensors in a file, found more")]
    TooManyTensors {
        /// The bound.
        limit: usize,
    },
    /// A name that stands twice in the header.
    #[error("the tensor file's header is damaged: `{name}` stands in it twice")]
    RepeatedName {
        /// Of the tensor, or `__metadata__`.
        name: String,
    },
    /// A tensor of other numbers than f32.
    #[error("tensor `{name}`: expected type F32, found {found}")]
    Type {
        /// Of the tensor.
        name: String,
        /// As the file says.
        found: String,
    },
    /// A shape whose product is beyond counting.
    #[error("tensor `{name}`: the shape {shape:?} has more values than can be counted")]
    ShapeTooLarge {
        /// Of the tensor.
        name: String,
        /// As the file says.
        shape: Vec<usize>,
    },
    /// A tensor that ends before it begins.
    #[error("tensor `{name}`: expected bytes from a lower to a higher offset, found {begin} to {end}")]
    OffsetsReversed {
        /// Of the tensor.
        name: String,
        /// First byte.
        begin: usize,
        /// One past the last byte.
        end: usize,
    },
    /// Offsets and shape disagree.
    #[error("tensor `{name}`: expected {expected} bytes for its shape, found {found}")]
    WrongLength {
        /// Of the tensor.
        name: String,
        /// As the shape says.
        expected: usize,
        /// As the offsets say.
        found: usize,
    },
    /// A tensor beyond the end of the file.
    #[error("the tensor file is cut off: expected {end} bytes of data for `{name}`, found {available}")]
    DataTruncated {
        /// Of the tensor.
        name: String,
        /// One past its last byte.
        end: usize,
        /// Bytes after the header.
        available: usize,
    },
    /// Two tensors in the same bytes.
    #[error("tensor `{name}` begins at byte {begin}, before the one ahead of it ends at byte {expected}")]
    Overlap {
        /// Of the tensor.
        name: String,
        /// Where the one before ends.
        expected: usize,
        /// Its first byte.
        begin: usize,
    },
    /// Bytes between tensors.
    #[error("tensor `{name}`: expected it to begin at byte {expected}, found it at {begin}: there is a gap")]
    Gap {
        /// Of the tensor.
        name: String,
        /// Where the one before ends.
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
    /// To be written: shape and values disagree.
    #[error("tensor `{name}`: expected as many values as its shape {shape:?} says, found {values}")]
    ValuesAndShape {
        /// Of the tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Its number of values.
        values: usize,
    },
    /// To be written: a name that the format keeps for itself.
    #[error("a tensor cannot be named `{name}`: the format keeps that name for the metadata")]
    ReservedName {
        /// The name.
        name: &'static str,
    },
    /// A tensor that a reader asks for is not in the file.
    #[error("the tensor file lacks `{name}`: it comes from another model or strategy")]
    NoTensor {
        /// Of the tensor.
        name: String,
    },
    /// A counter that a reader asks for is not in the file.
    #[error("the tensor file's metadata: expected a whole number under `{key}`, found {}", found.as_deref().unwrap_or("nothing"))]
    NoCounter {
        /// Its key.
        key: String,
        /// What is there instead.
        found: Option<String>,
    },
}
