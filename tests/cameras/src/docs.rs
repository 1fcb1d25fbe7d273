//! Formats the rows as a Markdown table for the documents.

use easysight_capture::CaptureError;

use crate::{Row, Told, rows};

/// A language of the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    En,
    /// Chinese.
    Zh,
}

/// Returns the table for `docs/cameras.md` or `docs/cameras.zh-CN.md`.
#[must_use]
pub fn table(language: Language) -> String {
    let head = match language {
        Language::En => "| what the camera does | brands | what is reported | what to set |",
        Language::Zh => "| 摄像机的做法 | 厂商 | 报告什么 | 如何设置 |",
    };
    let mut table = format!("{head}\n|---|---|---|---|\n");
    for row in rows::all() {
        table.push_str(&line(&row, language));
    }
    table
}

fn line(row: &Row, language: Language) -> String {
    let (does, none) = match language {
        Language::En => (row.does.en, "judged"),
        Language::Zh => (row.does.zh, "照常判断"),
    };
    let (told, advice) = match row.told {
        Told::Judged([]) => (none.to_owned(), vec![]),
        Told::Judged(quirks) => {
            let codes: Vec<_> = quirks.iter().map(|quirk| format!("`{quirk}`")).collect();
            let comma = if language == Language::En { ", " } else { "，" };
            let told =
                format!("{none}{comma}{}", codes.join(if language == Language::En { ", " } else { "、" }));
            (told, quirks.iter().map(|quirk| quirk.advice()).collect())
        }
        Told::Reason(kind, words) => {
            let error = CaptureError { kind, detail: words.to_owned(), remote: true };
            (format!("`{kind}`"), vec![error.advice()])
        }
    };
    let (advice, space): (Vec<_>, _) = match language {
        Language::En => (advice.iter().map(|advice| advice.en).collect(), " "),
        Language::Zh => (advice.iter().map(|advice| advice.zh).collect(), ""),
    };
    format!("| {does} | {} | {told} | {} |\n", row.makes, advice.join(space))
}
