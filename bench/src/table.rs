//! Figures as people read them.

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

/// One figure.
#[derive(Debug)]
pub(crate) struct Row {
    what: String,
    measured: f64,
    peer: Option<f64>,
    unit: &'static str,
    mark: f64,
}

impl Row {
    /// Held against a mark in its own unit.
    pub(crate) fn against_mark(what: &str, measured: f64, unit: &'static str, mark: f64) -> Self {
        Self { what: what.to_owned(), measured, peer: None, unit, mark }
    }

    /// Held against a peer that was measured in the same run; the mark is the ratio.
    pub(crate) fn ratio(what: &str, measured: f64, peer: f64, unit: &'static str, mark: f64) -> Self {
        Self { what: what.to_owned(), measured, peer: Some(peer), unit, mark }
    }
}

/// All figures.
pub(crate) fn render(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["what", "measured", "peer", "ratio", "mark", ""]);
    for row in rows {
        let Row { what, measured, peer, unit, mark } = row;
        let (peer, ratio, mark_text, value) = match peer {
            Some(peer) => {
                let ratio = measured / peer;
                (format!("{peer:.2} {unit}"), format!("{ratio:.2}"), format!("≤ {mark}"), ratio)
            }
            None => ("–".into(), "–".into(), format!("≤ {mark} {unit}"), *measured),
        };
        let verdict = if value <= *mark { "met" } else { "MISSED" };
        table.add_row([what, &format!("{measured:.2} {unit}"), &peer, &ratio, &mark_text, verdict]);
    }
    table
}
