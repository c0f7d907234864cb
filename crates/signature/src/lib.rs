//! Ed25519 signatures of what a run writes, and the BLAKE3 digests that they cover.
//!
//! A [`SigningKey`] is a private key in PKCS#8, a [`PublicKey`] the one that belongs to it, both as PEM files. What is signed is
//! always bytes with a [`Context`], which says what they are: a signature of one kind of thing is none of another kind.
//! [`PublicKeys`] are those that a reader trusts. Several may be, so that a key can be replaced.
//!
//! [`Signed`] is a statement with its signature, as JSON.
//!
//! The arithmetic is that of aws-lc-rs, the provider of TLS. A build without the feature `crypto` has none of it; there, reading a
//! private key and verifying return [`Error::NotBuilt`].

mod backend;
mod context;
mod digest;
mod error;
mod hexadecimal;
mod keys;
mod pem;
mod signature;
mod statement;

pub use context::Context;
pub use digest::{Digest, Hasher};
pub use error::Error;
pub use keys::{KeyId, KeyPair, PublicKey, PublicKeys, SigningKey};
pub use signature::Signature;
pub use statement::Signed;

/// A new name that nothing else has: 32 hexadecimal digits.
///
/// # Errors
/// [`Error::NotBuilt`], [`Error::Unspecified`].
pub fn unique_name() -> Result<String, Error> {
    let mut bytes = [0; 16];
    backend::random(&mut bytes)?;
    Ok(hexadecimal::encode(&bytes))
}
