//! Signatures of plugins. An author signs a component's digest and its descriptor with an ed25519 key ([`SecretKey`]).
//! A program that is given trusted keys ([`TrustedKeys`]) runs only plugins that were signed with one of these keys.
//! The signature is checked before any part of the component is compiled or run. The descriptor can be read only from
//! the compiled component. It is then compared with the signed descriptor.
//!
//! How people exchange keys is up to them: a public key is one line of text.

mod key;
mod load;
mod signature;
mod trusted;

pub use key::{KeyError, KeyId, PublicKey, SecretKey};
pub use load::{RefusedPlugin, load, signature_beside, signature_path};
pub use signature::{MAX_SIGNATURE_BYTES, ReadSignatureError, genuine, read_signature, sign};
pub use trusted::{TrustedKeys, TrustedKeysError, Untrusted};
