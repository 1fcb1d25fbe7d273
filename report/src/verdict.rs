//! What a diagnosis said of a case, and whether it should have.

use easysight_protocol::Finding;
use serde::{Deserialize, Serialize};

use crate::manifest::{Case, Role};

/// What a diagnosis said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Something is wrong.
    Alarm,
    /// Nothing is.
    Normal,
    /// The picture cannot tell.
    Inconclusive,
    /// The plugin broke off; its fault.
    Failed,
}

/// What a case wants of a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// To find its fault.
    Alarm,
    /// Nothing in particular: its finding would be a consequence.
    Either,
    /// To stay quiet, on a healthy clip as it came.
    QuietHealthy,
    /// To stay quiet, on what looks like a fault and is none.
    QuietConfounder,
    /// To stay quiet, for the fault is another diagnosis's.
    QuietOther,
}

/// One diagnosis of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The case's file.
    pub file: String,
    /// The diagnosis.
    pub diagnosis: String,
    /// What it should have said.
    pub wanted: Wanted,
    /// What it said.
    pub answer: Answer,
    /// True where it names another finding as the cause of its own.
    pub is_consequence: bool,
    /// 0 to 100; 100 is healthy.
    pub score: Option<f64>,
    /// The metric that decided, with its value and the threshold.
    pub decision: Option<(String, f64, f64)>,
    /// In its words.
    pub message: String,
}

impl Wanted {
    /// Of this diagnosis in this case.
    #[must_use]
    pub fn of(case: &Case, diagnosis: &str) -> Self {
        let names = |list: &[String]| list.iter().any(|id| id == diagnosis);
        match case.role {
            _ if names(&case.must) => Self::Alarm,
            _ if names(&case.may) => Self::Either,
            Role::Healthy => Self::QuietHealthy,
            Role::Confounder => Self::QuietConfounder,
            Role::Fault => Self::QuietOther,
        }
    }
}

impl Verdict {
    /// Of what a diagnosis found in a case.
    #[must_use]
    pub fn of(case: &Case, finding: &Finding) -> Self {
        let answer = match (&finding.failure, finding.is_abnormal()) {
            (Some(failure), _) if failure.is_harmless() => Answer::Inconclusive,
            (Some(_), _) => Answer::Failed,
            (None, true) => Answer::Alarm,
            (None, false) => Answer::Normal,
        };
        let decision = finding.decision.as_ref().map(|decision| {
            let value = finding.metrics.get(&decision.metric).map_or(f64::NAN, |metric| metric.value);
            (decision.metric.clone(), value, decision.threshold)
        });
        Self {
            file: case.file.clone(),
            diagnosis: finding.diagnosis.clone(),
            wanted: Wanted::of(case, &finding.diagnosis),
            answer,
            is_consequence: finding.consequence_of.is_some(),
            score: finding.score,
            decision,
            message: finding.message.en.clone(),
        }
    }

    /// Of a diagnosis that could not see anything.
    #[must_use]
    pub fn blind(case: &Case, diagnosis: &str, why: &str) -> Self {
        Self {
            file: case.file.clone(),
            diagnosis: diagnosis.to_owned(),
            wanted: Wanted::of(case, diagnosis),
            answer: Answer::Inconclusive,
            is_consequence: false,
            score: None,
            decision: None,
            message: why.to_owned(),
        }
    }

    /// True where it should have said something else.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        match self.wanted {
            Wanted::Alarm => self.answer != Answer::Alarm,
            Wanted::Either => self.answer == Answer::Failed,
            Wanted::QuietHealthy | Wanted::QuietConfounder => {
                matches!(self.answer, Answer::Alarm | Answer::Failed)
            }
            Wanted::QuietOther => {
                (self.answer == Answer::Alarm && !self.is_consequence) || self.answer == Answer::Failed
            }
        }
    }

    /// How far it is on the wrong side, to put the worst first; the more, the worse.
    #[must_use]
    pub fn wrongness(&self) -> f64 {
        let score = self.score.unwrap_or(50.0);
        if self.wanted == Wanted::Alarm { score - 50.0 } else { 50.0 - score }
    }
}
