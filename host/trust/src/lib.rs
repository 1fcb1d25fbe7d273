//! Who vouches for a plugin. An author signs a component's digest and what the component says of
//! itself with an ed25519 key ([`SecretKey`]); whoever demands keys ([`TrustedKeys`]) runs nothing that
//! none of them signed. Signatures are checked before anything of the component is compiled or run, and
//! what it says of itself is held against what was signed afterwards.
//!
//! How keys get from one person to another is left to them: a public key is one line of text.

mod key;
mod load;
mod signature;
mod trusted;

pub use key::{KeyError, KeyId, PublicKey, SecretKey};
pub use load::{RefusedPlugin, load, signature_beside, signature_path};
pub use signature::{MAX_SIGNATURE_BYTES, ReadSignatureError, genuine, read_signature, sign};
pub use trusted::{TrustedKeys, TrustedKeysError, Untrusted};
