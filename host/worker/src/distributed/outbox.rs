//! Results on their way to the master, in batches. A job counts as held until its result is recorded or safe on
//! disk. Results that cannot be delivered are spooled and delivered later.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use easysight_protocol::{JobOutcome, JobResult, ResultsAnswer, ResultsRequest, Verdict};
use tokio::{sync::mpsc, time::Instant};

use super::{Distributed, client::CallError, lease_loop::jittered, pictures::Parcel, spool::Spool};

/// The maximum number of results in one batch.
const BATCH: usize = 100;
/// The maximum number of characters of baselines in one batch. A result that would exceed this number goes into the
/// next batch. A request may be a few times larger, because a single result may exceed the number and findings are not
/// counted.
const BATCH_LETTERS: usize = 8 << 20;
/// The time for which results are collected for a batch. Jobs that end at almost the same time share a request, and the
/// delay is too short to be noticed.
const GATHER: Duration = Duration::from_millis(2);
/// The first pause after the master did not accept spooled results. Each further pause is twice as long, up to the poll
/// interval.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The result of a job that has ended, and its pictures.
pub(crate) struct Done {
    pub(crate) result: JobResult,
    /// The pictures, which are sent once the result is recorded.
    pub(crate) pictures: Vec<Parcel>,
}

/// The outbox for the results of executors.
pub(crate) struct Outbox {
    sender: mpsc::UnboundedSender<Done>,
    spool: Arc<Spool>,
    /// The lock of the task that delivers the spool, so that only one task delivers it at a time.
    flushing: tokio::sync::Mutex<()>,
    /// True while the spool may contain batches.
    spooled: AtomicBool,
    /// True while the master does not accept results, so that the error is logged once and not for each batch.
    troubled: AtomicBool,
}

impl Outbox {
    /// Makes an outbox and the receiver of its results, which [`deliver`] reads. The jobs in flight bound the number
    /// of waiting results, so the channel needs no bound.
    pub(crate) fn new(spool: Spool) -> (Self, mpsc::UnboundedReceiver<Done>) {
        let (sender, waiting) = mpsc::unbounded_channel();
        let outbox = Self {
            sender,
            spool: Arc::new(spool),
            flushing: tokio::sync::Mutex::default(),
            // An earlier process may have left batches. Only reading the spool shows whether there are any.
            spooled: AtomicBool::new(true),
            troubled: AtomicBool::new(false),
        };
        (outbox, waiting)
    }

    pub(crate) fn send(&self, result: Done) {
        // The receiver exists until all results are delivered or on disk. If the receiver is gone, the lease expires at
        // the master.
        if self.sender.send(result).is_err() {
            tracing::error!("a result arrived after the last delivery and is lost; the job will run again");
        }
    }

    /// Delivers the batches of the spool, oldest first. Returns false if a batch cannot be delivered now.
    pub(crate) async fn flush(&self, node: &Distributed) -> bool {
        let _turn = self.flushing.lock().await;
        // The flag is cleared before the spool is read, so that a batch that is spooled later sets the flag again.
        while self.spooled.swap(false, Ordering::AcqRel) {
            let mut look = Look { spooled: &self.spooled, found_empty: false };
            look.found_empty = self.flush_oldest(node).await;
            if !look.found_empty {
                return false;
            }
        }
        true
    }

    /// Delivers one batch after the other until the spool is empty. Returns false if a batch cannot be delivered now.
    async fn flush_oldest(&self, node: &Distributed) -> bool {
        loop {
            // There may be many batches, and the first lease waits until they are delivered.
            node.book.note_lease_loop();
            let (path, batch) = match self.on_disk(node, Spool::oldest).await {
                Ok(Some(oldest)) => oldest,
                Ok(None) => return true,
                Err(error) => {
                    tracing::error!(%error, "the spool cannot be read");
                    return false;
                }
            };
            let results = batch.results.len();
            let step = match call(node, &batch).await {
                Ok(answer) => {
                    self.note_delivery(&batch, &answer);
                    tracing::info!(results, "spooled results were delivered");
                    self.on_disk(node, move |spool| spool.remove(&path)).await
                }
                Err(error) if error.may_pass() => {
                    self.note_trouble(&error, results);
                    return false;
                }
                Err(error) => self.refused(node, &path, batch, &error).await,
            };
            if let Err(error) = step {
                tracing::error!(%error, "the spool cannot be changed");
                return false;
            }
        }
    }

