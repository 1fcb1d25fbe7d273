//! The table: a habit a row.

mod pictures;
mod sessions;
mod streams;
mod web;

use easysight_capture::{CaptureErrorKind as Reason, Quirk};

use crate::{Kind, Row, Told, Words, http, rtsp};

/// All of them.
#[must_use]
pub fn all() -> Vec<Row> {
    [sessions::rows(), streams::rows(), pictures::rows(), web::rows()].concat()
}

/// Nothing odd.
const JUDGED: Told = Told::Judged(&[]);

/// It is judged, and this is told of it.
const fn odd(quirks: &'static [Quirk]) -> Told {
    Told::Judged(quirks)
}

/// There is no picture.
const fn none(reason: Reason, words: &'static str) -> Told {
    Told::Reason(reason, words)
}

fn rtsp(
    name: &'static str,
    en: &'static str,
    zh: &'static str,
    told: Told,
    habits: fn(&mut rtsp::Habits),
) -> Row {
    Row {
        name,
        does: Words { en, zh },
        makes: "",
        told,
        kind: Kind::Rtsp(habits),
        seconds: 1,
        path: "/live",
        knows_password: false,
    }
}

fn web(name: &'static str, en: &'static str, zh: &'static str, told: Told, habit: http::Habit) -> Row {
    let row = rtsp(name, en, zh, told, |_| {});
    Row { kind: Kind::Http(habit), path: "/snapshot.jpg", ..row }
}

impl Row {
    /// Who is known for it.
    const fn of(self, makes: &'static str) -> Self {
        Self { makes, ..self }
    }

    /// It must be looked at for so long.
    const fn for_seconds(self, seconds: u64) -> Self {
        Self { seconds, ..self }
    }

    /// The address has this behind the host.
    const fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    /// The address has user and password.
    const fn with_password(self) -> Self {
        Self { knows_password: true, ..self }
    }
}
