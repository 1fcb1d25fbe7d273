//! `plugin bench`: runs a plugin many times and measures the cost of each run.

use std::sync::Arc;

use easysight_capture::Clip;
use easysight_sandbox::{Limits, Plugin, RunInput, RunOutcome, Status};
use serde::Serialize;

/// The minimum, the median and the maximum of several values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The minimum.
    pub min: f64,
    /// The median. For an even number of values, the lower one of the two middle values.
    pub median: f64,
    /// The maximum.
    pub max: f64,
}

impl Spread {
    /// Returns the spread of values. All three numbers are zero if there are no values.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let last = values.len().saturating_sub(1);
        Self { min: at(0), median: at(last / 2), max: at(last) }
    }
}

/// The measured costs of several runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// The number of measured runs.
    pub runs: usize,
    /// The number of frames of the clip.
    pub frames: usize,
    /// The width and height of the clip, in pixels.
    pub size: (u32, u32),
    /// The fuel of a run.
    pub fuel: Spread,
    /// The elapsed time of a run in milliseconds, including instantiation.
    pub run_ms: Spread,
    /// The number of bytes that the host handed over in a run.
    pub bytes_handed_over: Spread,
    /// The peak of linear memory, in bytes.
    pub memory_bytes: Spread,
    /// The outcome of the run before the measured ones: a status for each diagnosis, or the failure.
    pub outcome: String,
}

/// Runs a plugin several times on a clip and measures the runs. One run before these is not measured, because it also
/// makes the smaller copies of the frames (the pyramid), and the plugins of a job share these copies.
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

/// Returns the word for a status, as findings contain it.
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