    /// Handles a batch that the master refuses permanently. If the contents are the reason, a single result may be
    /// the cause, so the batch is split.
    async fn refused(
        &self,
        node: &Distributed,
        path: &Path,
        batch: ResultsRequest,
        error: &CallError,
    ) -> io::Result<()> {
        let path = path.to_owned();
        if batch.results.len() > 1 && matches!(error, CallError::Refused { status: 400 | 413 | 422, .. }) {
            let results = batch.results.len();
            tracing::warn!(%error, results, "the master refused this batch of results; splitting it");
            let dropped = self.on_disk(node, move |spool| spool.split(&path, batch)).await?;
            note_dropped(dropped);
            return Ok(());
        }
        tracing::error!(%error, path = %path.display(), "no master accepts this batch of results; setting it aside");
        self.on_disk(node, move |spool| spool.put_aside(&path)).await
    }

    /// Stores a batch on disk.
    async fn keep(&self, node: &Distributed, batch: ResultsRequest) {
        match self.on_disk(node, move |spool| spool.put(&batch)).await {
            Ok(dropped) => {
                note_dropped(dropped);
                self.spooled.store(true, Ordering::Release);
            }
            // The jobs are released nevertheless, so that their leases end and the jobs run again.
            Err(error) => tracing::error!(%error, "results can be neither delivered nor kept on disk"),
        }
    }

    /// Runs a step on the spool on a thread that may block, and updates the metric of spooled batches.
    async fn on_disk<T: Send + 'static>(
        &self,
        node: &Distributed,
        step: impl FnOnce(&Spool) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let spool = Arc::clone(&self.spool);
        let done = tokio::task::spawn_blocking(move || {
            let done = step(&spool)?;
            Ok::<_, io::Error>((done, spool.files()?.len()))
        });
        let (done, depth) = done.await.map_err(io::Error::other)??;
        node.metrics.spooled.set(i64::try_from(depth).unwrap_or(i64::MAX));
        Ok(done)
    }

    fn note_delivery(&self, batch: &ResultsRequest, answer: &ResultsAnswer) {
        if self.troubled.swap(false, Ordering::AcqRel) {
            tracing::info!("the master accepts results again");
        }
        for (result, verdict) in batch.results.iter().zip(&answer.verdicts) {
            if matches!(verdict, Verdict::Stale | Verdict::Unknown) {
                let verdict = if *verdict == Verdict::Stale { "stale" } else { "unknown" };
                tracing::warn!(job = %result.job_id, attempt = result.attempt, verdict, "a result was refused");
            }
        }
    }

    fn note_trouble(&self, error: &CallError, results: usize) {
        if !self.troubled.swap(true, Ordering::AcqRel) {
            tracing::warn!(%error, results, "results are kept on disk until the master accepts them");
        }
    }
}

/// One reading of the spool. When this value is dropped, another reading is requested, unless this reading found the
/// spool empty. If the future that reads the spool is dropped early, this value is dropped with it, so another reading
/// is requested then too.
struct Look<'a> {
    spooled: &'a AtomicBool,
    found_empty: bool,
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        if !self.found_empty {
            self.spooled.store(true, Ordering::Release);
        }
    }
}

/// Delivers results until the last job has ended and all results are delivered or on disk.
pub(crate) async fn deliver(node: Arc<Distributed>, mut waiting: mpsc::UnboundedReceiver<Done>) {
    let mut batch: Vec<Done> = Vec::with_capacity(BATCH);
    let (mut pause, mut next_flush) = (FIRST_PAUSE, Instant::now());
    loop {
        tokio::select! {
            biased;
            got = waiting.recv_many(&mut batch, BATCH) => if got == 0 { break },
            // No further results are sent. Results that are in the channel are still received. Then the loop ends.
            () = node.drained.cancelled(), if !waiting.is_closed() => waiting.close(),
            () = tokio::time::sleep_until(next_flush) => {}
        }
        if !batch.is_empty() {
            if batch.len() < BATCH && !waiting.is_closed() {
                tokio::time::sleep(GATHER).await;
                while batch.len() < BATCH
                    && let Ok(result) = waiting.try_recv()
                {
                    batch.push(result);
                }
            }
            for part in parts(std::mem::take(&mut batch)) {
                if send(&node, part).await {
                    (pause, next_flush) = (FIRST_PAUSE, Instant::now());
                }
            }
        }
        if next_flush <= Instant::now() {
            let registered = node.book.is_registered();
            if !registered || node.outbox.flush(&node).await {
                pause = FIRST_PAUSE;
            } else {
                pause = (pause * 2).min(node.settings.task_poll_interval.max(FIRST_PAUSE));
            }
            next_flush = Instant::now() + jittered(pause);
        }
    }
    node.outbox.flush(&node).await;
}

