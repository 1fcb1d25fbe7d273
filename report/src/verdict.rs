//! The result of a diagnosis for a case, and whether it is right.

use easysight_protocol::Finding;
use serde::{Deserialize, Serialize};

use crate::manifest::{Case, Role};

/// The result of a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A fault was found.
    Alarm,
    /// No fault was found.
    Normal,
    /// The picture does not allow a decision.
    Inconclusive,
    /// The plugin failed, through its own fault.
    Failed,
}

/// The result that a case requires of a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// The diagnosis must find its fault.
    Alarm,
    /// Any result is right, because a finding would be a consequence of the fault.
    Either,
    /// The diagnosis must not alarm, because the clip is healthy and unchanged.
    QuietHealthy,
    /// The diagnosis must not alarm, because the clip only looks faulty.
    QuietConfounder,
    /// The diagnosis must not alarm, because another diagnosis must find the fault.
    QuietOther,
}

/// The verdict on one diagnosis of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The case's file.
    pub file: String,
    /// The diagnosis.
    pub diagnosis: String,
    /// The required result.
    pub wanted: Wanted,
    /// The actual result.
    pub answer: Answer,
    /// True if the finding names another finding as its cause.
    pub is_consequence: bool,
    /// The score from 0 to 100. 100 is healthy.
    pub score: Option<f64>,
    /// The metric that determined the result, with its value and the threshold.
    pub decision: Option<(String, f64, f64)>,
    /// The message of the diagnosis.
    pub message: String,
}

impl Wanted {
    /// Returns the result that this case requires of this diagnosis.
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
    /// Judges a finding in a case.
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

    /// Makes an inconclusive verdict on a diagnosis without a finding.
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

    /// True if the result is wrong.
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

    /// Returns the distance of the score from the threshold of 50. The distance is positive if the score is on the
    /// wrong side.
    #[must_use]
    pub fn wrongness(&self) -> f64 {
        let score = self.score.unwrap_or(50.0);
        if self.wanted == Wanted::Alarm { score - 50.0 } else { 50.0 - score }
    }
}
