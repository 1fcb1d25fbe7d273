//! The trusted keys: a file with one key on each line.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use easysight_protocol::{KeySignature, PluginSignature};
use easysight_sandbox::Digest;

use crate::{
    KeyError, KeyId, PublicKey,
    signature::{by, signers},
};

/// Why the file of trusted keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustedKeysError {
    /// The file cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A line is not a key.
    #[error("{path}, line {line}: {error}", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with the line.
        error: KeyError,
    },
    /// The file has no key.
    #[error(
        "{path}: the file has no key, so no plugin could run; add the lines that \
         `easysight plugin keygen` prints",
        path = path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Why a plugin is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// Nobody signed the plugin.
    #[error("plugin-unsigned: nobody signed the plugin; only plugins that are signed by {trusted} may run")]
    Unsigned {
        /// The trusted keys.
        trusted: String,
    },
    /// The plugin is signed, but not with a trusted key.
    #[error(
        "plugin-key-unknown: the plugin is signed by {signers}, but not by a trusted key; \
         only plugins that are signed by {trusted} may run"
    )]
    UnknownKey {
        /// The keys that signed the plugin.
        signers: String,
        /// The trusted keys.
        trusted: String,
    },
    /// The signature belongs to another component.
    #[error(
        "plugin-signature-mismatch: the signature is for the component {signed}, not for {found}: the component \
         was changed after it was signed, or the signature belongs to another component"
    )]
    OtherComponent {
        /// The digest that was signed.
        signed: String,
        /// The digest of the component.
        found: Digest,
    },
    /// The signature does not verify with the key that it names.
    #[error(
        "plugin-signature-forged: the signature of {signer} is not valid: the signature or the signed content \
         was changed afterwards"
    )]
    Forged {
        /// The key that the signature names.
        signer: String,
    },
    /// The component's descriptor differs from the signed descriptor.
    #[error("plugin-descriptor-mismatch: the plugin's descriptor is not the one that was signed")]
    OtherDescriptor,
}

/// Keys, each with a name for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKeys {
    keys: Vec<(PublicKey, String)>,
    path: PathBuf,
}

impl TrustedKeys {
    /// Reads a file: one key on each line, optionally followed by a name. Empty lines and lines that begin with `#`
    /// are skipped.
    ///
    /// # Errors
    ///
    /// [`TrustedKeysError`]. One bad line makes the whole file invalid. If bad lines were skipped, an operator could
    /// believe that a key is trusted although it is not.
    pub fn read(path: &Path) -> Result<Self, TrustedKeysError> {
        let text = fs::read_to_string(path)
            .map_err(|source| TrustedKeysError::Io { path: path.to_owned(), source })?;
        let mut keys = Vec::new();
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let (key, name) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
            let key: PublicKey =
                key.parse().map_err(|error| TrustedKeysError::Line { path: path.to_owned(), line, error })?;
            keys.push((key, name.trim().to_owned()));
        }
        if keys.is_empty() {
            return Err(TrustedKeysError::Empty { path: path.to_owned() });
        }
        Ok(Self { keys, path: path.to_owned() })
    }

    /// Returns the signature that a trusted key made for this component. The component's descriptor cannot be checked
    /// here, because it can be read only after compilation. After compilation, the caller must compare the descriptor
    /// with the signed descriptor.
    ///
    /// # Errors
    ///
    /// [`Untrusted`].
    pub fn check<'a>(
        &self,
        digest: Digest,
        signed: Option<&'a PluginSignature>,
    ) -> Result<&'a KeySignature, Untrusted> {
        let Some(signed) = signed.filter(|signed| !signed.signatures.is_empty()) else {
            return Err(Untrusted::Unsigned { trusted: self.shown() });
        };
        if signed.digest != digest.to_string() {
            return Err(Untrusted::OtherComponent { signed: signed.digest.clone(), found: digest });
        }
        let mut forged = None;
        for (key, name) in &self.keys {
            match by(signed, key) {
                Some((one, true)) => return Ok(one),
                Some((_, false)) => forged = Some(named(key.id(), name)),
                None => {}
            }
        }
        if let Some(signer) = forged {
            return Err(Untrusted::Forged { signer });
        }
        let signers: Vec<_> = signers(signed).map(|key| format!("the key {}", key.id())).collect();
        let signers = if signers.is_empty() { "an invalid key".into() } else { signers.join(" and ") };
        Err(Untrusted::UnknownKey { signers, trusted: self.shown() })
    }

    /// Returns the names of all trusted keys and the path of their file, for error messages.
    fn shown(&self) -> String {
        let keys: Vec<_> = self.keys.iter().map(|(key, name)| named(key.id(), name)).collect();
        format!("{} ({})", keys.join(" or "), self.path.display())
    }
}

fn named(id: KeyId, name: &str) -> String {
    if name.is_empty() { format!("the key {id}") } else { format!("the key {id} of {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SecretKey, signature::tests::signature};

    fn trusting(keys: &[(&SecretKey, &str)]) -> TrustedKeys {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("trusted");
        let lines = keys.iter().map(|(key, name)| format!("  {}  {name} \n", key.public()));
        fs::write(&file, format!("# who may\n\n{}", lines.collect::<String>())).unwrap();
        TrustedKeys::read(&file).unwrap()
    }

    #[test]
    fn one_trusted_key_that_signed_it_is_enough() {
        let (a, b, c) =
            (SecretKey::generate().unwrap(), SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let keys = trusting(&[(&a, "Ann Author"), (&b, "")]);
        let digest = Digest::of(b"component");
        assert!(keys.check(digest, Some(&signature(b"component", &[&b]))).is_ok());
        assert!(keys.check(digest, Some(&signature(b"component", &[&c, &a]))).is_ok());
    }

    #[test]
    fn whatever_is_wrong_is_said_with_the_key_that_is_missing() {
        let (a, c) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let keys = trusting(&[(&a, "Ann Author")]);
        let digest = Digest::of(b"component");
        let says =
            |signature: Option<&PluginSignature>| keys.check(digest, signature).unwrap_err().to_string();
        let (ann, stranger) = (format!("{} of Ann Author", a.public().id()), c.public().id().to_string());
        let unsigned = says(None);
        assert!(unsigned.starts_with("plugin-unsigned") && unsigned.contains(&ann), "{unsigned}");
        assert_eq!(says(Some(&signature(b"component", &[]))), unsigned);
        let unknown = says(Some(&signature(b"component", &[&c])));
        assert!(unknown.contains(&ann) && unknown.contains(&stranger), "{unknown}");
        let other = says(Some(&signature(b"other", &[&a])));
        assert!(other.contains(&digest.to_string()), "{other}");
        let mut tampered = signature(b"component", &[&a]);
        tampered.signatures[0].descriptor.push(' ');
        let forged = says(Some(&tampered));
        assert!(forged.starts_with("plugin-signature-forged") && forged.contains(&ann), "{forged}");
    }

    #[test]
    fn a_file_with_a_wrong_line_or_without_keys_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("trusted");
        fs::write(&file, "# none\n").unwrap();
        assert!(matches!(TrustedKeys::read(&file), Err(TrustedKeysError::Empty { .. })));
        let good = SecretKey::generate().unwrap().public();
        fs::write(&file, format!("{good} one\ned25519:nonsense two\n")).unwrap();
        let error = TrustedKeys::read(&file).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(matches!(TrustedKeys::read(dir.path()), Err(TrustedKeysError::Io { .. })));
    }
}
