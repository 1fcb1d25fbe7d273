//! The walk of one job: requested diagnoses become a [`Plan`], a source becomes a clip, the plan's
//! plugins judge it one after the other, and findings in the words of the protocol come out. Workers
//! and the command line walk it alike; who waits for whom, and how many at a time, is theirs.

mod baselines;
mod canvas;
mod causes;
mod examination;
mod looks;
mod pictures;
mod plan;
mod plugins;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use easysight_capture::{Capture, CaptureError, Capturer, Clip, ClipRequest, Source};
use easysight_protocol::Finding;
use easysight_sandbox::{RunInput, RunOutcome, Stop};
use tokio::time::Instant;
use tracing::Instrument;

pub use baselines::{BaselineStore, Baselines};
pub use examination::{Examination, SIGNAL_LOSS, not_run};
pub use looks::Looks;
pub use pictures::{Illustration, Picture, PictureError, Seen, evidence, good_picture, illustrate};
pub use plan::{Plan, PlanError, Selected};
pub use plugins::{PluginSet, Rejected};

/// A clip, or why there is none, and how long it took.
#[derive(Debug, Clone)]
pub struct Captured {
    /// The clip.
    pub clip: Result<Arc<Clip>, CaptureError>,
    /// Wall clock of the capture; of a live source mostly the time that the clip covers.
    pub elapsed: Duration,
}

/// Captures what a plan needs to see.
///
/// Dropping the future ends the capture.
pub async fn capture(capturer: &Capturer, plan: &Plan, source: &Source) -> Captured {
    let started = Instant::now();
    let span = tracing::debug_span!("capture");
    let clip = capturer.capture(source, plan.request()).instrument(span).await.map(Arc::new);
    Captured { clip, elapsed: started.elapsed() }
}

/// What came of a capture that might end early.
#[derive(Debug)]
pub enum Taken<T> {
    /// The first part was enough, and this came of it.
    Enough(T),
    /// Everything was captured, or nothing could be.
    Whole(Captured),
}

/// Captures what a plan needs to see, unless `enough` has an answer to the first `part` of it.
///
/// Dropping the future ends the capture.
pub async fn capture_part<T, F: Future<Output = Option<T>>>(
    capturer: &Capturer,
    plan: &Plan,
    source: &Source,
    part: &ClipRequest,
    enough: impl FnOnce(Captured) -> F,
) -> Taken<T> {
    let started = Instant::now();
    let span = tracing::debug_span!("capture");
    let enough = |clip| enough(Captured { clip: Ok(Arc::new(clip)), elapsed: started.elapsed() });
    let captured = capturer.capture_part(source, plan.request(), part, enough).instrument(span).await;
    let clip = match captured {
        Ok(Capture::Enough(answer)) => return Taken::Enough(answer),
        Ok(Capture::Whole(clip)) => Ok(Arc::new(clip)),
        Err(error) => Err(error),
    };
    Taken::Whole(Captured { clip, elapsed: started.elapsed() })
}

/// Judges where nothing is remembered of the camera, as [`judge_with`] does.
#[must_use]
pub fn judge(plan: &Plan, captured: &Captured) -> Examination {
    judge_with(plan, captured, &Baselines::new())
}

/// Judges: runs the plan's plugins on the clip, with what they remember of the camera, and tells
/// causes from what follows from them. Blocks, and computes on the calling thread.
#[must_use]
pub fn judge_with(plan: &Plan, captured: &Captured, known: &Baselines) -> Examination {
    judge_until(plan, captured, known, &Stop::new())
}

/// The same, with a switch by which it can be stopped: the plugin that runs ends at once, and no other one
/// begins. What was found until then is of no use.
#[must_use]
pub fn judge_until(plan: &Plan, captured: &Captured, known: &Baselines, stop: &Stop) -> Examination {
    let clip = match &captured.clip {
        Ok(clip) => clip,
        Err(error) => return Examination::without_clip(error, captured.elapsed),
    };
    let (mut findings, mut baselines) = (Vec::new(), Baselines::new());
    for selected in plan.selected().iter().take_while(|_| !stop.is_stopped()) {
        let name = &selected.plugin.descriptor().name;
        let outcome = run(selected, clip, known.get(name), stop);
        findings.extend(examination::findings(selected, &outcome));
        learn(&mut baselines, known, name, outcome.baseline);
    }
    let mut shadows = Vec::new();
    for selected in plan.shadows().iter().take_while(|_| !stop.is_stopped()) {
        // It has a memory of its own, which begins with what the version beside it knows.
        let own = selected.plugin.digest().to_string();
        let begins_with = known.get(&own).or_else(|| known.get(&selected.plugin.descriptor().name));
        let outcome = run(selected, clip, begins_with, stop);
        shadows.extend(in_place(plan, selected, &findings, examination::findings(selected, &outcome)));
        learn(&mut baselines, known, &own, outcome.baseline);
    }
    causes::mark_consequences(
        &mut findings,
        plan.selected().iter().flat_map(|one| one.plugin.explanations()),
    );
    let decode_ms = milliseconds(captured.elapsed);
    Examination { findings, shadows, baselines, failure: None, decode_ms }
}

/// Most plugins learn little from most clips: what did not change need not be kept again.
fn learn(baselines: &mut Baselines, known: &Baselines, name: &str, new: Option<Bytes>) {
    if let Some(new) = new
        && known.get(name) != Some(&new)
    {
        baselines.insert(name.to_owned(), new);
    }
}

/// A candidate's findings with the causes that they would have in the place of those that count.
fn in_place(
    plan: &Plan,
    candidate: &Selected,
    counting: &[Finding],
    candidates: Vec<Finding>,
) -> Vec<Finding> {
    let own = candidates.len();
    let replaced: Vec<String> = candidates.iter().map(|finding| finding.diagnosis.clone()).collect();
    let mut all = candidates;
    all.extend(counting.iter().filter(|one| !replaced.contains(&one.diagnosis)).cloned());
    // Whoever made a finding says what it explains.
    let others = plan.selected().iter().flat_map(|one| one.plugin.explanations());
    let others = others.filter(|explanation| !replaced.contains(&explanation.diagnosis));
    causes::mark_consequences(&mut all, candidate.plugin.explanations().iter().chain(others));
    all.truncate(own);
    all
}

/// One plugin on one clip; what it logged goes to the operator's log.
fn run(selected: &Selected, clip: &Clip, baseline: Option<&Bytes>, stop: &Stop) -> RunOutcome {
    let plugin = selected.plugin.descriptor().name.as_str();
    let _span = tracing::debug_span!("plugin", plugin).entered();
    let input = RunInput {
        clip: selected.sees(clip),
        config: Arc::clone(&selected.config),
        limits: selected.limits,
        baseline: baseline.cloned(),
    };
    let outcome = selected.plugin.run_until(input, stop);
    for line in &outcome.log {
        // The macros want a level that is known when they are compiled.
        match line.level {
            tracing::Level::ERROR => tracing::error!(plugin, "{}", line.text),
            tracing::Level::WARN => tracing::warn!(plugin, "{}", line.text),
            tracing::Level::INFO => tracing::info!(plugin, "{}", line.text),
            _ => tracing::debug!(plugin, "{}", line.text),
        }
    }
    if outcome.dropped_log_lines > 0 {
        tracing::warn!(plugin, dropped = outcome.dropped_log_lines, "the plugin logged more than it may");
    }
    outcome
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    // Microseconds are as exact as the clock is worth.
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
