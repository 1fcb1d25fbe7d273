//! Prints the answers of a master: as tables for people, as JSON for programs. In tables, times are local and short,
//! and control characters of received texts are replaced by blanks.

use std::{
    fmt::Display,
    io::{self, Write},
};

use anyhow::Context;
use chrono::{DateTime, Datelike, Local, TimeZone, Utc};
use clap::ValueEnum;
use comfy_table::{Cell, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for people.
    Table,
    /// The JSON of the master's API.
    Json,
}

impl Format {
    /// Prints a value as JSON or as a table.
    pub(crate) fn show<T: Serialize>(self, value: &T, table: impl FnOnce(&T) -> Table) -> anyhow::Result<()> {
        match self {
            Self::Table => print(&table(value).to_string()),
            Self::Json => json(value),
        }
    }

    /// Prints a list. If the list is empty, prints the sentence `none` instead of a table.
    pub(crate) fn list<T: Serialize>(
        self,
        items: &[T],
        none: &str,
        table: impl FnOnce(&[T]) -> Table,
    ) -> anyhow::Result<()> {
        match self {
            Self::Table if items.is_empty() => print(none),
            Self::Table => print(&table(items).to_string()),
            Self::Json => json(&items),
        }
    }

    /// Prints a value as JSON on a line of its own.
    pub(crate) fn line(value: &impl Serialize) -> anyhow::Result<()> {
        print(&serde_json::to_string(value)?)
    }

    /// Prints a value as JSON, or a sentence for people.
    pub(crate) fn say(self, value: &impl Serialize, sentence: &str) -> anyhow::Result<()> {
        match self {
            Self::Table => print(&plain(sentence)),
            Self::Json => json(value),
        }
    }
}

fn json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).context("standard output")
}

/// Makes an empty table with these column heads.
pub(crate) fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if !head.is_empty() {
        table.set_header(head);
    }
    table
}

/// Makes a table of one item, with one row for each of its properties.
pub(crate) fn details<const N: usize>(rows: [(&str, String); N]) -> Table {
    let mut table = table(&[]);
    for (name, text) in rows {
        table.add_row([Cell::new(name), cell(&text)]);
    }
    table
}

/// Makes a cell with a received text.
pub(crate) fn cell(text: &str) -> Cell {
    Cell::new(plain(text))
}

/// Returns the text without characters that could control a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

/// Joins words with commas. An empty list becomes a dash.
pub(crate) fn joined(words: &[String]) -> String {
    if words.is_empty() { "–".to_owned() } else { words.join(", ") }
}

/// Formats a time in this machine's time zone, as short as possible.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    short(time, &Local::now())
}

/// Formats a time as [`time`] does. `None` becomes a dash.
pub(crate) fn maybe_time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "–".to_owned(), time)
}

fn short<Z: TimeZone<Offset: Display>>(time: DateTime<Utc>, now: &DateTime<Z>) -> String {
    let time = time.with_timezone(&now.timezone());
    let format = if time.date_naive() == now.date_naive() {
        "%H:%M:%S"
    } else if time.year() == now.year() {
        "%m-%d %H:%M"
    } else {
        "%Y-%m-%d %H:%M"
    };
    time.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    #[test]
    fn a_time_is_local_and_says_no_more_than_needed() {
        let shanghai = FixedOffset::east_opt(8 * 3600).unwrap();
        let now = shanghai.with_ymd_and_hms(2026, 3, 2, 0, 30, 0).unwrap();
        let at = |text: &str| short(text.parse().unwrap(), &now);
        assert_eq!(at("2026-03-01T16:05:09Z"), "00:05:09");
        assert_eq!(at("2026-03-01T15:05:09Z"), "03-01 23:05");
        assert_eq!(at("2025-12-31T15:59:59Z"), "2025-12-31 23:59");
    }

    #[test]
    fn nothing_from_afar_steers_the_terminal() {
        assert_eq!(plain("gate\u{1b}[2J\u{9b}1m\r\u{7}"), "gate [2J 1m  ");
        assert_eq!(plain("北门 1\n2"), "北门 1\n2");
    }
}
