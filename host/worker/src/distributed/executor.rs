//! One leased job, from its plan to its result.

use std::{fmt::Display, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use easysight_capture::{CaptureErrorKind, Capturer, Source};
use easysight_daemon::telemetry;
use easysight_diagnose::{
    Baselines, Captured, Examination, Illustration, Looks, Plan, Selected, Taken, capture, capture_part,
    illustrate, judge_until, not_run,
};
use easysight_protocol::{
    Baseline, Failure, Finding, JobOutcome, JobPlan, JobResult, LeaseToken, LeasedJob, Look, PlannedPlugin,
    uploaded_name,
};
use easysight_sandbox::{Digest, LoadError, Stop};
use futures::FutureExt;
use tempfile::TempPath;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::places::Place;

use super::{
    Distributed,
    client::CallError,
    download::FetchError,
    lost::{self, Spared},
    outbox::Done,
    pictures::Parcel,
    upload::{self, UploadError},
};

/// A job that was leased to the node.
pub(crate) struct Assignment {
    pub(crate) job: LeasedJob,
    pub(crate) lease: LeaseToken,
    /// `None` if the master's answer refers to a plan that the answer does not contain.
    pub(crate) plan: Option<Arc<JobPlan>>,
    /// Cancelled if the master takes the job back.
    pub(crate) revoked: CancellationToken,
}

/// Works on a job and sends its result. The place of the job becomes free in every case, even if a defect ends the job.
pub(crate) async fn work(node: Arc<Distributed>, assignment: Assignment, place: Place) {
    let Assignment { job, lease, plan, revoked } = assignment;
    let request = plan.as_ref().and_then(|plan| plan.origin.request_id.as_deref());
    let span =
        tracing::info_span!("job", id = %job.id, attempt = job.attempt, camera = job.camera_id, request);
    let origin = plan.as_ref().and_then(|plan| plan.origin.traceparent.as_deref());
    telemetry::follow(&span, origin);
    async {
        node.metrics.running.inc();
        let started = Instant::now();
        let deadline = job.deadline_ms.map_or(Duration::MAX, Duration::from_millis);
        let examined = AssertUnwindSafe(examine(&node, &job, plan.as_deref(), &place)).catch_unwind();
        let broken = |_| Err(internal("a defect of the worker ended the job"));
        let outcome = tokio::select! {
            outcome = examined => Some(outcome.unwrap_or_else(broken)),
            () = revoked.cancelled() => None,
            // The master ends an overdue attempt itself, so no result is sent.
            () = sleep(deadline) => None,
            () = node.aborting.cancelled() => Some(Ok((JobOutcome::Returned, Vec::new()))),
        };
        node.metrics.running.dec();
        drop(place);
        let Some(outcome) = outcome else {
            node.metrics.dropped.inc();
            tracing::info!("the job is dropped: it was cancelled or is overdue");
            node.book.release(job.id, job.attempt);
            return;
        };
        let (outcome, pictures) =
            outcome.unwrap_or_else(|failure| (JobOutcome::Failed { failure }, Vec::new()));
        note(&node, &outcome, started.elapsed());
        let result = JobResult { job_id: job.id, lease, attempt: job.attempt, outcome };
        node.outbox.send(Done { result, pictures });
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

/// The outcome of a job, and the pictures that belong to it.
type Outcome = (JobOutcome, Vec<Parcel>);

async fn examine(
    node: &Distributed,
    job: &LeasedJob,
    plan: Option<&JobPlan>,
    place: &Place,
) -> Result<Outcome, Failure> {
    let plan = plan.ok_or_else(|| internal("the job came without its plan"))?;
    let every = plan.full_look_every;
    let gathered = async { Ok((source_of(node, job).await?, select(node, plan).await?)) };
    let (picture, (plan, not_run)) = match gathered.await {
        Ok(gathered) => gathered,
        Err(Lack::Master(error)) => {
            tracing::warn!(%error, "the master became unreachable before it sent everything that the job needs");
            return Ok((JobOutcome::Returned, Vec::new()));
        }
        Err(Lack::Own(failure) | Lack::Plugin(failure)) => return Err(failure),
    };
    let captured_at = easysight_protocol::now();
    let known = remembered(&job.baselines);
    let looks = Looks::new(every, &plan, &known);
    let judge = Judge { node, plan: Arc::new(plan), known: Arc::new(known), wants_good: job.good_picture };
    let source = &picture.source;
    let spared = match &job.lost {
        Some(lost) => {
            // The camera is known to give no picture, so there is nothing to decode.
            place.step_aside();
            lost::look(&node.capturer, source, lost).await
        }
        None => None,
    };
    let (taken, whole, connects) = match spared {
        Some(Spared { look, captured, connects }) => (Taken::Whole(captured), look, Some(connects)),
        None => {
            let capturer = node.capturer.admitted_by(place.admission());
            let taken = match place.hold(judge.see(&capturer, source, &looks)).await {
                Some(taken) => taken,
                None => judge.see(&capturer, source, &looks).await,
            };
            (taken, Look::Full, None)
        }
    };
    let (look, loss, judged) = match taken {
        Taken::Enough(judged) => {
            let judged = judged?;
            node.metrics.capture_seconds.observe(judged.0.decode_ms / 1e3);
            (Look::Short, None, judged)
        }
        Taken::Whole(captured) => {
            node.metrics.capture_seconds.observe(captured.elapsed.as_secs_f64());
            let loss = captured.clip.as_ref().err().cloned();
            if let Some(error) = &loss {
                node.metrics.capture_failed(error.kind.code());
                if error.kind == CaptureErrorKind::FfmpegMissing {
                    // The camera has no fault. Another node may succeed.
                    node.note_ffmpeg_missing();
                    return Ok((JobOutcome::Returned, Vec::new()));
                }
            }
            (whole, loss, judge.judge(captured).await?)
        }
    };
    node.metrics.looked(look);
    let (mut examination, illustration) = judged;
    looks.note(look, &mut examination);
    let Examination { mut findings, mut shadows, baselines, failure, decode_ms } = examination;
    if let Some(failure) = failure {
        return Err(failure);
    }
    match &loss {
        Some(error) => lost::note(&node.capturer, source, error, look, connects, &mut findings).await,
        None => {
            findings.extend(not_run.refused);
            shadows.extend(not_run.shadows);
        }
    }
    drop(picture);
    let pictures = pack(node, job, illustration, &mut findings);
    let baselines = baselines.iter().map(|(plugin, bytes)| Baseline::new(plugin, bytes)).collect();
    let captured_at = Some(captured_at);
    Ok((JobOutcome::Finished { findings, shadows, decode_ms, captured_at, baselines }, pictures))
}

/// Judges the clip of one job.
struct Judge<'a> {
    node: &'a Distributed,
    plan: Arc<Plan>,
    known: Arc<Baselines>,
    wants_good: bool,
}

impl Judge<'_> {
    /// Captures the clip to judge. If a short check may be enough, the first part of the clip is judged as soon as it
    /// is captured. The capture ends there if the result of the short check suffices.
    async fn see(
        &self,
        capturer: &Capturer,
        source: &Source,
        looks: &Looks,
    ) -> Taken<Result<(Examination, Illustration), Failure>> {
        let Some(part) = looks.part(&self.plan) else {
            return Taken::Whole(capture(capturer, &self.plan, source).await);
        };
        let enough = async |captured: Captured| match self.judge(captured).await {
            Ok(judged) => looks.is_enough(&judged.0).then_some(Ok(judged)),
            Err(failure) => Some(Err(failure)),
        };
        capture_part(capturer, &self.plan, source, &part, enough).await
    }

    async fn judge(&self, captured: Captured) -> Result<(Examination, Illustration), Failure> {
        // The log lines of plugins belong to the job.
        let span = tracing::Span::current();
        let (plan, known, wants_good) = (Arc::clone(&self.plan), Arc::clone(&self.known), self.wants_good);
        let longest = plan.longest();
        let judging = move |stop: &Stop| {
            span.in_scope(|| {
                let examination = judge_until(&plan, &captured, &known, stop);
                if stop.is_stopped() {
                    return (examination, Illustration::default());
                }
                let illustration = illustrate(&captured, &examination.findings, wants_good);
                (examination, illustration)
            })
        };
        self.node.executors.run(longest, judging).await.map_err(|error| internal(&error))
    }
}

/// Packs the pictures of a job, which are sent once its result is recorded. The findings refer to the evidence picture
/// only if there is room for the picture.
fn pack(node: &Distributed, job: &LeasedJob, drawn: Illustration, findings: &mut [Finding]) -> Vec<Parcel> {
    let mut parcels = Vec::new();
    if let Some(seen) = drawn.seen {
        let evidence = seen.evidence();
        let both = [seen.picture, seen.thumbnail].map(|picture| node.courier.pack(picture, None));
        if let [Some(picture), Some(thumbnail)] = both {
            parcels.extend([picture, thumbnail]);
            for finding in findings.iter_mut().filter(|finding| finding.is_abnormal()) {
                finding.evidence = Some(evidence.clone());
            }
        } else {
            node.metrics.pictures_dropped.inc_by(2);
        }
    }
    if let (Some(good), Some(camera)) = (drawn.good, &job.camera_id) {
        parcels.extend(node.courier.pack(good, Some(camera.clone())));
    }
    parcels
}

/// Returns the baselines of the camera. A damaged baseline is ignored, so that the job still runs.
fn remembered(baselines: &[Baseline]) -> Baselines {
    let read = |baseline: &Baseline| match baseline.bytes() {
        Ok(bytes) => Some((baseline.plugin.clone(), bytes.into())),
        Err(error) => {
            tracing::warn!(plugin = baseline.plugin, %error, "a baseline cannot be used; its plugin starts without one");
            None
        }
    };
    baselines.iter().filter_map(read).collect()
}

/// Why a job cannot be worked on.
enum Lack {
    /// The master is unreachable. The job is not the cause and is returned, so it loses no attempt.
    Master(String),
    /// A part of the job is wrong or not available, for example its source or a plugin.
    Own(Failure),
    /// This node can never run one of the plugins. The other plugins of the job still run.
    Plugin(Failure),
}

/// The source of the job's picture.
struct Picture {
    source: Source,
    /// The file of an upload. It is removed when this value is dropped.
    _upload: Option<TempPath>,
}

async fn source_of(node: &Distributed, job: &LeasedJob) -> Result<Picture, Lack> {
    let own = |kind: &str, detail: String| Lack::Own(Failure { kind: kind.into(), detail });
    if uploaded_name(&job.source).is_some() {
        let dir = node.settings.uploads_dir();
        let fetched = upload::fetch(&node.client, job.id, &dir, node.settings.max_upload).await;
        let path = fetched.map_err(|error| match error {
            UploadError::Call(CallError::Unreachable { .. }) => Lack::Master(error.to_string()),
            _ => own("upload-unavailable", error.to_string()),
        })?;
        return Ok(Picture { source: Source::from(&*path), _upload: Some(path) });
    }
    let source: Source =
        job.source.parse().map_err(|error| own("invalid-source", format!("the camera's source: {error}")))?;
    if matches!(source, Source::File(_)) && !node.settings.takes_files() {
        let detail = "the camera's source is a file, which this worker does not accept (--file-sources)";
        return Err(own("file-sources-denied", detail.into()));
    }
    Ok(Picture { source, _upload: None })
}

/// The findings for plugins that do not run. The other plugins of the job still run.
#[derive(Default)]
struct NotRun {
    /// The findings for plugins that no trusted key has signed, or that this node cannot run.
    refused: Vec<Finding>,
    /// The findings for candidates that are not available, or that refuse the task's configuration.
    shadows: Vec<Finding>,
}

/// Loads the plugins of a plan.
async fn select(node: &Distributed, plan: &JobPlan) -> Result<(Plan, NotRun), Lack> {
    let mut selected = Vec::with_capacity(plan.plugins.len());
    let mut not_run = NotRun::default();
    for planned in &plan.plugins {
        match at_hand(node, planned).await {
            Ok(one) => selected.push(one),
            Err(Lack::Plugin(failure)) => not_run.refused.extend(findings_of(planned, &failure)),
            Err(lack) => return Err(lack),
        }
    }
    let mut shadows = Vec::with_capacity(plan.shadows.len());
    for planned in &plan.shadows {
        match at_hand(node, planned).await {
            Ok(one) => shadows.push(one),
            // An unusable candidate must not affect the job.
            Err(Lack::Own(failure) | Lack::Plugin(failure)) => {
                not_run.shadows.extend(findings_of(planned, &failure));
            }
            Err(Lack::Master(error)) => {
                tracing::warn!(plugin = planned.name, %error, "a candidate is not available; skipping it");
            }
        }
    }
    Ok((Plan::beside(selected, shadows), not_run))
}

fn findings_of(planned: &PlannedPlugin, failure: &Failure) -> Vec<Finding> {
    not_run(&planned.diagnoses, &planned.name, &planned.digest, failure)
}

/// Loads and configures a plugin of a plan.
async fn at_hand(node: &Distributed, planned: &PlannedPlugin) -> Result<Selected, Lack> {
    let failure = |kind: &str, detail: &dyn Display| Failure {
        kind: kind.into(),
        detail: format!("the plugin {}: {detail}", planned.name),
    };
    let unavailable = |detail: &dyn Display| failure("plugin-unavailable", detail);
    let digest: Digest = planned.digest.parse().map_err(|error| Lack::Own(unavailable(&error)))?;
    let plugin = node.plugins.get(digest).await.map_err(|error| match &*error {
        FetchError::Call(CallError::Unreachable { .. }) => Lack::Master(error.to_string()),
        FetchError::Untrusted(_) => Lack::Plugin(failure("plugin-untrusted", &error)),
        FetchError::Load(LoadError::OtherContract { .. }) => Lack::Plugin(failure("other-contract", &error)),
        unusable if unusable.blames_component() => Lack::Plugin(unavailable(&error)),
        _ => Lack::Own(unavailable(&error)),
    })?;
    let config = plugin.resolve_config(Some(&planned.config)).map_err(|error| {
        Lack::Own(failure("invalid-config", &format_args!("{}: {}", error.field, error.detail)))
    })?;
    // A master sets no limits, so the node's ceilings apply.
    let limits = plugin.ceilings();
    Ok(Selected { plugin, diagnoses: planned.diagnoses.clone(), config, limits })
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
            tracing::info!(?took, "returned to the master");
        }
    }
}
