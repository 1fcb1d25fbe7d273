//! Distributed mode: leases jobs from a master, works on them and reports results. The worker opens every connection
//! itself, so the master need not be able to reach it.

mod book;
mod client;
mod download;
mod executor;
mod heartbeat;
mod lease_loop;
mod lost;
mod outbox;
mod pictures;
mod plugins;
mod spool;
mod upload;

use std::{
    fs,
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Context;
use easysight_capture::{CaptureErrorKind, Capturer};
use easysight_protocol::{Incarnation, PluginSummary, PoolStatus, SubmissionId, Totals};
use easysight_sandbox::Sandbox;
use easysight_trust::TrustedKeys;
use tempfile::NamedTempFile;
use tokio::task::JoinHandle as TaskHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    api::Pool, executors::Executors, metrics::Metrics, places::Places, service::STUCK,
    settings::WorkerSettings,
};

use book::Book;
use client::MasterClient;
use outbox::Outbox;
use pictures::Courier;
use plugins::PluginCache;
use spool::Spool;

/// The time limit of each of the last steps: delivering the last results, delivering the last pictures, and
/// unregistering.
pub(crate) const FAREWELL: Duration = Duration::from_secs(5);

/// The state of a node, which all its loops share.
pub(crate) struct Distributed {
    settings: Arc<WorkerSettings>,
    id: String,
    incarnation: Incarnation,
    /// The incarnation that this one replaces. An incarnation is one process of a node. The former process has ended,
    /// because this process holds the lock of the data directory.
    replaces: Option<Incarnation>,
    client: MasterClient,
    book: Book,
    plugins: PluginCache,
    outbox: Outbox,
    courier: Courier,
    capturer: Capturer,
    /// Jobs in flight.
    places: Places,
    /// The executors, which limit how many plugins run at the same time.
    executors: Arc<Executors>,
    metrics: Arc<Metrics>,
    master_answers: AtomicBool,
    /// True while ffmpeg is missing. All jobs would fail, so no jobs are leased.
    lacks_ffmpeg: AtomicBool,
    /// Cancelled when the node stops leasing jobs.
    stopping: CancellationToken,
    /// Cancelled when the drain timeout has expired and the jobs that still run must be returned to the master.
    aborting: CancellationToken,
    /// Cancelled when no job is in flight any longer.
    drained: CancellationToken,
    /// Cancelled when the time limit for delivering the last results has expired.
    giving_up: CancellationToken,
    /// Cancelled when no result is being delivered any longer.
    delivered: CancellationToken,
    /// Cancelled when the node ends.
    ended: CancellationToken,
}

/// The loops of a node.
pub(crate) struct Loops {
    leases: TaskHandle<()>,
    results: TaskHandle<()>,
    pictures: TaskHandle<()>,
    heartbeat: JoinHandle<()>,
}

