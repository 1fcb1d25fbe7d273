//! The merged settings: the value of each key, and its origin.

use std::{collections::BTreeMap, fmt, fmt::Write as _};

use crate::{Key, SettingsError};

const MASK: &str = "***";

/// The origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag(&'static str),
    /// An environment variable.
    Environment(String),
    /// A line of the configuration file.
    File {
        /// The file.
        path: String,
        /// The key as it is written in the file.
        key: String,
    },
    /// The default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag --{flag}"),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::File { path, key } => write!(f, "{key} in the file {path}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// All settings, as text.
pub struct Resolved {
    pub(crate) keys: &'static [Key],
    pub(crate) values: BTreeMap<&'static str, (String, Origin)>,
    pub(crate) warnings: Vec<String>,
}

impl fmt::Debug for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render())
    }
}

impl Resolved {
    /// Returns warnings about settings that do not prevent the start of the program.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns the text of a setting, or `None` if it is absent.
    #[must_use]
    pub fn text(&self, flag: &str) -> Option<&str> {
        self.values.get(flag).map(|(value, _)| value.as_str())
    }

    /// Returns the origin of a setting, or `None` if it is absent.
    #[must_use]
    pub fn origin(&self, flag: &str) -> Option<&Origin> {
        self.values.get(flag).map(|(_, origin)| origin)
    }

    /// Returns true if the value was set and is not the default.
    #[must_use]
    pub fn is_given(&self, flag: &str) -> bool {
        self.origin(flag).is_some_and(|origin| *origin != Origin::Default)
    }

    /// Parses a setting if it is present.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Value`], with the parser's message.
    pub fn optional<T>(
        &self,
        flag: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, SettingsError> {
        let Some((value, origin)) = self.values.get(flag) else { return Ok(None) };
        parse(value).map(Some).map_err(|reason| self.refused(flag, value, origin, reason))
    }

    /// Parses a setting that must be present.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Value`], with the parser's message, and [`SettingsError::Conflict`] if the setting is absent.
    pub fn required<T>(
        &self,
        flag: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, SettingsError> {
        self.optional(flag, parse)?.ok_or_else(|| SettingsError::Conflict(format!("--{flag} is missing")))
    }

    fn refused(&self, flag: &str, value: &str, origin: &Origin, reason: String) -> SettingsError {
        let key = self.keys.iter().find(|key| key.flag == flag);
        let secret = key.is_none_or(|key| key.secret);
        SettingsError::Value {
            key: key.map_or("?", |key| key.env),
            value: if secret { MASK.into() } else { format!("{value:?}") },
            origin: origin.clone(),
            reason,
        }
    }

    /// Returns every setting with its origin, one on each line. The text can be used as a configuration file; its
    /// secrets are masked and commented out.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for key in self.keys {
            // Writing to a string cannot fail.
            let _ = match self.values.get(key.flag) {
                Some((_, origin)) if key.secret => writeln!(text, "# {}={MASK}  # {origin}", key.env),
                Some((value, origin)) => writeln!(text, "{}={}  # {origin}", key.env, quoted(value)),
                None => writeln!(text, "# {}=  # not set", key.env),
            };
        }
        text
    }
}

/// Quotes a value for a dotenv file.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:=,@+[]".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "'\\''"))
    }
}
