use crate::signature::Bytes;
use crate::{Context, Digest, Error, Signature, backend, hexadecimal, pem};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::path::{Path, PathBuf};

/// Labels of the PEM files.
const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

/// What precedes the 32 bytes of a public key of Ed25519 in its `SubjectPublicKeyInfo` (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The first bytes of a public key's digest: names a key in files and messages.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

/// A private key, with which a run is signed. Neither [`fmt::Debug`] nor an error shows it.
pub struct SigningKey {
    pair: backend::KeyPair,
    public: PublicKey,
}

/// The key that signatures are verified with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// The keys that a reader trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

/// A new pair of keys as PEM files.
pub struct KeyPair {
    /// The private key: PKCS#8.
    pub private: String,
    /// The public key: `SubjectPublicKeyInfo`.
    pub public: String,
}

impl KeyPair {
    /// Makes a pair.
    ///
    /// # Errors
    /// [`Error::NotBuilt`], [`Error::Unspecified`].
    pub fn generate() -> Result<Self, Error> {
        let (pair, document) = backend::KeyPair::generate()?;
        let public = PublicKey::of(&pair)?;
        Ok(Self { private: pem::encode(PRIVATE, &document), public: public.to_pem() })
    }
}

impl SigningKey {
    /// Reads a private key from a PEM file.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Key`] if the file has another content; [`Error::NotBuilt`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(&read(path)?, &path.display().to_string())
    }

    /// Reads a private key from PEM text; `place` is for messages.
    ///
    /// # Errors
    /// As [`SigningKey::read`].
    pub fn parse(text: &str, place: &str) -> Result<Self, Error> {
        let other = |found| Error::Key {
            place: place.to_owned(),
            expected: "one private key of Ed25519 in PEM form (PKCS#8)",
            found,
        };
        let blocks = pem::decode(PRIVATE, text).ok_or_else(|| other("a damaged PEM block"))?;
        let [document] = &blocks[..] else {
            return Err(other(if blocks.is_empty() { "none" } else { "several" }));
        };
        let pair = backend::KeyPair::parse(document)?.ok_or_else(|| other("a key of another kind"))?;
        let public = PublicKey::of(&pair)?;
        Ok(Self { pair, public })
    }

    /// The public key that belongs to it.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs bytes; the same bytes always have the same signature.
    ///
    /// # Errors
    /// [`Error::Unspecified`].
    pub fn sign(&self, context: Context, bytes: &[u8]) -> Result<Signature, Error> {
        let signature = self.pair.sign(&context.message(bytes))?;
        let ed25519 = signature.try_into().map(Bytes).map_err(|_| Error::Unspecified)?;
        Ok(Signature { key: self.public.id(), ed25519 })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.id())
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair(***)")
    }
}

impl PublicKey {
    fn of(pair: &backend::KeyPair) -> Result<Self, Error> {
        pair.public().try_into().map(Self).map_err(|_| Error::Unspecified)
    }

    /// As a PEM file.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode(PUBLIC, &[&SPKI[..], &self.0].concat())
    }

    /// Its name in files and messages.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let digest = Digest::of(&self.0).bytes();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        KeyId(id)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

impl PublicKeys {
    /// Reads public keys from PEM files, each of which may have several.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Key`] if a file has none, or a key of another kind.
    pub fn read(paths: &[PathBuf]) -> Result<Self, Error> {
        let mut keys = Self::default();
        for path in paths {
            keys.0.extend(Self::parse(&read(path)?, &path.display().to_string())?.0);
        }
        Ok(keys)
    }

    /// Reads public keys from PEM text; `place` is for messages.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn parse(text: &str, place: &str) -> Result<Self, Error> {
        let other = |found| Error::Key {
            place: place.to_owned(),
            expected: "public keys of Ed25519 in PEM form (SubjectPublicKeyInfo)",
            found,
        };
        let blocks = pem::decode(PUBLIC, text).ok_or_else(|| other("a damaged PEM block"))?;
        if blocks.is_empty() {
            let is_private = pem::decode(PRIVATE, text).is_some_and(|blocks| !blocks.is_empty());
            return Err(other(if is_private { "a private key: keep it secret" } else { "none" }));
        }
        let key = |block: &Vec<u8>| {
            let key = block.strip_prefix(&SPKI[..]).and_then(|key| key.try_into().ok());
            key.map(PublicKey).ok_or_else(|| other("a key of another kind"))
        };
        blocks.iter().map(key).collect::<Result<_, _>>().map(Self)
    }

    /// These and another one.
    #[must_use]
    pub fn and(mut self, key: PublicKey) -> Self {
        self.0.push(key);
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that the owner of one of these keys has signed `bytes`.
    ///
    /// # Errors
    /// [`Error::UnknownKey`] if the signature names another key, [`Error::Forged`] if it does not belong to the bytes;
    /// [`Error::NotBuilt`].
    pub fn verify(&self, context: Context, bytes: &[u8], signature: &Signature) -> Result<(), Error> {
        let Some(key) = self.0.iter().find(|key| key.id() == signature.key) else {
            return Err(Error::UnknownKey { trusted: self.words(), found: signature.key });
        };
        match backend::verify(&key.0, &context.message(bytes), &signature.ed25519.0)? {
            true => Ok(()),
            false => Err(Error::Forged { key: signature.key }),
        }
    }

    fn words(&self) -> String {
        let ids: Vec<String> = self.0.iter().map(|key| key.id().to_string()).collect();
        match &ids[..] {
            [] => "a trusted key (none is)".to_owned(),
            [id] => format!("key {id}"),
            ids => format!("one of the keys {}", ids.join(", ")),
        }
    }
}

impl From<PublicKey> for PublicKeys {
    fn from(key: PublicKey) -> Self {
        Self(vec![key])
    }
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal::encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'d> Deserialize<'d> for KeyId {
    fn deserialize<D: Deserializer<'d>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let other = || de::Error::custom("expected a key's id of 16 hexadecimal digits in lower case");
        hexadecimal::decode(&text).map(Self).ok_or_else(other)
    }
}