/// Divides a batch into requests of bounded size.
fn parts(batch: Vec<Done>) -> Vec<Vec<Done>> {
    let (mut parts, mut letters) = (Vec::new(), usize::MAX);
    for result in batch {
        let more = match &result.result.outcome {
            JobOutcome::Finished { baselines, .. } => baselines.iter().map(|one| one.data.len()).sum(),
            JobOutcome::Failed { .. } | JobOutcome::Returned => 0_usize,
        };
        letters = letters.saturating_add(more);
        match parts.last_mut() {
            Some(last) if letters <= BATCH_LETTERS => Vec::push(last, result),
            _ => {
                letters = more;
                parts.push(vec![result]);
            }
        }
    }
    parts
}

/// Sends results. Returns true if the master accepted them.
async fn send(node: &Distributed, done: Vec<Done>) -> bool {
    let (results, pictures): (Vec<_>, Vec<_>) =
        done.into_iter().map(|one| (one.result, one.pictures)).unzip();
    let held: Vec<_> = results.iter().map(|result| (result.job_id, result.attempt)).collect();
    let mut batch = ResultsRequest { results };
    let answer = call(node, &batch).await;
    let delivered = answer.is_ok();
    match answer {
        Ok(answer) => {
            node.outbox.note_delivery(&batch, &answer);
            for (pictures, verdict) in pictures.into_iter().zip(answer.verdicts) {
                if matches!(verdict, Verdict::Recorded | Verdict::Duplicate) {
                    node.courier.send(pictures);
                }
            }
        }
        Err(error) => {
            drop(pictures);
            batch.results.iter_mut().for_each(forget_pictures);
            // A permanent refusal is logged when the spool is delivered.
            if error.may_pass() {
                node.outbox.note_trouble(&error, held.len());
            }
            node.outbox.keep(node, batch).await;
        }
    }
    for (job, attempt) in held {
        node.book.release(job, attempt);
    }
    delivered
}

/// Removes the references to pictures from a result. Pictures are not kept for a master that returns later, so a result
/// on disk must not refer to a picture.
fn forget_pictures(result: &mut JobResult) {
    if let JobOutcome::Finished { findings, .. } = &mut result.outcome {
        for finding in findings {
            finding.evidence = None;
        }
    }
}

/// Sends results. Stops waiting for the answer once the node gives up.
async fn call(node: &Distributed, batch: &ResultsRequest) -> Result<ResultsAnswer, CallError> {
    tokio::select! {
        answer = node.client.results(batch) => answer,
        () = node.giving_up.cancelled() => {
            let reason = "it did not answer before the worker stopped".into();
            Err(CallError::Unreachable { url: node.client.base().to_owned(), reason })
        }
    }
}

fn note_dropped(batches: usize) {
    if batches > 0 {
        tracing::error!(batches, "the spool is full; its oldest results are lost");
    }
}

#[cfg(test)]
mod tests {
    use easysight_protocol::{Baseline, JobId, LeaseToken, MAX_BASELINE_BYTES};
    use uuid::Uuid;

    use super::*;

    fn result(bytes: usize) -> Done {
        let baselines = vec![Baseline::new("tint", &vec![0; bytes])];
        let outcome = JobOutcome::Finished {
            findings: Vec::new(),
            shadows: Vec::new(),
            decode_ms: 1.0,
            captured_at: None,
            baselines,
        };
        let result =
            JobResult { job_id: JobId(Uuid::nil()), lease: LeaseToken(Uuid::nil()), attempt: 1, outcome };
        Done { result, pictures: Vec::new() }
    }

    #[test]
    fn a_batch_is_parted_by_the_weight_of_its_baselines() {
        let sizes = |batch| parts(batch).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes((0..100).map(|_| result(100)).collect()), [100]);
        assert_eq!(sizes((0..50).map(|_| result(MAX_BASELINE_BYTES)).collect()), [23, 23, 4]);
        assert_eq!(sizes(vec![result(9 << 20), result(1), result(1)]), [1, 2]);
        assert!(sizes(Vec::new()).is_empty());
    }
}
