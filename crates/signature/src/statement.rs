use crate::{Context, Error, PublicKeys, Signature, SigningKey};
use serde::{Deserialize, Serialize};

/// A statement with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed<T> {
    statement: T,
    signature: Signature,
}

impl<T: Serialize> Signed<T> {
    /// Signs a statement. It must not contain maps with an order of their own: what is signed is its compact JSON.
    ///
    /// # Errors
    /// [`Error::Unspecified`]; [`Error::Statement`] if it cannot be written as JSON.
    pub fn new(statement: T, context: Context, key: &SigningKey) -> Result<Self, Error> {
        let signature = key.sign(context, &bytes(&statement)?)?;
        Ok(Self { statement, signature })
    }

    /// The statement, if one of `keys` has signed it.
    ///
    /// # Errors
    /// As [`PublicKeys::verify`].
    pub fn verified(self, context: Context, keys: &PublicKeys) -> Result<T, Error> {
        keys.verify(context, &bytes(&self.statement)?, &self.signature)?;
        Ok(self.statement)
    }

    /// The statement, whoever has signed it.
    pub fn unverified(self) -> T {
        self.statement
    }
}

fn bytes<T: Serialize>(statement: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(statement).map_err(|error| Error::Statement { reason: error.to_string() })
}
