//! The submissions of a standalone node: a bounded queue, the jobs in flight, and the outcomes of the latest
//! submissions for later requests. While one job computes, other jobs capture.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use easysight_capture::{CaptureErrorKind, Capturer, Source};
use easysight_daemon::{pulse::Pulse, telemetry};
use easysight_diagnose::{
    BaselineStore, Baselines, Captured, Examination, Picture, Plan, capture, illustrate, judge_until,
};
use easysight_protocol::{Failure, Origin, PoolStatus, Submission, SubmissionId, SubmissionState, Totals};
use easysight_sandbox::Stop;
use parking_lot::Mutex;
use tempfile::TempPath;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::{executors::Executors, metrics::Metrics};

/// The maximum number of ended submissions that are kept, so that clients can look them up.
const KEPT: usize = 1_000;
/// The interval at which the dispatcher reports that it is alive while there is nothing to do.
const STILL_THERE: Duration = Duration::from_secs(1);
/// The maximum size of the pictures of all ended submissions together, in bytes. The oldest pictures are dropped first.
const KEPT_PICTURES: usize = 64 << 20;

/// A job that waits in the queue.
struct Job {
    id: SubmissionId,
    plan: Plan,
    source: Source,
    /// The uploaded file, which is removed with the job.
    upload: Option<TempPath>,
    /// The span of the job's log lines.
    span: Span,
}

/// Why a submission was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The queue is full. The client may try again after this time.
    Full(Duration),
    /// The node is about to stop.
    Draining,
}

/// A submission, and the signal of its end for the requests that wait for it.
struct Entry {
    submission: Submission,
    /// The evidence picture of the findings.
    picture: Option<Picture>,
    ended: watch::Sender<bool>,
}

struct Book {
    entries: BTreeMap<SubmissionId, Entry>,
    /// Ended submissions, oldest first.
    ended: VecDeque<SubmissionId>,
    /// Submissions with a picture, oldest first. `picture_bytes` is the size of all these pictures.
    pictured: VecDeque<SubmissionId>,
    picture_bytes: usize,
    queued: u32,
    running: u32,
    /// A moving mean of the duration of a job, in seconds.
    job_seconds: f64,
}

impl Book {
    /// Counts the picture of an ended submission. Drops the oldest pictures while all pictures together exceed
    /// [`KEPT_PICTURES`].
    fn keep_picture(&mut self, id: SubmissionId) {
        let Some(picture) = self.entries.get(&id).and_then(|entry| entry.picture.as_ref()) else { return };
        self.picture_bytes += picture.jpeg.len();
        self.pictured.push_back(id);
        while self.picture_bytes > KEPT_PICTURES
            && let Some(oldest) = self.pictured.front().copied()
        {
            self.drop_picture(oldest);
        }
    }

    fn drop_picture(&mut self, id: SubmissionId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if let Some(picture) = entry.picture.take() {
            entry.submission.picture = None;
            self.picture_bytes = self.picture_bytes.saturating_sub(picture.jpeg.len());
            self.pictured.retain(|one| *one != id);
        }
    }
}

/// The findings, and their picture.
type Judged = (Examination, Option<Picture>);

/// The pool of a standalone node.
pub(crate) struct Jobs {
    book: Mutex<Book>,
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    pool_size: u32,
    max_concurrent_tasks: u32,
    queue_capacity: u32,
    executors: Arc<Executors>,
    capturer: Capturer,
    /// The baselines of the plugins for each source.
    baselines: Arc<BaselineStore>,
    metrics: Arc<Metrics>,
    /// Records that the dispatcher is alive.
    dispatching: Pulse,
}

impl Jobs {
    /// Creates the pool, which accepts jobs until [`Jobs::drain`]. Returns the pool, its dispatcher, and a token that
    /// aborts all jobs. The dispatcher is a future that completes when all jobs have ended.
    pub(crate) fn start(
        pool_size: u32,
        max_concurrent_tasks: u32,
        queue_capacity: u32,
        capturer: Capturer,
        baselines: BaselineStore,
        metrics: Arc<Metrics>,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static, CancellationToken) {
        // The book counts the jobs in the queue. It accepts at most one job for each slot of the queue and for each
        // free place. The channel has room for all of these jobs, so it never refuses a job that the book accepts.
        let places = pool_size.saturating_mul(max_concurrent_tasks);
        let (queue, waiting) = mpsc::channel(queue_capacity.saturating_add(places) as usize + 1);
        let jobs = Arc::new(Self {
            book: Mutex::new(Book {
                entries: BTreeMap::new(),
                ended: VecDeque::new(),
                pictured: VecDeque::new(),
                picture_bytes: 0,
                queued: 0,
                running: 0,
                job_seconds: 1.0,
            }),
            queue: Mutex::new(Some(queue)),
            pool_size,
            max_concurrent_tasks,
            queue_capacity,
            executors: Executors::new(pool_size),
            capturer,
            baselines: Arc::new(baselines),
            metrics,
            dispatching: Pulse::new(),
        });
        let abort = CancellationToken::new();
        let dispatch = dispatch(Arc::clone(&jobs), waiting, abort.clone());
        (jobs, dispatch, abort)
    }

