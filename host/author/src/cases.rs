//! `plugin test`: runs cases from a plain file. A case consists of a clip, a configuration and the expected
//! findings.

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
    /// What the case proves.
    pub name: String,
    /// The line of the file where the case begins, from 1.
    pub line: usize,
    /// The clip.
    pub footage: Footage,
    /// The configuration. `None` means the defaults.
    pub config: Option<Value>,
    /// The expected results, at least one.
    pub expect: Vec<Expectation>,
}

/// The origin of a case's clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Footage {
    /// A file.
    File(PathBuf),
    /// A computed clip. If the number of frames is zero, the plugin's request determines the number. The same applies
    /// to the interval.
    Rendered(Rendering),
}

/// The expected result of one diagnosis.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// The id of the diagnosis. `None` means the first finding, for plugins with only one diagnosis.
    pub diagnosis: Option<String>,
    /// The allowed statuses. If empty, any status is allowed.
    pub status: Vec<Status>,
    /// The expected kind of failure, such as `inconclusive`.
    pub failure: Option<String>,
    /// The allowed range of the score.
    pub score: Option<(f64, f64)>,
    /// The metrics, each with its allowed range.
    pub metrics: Vec<(String, (f64, f64))>,
}

/// The result of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseOutcome {
    /// What the case proves.
    pub name: String,
    /// The line of the file where the case begins, from 1.
    pub line: usize,
    /// True if the case gave the expected results.
    pub passed: bool,
    /// The deviations from the expected results, one sentence each.
    pub offences: Vec<String>,
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Cases {
    /// Reads a file of cases. Paths of clips are relative to the file's folder.
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
    /// Runs the case.
    ///
    /// # Errors
    ///
    /// [`AuthorError::Config`] or [`AuthorError::Clip`] if the case cannot be run.
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

/// Computes a clip. If the case does not set the length, the plugin's request determines it.
fn rendered(rendering: &Rendering, plugin: &Plugin) -> Result<Arc<Clip>, AuthorError> {
    let clip = rendering.lasting(plugin.descriptor().clip).clip();
    clip.ok_or_else(|| AuthorError::Clip("the clip of this case is too large".into()))
}

impl Expectation {
    /// Compares the findings with the expected result. Adds one sentence for each deviation.
    fn hold_against(&self, findings: &[Finding], offences: &mut Vec<String>) {
        let wanted = |finding: &&Finding| self.diagnosis.as_ref().is_none_or(|id| *id == finding.diagnosis);
        let Some(finding) = findings.iter().find(wanted) else {
            let all =
                findings.iter().map(|finding| finding.diagnosis.as_str()).collect::<Vec<_>>().join(", ");
            let id = self.diagnosis.as_deref().unwrap_or_default();
            offences.push(format!("there is no finding {id}; the findings are: {all}"));
            return;
        };
        let id = &finding.diagnosis;
        let failure = finding.failure.as_ref();
        match (&self.failure, failure) {
            (Some(kind), Some(failure)) if *kind == failure.kind => {}
            (Some(kind), None) => {
                offences.push(format!("{id}: expected {kind}, but the plugin judged the clip"));
            }
            (expected, Some(failure)) => {
                let expected = expected.as_deref().unwrap_or("a judgement");
                offences.push(format!("{id}: expected {expected}, got {}: {}", failure.kind, failure.detail));
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
                .push(format!("{id}: the status is {status}, expected {allowed}: {}", finding.message.en));
        }
        let mut within = |what: &str, value: Option<f64>, (low, high): (f64, f64)| match value {
            Some(value) if (low..=high).contains(&value) => {}
            Some(value) => {
                offences.push(format!("{id}: {what} is {value:.4}, expected {low} to {high}"));
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
