//! The standalone worker from its start to its end.

use std::{
    fs::{self, File, TryLockError},
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use chrono::Utc;
use easysight_capture::{CaptureConfig, Capturer};
use easysight_protocol::NodeMode;
use easysight_sandbox::{Limits, Sandbox, SandboxConfig};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
    time::timeout,
};

use crate::{
    api::{self, Node},
    identity::node_id,
    jobs::Jobs,
    library::Library,
    metrics::Metrics,
    settings::WorkerSettings,
};

/// How often the plugins directory is looked at.
const REFRESH: Duration = Duration::from_secs(5);
/// What answers may take once everything else has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Runs until a signal comes, then drains.
pub(crate) async fn run(settings: WorkerSettings) -> anyhow::Result<ExitCode> {
    if settings.mode == NodeMode::Distributed {
        bail!("distributed mode (master {}) is not there yet; start with --mode standalone", settings.master);
    }
    if settings.trusted_keys.is_some() {
        bail!("signatures of plugins are not checked yet, so --trusted-keys cannot be honoured");
    }
    tracing::debug!(
        labels = ?settings.labels,
        task_poll_interval = ?settings.task_poll_interval,
        heartbeat_interval = ?settings.heartbeat_interval,
        "settings of distributed mode, without effect here"
    );
    // Signals from here on, so that none is lost while plugins are loaded.
    let mut stop = StopSignals::new()?;
    let _lock = lock(&settings.data_dir)?;
    let uploads = settings.data_dir.join("uploads");
    // What a killed process left there belongs to nobody.
    if uploads.exists() {
        fs::remove_dir_all(&uploads).with_context(|| uploads.display().to_string())?;
    }
    fs::create_dir_all(&uploads).with_context(|| format!("--data-dir: {}", uploads.display()))?;
    let id = node_id(settings.node_id.as_deref(), &settings.data_dir)?;
    // Bind first: a port that is taken is said at once, not after compiling.
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("--listen {}: the address cannot be used", settings.listen))?;

    let sandbox = Sandbox::new(SandboxConfig {
        limits: Limits {
            fuel: settings.fuel,
            memory_bytes: settings.memory_limit,
            timeout: settings.plugin_timeout,
            ..Limits::default()
        },
        concurrency: settings.pool_size,
        cache_dir: Some(settings.data_dir.join("compiled")),
        compiler: None,
    })?;
    let plugins_dir = settings.plugins_dir.clone();
    let library = tokio::task::spawn_blocking(move || Library::open(sandbox, plugins_dir)).await??;
    let library = Arc::new(library);
    let metrics = Arc::new(Metrics::new());
    let capturer = Capturer::new(CaptureConfig {
        ffmpeg: settings.ffmpeg.clone(),
        connect_timeout: settings.connect_timeout,
        deadline: settings.capture_timeout,
        ..CaptureConfig::default()
    });
    let (jobs, pool, abort) = Jobs::start(
        settings.pool_size,
        settings.max_concurrent_tasks,
        settings.queue_capacity,
        capturer,
        Arc::clone(&metrics),
    );
    let mut pool = tokio::spawn(pool);
    let drain_timeout = settings.drain_timeout;
    let node = Arc::new(Node {
        settings,
        id,
        started_at: Utc::now(),
        library: Arc::clone(&library),
        jobs: Arc::clone(&jobs),
        metrics,
    });
    let refresh = tokio::spawn(refresh(library));
    let watchdog = tokio::spawn(watchdog());
    let address = listener.local_addr().context("the address that is listened on")?;
    let (last, ended) = oneshot::channel::<()>();
    let server = axum::serve(listener, api::router(Arc::clone(&node))).with_graceful_shutdown(async {
        // Either way it is time to end.
        ended.await.ok();
    });
    let server = tokio::spawn(server.into_future());
    announce(&node, address);

    stop.next().await;
    tracing::info!("stopping: nothing new is taken, what runs is finished");
    notify(&[sd_notify::NotifyState::Stopping]);
    jobs.drain();
    tokio::select! {
        done = timeout(drain_timeout, &mut pool) => {
            if done.is_err() {
                tracing::warn!("jobs were still running after the drain timeout and are given up");
                abort.cancel();
                pool.await?;
            }
        }
        () = stop.next() => {
            tracing::warn!("stopped at once");
            return Ok(ExitCode::FAILURE);
        }
    }
    refresh.abort();
    watchdog.abort();
    last.send(()).ok();
    match timeout(LAST_ANSWERS, server).await {
        Ok(served) => served??,
        Err(_) => tracing::warn!("a client kept its connection open to the end"),
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Makes the data directory this process's own, until the file is closed.
fn lock(data_dir: &Path) -> anyhow::Result<File> {
    fs::create_dir_all(data_dir).with_context(|| format!("--data-dir {}", data_dir.display()))?;
    let path = data_dir.join("lock");
    let file = File::create(&path).with_context(|| format!("--data-dir: {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another worker uses {}; give this one its own --data-dir or another --node-name",
            data_dir.display()
        ),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Says that it is up: to the log, to whoever started it, to systemd.
fn announce(node: &Node, address: SocketAddr) {
    // On standard error whatever the log's settings are: programs wait for this line.
    eprintln!("easysight-worker: listening on http://{address}");
    tracing::info!(id = node.id, name = node.settings.node_name, %address, "standalone worker is up");
    notify(&[sd_notify::NotifyState::Ready]);
}

fn notify(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}

/// Tells systemd's watchdog that the runtime still turns, twice as often as it wants to know.
async fn watchdog() {
    let Some(interval) = sd_notify::watchdog_enabled() else { return };
    let mut beat = tokio::time::interval(interval / 2);
    loop {
        beat.tick().await;
        notify(&[sd_notify::NotifyState::Watchdog]);
    }
}

async fn refresh(library: Arc<Library>) {
    let mut beat = tokio::time::interval(REFRESH);
    loop {
        beat.tick().await;
        let library = Arc::clone(&library);
        if let Err(error) = tokio::task::spawn_blocking(move || library.refresh()).await {
            tracing::error!(%error, "looking at the plugins broke off");
        }
    }
}

/// SIGTERM and SIGINT alike.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
