//! The two languages of the report.

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// The one of two texts that is in this language.
    #[must_use]
    pub const fn of<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }

    /// What a file's name has before its suffix.
    #[must_use]
    pub const fn infix(self) -> &'static str {
        self.of("", ".zh-CN")
    }

    /// As HTML names it.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        self.of("en", "zh-CN")
    }
}
