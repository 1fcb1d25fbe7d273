//! Prints measured figures as a table, each beside its mark: the value that it should reach or not exceed.

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};

/// One figure.
#[derive(Debug)]
pub struct Row {
    what: String,
    measured: f64,
    peer: Option<f64>,
    unit: &'static str,
    mark: f64,
    /// True if a higher value is better.
    at_least: bool,
}

impl Row {
    /// Makes a figure that should not exceed a mark in the same unit.
    #[must_use]
    pub fn against_mark(what: &str, measured: f64, unit: &'static str, mark: f64) -> Self {
        Self { what: what.to_owned(), measured, peer: None, unit, mark, at_least: false }
    }

    /// Makes a figure that should reach a mark in the same unit.
    #[must_use]
    pub fn at_least(what: &str, measured: f64, unit: &'static str, mark: f64) -> Self {
        Self { what: what.to_owned(), measured, peer: None, unit, mark, at_least: true }
    }

    /// Makes a figure that is compared with a peer, measured in the same run. The mark is the highest allowed
    /// ratio of the figure to the peer.
    #[must_use]
    pub fn ratio(what: &str, measured: f64, peer: f64, unit: &'static str, mark: f64) -> Self {
        Self { what: what.to_owned(), measured, peer: Some(peer), unit, mark, at_least: false }
    }
}

/// Renders all figures as a table.
#[must_use]
pub fn render(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["what", "measured", "peer", "ratio", "mark", ""]);
    for row in rows {
        let Row { what, measured, peer, unit, mark, at_least } = row;
        let (peer, ratio, mark_text, value) = match peer {
            Some(peer) => {
                let ratio = measured / peer;
                (format!("{peer:.2} {unit}"), format!("{ratio:.2}"), format!("≤ {mark}"), ratio)
            }
            None => {
                let sign = if *at_least { "≥" } else { "≤" };
                ("–".into(), "–".into(), format!("{sign} {mark} {unit}"), *measured)
            }
        };
        let met = if *at_least { value >= *mark } else { value <= *mark };
        let verdict = if met { "met" } else { "MISSED" };
        table.add_row([what, &format!("{measured:.2} {unit}"), &peer, &ratio, &mark_text, verdict]);
    }
    table
}
