//! The protocol and nothing else: generated messages and clients, and bounds-checked conversions.
//!
//! The messages are defined and documented in `stentor/v1/coordinator.proto`.

mod convert;
mod frame;
mod refusal;
mod version;

pub use convert::{
    ConvertError, MAX_BAD_ROW_GROUPS, MAX_REASON_BYTES, bad_row_groups, encoding, required, source, strategy,
    sum_messages, sums,
};
pub use frame::{FrameError, MAX_PART_BYTES, PART_BYTES, PayloadAssembler, parts};
pub use refusal::Refusal;
pub use version::{
    Agreed, Announced, Announcer, Versions, agree_with_answer, agree_with_caller, announced, answer_in,
};

/// Generated from `stentor/v1/coordinator.proto`, and checked in so that a build needs no generator (see `tests/generated.rs`).
#[allow(missing_docs, clippy::all, clippy::needless_pass_by_value)]
pub mod v1 {
    include!("generated/stentor.v1.rs");
}

/// The length of an encoded message in bytes, for traffic figures.
pub fn encoded_len(message: &impl prost::Message) -> u64 {
    message.encoded_len() as u64
}