    /// Accepts a submission, or returns why it is refused.
    pub(crate) fn submit(
        &self,
        plan: Plan,
        source: Source,
        shown: String,
        upload: Option<TempPath>,
        origin: &Origin,
    ) -> Result<Submission, Refused> {
        let queue = self.queue.lock().clone().ok_or(Refused::Draining)?;
        let mut book = self.book.lock();
        if book.queued >= self.most_queued(&book) {
            let capacity = self.pool_size * self.max_concurrent_tasks;
            self.metrics.refused.inc();
            let turns = f64::from(book.queued + 1) / f64::from(capacity);
            let seconds = (book.job_seconds * turns).clamp(1.0, 60.0);
            return Err(Refused::Full(Duration::from_secs_f64(seconds)));
        }
        let id = SubmissionId::fresh();
        let submission = Submission {
            id,
            state: SubmissionState::Queued,
            source: shown,
            created_at: easysight_protocol::now(),
            started_at: None,
            finished_at: None,
            decode_ms: None,
            findings: Vec::new(),
            failure: None,
            picture: None,
        };
        // The span is not a child of the request's span: the request may be answered long before the job ends.
        let span = tracing::info_span!(parent: None, "job", %id, request = origin.request_id);
        telemetry::follow(&span, origin.traceparent.as_deref());
        if queue.try_send(Job { id, plan, source, upload, span }).is_err() {
            // The book limits the jobs, so the channel is not full. It refuses a job only if the pool has ended.
            return Err(Refused::Draining);
        }
        let (ended, _) = watch::channel(false);
        book.entries.insert(id, Entry { submission: submission.clone(), picture: None, ended });
        book.queued += 1;
        self.metrics.accepted.inc();
        self.gauge(&book);
        Ok(submission)
    }

    /// Returns a submission. Waits up to `wait` for its end.
    pub(crate) async fn look_up(&self, id: SubmissionId, wait: Duration) -> Option<Submission> {
        let mut ended = self.book.lock().entries.get(&id)?.ended.subscribe();
        // The submission shows whether it has ended, so the result of the wait is not needed.
        drop(tokio::time::timeout(wait, ended.wait_for(|ended| *ended)).await);
        self.book.lock().entries.get(&id).map(|entry| entry.submission.clone())
    }

    /// Returns the evidence picture of a submission's findings, if there is one.
    pub(crate) fn picture(&self, id: SubmissionId) -> Option<Picture> {
        self.book.lock().entries.get(&id)?.picture.clone()
    }

    /// Lists the submissions that are kept, latest first.
    pub(crate) fn list(&self, state: Option<SubmissionState>, limit: usize) -> Vec<Submission> {
        let book = self.book.lock();
        let wanted = book.entries.values().rev().map(|entry| &entry.submission);
        wanted.filter(|one| state.is_none_or(|state| one.state == state)).take(limit).cloned().collect()
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let book = self.book.lock();
        PoolStatus {
            size: self.pool_size,
            max_concurrent_tasks: self.max_concurrent_tasks,
            capacity: self.pool_size * self.max_concurrent_tasks,
            running: book.running,
            waiting: 0,
            queued: book.queued,
            queue_capacity: self.queue_capacity,
        }
    }

    /// Returns the counts since the start.
    pub(crate) fn totals(&self) -> Totals {
        self.metrics.totals()
    }

    /// Lists the submissions that run now.
    pub(crate) fn running(&self) -> Vec<SubmissionId> {
        let book = self.book.lock();
        let running = book.entries.values().filter(|e| e.submission.state == SubmissionState::Running);
        running.map(|entry| entry.submission.id).collect()
    }

    /// True if the queue is full. A further submission would be refused.
    pub(crate) fn is_saturated(&self) -> bool {
        let book = self.book.lock();
        book.queued >= self.most_queued(&book)
    }

