//! The output of findings.

use std::io::{self, Write};

use easysight_diagnose::Plan;
use easysight_protocol::Text;
use easysight_sandbox::Diagnosis;

use super::{Format, Outcome};
use crate::{
    findings::{self, Line, summary, summary::Titles},
    language::Language,
};

/// Prints each finding as soon as it is known, or all findings at the end.
pub(super) struct Printer {
    format: Format,
    /// True if the table shows every diagnosis of every source.
    all: bool,
    language: Language,
    lines: Vec<Line>,
}

impl Printer {
    pub(super) const fn new(format: Format, all: bool, language: Language) -> Self {
        Self { format, all, language, lines: Vec::new() }
    }

    pub(super) fn take(&mut self, outcome: Outcome, plan: &Plan) -> io::Result<()> {
        let Outcome { source, examination, picture, .. } = outcome;
        let decode_ms = examination.decode_ms;
        let language = self.language;
        let mut lines: Vec<Line> = examination
            .findings
            .into_iter()
            .map(|finding| Line::of(&source, finding, decode_ms, language).shown(picture.as_deref()))
            .collect();
        if let Some(failure) = &examination.failure {
            // Every requested diagnosis gets a line, even if no diagnosis could run, because programs expect a line for
            // each.
            let asked = plan.selected().iter().flat_map(|one| &one.diagnoses);
            lines
                .extend(asked.map(|diagnosis| Line::without_finding(&source, diagnosis, failure, decode_ms)));
        }
        if self.format == Format::Jsonl {
            let mut stdout = io::stdout().lock();
            for line in &lines {
                serde_json::to_writer(&mut stdout, line)?;
                writeln!(stdout)?;
            }
            return stdout.flush();
        }
        self.lines.extend(lines);
        Ok(())
    }

    pub(super) fn finish(self, plan: &Plan) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        match self.format {
            Format::Jsonl => Ok(()),
            Format::Json => {
                serde_json::to_writer_pretty(&mut stdout, &self.lines)?;
                writeln!(stdout)
            }
            Format::Table if self.all => writeln!(stdout, "{}", findings::table(&self.lines, self.language)),
            Format::Table => {
                let titles = titles(plan, self.language);
                writeln!(stdout, "{}", summary::table(&self.lines, &titles, self.language))
            }
        }
    }
}

/// Returns the titles of the plan's diagnoses.
fn titles(plan: &Plan, language: Language) -> Titles {
    let diagnoses = plan.selected().iter().flat_map(|one| &one.plugin.descriptor().diagnoses);
    let title = |one: &Diagnosis| {
        let title = Text { zh: one.title.zh.clone(), en: one.title.en.clone() };
        (one.id.clone(), language.of(&title).to_owned())
    };
    diagnoses.map(title).collect()
}
