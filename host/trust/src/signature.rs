//! Signature documents ([`PluginSignature`]): how they are made, read and compared with a component.

use base64::{Engine, prelude::BASE64_STANDARD};
use easysight_protocol::{KeySignature, PluginSignature};
use easysight_sandbox::{Digest, Plugin, Text};
use serde_json::{Value, json};

use crate::{PublicKey, SecretKey, Untrusted};

/// The beginning of every signed message, so that a signature made for another purpose does not verify.
const PURPOSE: &str = "easysight plugin signature 1";
/// The largest size of a signature document, in bytes. A descriptor with its schema has a few thousand bytes.
pub const MAX_SIGNATURE_BYTES: usize = 1 << 20;
/// The largest number of keys that may sign one plugin.
const MAX_KEYS: usize = 64;

/// The error for a document that is not a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not a signature of a plugin: {0}")]
pub struct ReadSignatureError(String);

/// Signs a plugin. The signatures of other keys in `before` are kept; an older signature of the same key is replaced.
/// If `before` belongs to another component, it is ignored.
#[must_use]
pub fn sign(plugin: &Plugin, key: &SecretKey, before: Option<PluginSignature>) -> PluginSignature {
    let digest = plugin.digest().to_string();
    let before = before.filter(|before| before.digest == digest);
    with_key(before.unwrap_or(PluginSignature { digest, signatures: Vec::new() }), key, described(plugin))
}

fn with_key(mut signed: PluginSignature, key: &SecretKey, descriptor: String) -> PluginSignature {
    let public = key.public().to_string();
    let signature = BASE64_STANDARD.encode(key.sign(&message(&signed.digest, &descriptor)));
    signed.signatures.retain(|one| one.key != public);
    signed.signatures.push(KeySignature { key: public, descriptor, signature });
    signed
}

/// Reads a signature document.
///
/// # Errors
///
/// [`ReadSignatureError`]. This function does not check whether the signature belongs to a component.
pub fn read_signature(text: &[u8]) -> Result<PluginSignature, ReadSignatureError> {
    if text.len() > MAX_SIGNATURE_BYTES {
        let detail = format!("it has {} bytes; the limit is {MAX_SIGNATURE_BYTES}", text.len());
        return Err(ReadSignatureError(detail));
    }
    let read: PluginSignature =
        serde_json::from_slice(text).map_err(|error| ReadSignatureError(error.to_string()))?;
    if read.signatures.len() > MAX_KEYS {
        let detail = format!("{} keys signed it; the limit is {MAX_KEYS}", read.signatures.len());
        return Err(ReadSignatureError(detail));
    }
    Ok(read)
}

/// Verifies every signature against the component and its descriptor, so that only genuine signatures are passed on to
/// others. It is not checked whether the keys are trusted.
///
/// # Errors
///
/// [`Untrusted`], for the first signature that does not match.
pub fn genuine(signed: &PluginSignature, plugin: &Plugin) -> Result<(), Untrusted> {
    if signed.digest != plugin.digest().to_string() {
        return Err(Untrusted::OtherComponent { signed: signed.digest.clone(), found: plugin.digest() });
    }
    for one in &signed.signatures {
        let by = one.key.parse::<PublicKey>().ok().filter(|key| is_by(one, &signed.digest, key));
        if by.is_none() {
            return Err(Untrusted::Forged { signer: one.key.clone() });
        }
        if !describes(one, plugin) {
            return Err(Untrusted::OtherDescriptor);
        }
    }
    Ok(())
}

/// Returns the keys that the document names. Invalid keys are left out.
pub(crate) fn signers(signed: &PluginSignature) -> impl Iterator<Item = PublicKey> {
    signed.signatures.iter().filter_map(|one| one.key.parse().ok())
}

/// Returns the signature of this key, and whether it is valid. Returns `None` if this key did not sign.
pub(crate) fn by<'a>(signed: &'a PluginSignature, key: &PublicKey) -> Option<(&'a KeySignature, bool)> {
    let named = key.to_string();
    let one = signed.signatures.iter().find(|one| one.key == named)?;
    Some((one, is_by(one, &signed.digest, key)))
}

