//! The sources of pictures. Credentials are masked wherever a source is shown.

use std::{
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use easysight_address::{AddressError, MASK, check, masked, scrubbed};
use url::Url;

use crate::auth;

/// The way to reach a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// `rtsp://` or `rtsps://`.
    Rtsp,
    /// `http://` or `https://`: a snapshot, a recording or a stream.
    Http,
    /// A file on this machine.
    File,
}

/// A camera's address or a file. `Display` and `Debug` mask credentials.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A camera, a recorder or any other server.
    Remote(Url),
    /// A file on this machine.
    File(PathBuf),
}

/// Why a string is not a valid source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The text is empty.
    #[error("the source is empty; expected an rtsp:// or http(s):// address, or a file")]
    Empty,
    /// The address cannot be parsed.
    #[error("the source is not a valid address: {0}")]
    Invalid(String),
    /// The address is ambiguous, has no scheme, or is masked.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The scheme is not supported for cameras.
    #[error("sources of the kind {0}:// are not supported; use rtsp, rtsps, http, https or file")]
    Scheme(String),
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        if text.trim().is_empty() {
            return Err(SourceError::Empty);
        }
        if text.contains(char::is_control) {
            return Err(SourceError::Invalid("it contains control characters".into()));
        }
        check(text)?;
        if !text.contains("://") {
            // The name of a file may begin or end with a space.
            return Ok(Self::File(text.into()));
        }
        let text = text.trim();
        // The error of a URL never quotes the URL, so no credential is exposed.
        let url = Url::parse(text).map_err(|e| SourceError::Invalid(e.to_string()))?;
        match url.scheme() {
            "file" => url.to_file_path().map(Self::File).map_err(|()| {
                SourceError::Invalid("a file:// address must name a file of this machine".into())
            }),
            "rtsp" | "rtsps" | "http" | "https" => match url.host_str() {
                Some(host) if !host.is_empty() => Ok(Self::Remote(url)),
                _ => Err(SourceError::Invalid("it names no host".into())),
            },
            other => Err(SourceError::Scheme(other.chars().take(40).collect())),
        }
    }
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl Source {
    /// Returns the way to reach the source.
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::File(_) => SourceKind::File,
            Self::Remote(url) if url.scheme().starts_with("rtsp") => SourceKind::Rtsp,
            Self::Remote(_) => SourceKind::Http,
        }
    }

    /// Returns the bytes that identify the source, regardless of the user: the address without the user and the
    /// password before the `@`. The secrets of the query are included, because the addresses of two cameras may differ
    /// only in a token. The bytes are input for digests. They are never shown or stored.
    #[must_use]
    pub fn identity(&self) -> Vec<u8> {
        match self {
            Self::File(path) => path.as_os_str().as_encoded_bytes().to_vec(),
            Self::Remote(url) => {
                let mut text = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
                if let Some(port) = url.port() {
                    text.push_str(&format!(":{port}"));
                }
                text.push_str(url.path());
                for (mark, part) in [('?', url.query()), ('#', url.fragment())] {
                    if let Some(part) = part {
                        text.push(mark);
                        text.push_str(part);
                    }
                }
                text.into_bytes()
            }
        }
    }

    /// Returns the bytes that identified the source in earlier versions. These versions masked every secret first. If
    /// they masked more than user and password, another camera may have had the same bytes, so none is returned. None
    /// is also returned if the bytes equal [`Source::identity`].
    #[must_use]
    pub fn former_identity(&self) -> Option<Vec<u8>> {
        let Self::Remote(url) = self else { return None };
        let mut bare = url.clone();
        bare.set_query(None);
        bare.set_fragment(None);
        let mut text = String::from_utf8(Self::Remote(bare).identity()).ok()?;
        let mut is_other = url.fragment().is_some();
        for (index, parameter) in url.query()?.split('&').enumerate() {
            text.push(if index == 0 { '?' } else { '&' });
            match parameter.split_once('=').map(|(name, _)| (name, name.to_ascii_lowercase())) {
                Some((name, lower))
                    if ["pass", "pwd", "user", "usr"].iter().any(|part| lower.contains(part)) =>
                {
                    text.push_str(name);
                    text.push_str("=***");
                    is_other = true;
                }
                Some((_, lower)) if FORMERLY_MASKED.iter().any(|part| lower.contains(part)) => return None,
                _ => text.push_str(parameter),
            }
        }
        is_other.then(|| text.into_bytes())
    }

    /// Masks this source's credentials, and the credentials in other addresses, in the output of a program.
    pub(crate) fn scrub(&self, text: &str) -> String {
        match self {
            Self::File(_) => text.to_owned(),
            Self::Remote(url) => {
                let scrubbed = scrubbed(text, url.as_str());
                // A server may quote the credentials of the request.
                auth::proof(url).map_or_else(|| scrubbed.clone(), |proof| scrubbed.replace(&proof, MASK))
            }
        }
    }
}

/// Parts of parameter names. In addition to user and password, earlier versions masked the values of parameters whose
/// names contain one of these parts.
const FORMERLY_MASKED: &[&str] = &["token", "auth", "secret", "key", "sig"];

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(&shown_name(path.as_os_str())),
            Self::Remote(url) => f.write_str(&masked(url.as_str())),
        }
    }
}

