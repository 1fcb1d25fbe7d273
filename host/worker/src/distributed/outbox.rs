//! Results on their way to the master, in batches. A job counts as held until its result is recorded
//! or safe on disk; what cannot be delivered is spooled and delivered later.

use std::{path::PathBuf, sync::Arc, time::Duration};

use easysight_protocol::{JobResult, ResultsRequest, Verdict};
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::Instant};

use super::{Distributed, client::CallError, spool::Spool};

/// Results of one batch.
const BATCH: usize = 100;
/// How long a batch may gather; what comes at the same time goes together, and nobody waits for it.
const GATHER: Duration = Duration::from_millis(2);
/// Pause between two tries to deliver what is spooled.
const RETRY: Duration = Duration::from_secs(1);

/// Where executors put their results.
pub(crate) struct Outbox {
    sender: mpsc::UnboundedSender<JobResult>,
    spool: Arc<Spool>,
    /// One at a time delivers what is spooled.
    flushing: tokio::sync::Mutex<()>,
    /// True while something is spooled.
    spooled: Mutex<bool>,
}

impl Outbox {
    /// Makes it; what is sent arrives at the receiver, which [`deliver`] takes. As many results wait
    /// as jobs are in flight, so that the channel needs no bound of its own.
    pub(crate) fn new(spool: Spool) -> (Self, mpsc::UnboundedReceiver<JobResult>) {
        let (sender, waiting) = mpsc::unbounded_channel();
        let spool = Arc::new(spool);
        (Self { sender, spool, flushing: tokio::sync::Mutex::default(), spooled: Mutex::new(true) }, waiting)
    }

    pub(crate) fn send(&self, result: JobResult) {
        // The receiver goes last of all; after that the master's lease runs out by itself.
        if self.sender.send(result).is_err() {
            tracing::error!("a result came after the end and is lost; the job will run again");
        }
    }

    /// Delivers what is spooled, oldest first, until it is empty or the master does not take it.
    pub(crate) async fn flush(&self, node: &Distributed) {
        let _turn = self.flushing.lock().await;
        while *self.spooled.lock() {
            match self.oldest().await {
                Ok(None) => *self.spooled.lock() = false,
                Ok(Some((path, batch))) => {
                    let delivered = node.client.results(&batch).await;
                    let path_of = path.clone();
                    match delivered {
                        Ok(answer) => {
                            note(&batch, &answer.verdicts);
                            self.on_disk(move |spool| spool.remove(&path_of)).await;
                            tracing::info!(results = batch.results.len(), "spooled results were delivered");
                        }
                        Err(error) if error.may_pass() => return,
                        Err(error) => {
                            tracing::error!(%error, path = %path.display(), "no master takes this batch; it is put aside");
                            self.on_disk(move |spool| spool.put_aside(&path_of)).await;
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the spool cannot be read");
                    return;
                }
            }
        }
    }

    async fn oldest(&self) -> std::io::Result<Option<(PathBuf, ResultsRequest)>> {
        let spool = Arc::clone(&self.spool);
        let read = tokio::task::spawn_blocking(move || {
            for path in spool.files()? {
                if let Some(batch) = spool.read(&path)? {
                    return Ok(Some((path, batch)));
                }
            }
            Ok(None)
        });
        read.await.map_err(std::io::Error::other)?
    }

    async fn on_disk(&self, step: impl FnOnce(&Spool) -> std::io::Result<()> + Send + 'static) {
        let spool = Arc::clone(&self.spool);
        let done = tokio::task::spawn_blocking(move || step(&spool)).await;
        if let Err(error) = done.map_err(std::io::Error::other).and_then(|done| done) {
            tracing::error!(%error, "the spool cannot be changed");
        }
    }

    /// Keeps a batch on disk; false where that fails.
    async fn keep(&self, batch: ResultsRequest) -> bool {
        let spool = Arc::clone(&self.spool);
        let kept = tokio::task::spawn_blocking(move || spool.put(&batch)).await;
        match kept.map_err(std::io::Error::other).and_then(|kept| kept) {
            Ok(dropped) => {
                if dropped > 0 {
                    tracing::error!(batches = dropped, "the spool is full; its oldest results are lost");
                }
                *self.spooled.lock() = true;
                true
            }
            Err(error) => {
                tracing::error!(%error, "results can be neither delivered nor kept on disk");
                false
            }
        }
    }
}

/// Delivers results until the node has ended and all of them are delivered or on disk.
pub(crate) async fn deliver(node: Arc<Distributed>, mut waiting: mpsc::UnboundedReceiver<JobResult>) {
    let mut batch: Vec<JobResult> = Vec::with_capacity(BATCH);
    loop {
        let until = Instant::now() + RETRY;
        tokio::select! {
            biased;
            got = waiting.recv_many(&mut batch, BATCH) => if got == 0 { break },
            () = node.drained.cancelled() => {
                waiting.close();
                while let Ok(result) = waiting.try_recv() {
                    batch.push(result);
                }
            }
            () = tokio::time::sleep_until(until) => {}
        }
        if node.drained.is_cancelled() && batch.is_empty() {
            break;
        }
        if !batch.is_empty() && batch.len() < BATCH && !node.drained.is_cancelled() {
            tokio::time::sleep(GATHER).await;
            while batch.len() < BATCH
                && let Ok(result) = waiting.try_recv()
            {
                batch.push(result);
            }
        }
        if !batch.is_empty() {
            send(&node, std::mem::take(&mut batch)).await;
        }
        if node.book.is_registered() {
            node.outbox.flush(&node).await;
        }
    }
    node.outbox.flush(&node).await;
}

async fn send(node: &Distributed, results: Vec<JobResult>) {
    let held: Vec<_> = results.iter().map(|result| (result.job_id, result.attempt)).collect();
    let batch = ResultsRequest { results };
    let release = || held.iter().for_each(|(job, attempt)| node.book.release(*job, *attempt));
    match node.client.results(&batch).await {
        Ok(answer) => {
            note(&batch, &answer.verdicts);
            release();
        }
        Err(error) => {
            if let CallError::Refused { status: 413 | 422 | 400, .. } = error {
                tracing::error!(%error, "the master does not take these results");
            } else {
                tracing::warn!(%error, results = held.len(), "results are kept on disk until the master takes them");
            }
            // Neither delivered nor kept: let go, so that the lease ends and the job runs again.
            node.outbox.keep(batch).await;
            release();
        }
    }
}

fn note(batch: &ResultsRequest, verdicts: &[Verdict]) {
    for (result, verdict) in batch.results.iter().zip(verdicts) {
        if matches!(verdict, Verdict::Stale | Verdict::Unknown) {
            let verdict = if *verdict == Verdict::Stale { "stale" } else { "unknown" };
            tracing::warn!(job = %result.job_id, attempt = result.attempt, verdict, "a result was refused");
        }
    }
}
