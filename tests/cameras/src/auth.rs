//! Authentication of clients: the challenges of a camera, and the check of the answers.

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use sha2::Sha256;

/// The user that every camera accepts.
pub const USER: &str = "admin";
/// The password of that user.
pub const PASSWORD: &str = "s3cretword";

/// An authentication method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Basic: user and password in readable form.
    Basic,
    /// Digest with MD5.
    Md5,
    /// Digest with SHA-256.
    Sha256,
}

impl Way {
    /// Returns the value of the header with the challenge.
    #[must_use]
    pub const fn challenge(self) -> &'static str {
        match self {
            Self::Basic => "Basic realm=\"camera\"",
            Self::Md5 => "Digest realm=\"camera\", nonce=\"4f1c\", qop=\"auth\"",
            Self::Sha256 => "Digest realm=\"camera\", nonce=\"4f1c\", qop=\"auth\", algorithm=SHA-256",
        }
    }

    /// Returns whether the value of a header proves that the sender knows the password.
    #[must_use]
    pub fn lets_in(self, method: &str, value: &str) -> bool {
        if self == Self::Basic {
            return value == format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
        }
        let Some(parameters) = value.strip_prefix("Digest ") else { return false };
        let parameter = |name: &str| {
            let mut all = parameters.split(',').filter_map(|one| one.trim().split_once('='));
            all.find(|(own, _)| *own == name).map_or("", |(_, value)| value.trim_matches('"'))
        };
        if (self == Self::Sha256) != (parameter("algorithm") == "SHA-256") {
            return false;
        }
        let hash = |text: String| match self {
            Self::Sha256 => hex(&Sha256::digest(text)),
            _ => hex(&Md5::digest(text)),
        };
        let who = hash(format!("{USER}:camera:{PASSWORD}"));
        let what = hash(format!("{method}:{}", parameter("uri")));
        let middle = match parameter("qop") {
            "" => "4f1c".to_owned(),
            qop => format!("4f1c:{}:{}:{qop}", parameter("nc"), parameter("cnonce")),
        };
        parameter("username") == USER && parameter("response") == hash(format!("{who}:{middle}:{what}"))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
