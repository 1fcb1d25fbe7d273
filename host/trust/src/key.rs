//! Keys: an author's secret key, and the public key that others trust.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::{
    Signature as Bytes, Signer, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding},
};

/// The prefix of a public key's text.
const PREFIX: &str = "ed25519:";
/// The length of a key's id in bytes. Two keys in one file are very unlikely to have the same id by chance.
const ID_BYTES: usize = 8;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file does not contain a secret key.
    #[error(
        "{path}: this is not an ed25519 secret key in PEM (PKCS#8); `easysight plugin keygen` creates one, and so \
         does `openssl genpkey -algorithm ed25519`",
        path = path.display()
    )]
    NoSecretKey {
        /// The file.
        path: PathBuf,
    },
    /// The text is not a public key.
    #[error("{text:?} is not a public key: expected `{PREFIX}` and the 32 bytes in base64")]
    NoPublicKey {
        /// The beginning of the text.
        text: String,
    },
    /// The operating system returned no random bytes.
    #[error("the operating system returned no random bytes: {0}")]
    NoRandomness(String),
}

/// A key that makes signatures.
pub struct SecretKey(SigningKey);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public().id())
    }
}

impl SecretKey {
    /// Makes a new key.
    ///
    /// # Errors
    ///
    /// [`KeyError::NoRandomness`].
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(|error| KeyError::NoRandomness(error.to_string()))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// Reads a key from a PEM file (PKCS#8), as written by [`Self::write_new`] or OpenSSL.
    ///
    /// # Errors
    ///
    /// [`KeyError::Io`] and [`KeyError::NoSecretKey`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let pem = fs::read_to_string(path).map_err(|source| io_error(path, source))?;
        let key = SigningKey::from_pkcs8_pem(&pem);
        key.map(Self).map_err(|_| KeyError::NoSecretKey { path: path.to_owned() })
    }

    /// Writes the key into a new file that only the file's owner may read.
    ///
    /// # Errors
    ///
    /// [`KeyError::Io`], also if the file exists already: a key is never overwritten.
    pub fn write_new(&self, path: &Path) -> Result<(), KeyError> {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF);
        let pem = pem.map_err(|_| KeyError::NoSecretKey { path: path.to_owned() })?;
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(pem.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|source| io_error(path, source))
    }

    /// Returns the public key that verifies signatures of this key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

fn io_error(path: &Path, source: io::Error) -> KeyError {
    KeyError::Io { path: path.to_owned(), source }
}

/// A key that verifies signatures. Its text is `ed25519:` and its 32 bytes in base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Returns the key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&blake3::hash(self.0.as_bytes()).as_bytes()[..ID_BYTES]);
        KeyId(id)
    }

    /// Returns true if this key's owner signed the message. The verification is strict: it accepts no signature that
    /// somebody else could have made from another valid signature.
    pub(crate) fn vouches(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Bytes::from_bytes(signature)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", BASE64_STANDARD.encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let key = || {
            let bytes = BASE64_STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
            let key = VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok()?;
            // Anybody can make signatures that are valid for a weak key.
            (!key.is_weak()).then_some(Self(key))
        };
        key().ok_or_else(|| KeyError::NoPublicKey { text: text.chars().take(80).collect() })
    }
}

/// The id of a key: the first 8 bytes of the blake3 digest of the public key, written as 16 hexadecimal digits. The id
/// is for people to read; no check uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; ID_BYTES]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_key_is_read_back_by_its_owner_and_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("author.pem");
        let key = SecretKey::generate().unwrap();
        key.write_new(&file).unwrap();
        assert_eq!(SecretKey::read(&file).unwrap().public(), key.public());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(matches!(SecretKey::generate().unwrap().write_new(&file), Err(KeyError::Io { .. })));
        assert_eq!(SecretKey::read(&file).unwrap().public(), key.public());
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }

    #[test]
    fn a_key_that_openssl_made_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.pem");
        // RFC 8410, section 10.3, with the public key of section 10.1.
        let pem = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                   -----END PRIVATE KEY-----\n";
        fs::write(&file, pem).unwrap();
        let public = SecretKey::read(&file).unwrap().public().to_string();
        assert_eq!(public, "ed25519:Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
        fs::write(&file, "-----BEGIN RSA PRIVATE KEY-----").unwrap();
        assert!(matches!(SecretKey::read(&file), Err(KeyError::NoSecretKey { .. })));
    }

    #[test]
    fn a_public_key_is_read_back_from_its_own_text_and_from_nothing_else() {
        let key = SecretKey::generate().unwrap().public();
        assert_eq!(key.to_string().parse::<PublicKey>().unwrap(), key);
        assert_eq!(key.id().to_string().len(), 16);
        let weak = format!("ed25519:{}", BASE64_STANDARD.encode([0_u8; 32]));
        for wrong in ["", "ed25519:", "ed25519:AAAA", &key.to_string()[8..], &weak] {
            assert!(wrong.parse::<PublicKey>().is_err(), "{wrong}");
        }
    }
}