/// Formats the name of a file for people. Bytes that are not text are shown as `\xB1`, and line breaks as `\n`, so
/// that two different names stay different.
fn shown_name(name: &OsStr) -> String {
    let mut shown = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        for letter in chunk.valid().chars() {
            if letter.is_control() {
                shown.extend(letter.escape_default());
            } else {
                shown.push(letter);
            }
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02X}"));
        }
    }
    shown
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tells_kinds_apart() {
        let kind = |text: &str| text.parse::<Source>().map(|source| source.kind());
        assert_eq!(kind("rtsp://camera/1"), Ok(SourceKind::Rtsp));
        assert_eq!(kind("rtsps://camera:322/1"), Ok(SourceKind::Rtsp));
        assert_eq!(kind("HTTPS://camera/snap.jpg"), Ok(SourceKind::Http));
        assert_eq!(kind("clip.mp4"), Ok(SourceKind::File));
        assert_eq!(kind("concat:a|b"), Ok(SourceKind::File));
        assert_eq!("file:///a%20b.mp4".parse(), Ok(Source::File("/a b.mp4".into())));
        assert_eq!(kind("ftp://host/a"), Err(SourceError::Scheme("ftp".into())));
        assert_eq!(kind("  "), Err(SourceError::Empty));
        assert!(kind("rtsp://").is_err());
        assert!(kind("rtsp://a\nb/").is_err());
    }

    #[test]
    fn credentials_are_masked_wherever_they_stand() {
        let source: Source =
            "rtsp://admin:s3cret@camera:554/live?channel=1&Password=s3cret&user=admin".parse().unwrap();
        let shown = source.to_string();
        assert_eq!(shown, "rtsp://***@camera:554/live?channel=1&Password=***&user=***");
        assert_eq!(format!("{source:?}"), format!("Source({shown})"));
        let line = "rtsp://admin:s3cret@camera:554/live?channel=1&Password=s3cret&user=admin: refused";
        assert_eq!(source.scrub(line), format!("{shown}: refused"));
        assert!(!source.scrub("tcp://admin:s3cret@camera: timeout").contains("s3cret"));
        // "admin:s3cret" in Basic encoding.
        assert_eq!(source.scrub("Basic YWRtaW46czNjcmV0"), "Basic ***");
        assert!(!source.scrub("GET /live?channel=1&Password=s3cret&user=admin").contains("s3cret"));
    }

    #[test]
    fn a_source_stays_the_same_for_another_user() {
        let identity = |text: &str| text.parse::<Source>().unwrap().identity();
        assert_eq!(identity("rtsp://admin:a@camera/live"), b"rtsp://camera/live");
        assert_eq!(identity("rtsp://camera/live"), b"rtsp://camera/live");
        assert_eq!(identity("http://u:p@camera/snap?channel=2"), identity("http://camera/snap?channel=2"));
        assert_ne!(identity("http://camera/snap?channel=2"), identity("http://camera/snap?channel=1"));
    }

    #[test]
    fn a_token_tells_two_cameras_apart() {
        let source = |text: &str| text.parse::<Source>().unwrap();
        let (a, b) = (source("http://relay/snap?token=AAA"), source("http://relay/snap?token=BBB"));
        assert_eq!(a.to_string(), b.to_string());
        assert_ne!(a.identity(), b.identity());
        // Both had the same name before, so the stored data may belong to either.
        assert_eq!(a.former_identity(), None);
        let former = source("http://u:p@camera/snap?channel=2&pwd=b").former_identity();
        assert_eq!(former.unwrap(), b"http://camera/snap?channel=2&pwd=***");
        assert_eq!(source("http://u:p@camera/snap?channel=2").former_identity(), None);
    }

    #[test]
    fn an_address_that_is_not_encoded_names_no_other_host() {
        for text in ["rtsp://admin:12#s3cret@camera/1", "rtsp://***@camera/1", "admin:s3cret@camera/1"] {
            let error = text.parse::<Source>().unwrap_err();
            assert!(matches!(error, SourceError::Address(_)), "{error}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }

    #[test]
    fn a_name_of_a_file_is_taken_as_it_is_and_shown_so_that_two_stay_two() {
        use std::os::unix::ffi::OsStrExt;

        assert_eq!(" a.mp4 ".parse(), Ok(Source::File(" a.mp4 ".into())));
        let named = |bytes: &[u8]| Source::File(OsStr::from_bytes(bytes).into());
        assert_eq!(named(b"\xb1\xb1.mp4").to_string(), "\\xB1\\xB1.mp4");
        assert_eq!(named(b"a\nb.mp4").to_string(), "a\\nb.mp4");
        assert_ne!(named(b"\xb1.mp4").to_string(), named(b"\xb2.mp4").to_string());
        assert_ne!(named(b"\xb1.mp4").identity(), named(b"\xb2.mp4").identity());
    }

    proptest! {
        #[test]
        fn whatever_a_password_is_no_other_host_is_asked(
            user in "[a-z][a-z.]{0,5}", password in r"[ -~]{0,14}", port in prop::option::of(1u16..),
        ) {
            let port = port.map_or_else(String::new, |port| format!(":{port}"));
            let text = format!("rtsp://{user}:{password}@10.20.30.40{port}/live");
            match text.parse::<Source>() {
                Ok(Source::Remote(url)) => prop_assert_eq!(url.host_str(), Some("10.20.30.40"), "{}", text),
                Ok(Source::File(path)) => prop_assert!(false, "{path:?}"),
                Err(_) => {}
            }
            let shown = easysight_address::masked(&text);
            prop_assert!(shown.starts_with("rtsp://***@10.20.30.40") || password.contains('@'), "{text} {shown}");
        }

        #[test]
        fn no_text_makes_it_panic_and_no_password_is_shown(text in ".{0,60}", password in "[a-zA-Z0-9]{12}") {
            drop(text.parse::<Source>());
            let source: Source = format!("rtsp://user:{password}@host/path?pwd={password}").parse().unwrap();
            prop_assert!(!source.to_string().contains(&password));
        }
    }
}
