//! Where pictures come from. Whatever is shown of a source has its credentials masked.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use url::Url;

/// What stands in place of a credential.
const MASK: &str = "***";
/// Query parameters that cameras take credentials in, by a part of their name.
const SECRET_PARAMETERS: &[&str] = &["pass", "pwd", "token", "auth", "secret", "key", "sig", "user", "usr"];

/// How a source is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// `rtsp://` or `rtsps://`.
    Rtsp,
    /// `http://` or `https://`: a snapshot, a recording or a stream.
    Http,
    /// A file of this machine.
    File,
}

/// A camera's address or a file. `Display` and `Debug` mask credentials.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A camera, a recorder or any other server.
    Remote(Url),
    /// A file of this machine.
    File(PathBuf),
}

/// A text that is no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// There is nothing.
    #[error("the source is empty; an rtsp:// or http(s):// address or a file is wanted")]
    Empty,
    /// An address that cannot be taken apart.
    #[error("the source is no valid address: {0}")]
    Invalid(String),
    /// A scheme that no camera is read by.
    #[error("sources of the kind {0}:// are not supported; rtsp, rtsps, http, https and file are")]
    Scheme(String),
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(SourceError::Empty);
        }
        if text.contains(char::is_control) {
            return Err(SourceError::Invalid("it has control characters".into()));
        }
        if !text.contains("://") {
            return Ok(Self::File(text.into()));
        }
        // The error of a URL never quotes it, so no credential gets out here.
        let url = Url::parse(text).map_err(|e| SourceError::Invalid(e.to_string()))?;
        match url.scheme() {
            "file" => url
                .to_file_path()
                .map(Self::File)
                .map_err(|()| SourceError::Invalid("a file:// address names a file of this machine".into())),
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
    /// How it is reached.
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::File(_) => SourceKind::File,
            Self::Remote(url) if url.scheme().starts_with("rtsp") => SourceKind::Rtsp,
            Self::Remote(_) => SourceKind::Http,
        }
    }

    /// What it is called whoever is let in: the same for another user or password.
    #[must_use]
    pub fn without_credentials(&self) -> String {
        match self {
            Self::File(_) => self.to_string(),
            Self::Remote(_) => self.to_string().replacen(&format!("://{MASK}@"), "://", 1),
        }
    }

    /// Replaces what a program printed of this source's credentials.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let Self::Remote(url) = self else { return text.to_owned() };
        let mut scrubbed = text.replace(url.as_str(), &self.to_string());
        for secret in [Some(url.username()), url.password()].into_iter().flatten() {
            if !secret.is_empty() {
                scrubbed = scrubbed.replace(&format!("{secret}:"), &format!("{MASK}:"));
                scrubbed = scrubbed.replace(&format!("{secret}@"), &format!("{MASK}@"));
            }
        }
        for parameter in url.query().unwrap_or_default().split('&') {
            if let Some((name, value)) = parameter.split_once('=')
                && is_secret(name)
                && !value.is_empty()
            {
                scrubbed = scrubbed.replace(parameter, &format!("{name}={MASK}"));
            }
        }
        scrubbed
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Remote(url) => {
                write!(f, "{}://", url.scheme())?;
                if !url.username().is_empty() || url.password().is_some() {
                    write!(f, "{MASK}@")?;
                }
                f.write_str(url.host_str().unwrap_or_default())?;
                if let Some(port) = url.port() {
                    write!(f, ":{port}")?;
                }
                f.write_str(url.path())?;
                let Some(query) = url.query() else { return Ok(()) };
                for (index, parameter) in query.split('&').enumerate() {
                    f.write_str(if index == 0 { "?" } else { "&" })?;
                    match parameter.split_once('=') {
                        Some((name, _)) if is_secret(name) => write!(f, "{name}={MASK}")?,
                        _ => f.write_str(parameter)?,
                    }
                }
                Ok(())
            }
        }
    }
}

fn is_secret(parameter: &str) -> bool {
    let parameter = parameter.to_ascii_lowercase();
    SECRET_PARAMETERS.iter().any(|part| parameter.contains(part))
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
        assert!(!source.scrub("GET /live?channel=1&Password=s3cret&user=admin").contains("s3cret"));
    }

    #[test]
    fn a_source_stays_the_same_for_another_user() {
        let bare = |text: &str| text.parse::<Source>().unwrap().without_credentials();
        assert_eq!(bare("rtsp://admin:a@camera/live"), "rtsp://camera/live");
        assert_eq!(bare("rtsp://camera/live"), "rtsp://camera/live");
        assert_eq!(
            bare("http://camera/snap?channel=2&pwd=a"),
            bare("http://u:p@camera/snap?channel=2&pwd=b")
        );
        assert_ne!(bare("http://camera/snap?channel=2"), bare("http://camera/snap?channel=1"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_no_password_is_shown(text in ".{0,60}", password in "[a-zA-Z0-9]{12}") {
            drop(text.parse::<Source>());
            let source: Source = format!("rtsp://user:{password}@host/path?pwd={password}").parse().unwrap();
            prop_assert!(!source.to_string().contains(&password));
        }
    }
}
