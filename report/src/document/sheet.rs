//! A table with a title, for the terminal, Markdown and HTML.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sheet {
    /// The title above the table.
    pub title: String,
    /// The headings of the columns.
    pub heads: Vec<String>,
    /// The rows. Each has as many cells as there are headings.
    pub rows: Vec<Vec<String>>,
    /// A note below the table. May be empty.
    pub note: String,
}

impl Sheet {
    /// Renders the table for the terminal.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(&self.heads);
        for row in &self.rows {
            table.add_row(row);
        }
        table
    }

    /// Renders the table as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n", self.title);
        let mut line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            // Writing to a string does not fail.
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        };
        line(&self.heads);
        line(&vec!["---".to_owned(); self.heads.len()]);
        for row in &self.rows {
            line(row);
        }
        if !self.note.is_empty() {
            let _ = write!(text, "\n{}\n", self.note);
        }
        text.push('\n');
        text
    }

    /// Renders the table as HTML.
    #[must_use]
    pub fn html(&self) -> String {
        let mut text = format!("<h3>{}</h3><table>", escaped(&self.title));
        let mut line = |cells: &[String], tag: &str| {
            text.push_str("<tr>");
            for cell in cells {
                let _ = write!(text, "<{tag}>{}</{tag}>", escaped(cell));
            }
            text.push_str("</tr>");
        };
        line(&self.heads, "th");
        for row in &self.rows {
            line(row, "td");
        }
        let _ = write!(text, "</table><p>{}</p>", escaped(&self.note));
        text
    }
}

/// Escapes a string for HTML.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_cell_breaks_neither_markdown_nor_html() {
        let sheet = Sheet {
            title: "a & b".into(),
            heads: vec!["x|y".into()],
            rows: vec![vec!["<1>".into()]],
            note: String::new(),
        };
        assert!(sheet.markdown().contains("| x\\|y |\n| --- |\n| <1> |"));
        assert!(sheet.html().contains("<h3>a &amp; b</h3>") && sheet.html().contains("<td>&lt;1&gt;</td>"));
    }
}
