//! Starts and stops the worker. This module has the parts that both modes share.

mod distributed;
mod door;
mod standalone;

use std::{fs, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use axum::Router;
use easysight_capture::{CaptureConfig, Capturer};
use easysight_daemon::process::{NotifyState, StopSignals, lock, notify, watchdog};
use easysight_protocol::NodeMode;
use easysight_sandbox::{Limits, Sandbox, SandboxConfig};
use easysight_trust::TrustedKeys;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, time::timeout};

use crate::{identity::node_id, metrics::Metrics, settings::WorkerSettings};

use door::Door;

/// The time that the server has for its last answers, after everything else has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// The time without a sign of life after which a part of the worker counts as stuck. Intended waits are added to this
/// time. The time is long enough for the slowest call on a busy machine.
pub(crate) const STUCK: Duration = Duration::from_secs(90);

/// The parts that both modes start from.
struct Ground {
    settings: Arc<WorkerSettings>,
    /// The trusted keys: only plugins that one of them has signed may run. `None` if all plugins may run.
    keys: Option<TrustedKeys>,
    id: String,
    listener: TcpListener,
    sandbox: Sandbox,
    capturer: Capturer,
    metrics: Arc<Metrics>,
    stop: StopSignals,
}

/// Runs the worker until a signal arrives, then drains it.
pub(crate) async fn run(settings: WorkerSettings) -> anyhow::Result<ExitCode> {
    // Signals are handled from here on, so that none is lost while plugins are loaded.
    let stop = StopSignals::new()?;
    let advice = "give this one its own --data-dir or another --node-name";
    let _lock = lock(&settings.data_dir.join("lock"), "worker", advice).context("--data-dir")?;
    let uploads = settings.uploads_dir();
    // Uploads left behind by a killed process belong to no job.
    if uploads.exists() {
        fs::remove_dir_all(&uploads).with_context(|| uploads.display().to_string())?;
    }
    fs::create_dir_all(&uploads).with_context(|| format!("--data-dir: {}", uploads.display()))?;
    let keys = settings.trusted_keys.as_deref().map(TrustedKeys::read).transpose();
    let keys = keys.context("--trusted-keys")?;
    let id = node_id(settings.node_id.as_deref(), &settings.data_dir)?;
    // Bind first, so that an address in use is reported at once, not after plugins are compiled.
    let listener = bind(&settings).await?;
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
    let capturer = Capturer::new(CaptureConfig {
        ffmpeg: settings.ffmpeg.clone(),
        connect_timeout: settings.connect_timeout,
        rtsp_transport: settings.rtsp_transport,
        deadline: settings.capture_timeout,
        memory_bytes: settings.capture_memory,
        ..CaptureConfig::default()
    });
    let mode = settings.mode;
    let settings = Arc::new(settings);
    let metrics = Arc::new(Metrics::new());
    let ground = Ground { settings, keys, id, listener, sandbox, capturer, metrics, stop };
    match mode {
        NodeMode::Standalone => standalone::run(ground).await,
        NodeMode::Distributed => distributed::run(ground).await,
    }
}

/// Binds the listener. If the default address is in use, a distributed worker uses a free port, so that several
/// workers can run on one machine without an address in their settings.
async fn bind(settings: &WorkerSettings) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(settings.listen).await;
    let may_move = settings.mode == NodeMode::Distributed && !settings.listen_is_given;
    match bound {
        Err(error) if may_move && error.kind() == std::io::ErrorKind::AddrInUse => {
            tracing::info!(address = %settings.listen, "the address is in use; another one serves health and metrics");
            let elsewhere = SocketAddr::new(settings.listen.ip(), 0);
            TcpListener::bind(elsewhere).await.context("no port is free")
        }
        bound => bound.with_context(|| format!("--listen {}: the address cannot be used", settings.listen)),
    }
}

/// The HTTP server of a worker.
struct Serving {
    address: SocketAddr,
    last: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
    door: Door,
}

impl Serving {
    fn start(listener: TcpListener, router: Router) -> anyhow::Result<Self> {
        let address = listener.local_addr().context("the listening address cannot be read")?;
        let (last, ended) = oneshot::channel::<()>();
        let server = axum::serve(listener, router).with_graceful_shutdown(async {
            // A message and a dropped sender both end the server.
            ended.await.ok();
        });
        let server = tokio::spawn(server.into_future());
        Ok(Self { address, last, server, door: Door::watch(address) })
    }

    /// Reports that the worker is up: to the log, to the program that started it, and to systemd.
    fn announce(&self, id: &str, settings: &WorkerSettings) {
        // The line goes to standard error regardless of the log's settings, because programs wait for it.
        eprintln!("easysight-worker: listening on http://{}", self.address);
        let mode = match settings.mode {
            NodeMode::Standalone => "standalone",
            NodeMode::Distributed => "distributed",
        };
        tracing::info!(id, name = settings.node_name, address = %self.address, mode, "worker is up");
        notify(&[NotifyState::Ready]);
    }

    /// Feeds systemd's watchdog while the server answers and `alive` returns true.
    fn watch(&self, alive: impl Fn() -> bool + Send + 'static) -> JoinHandle<()> {
        let is_answered = self.door.is_answered(STUCK);
        tokio::spawn(watchdog(move || is_answered() && alive()))
    }

    /// Answers the requests that were received, then stops the server.
    async fn end(self) -> anyhow::Result<()> {
        // An error means that the server has ended already.
        self.last.send(()).ok();
        match timeout(LAST_ANSWERS, self.server).await {
            Ok(served) => served??,
            Err(_) => tracing::warn!("a client kept its connection open until the server was stopped"),
        }
        tracing::info!("stopped");
        Ok(())
    }
}
