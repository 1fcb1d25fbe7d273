//! The two languages of the report.

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// Both languages.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// Returns the text in this language.
    #[must_use]
    pub const fn of<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }

    /// Returns the part of a file's name before the suffix. This part is empty for English.
    #[must_use]
    pub const fn infix(self) -> &'static str {
        self.of("", ".zh-CN")
    }

    /// Returns the language's tag in HTML.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        self.of("en", "zh-CN")
    }
}
