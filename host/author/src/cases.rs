//! `plugin test`: cases in a plain file, each a clip, a configuration and what is expected of the finding.

mod file;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use easysight_capture::Clip;
use easysight_diagnose::{Captured, judge};
use easysight_protocol::{Finding, Status};
use easysight_sandbox::Plugin;
use serde::Serialize;
use serde_json::Value;

use crate::{AuthorError, Rendering, Workshop};

/// A file of cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Cases {
    /// The cases, in the file's order.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What it proves.
    pub name: String,
    /// The line of the file where it begins.
    pub line: usize,
    /// The clip.
    pub footage: Footage,
    /// The configuration; defaults where none is given.
    pub config: Option<Value>,
    /// What must come out, at least one.
    pub expect: Vec<Expectation>,
}

/// Where a case's clip comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Footage {
    /// A file.
    File(PathBuf),
    /// Computed. Without a size and a number of frames it is as the plugin asks for.
    Rendered(Rendering),
}

/// What is expected of one diagnosis.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// The diagnosis; the plugin's only one where none is named.
    pub diagnosis: Option<String>,
    /// One of these; any where there is none.
    pub status: Vec<Status>,
    /// The kind of failure, such as `inconclusive`.
    pub failure: Option<String>,
    /// The score lies within.
    pub score: Option<(f64, f64)>,
    /// Metrics, each within its range.
    pub metrics: Vec<(String, (f64, f64))>,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseOutcome {
    /// What it proves.
    pub name: String,
    /// The line of the file where it begins.
    pub line: usize,
    /// True where all is as expected.
    pub passed: bool,
    /// What is not as expected.
    pub offences: Vec<String>,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Cases {
    /// Reads a file of cases. Paths of clips are seen from the file's folder.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Cases`] with line and field, [`AuthorError::Io`].
    pub fn read(path: &Path) -> Result<Self, AuthorError> {
        let text = std::fs::read_to_string(path).map_err(AuthorError::io(path))?;
        file::parse(path, &text).map(|cases| Self { cases })
    }
}

impl Case {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// Where it cannot be run: [`AuthorError::Config`], [`AuthorError::Clip`].
    pub fn run(&self, workshop: &Workshop, plugin: &Arc<Plugin>) -> Result<CaseOutcome, AuthorError> {
        let plan = Workshop::plan(plugin, self.config.as_ref())?;
        let clip = match &self.footage {
            Footage::File(file) => workshop.clip(&plan, &file.display().to_string())?,
            Footage::Rendered(rendering) => rendered(rendering, plugin)?,
        };
        let examination = judge(&plan, &Captured { clip: Ok(clip), elapsed: std::time::Duration::ZERO });
        let mut offences = Vec::new();
        for expectation in &self.expect {
            expectation.hold_against(&examination.findings, &mut offences);
        }
        Ok(CaseOutcome {
            name: self.name.clone(),
            line: self.line,
            passed: offences.is_empty(),
            offences,
            findings: examination.findings,
        })
    }
}

/// As long as the plugin asks for, where the case does not say.
fn rendered(rendering: &Rendering, plugin: &Plugin) -> Result<Arc<Clip>, AuthorError> {
    let clip = rendering.lasting(plugin.descriptor().clip).clip();
    clip.ok_or_else(|| AuthorError::Clip("a clip cannot be that large".into()))
}

impl Expectation {
    /// Says what is not as expected, a sentence each.
    fn hold_against(&self, findings: &[Finding], offences: &mut Vec<String>) {
        let wanted = |finding: &&Finding| self.diagnosis.as_ref().is_none_or(|id| *id == finding.diagnosis);
        let Some(finding) = findings.iter().find(wanted) else {
            let all =
                findings.iter().map(|finding| finding.diagnosis.as_str()).collect::<Vec<_>>().join(", ");
            let id = self.diagnosis.as_deref().unwrap_or_default();
            offences.push(format!("there is no finding {id}; there are: {all}"));
            return;
        };
        let id = &finding.diagnosis;
        let failure = finding.failure.as_ref();
        match (&self.failure, failure) {
            (Some(kind), Some(failure)) if *kind == failure.kind => {}
            (Some(kind), None) => offences.push(format!("{id}: {kind} is expected, and it was judged")),
            (expected, Some(failure)) => {
                let expected = expected.as_deref().unwrap_or("a judgement");
                offences
                    .push(format!("{id}: {expected} is expected, not {}: {}", failure.kind, failure.detail));
                return;
            }
            (None, None) => {}
        }
        if let Some(status) = finding.status
            && !self.status.is_empty()
            && !self.status.contains(&status)
        {
            let allowed = self.status.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(" or ");
            offences
                .push(format!("{id}: the status is {status}, {allowed} is expected: {}", finding.message.en));
        }
        let mut within = |what: &str, value: Option<f64>, (low, high): (f64, f64)| match value {
            Some(value) if (low..=high).contains(&value) => {}
            Some(value) => {
                offences.push(format!("{id}: {what} is {value:.4}, {low} to {high} is expected"));
            }
            None => offences.push(format!("{id}: there is no {what}")),
        };
        if let Some(range) = self.score {
            within("the score", finding.score, range);
        }
        for (name, range) in &self.metrics {
            within(name, finding.metrics.get(name).map(|metric| metric.value), *range);
        }
    }
}
