//! The arithmetic of Ed25519, or the lack of it.

#[cfg(feature = "crypto")]
pub(crate) use with::{KeyPair, random, verify};
#[cfg(not(feature = "crypto"))]
pub(crate) use without::{KeyPair, random, verify};

#[cfg(feature = "crypto")]
mod with {
    use crate::Error;
    use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

    /// A private key.
    #[derive(Debug)]
    pub(crate) struct KeyPair(Ed25519KeyPair);

    impl KeyPair {
        /// A new key and its PKCS#8 document.
        pub(crate) fn generate() -> Result<(Self, Vec<u8>), Error> {
            let pair = Ed25519KeyPair::generate().map_err(|_| Error::Unspecified)?;
            // Version 1, which all of OpenSSL's releases read.
            let document = pair.to_pkcs8v1().map_err(|_| Error::Unspecified)?;
            Ok((Self(pair), document.as_ref().to_vec()))
        }

        /// `None`: the document is not a private key of Ed25519.
        pub(crate) fn parse(document: &[u8]) -> Result<Option<Self>, Error> {
            Ok(Ed25519KeyPair::from_pkcs8(document).ok().map(Self))
        }

        /// The public key.
        pub(crate) fn public(&self) -> Vec<u8> {
            self.0.public_key().as_ref().to_vec()
        }

        pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
            let signature = self.0.try_sign(message).map_err(|_| Error::Unspecified)?;
            Ok(signature.as_ref().to_vec())
        }
    }

    /// Fills `bytes` with random numbers that nobody can guess.
    pub(crate) fn random(bytes: &mut [u8]) -> Result<(), Error> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| Error::Unspecified)
    }

    /// Whether `signature` is that of `message` by the owner of the public key.
    pub(crate) fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<bool, Error> {
        Ok(UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok())
    }
}

#[cfg(not(feature = "crypto"))]
mod without {
    use crate::Error;

    /// No key exists in this build.
    #[derive(Debug)]
    pub(crate) enum KeyPair {}

    impl KeyPair {
        pub(crate) fn generate() -> Result<(Self, Vec<u8>), Error> {
            Err(Error::NotBuilt)
        }

        pub(crate) fn parse(_: &[u8]) -> Result<Option<Self>, Error> {
            Err(Error::NotBuilt)
        }

        pub(crate) fn public(&self) -> Vec<u8> {
            match *self {}
        }

        pub(crate) fn sign(&self, _: &[u8]) -> Result<Vec<u8>, Error> {
            match *self {}
        }
    }

    pub(crate) fn random(_: &mut [u8]) -> Result<(), Error> {
        Err(Error::NotBuilt)
    }

    pub(crate) fn verify(_: &[u8; 32], _: &[u8], _: &[u8; 64]) -> Result<bool, Error> {
        Err(Error::NotBuilt)
    }
}