    /// Returns the number of jobs that may be queued now: the queue's capacity, plus one for each free place.
    fn most_queued(&self, book: &Book) -> u32 {
        let places = self.pool_size * self.max_concurrent_tasks;
        self.queue_capacity + places.saturating_sub(book.running)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.queue.lock().is_none()
    }

    /// False if the dispatcher or a run is stuck: the dispatcher was silent for `stuck` longer than its intended wait,
    /// or the run exceeds its time limit by more than `stuck`.
    pub(crate) fn is_alive(&self, stuck: Duration) -> bool {
        let now = Instant::now();
        self.dispatching.is_felt(now, STILL_THERE + stuck) && self.executors.is_alive(now, stuck)
    }

    /// Stops accepting submissions.
    pub(crate) fn drain(&self) {
        drop(self.queue.lock().take());
    }

    fn begin(&self, id: SubmissionId) {
        let mut book = self.book.lock();
        book.queued = book.queued.saturating_sub(1);
        book.running += 1;
        if let Some(entry) = book.entries.get_mut(&id) {
            entry.submission.state = SubmissionState::Running;
            entry.submission.started_at = Some(easysight_protocol::now());
        }
        self.gauge(&book);
    }

    fn end(&self, id: SubmissionId, was_running: bool, took: Duration, outcome: Result<Judged, Failure>) {
        let mut book = self.book.lock();
        if was_running {
            book.running = book.running.saturating_sub(1);
            book.job_seconds += 0.2 * (took.as_secs_f64() - book.job_seconds);
        } else {
            book.queued = book.queued.saturating_sub(1);
        }
        if let Some(entry) = book.entries.get_mut(&id) {
            let submission = &mut entry.submission;
            submission.finished_at = Some(easysight_protocol::now());
            match outcome {
                Ok((examination, picture)) => {
                    if picture.is_some() {
                        submission.picture = Some(format!("/api/v1/diagnosis/submissions/{id}/picture"));
                    }
                    entry.picture = picture;
                    submission.decode_ms = Some(examination.decode_ms);
                    submission.findings = examination.findings;
                    submission.failure = examination.failure;
                }
                Err(failure) => submission.failure = Some(failure),
            }
            submission.state = if submission.failure.is_some() {
                self.metrics.failed.inc();
                SubmissionState::Failed
            } else {
                self.metrics.finished.inc();
                SubmissionState::Finished
            };
            self.metrics.count_findings(&submission.findings);
            entry.ended.send_replace(true);
        }
        book.ended.push_back(id);
        book.keep_picture(id);
        while book.ended.len() > KEPT {
            if let Some(oldest) = book.ended.pop_front() {
                book.drop_picture(oldest);
                book.entries.remove(&oldest);
            }
        }
        self.gauge(&book);
    }

    fn gauge(&self, book: &Book) {
        self.metrics.running.set(book.running.into());
        self.metrics.queued.set(book.queued.into());
    }
}

/// Starts jobs as places become free, until the queue is closed and empty, or `abort` is cancelled.
async fn dispatch(jobs: Arc<Jobs>, mut waiting: mpsc::Receiver<Job>, abort: CancellationToken) {
    let places = Arc::new(Semaphore::new((jobs.pool_size * jobs.max_concurrent_tasks) as usize));
    let mut running = JoinSet::new();
    let mut place = None;
    loop {
        jobs.dispatching.beat();
        while running.try_join_next().is_some() {}
        // Both waits below may be long. Meanwhile the loop must report that it is alive.
        let still_there = tokio::time::sleep(STILL_THERE);
        let job = tokio::select! {
            // An error is impossible, since the semaphore is never closed.
            free = Arc::clone(&places).acquire_owned(), if place.is_none() => match free {
                Ok(free) => {
                    place = Some(free);
                    continue;
                }
                Err(_) => break,
            },
            job = waiting.recv(), if place.is_some() => job,
            () = still_there => continue,
            () = abort.cancelled() => None,
        };
        let place = place.take();
        let Some(job) = job else { break };
        let (jobs, abort, span) = (Arc::clone(&jobs), abort.clone(), job.span.clone());
        let turn = async move {
            work(&jobs, job, &abort).await;
            drop(place);
        };
        running.spawn(turn.instrument(span));
    }
    // Jobs that were never started end with a failure.
    waiting.close();
    while let Ok(job) = waiting.try_recv() {
        jobs.end(job.id, false, Duration::ZERO, Err(stopped()));
    }
    loop {
        jobs.dispatching.beat();
        tokio::select! {
            ended = running.join_next() => if ended.is_none() { break },
            () = tokio::time::sleep(STILL_THERE) => {}
        }
    }
}

