//! One leased job from its plan to its result.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use easysight_capture::{CaptureErrorKind, Source};
use easysight_diagnose::{Examination, Plan, Selected, capture, judge};
use easysight_protocol::{Failure, JobOutcome, JobPlan, JobResult, LeaseToken, LeasedJob};
use easysight_sandbox::{Digest, Limits};
use futures::FutureExt;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{Distributed, client::CallError, download::FetchError};

/// What the node was given.
pub(crate) struct Assignment {
    pub(crate) job: LeasedJob,
    pub(crate) lease: LeaseToken,
    /// None where the answer refers to a plan that it lacks.
    pub(crate) plan: Option<Arc<JobPlan>>,
    /// Cancelled where the job is the node's no longer.
    pub(crate) revoked: CancellationToken,
}

/// Works on a job and hands its result over. However it ends, its place becomes free.
pub(crate) async fn work(node: Arc<Distributed>, assignment: Assignment, place: OwnedSemaphorePermit) {
    let Assignment { job, lease, plan, revoked } = assignment;
    let span = tracing::info_span!("job", id = %job.id, attempt = job.attempt, camera = job.camera_id);
    async {
        node.metrics.running.inc();
        let started = Instant::now();
        let deadline = job.deadline_ms.map_or(Duration::MAX, Duration::from_millis);
        let examined = AssertUnwindSafe(examine(&node, &job, plan.as_deref())).catch_unwind();
        let broken = |_| Err(internal("the job broke off by a defect of the worker"));
        let outcome = tokio::select! {
            outcome = examined => Some(outcome.unwrap_or_else(broken)),
            () = revoked.cancelled() => None,
            // The master gives it up by itself.
            () = sleep(deadline) => None,
            () = node.aborting.cancelled() => Some(Ok(JobOutcome::Returned)),
        };
        node.metrics.running.dec();
        drop(place);
        let Some(outcome) = outcome else {
            node.metrics.dropped.inc();
            tracing::info!("the job is dropped: it was cancelled, or is overdue");
            node.book.release(job.id, job.attempt);
            return;
        };
        let outcome = outcome.unwrap_or_else(|failure| JobOutcome::Failed { failure });
        note(&node, &outcome, started.elapsed());
        node.outbox.send(JobResult { job_id: job.id, lease, attempt: job.attempt, outcome });
    }
    .instrument(span)
    .await;
}

async fn sleep(time: Duration) {
    if time == Duration::MAX {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(time).await;
}

fn internal(detail: &str) -> Failure {
    Failure { kind: "internal".into(), detail: detail.into() }
}

async fn examine(node: &Distributed, job: &LeasedJob, plan: Option<&JobPlan>) -> Result<JobOutcome, Failure> {
    let plan = plan.ok_or_else(|| internal("the job came without its plan"))?;
    let source: Source = job.source.parse().map_err(|error| Failure {
        kind: "invalid-source".into(),
        detail: format!("the camera's source: {error}"),
    })?;
    if matches!(source, Source::File(_)) && !node.settings.takes_files() {
        let detail = "the camera's source is a file, which this worker does not take (--file-sources)";
        return Err(Failure { kind: "file-sources-denied".into(), detail: detail.into() });
    }
    let plan = match select(node, plan).await {
        Ok(plan) => plan,
        Err(Lack::Master(error)) => {
            tracing::warn!(%error, "the master went away before it gave the plugin");
            return Ok(JobOutcome::Returned);
        }
        Err(Lack::Plugin(failure)) => return Err(failure),
    };
    let captured = capture(&node.capturer, &plan, &source).await;
    node.metrics.capture_seconds.observe(captured.elapsed.as_secs_f64());
    if let Err(error) = &captured.clip {
        node.metrics.capture_failed(error.kind.code());
        if error.kind == CaptureErrorKind::FfmpegMissing {
            // Nothing is wrong with the camera: another node may do better.
            node.note_ffmpeg_missing();
            return Ok(JobOutcome::Returned);
        }
    }
    let _place = node.computing.acquire().await.map_err(|error| internal(&error.to_string()))?;
    // The plugins' own log lines belong to the job.
    let span = tracing::Span::current();
    let judged = tokio::task::spawn_blocking(move || span.in_scope(|| judge(&plan, &captured))).await;
    let Examination { findings, failure, decode_ms } =
        judged.map_err(|error| internal(&format!("judging broke off: {error}")))?;
    match failure {
        Some(failure) => Err(failure),
        None => Ok(JobOutcome::Finished { findings, decode_ms }),
    }
}

/// Why there is no plan to work by.
enum Lack {
    /// The job is not at fault, and loses no attempt.
    Master(Arc<FetchError>),
    /// The plugin cannot be had, or does not take its configuration.
    Plugin(Failure),
}

/// The plan with its plugins at hand.
async fn select(node: &Distributed, plan: &JobPlan) -> Result<Plan, Lack> {
    let mut selected = Vec::with_capacity(plan.plugins.len());
    for planned in &plan.plugins {
        let unavailable = |detail: String| {
            let detail = format!("the plugin {}: {detail}", planned.name);
            Lack::Plugin(Failure { kind: "plugin-unavailable".into(), detail })
        };
        let digest: Digest = planned.digest.parse().map_err(|e| unavailable(format!("{e}")))?;
        let plugin = node.plugins.get(digest).await.map_err(|error| match *error {
            FetchError::Call(CallError::Unreachable { .. }) => Lack::Master(error),
            _ => unavailable(error.to_string()),
        })?;
        let config = plugin.resolve_config(Some(&planned.config)).map_err(|error| {
            let detail = format!("the plugin {}: {}: {}", planned.name, error.field, error.detail);
            Lack::Plugin(Failure { kind: "invalid-config".into(), detail })
        })?;
        let diagnoses = planned.diagnoses.clone();
        selected.push(Selected { plugin, diagnoses, config, limits: Limits::default() });
    }
    Ok(Plan::of(selected))
}

fn note(node: &Distributed, outcome: &JobOutcome, took: Duration) {
    match outcome {
        JobOutcome::Finished { findings, .. } => {
            node.metrics.finished.inc();
            node.metrics.count_findings(findings);
            let abnormal = findings.iter().filter(|finding| finding.is_abnormal()).count();
            tracing::info!(findings = findings.len(), abnormal, ?took, "judged");
        }
        JobOutcome::Failed { failure } => {
            node.metrics.failed.inc();
            tracing::warn!(kind = failure.kind, detail = failure.detail, ?took, "not judged");
        }
        JobOutcome::Returned => {
            node.metrics.returned.inc();
            tracing::info!(?took, "handed back");
        }
    }
}