impl Distributed {
    /// Starts the loops.
    pub(crate) async fn start(
        settings: Arc<WorkerSettings>,
        id: String,
        sandbox: Sandbox,
        keys: Option<TrustedKeys>,
        capturer: Capturer,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<(Arc<Self>, Loops)> {
        let client = MasterClient::new(&settings, &id)?;
        // The heartbeat needs its own client, since connections belong to the runtime that made them.
        let heartbeat_client = MasterClient::new(&settings, &id)?;
        let spool_dir = settings.data_dir.join("spool");
        let spool = Spool::open(spool_dir.clone(), settings.spool_limit)
            .with_context(|| spool_dir.display().to_string())?;
        let (outbox, results) = Outbox::new(spool);
        let (courier, pictures) = Courier::new();
        let plugins = PluginCache::open(client.clone(), sandbox, keys, settings.plugins_dir.clone())?;
        let capacity = settings.pool_size * settings.max_concurrent_tasks;
        let node = Arc::new(Self {
            incarnation: Incarnation(Uuid::new_v4()),
            replaces: former_life(&settings),
            client,
            book: Book::new(),
            plugins,
            outbox,
            courier,
            capturer,
            places: Places::new(capacity, metrics.waiting.clone()),
            executors: Executors::new(settings.pool_size),
            metrics,
            master_answers: AtomicBool::new(true),
            lacks_ffmpeg: AtomicBool::new(false),
            stopping: CancellationToken::new(),
            aborting: CancellationToken::new(),
            drained: CancellationToken::new(),
            giving_up: CancellationToken::new(),
            delivered: CancellationToken::new(),
            ended: CancellationToken::new(),
            settings,
            id,
        });
        let loops = Loops {
            heartbeat: heartbeat::spawn(&node, heartbeat_client)?,
            leases: tokio::spawn(lease_loop::run(Arc::clone(&node))),
            results: tokio::spawn(outbox::deliver(Arc::clone(&node), results)),
            pictures: tokio::spawn(pictures::deliver(Arc::clone(&node), pictures)),
        };
        Ok((node, loops))
    }

    /// Ends the node. The node leases no more jobs. Running jobs may take up to `drain` to finish. Jobs that take
    /// longer are returned to the master. The delivery of the last results may take up to `farewell`. Results that the
    /// master does not accept within this time stay on disk.
    pub(crate) async fn end(&self, loops: Loops, drain: Duration, farewell: Duration) -> anyhow::Result<()> {
        let Loops { mut leases, mut results, mut pictures, heartbeat } = loops;
        self.stopping.cancel();
        self.book.tell();
        if tokio::time::timeout(drain, &mut leases).await.is_err() {
            tracing::warn!("jobs were still running after the drain timeout and are returned");
            self.aborting.cancel();
            leases.await?;
        }
        self.drained.cancel();
        if tokio::time::timeout(farewell, &mut results).await.is_err() {
            tracing::warn!("the master did not accept the last results in time; they stay on disk");
            self.giving_up.cancel();
            results.await?;
        }
        self.delivered.cancel();
        let sent = tokio::time::timeout(farewell, &mut pictures).await;
        // No heartbeat may be sent after the node has unregistered, because the master would refuse it.
        self.ended.cancel();
        if sent.is_err() {
            tracing::warn!("the master did not accept the last pictures in time; they are lost");
            pictures.await?;
        }
        if self.book.is_registered() {
            match tokio::time::timeout(farewell, self.client.unregister(self.incarnation)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the node could not be unregistered at the master"),
                Err(_) => tracing::warn!("the master did not answer the call that unregisters the node"),
            }
        }
        let joined = tokio::task::spawn_blocking(move || heartbeat.join()).await?;
        if joined.is_err() {
            tracing::error!("the heartbeat's thread panicked");
        }
        Ok(())
    }

    /// False if a loop or an executor is stuck.
    pub(crate) fn is_alive(&self) -> bool {
        self.is_alive_within(STUCK)
    }

    /// Does the same as [`Self::is_alive`]. `stuck` is the time that a loop may be silent in addition to its
    /// intended waits.
    fn is_alive_within(&self, stuck: Duration) -> bool {
        // Intended waits: a poll or the pause after it, and the pause before the next heartbeat.
        let poll = self.settings.task_poll_interval.max(lease_loop::STILL_THERE);
        let beat = self.settings.heartbeat_interval.min(self.book.lease());
        let now = Instant::now();
        self.book.is_alive(now, poll + stuck, beat + stuck) && self.executors.is_alive(now, stuck)
    }

    fn capacity(&self) -> u32 {
        self.settings.pool_size * self.settings.max_concurrent_tasks
    }

    /// Records whether the master answers. Returns true if that has changed.
    fn note_master(&self, answers: bool) -> bool {
        self.master_answers.swap(answers, Ordering::Relaxed) != answers
    }

    /// Records that ffmpeg is missing. Logs an error once, until ffmpeg is available again.
    fn note_ffmpeg_missing(&self) {
        if !self.lacks_ffmpeg.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "{} No jobs are leased while it is missing.",
                CaptureErrorKind::FfmpegMissing.summary_en()
            );
        }
    }

    /// Stores the incarnation, so that the next process can name the incarnation that it replaces.
    fn keep_incarnation(&self) {
        let path = incarnation_file(&self.settings);
        let kept = || -> std::io::Result<()> {
            let mut file = NamedTempFile::new_in(&self.settings.data_dir)?;
            writeln!(file, "{}", self.incarnation)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        if let Err(error) = kept() {
            tracing::warn!(
                path = %path.display(), %error,
                "the incarnation cannot be stored; after a restart, the worker waits until its lease ends"
            );
        }
    }
}

fn incarnation_file(settings: &WorkerSettings) -> PathBuf {
    settings.data_dir.join("incarnation")
}

fn former_life(settings: &WorkerSettings) -> Option<Incarnation> {
    fs::read_to_string(incarnation_file(settings)).ok()?.trim().parse().ok()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Pool for Distributed {
    fn status(&self) -> PoolStatus {
        PoolStatus {
            size: self.settings.pool_size,
            max_concurrent_tasks: self.settings.max_concurrent_tasks,
            capacity: self.capacity(),
            running: count(self.book.jobs().len()).saturating_sub(self.places.aside()),
            waiting: self.places.aside(),
            queued: 0,
            queue_capacity: 0,
        }
    }

    fn running(&self) -> Vec<SubmissionId> {
        self.book.jobs().into_iter().map(|job| SubmissionId(job.0)).collect()
    }

    fn totals(&self) -> Totals {
        self.metrics.totals()
    }

    fn plugins(&self) -> Vec<PluginSummary> {
        self.plugins.summaries()
    }

    fn is_draining(&self) -> bool {
        self.stopping.is_cancelled()
    }

    fn not_ready(&self) -> Option<(&'static str, &'static str)> {
        if self.stopping.is_cancelled() {
            Some(("draining", "the worker is about to stop"))
        } else if self.lacks_ffmpeg.load(Ordering::Relaxed) {
            Some(("ffmpeg-missing", "the ffmpeg program was not found"))
        } else if !self.book.is_registered() {
            Some(("not-registered", "the worker has not registered with its master yet"))
        } else if Pool::status(self).running >= self.capacity() {
            Some(("saturated", "the limit of jobs in flight is reached"))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
