//! The table of habits, one per row.

mod pictures;
mod sessions;
mod streams;
mod web;

use easysight_capture::{CaptureErrorKind as Reason, Quirk};

use crate::{Kind, Row, Told, Words, http, rtsp};

/// All rows.
#[must_use]
pub fn all() -> Vec<Row> {
    [sessions::rows(), streams::rows(), pictures::rows(), web::rows()].concat()
}

/// The stream is judged without any oddity.
const JUDGED: Told = Told::Judged(&[]);

/// The stream is judged, with these oddities.
const fn odd(quirks: &'static [Quirk]) -> Told {
    Told::Judged(quirks)
}

/// There is no picture, for this reason.
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
    /// Sets the brands that are known for the habit.
    const fn of(self, makes: &'static str) -> Self {
        Self { makes, ..self }
    }

    /// Sets the time for which the camera must be watched, in seconds.
    const fn for_seconds(self, seconds: u64) -> Self {
        Self { seconds, ..self }
    }

    /// Sets the part of the address after the host.
    const fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    /// Adds user and password to the address.
    const fn with_password(self) -> Self {
        Self { knows_password: true, ..self }
    }
}