fn is_by(one: &KeySignature, digest: &str, key: &PublicKey) -> bool {
    let bytes = BASE64_STANDARD.decode(&one.signature).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.is_some_and(|bytes| key.vouches(&message(digest, &one.descriptor), &bytes))
}

/// Returns true if the plugin's descriptor equals the signed descriptor.
pub(crate) fn describes(one: &KeySignature, plugin: &Plugin) -> bool {
    // The JSON values are compared, because another version of this program may order the fields differently.
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    parsed(&one.descriptor).is_some_and(|signed| Some(signed) == parsed(&described(plugin)))
}

/// Returns the bytes that are signed.
fn message(digest: &str, descriptor: &str) -> Vec<u8> {
    let descriptor = Digest::of(descriptor.as_bytes());
    format!("{PURPOSE}\n{digest}\n{descriptor}\n").into_bytes()
}

/// Returns a plugin's descriptor as JSON.
fn described(plugin: &Plugin) -> String {
    let descriptor = plugin.descriptor();
    let text = |text: &Text| json!({"zh": text.zh, "en": text.en});
    let diagnoses: Vec<_> = descriptor
        .diagnoses
        .iter()
        .map(|one| json!({"id": one.id, "title": text(&one.title), "description": text(&one.description)}))
        .collect();
    json!({
        "name": descriptor.name,
        "version": descriptor.version,
        "diagnoses": diagnoses,
        "config_schema": plugin.schema().as_json(),
        "clip": {
            "min_frames": descriptor.clip.min_frames,
            "interval_ms": descriptor.clip.interval_ms,
            "span_ms": descriptor.clip.span_ms,
        },
    })
    .to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns a signature without a plugin.
    pub(crate) fn signature(content: &[u8], keys: &[&SecretKey]) -> PluginSignature {
        let unsigned = PluginSignature { digest: Digest::of(content).to_string(), signatures: Vec::new() };
        keys.iter().fold(unsigned, |signed, key| with_key(signed, key, r#"{"name":"x"}"#.into()))
    }

    fn vouches(signed: &PluginSignature, key: &SecretKey) -> Option<bool> {
        by(signed, &key.public()).map(|(_, is_by)| is_by)
    }

    #[test]
    fn whoever_signed_is_told_from_whoever_did_not() {
        let (author, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let signed = signature(b"component", &[&author]);
        assert_eq!((vouches(&signed, &author), vouches(&signed, &other)), (Some(true), None));
        let mut lent = signed.clone();
        lent.signatures[0].key = other.public().to_string();
        assert_eq!(vouches(&lent, &other), Some(false));
        let both = with_key(with_key(signed, &author, "{}".into()), &other, "{}".into());
        assert_eq!(signers(&both).collect::<Vec<_>>(), [author.public(), other.public()]);
        assert_eq!((vouches(&both, &author), vouches(&both, &other)), (Some(true), Some(true)));
    }

    #[test]
    fn a_changed_digest_descriptor_or_signature_is_noticed() {
        let author = SecretKey::generate().unwrap();
        let signed = signature(b"component", &[&author]);
        let other = PluginSignature { digest: Digest::of(b"other").to_string(), ..signed.clone() };
        let (mut renamed, mut garbled) = (signed.clone(), signed);
        renamed.signatures[0].descriptor = r#"{"name":"y"}"#.into();
        garbled.signatures[0].signature = "AAAA".into();
        for changed in [other, renamed, garbled] {
            assert_eq!(vouches(&changed, &author), Some(false), "{changed:?}");
        }
    }

    #[test]
    fn a_document_is_read_back_and_others_are_refused() {
        let signed = signature(b"component", &[&SecretKey::generate().unwrap()]);
        let text = serde_json::to_string(&signed).unwrap();
        assert_eq!(read_signature(text.as_bytes()).unwrap(), signed);
        assert!(read_signature(text.replace("\"digest\"", "\"digit\"").as_bytes()).is_err());
        assert!(read_signature(&vec![b' '; MAX_SIGNATURE_BYTES + 1]).is_err());
        let crowd =
            PluginSignature { signatures: vec![signed.signatures[0].clone(); MAX_KEYS + 1], ..signed };
        assert!(read_signature(serde_json::to_string(&crowd).unwrap().as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn nothing_that_comes_in_breaks_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            read_signature(&bytes).ok();
        }
    }
}