fn stopped() -> Failure {
    Failure {
        kind: "stopped".into(),
        detail: "The worker was stopped before the job was done; submit it again.".into(),
    }
}

/// A job in flight. When the task of the job ends, even by a defect of this program, the place of the job becomes free,
/// and the requests that wait for the job are woken.
struct Turn<'a> {
    jobs: &'a Jobs,
    id: SubmissionId,
    started: Instant,
    outcome: Option<Result<Judged, Failure>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| {
            Err(Failure { kind: "internal".into(), detail: "A defect of the worker ended the job.".into() })
        });
        self.jobs.end(self.id, true, self.started.elapsed(), outcome);
    }
}

/// Runs one job from its start to its end.
async fn work(jobs: &Arc<Jobs>, job: Job, abort: &CancellationToken) {
    let Job { id, plan, source, upload, span: _ } = job;
    jobs.begin(id);
    let mut turn = Turn { jobs, id, started: Instant::now(), outcome: None };
    let outcome = tokio::select! {
        outcome = examine(jobs, plan, &source, upload.is_some()) => outcome,
        () = abort.cancelled() => Err(stopped()),
    };
    if let Some(upload) = upload
        && let Err(error) = upload.close()
    {
        tracing::warn!(%error, "an uploaded file cannot be removed");
    }
    let took = turn.started.elapsed();
    match &outcome {
        Ok((Examination { failure: None, findings, .. }, _)) => {
            let abnormal = findings.iter().filter(|finding| finding.is_abnormal()).count();
            tracing::info!(%source, findings = findings.len(), abnormal, ?took, "judged");
        }
        Ok((Examination { failure: Some(failure), .. }, _)) | Err(failure) => {
            tracing::warn!(%source, kind = failure.kind, detail = failure.detail, ?took, "not judged");
        }
    }
    turn.outcome = Some(outcome);
}

async fn examine(jobs: &Arc<Jobs>, plan: Plan, source: &Source, is_upload: bool) -> Result<Judged, Failure> {
    let captured = capture(&jobs.capturer, &plan, source).await;
    jobs.metrics.capture_seconds.observe(captured.elapsed.as_secs_f64());
    if let Err(error) = &captured.clip {
        jobs.metrics.capture_failed(error.kind.code());
        if error.kind == CaptureErrorKind::FfmpegMissing {
            tracing::error!("{}", CaptureErrorKind::FfmpegMissing.summary_en());
        }
    }
    let internal = |detail: String| Failure { kind: "internal".into(), detail };
    // An upload belongs to no camera that could be recognised later, so it has no baselines.
    let memory = (!is_upload).then(|| (Arc::clone(&jobs.baselines), source.clone()));
    // The log lines of plugins belong to the job.
    let span = Span::current();
    let longest = plan.longest();
    let judging = move |stop: &Stop| {
        span.in_scope(|| {
            let examination = match memory {
                Some((baselines, source)) => judge_remembering(&plan, &captured, &baselines, &source, stop),
                None => judge_until(&plan, &captured, &Baselines::new(), stop),
            };
            if stop.is_stopped() {
                return (examination, None);
            }
            let drawn = illustrate(&captured, &examination.findings, false);
            (examination, drawn.seen.map(|seen| seen.picture))
        })
    };
    jobs.executors.run(longest, judging).await.map_err(internal)
}

/// Judges a clip with the baselines of its source, and stores the new baselines. If baselines cannot be read or stored,
/// no finding is lost.
fn judge_remembering(
    plan: &Plan,
    captured: &Captured,
    baselines: &BaselineStore,
    source: &Source,
    stop: &Stop,
) -> Examination {
    let known = baselines.load(source, plan).unwrap_or_else(|error| {
        tracing::warn!(%source, %error, "baselines cannot be read");
        Baselines::new()
    });
    let examination = judge_until(plan, captured, &known, stop);
    if stop.is_stopped() {
        // The findings of a stopped job are not reported, so its baselines are not stored either.
        return examination;
    }
    if let Err(error) = baselines.store(source, &examination) {
        tracing::warn!(%source, %error, "baselines cannot be stored");
    }
    examination
}

#[cfg(test)]
mod tests;
