//! The language of findings.

use std::env;

use clap::ValueEnum;
use easysight_protocol::Text;

/// Language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// English.
    En,
    /// Chinese.
    Zh,
}

impl Language {
    /// Returns the language of the locale.
    pub(crate) fn of_locale() -> Self {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .find_map(|name| env::var_os(name).filter(|locale| !locale.is_empty()));
        let chinese = locale.is_some_and(|locale| locale.to_string_lossy().starts_with("zh"));
        if chinese { Self::Zh } else { Self::En }
    }

    /// Returns the text in this language, or in the other language if the text is missing in this one.
    pub(crate) fn of(self, text: &Text) -> &str {
        let (wanted, other) = match self {
            Self::En => (&text.en, &text.zh),
            Self::Zh => (&text.zh, &text.en),
        };
        if wanted.is_empty() { other } else { wanted }
    }
}
