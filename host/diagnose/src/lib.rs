//! Performs one job: requested diagnoses become a [`Plan`], a source becomes a clip, and the plan's plugins judge the
//! clip one after the other. The results are findings in the types of the protocol. Workers and the command line use
//! the same functions. Queues, waiting and parallel jobs are left to these callers.

mod baselines;
mod canvas;
mod causes;
mod examination;
mod letters;
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

/// The result of a capture.
#[derive(Debug, Clone)]
pub struct Captured {
    /// The clip, or why there is no clip.
    pub clip: Result<Arc<Clip>, CaptureError>,
    /// The time that the capture took. For a live source this is mostly the time that the clip covers.
    pub elapsed: Duration,
}

/// Captures the clip that a plan needs.
///
/// Dropping the future ends the capture.
pub async fn capture(capturer: &Capturer, plan: &Plan, source: &Source) -> Captured {
    let started = Instant::now();
    let span = tracing::debug_span!("capture");
    let clip = capturer.capture(source, plan.request()).instrument(span).await.map(Arc::new);
    Captured { clip, elapsed: started.elapsed() }
}

/// The result of a capture that may end early.
#[derive(Debug)]
pub enum Taken<T> {
    /// The first part was enough. The field contains the value that `enough` returned.
    Enough(T),
    /// The whole clip was captured, or the capture failed.
    Whole(Captured),
}

/// Captures the clip that a plan needs. `part` describes the first part of the clip. This part is passed to `enough`
/// first. If `enough` returns a value, the capture ends there.
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

/// Judges a clip as [`judge_with`] does, without baselines.
#[must_use]
pub fn judge(plan: &Plan, captured: &Captured) -> Examination {
    judge_with(plan, captured, &Baselines::new())
}

/// Judges a clip: runs the plan's plugins with their baselines for this camera, and separates causes from
/// consequences. This call blocks and computes on the calling thread.
#[must_use]
pub fn judge_with(plan: &Plan, captured: &Captured, known: &Baselines) -> Examination {
    judge_until(plan, captured, known, &Stop::new())
}

/// Judges a clip as [`judge_with`] does, but `stop` can stop the work: the running plugin ends at once, and no
/// other plugin starts. Discard the result of a stopped call.
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
        // A shadow has its own baseline, which starts as a copy of the baseline of the plugin's active version.
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

/// Adds a new baseline if it differs from the known one. Most plugins learn little from most clips, and an
/// unchanged baseline need not be stored again.
fn learn(baselines: &mut Baselines, known: &Baselines, name: &str, new: Option<Bytes>) {
    if let Some(new) = new
        && known.get(name) != Some(&new)
    {
        baselines.insert(name.to_owned(), new);
    }
}

/// Returns a candidate's findings with the causes that they would have if the candidate replaced the active plugin.
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
    // The explanations of a diagnosis come from the plugin that made its finding.
    let others = plan.selected().iter().flat_map(|one| one.plugin.explanations());
    let others = others.filter(|explanation| !replaced.contains(&explanation.diagnosis));
    causes::mark_consequences(&mut all, candidate.plugin.explanations().iter().chain(others));
    all.truncate(own);
    all
}

/// Runs one plugin on one clip. The lines that the plugin logged go to the operator's log.
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
        // The macros need a level that is known at compile time.
        match line.level {
            tracing::Level::ERROR => tracing::error!(plugin, "{}", line.text),
            tracing::Level::WARN => tracing::warn!(plugin, "{}", line.text),
            tracing::Level::INFO => tracing::info!(plugin, "{}", line.text),
            _ => tracing::debug!(plugin, "{}", line.text),
        }
    }
    if outcome.dropped_log_lines > 0 {
        tracing::warn!(
            plugin,
            dropped = outcome.dropped_log_lines,
            "the plugin logged more lines than allowed"
        );
    }
    outcome
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    // Rounded to whole microseconds, because further digits have no meaning.
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
