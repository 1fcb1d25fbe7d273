//! `plugin bench`: what a run costs, over many runs.

use std::sync::Arc;

use easysight_capture::Clip;
use easysight_sandbox::{Limits, Plugin, RunInput, RunOutcome, Status};
use serde::Serialize;

/// The least, the middle and the greatest of several values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// As many are below as above; of an even number the lower of the two in the middle.
    pub median: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of these; zero where there are none.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let last = values.len().saturating_sub(1);
        Self { min: at(0), median: at(last / 2), max: at(last) }
    }
}

/// What runs cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// Number of runs.
    pub runs: usize,
    /// Frames of the clip.
    pub frames: usize,
    /// Its size.
    pub size: (u32, u32),
    /// Fuel of a run.
    pub fuel: Spread,
    /// Wall clock of a run in milliseconds, instantiation included.
    pub run_ms: Spread,
    /// Bytes that the host handed over in a run.
    pub bytes_handed_over: Spread,
    /// Linear memory at its highest.
    pub memory_bytes: Spread,
    /// What the runs came to: a status a diagnosis, or the failure.
    pub outcome: String,
}

/// Runs a plugin again and again on a clip, after a run that is not counted: it makes the pyramid, which the
/// plugins of a job share.
#[must_use]
pub fn bench(plugin: &Plugin, clip: &Arc<Clip>, config: &Arc<str>, runs: usize) -> Measured {
    let run = || {
        let (clip, config) = (Arc::clone(clip), Arc::clone(config));
        plugin.run(RunInput { clip, config, limits: Limits::default(), baseline: None })
    };
    let first = run();
    let outcomes: Vec<RunOutcome> = (0..runs.max(1)).map(|_| run()).collect();
    let spread = |value: fn(&RunOutcome) -> f64| Spread::of(outcomes.iter().map(value).collect());
    Measured {
        runs: outcomes.len(),
        frames: clip.frames().len(),
        size: (clip.info().width, clip.info().height),
        fuel: spread(|outcome| outcome.fuel as f64),
        run_ms: spread(|outcome| outcome.elapsed.as_secs_f64() * 1e3),
        bytes_handed_over: spread(|outcome| outcome.bytes_handed_over as f64),
        memory_bytes: spread(|outcome| outcome.memory_bytes as f64),
        outcome: in_words(&first),
    }
}

fn in_words(outcome: &RunOutcome) -> String {
    match &outcome.result {
        Ok(report) => {
            let word = |finding: &easysight_sandbox::Finding| {
                format!("{} {}", finding.diagnosis, status_word(finding.status))
            };
            report.findings.iter().map(word).collect::<Vec<_>>().join(", ")
        }
        Err(failure) => format!("{}: {failure}", failure.kind()),
    }
}

/// A status as findings are written.
pub(crate) const fn status_word(status: Status) -> &'static str {
    match status {
        Status::Normal => "normal",
        Status::Warning => "warning",
        Status::Error => "error",
        Status::Critical => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_middle_of_all_values() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { min: 1.0, median: 2.0, max: 3.0 });
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]), Spread { min: 1.0, median: 2.0, max: 4.0 });
        assert_eq!(Spread::of(vec![]), Spread { min: 0.0, median: 0.0, max: 0.0 });
    }
}
