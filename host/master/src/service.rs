//! Starts the master, runs it until a signal is received, and stops it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use axum_server::{Handle, tls_rustls::RustlsConfig};
use easysight_daemon::process::{NotifyState, StopSignals, lock, notify, watchdog};
use easysight_daemon::pulse::Pulse;
use easysight_sandbox::{Limits, Sandbox, SandboxConfig};
use easysight_store::Store;
use easysight_trust::TrustedKeys;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    access::{Access, random_hex},
    api,
    blobs::{Blobs, Directory},
    clock::Clock,
    events::Events,
    failures::Failures,
    master::{Hearing, Master},
    metrics::Metrics,
    news::{Relay, exchange},
    passwords::Passwords,
    pictures::{Keep, Pictures},
    pollers::Pollers,
    refusals::Refusals,
    registry::Registry,
    retention::Retention,
    scheduler,
    settings::{MasterSettings, TlsFiles},
    storage::Storage,
    uploads::Uploads,
    waiting::Waiting,
    welcome,
};

/// The memory limit of a plugin's `describe`, in bytes. `describe` has nothing to compute.
const DESCRIBE_MEMORY: usize = 256 << 20;

/// Runs the master until a signal is received, then finishes the open requests and stops.
pub(crate) async fn run(settings: MasterSettings) -> anyhow::Result<ExitCode> {
    let mut stop = StopSignals::new()?;
    let advice = "give this one its own --data-dir";
    let _lock = lock(&settings.data_dir.join("lock"), "master", advice)?;
    let database = settings.database();
    let _database_lock = match database_file(&database) {
        Some(file) => {
            let mut path = file.into_os_string();
            path.push(".lock");
            let advice = "two masters can share a PostgreSQL database, but not a file";
            Some(lock(&PathBuf::from(path), "master", advice)?)
        }
        None => None,
    };
    // The address is bound first, so that a port that is in use is reported at once.
    let listener = std::net::TcpListener::bind(settings.listen)
        .with_context(|| format!("--listen {}: the address cannot be used", settings.listen))?;
    listener.set_nonblocking(true)?;
    let (store, writing) = Store::open(&database).await?;
    let clock = Clock::new();
    let loopback = settings.listen.ip().is_loopback();
    // A proxy makes a master that listens on loopback reachable from other machines.
    let local = loopback && !settings.trusted_proxies.has_any();
    let access = Access::new(store.clone(), Arc::clone(&clock), local, settings.sessions);
    let open = access.refresh().await?;
    let invitation = if open || access.is_accessible().await? {
        None
    } else {
        Some(welcome::invite(&store, clock.now_ms()).await?)
    };
    let sandbox = Sandbox::new(SandboxConfig {
        limits: Limits { memory_bytes: DESCRIBE_MEMORY, ..Limits::default() },
        concurrency: 1,
        cache_dir: None,
        compiler: None,
    })?;
    let keys = settings.trusted_keys.as_deref().map(TrustedKeys::read).transpose();
    let keys = keys.context("--trusted-keys")?;
    let blobs = |name: &str, suffix| {
        let dir = settings.blob_dir.join(name);
        let blobs = Directory::open(dir.clone(), suffix);
        blobs
            .with_context(|| format!("--blob-url: {}", dir.display()))
            .map(|blobs| Arc::new(blobs) as Arc<dyn Blobs>)
    };
    let plugins = blobs("plugins", "wasm")?;
    let registry = Registry::open(store.clone(), sandbox, plugins, keys).await?;
    let relay = Relay::of(&store);
    let uploads = Uploads::open(settings.blob_dir.join("uploads"), settings.max_upload)?;
    let keep = Keep { max_age: settings.retention, max_bytes: settings.picture_limit };
    let master = Arc::new(Master {
        store,
        hearing: Hearing::new(clock.now_ms()),
        clock,
        registry,
        uploads,
        pictures: Pictures::new(blobs("pictures", "jpg")?, keep),
        storage: Storage { dir: settings.blob_dir.clone(), retention: settings.kept() },
        good_picture_ms: settings.good_picture_ms,
        access,
        overview_turn: tokio::sync::Mutex::default(),
        replay_turn: tokio::sync::Mutex::default(),
        schedule_turn: Arc::default(),
        refusals: Refusals::default(),
        failures: Failures::default(),
        passwords: Passwords::new()?,
        proxies: settings.trusted_proxies.clone(),
        events: Events::new(random_hex::<8>()?),
        relay,
        metrics: Metrics::new(),
        waiting: Waiting::default(),
        resumed: Notify::new(),
        pollers: Pollers::default(),
        changed: Notify::new(),
        stopping: CancellationToken::new(),
        pulse: Pulse::new(),
        lease_ms: settings.lease_ms(),
        serves_tls: settings.tls.is_some(),
        started_at: easysight_protocol::now(),
        id: easysight_protocol::fresh_id().to_string(),
    });
    let ms = |age: Duration| i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let retention = Retention::new(
        ms(settings.retention),
        ms(settings.audit_age),
        settings.max_findings,
        ms(settings.measurements),
    );
    let scheduler = scheduler::spawn(&master, retention);
    let relaying = tokio::spawn(exchange::run(Arc::clone(&master)));
    let watched = Arc::clone(&master);
    let watchdog = tokio::spawn(watchdog(move || watched.scheduler_is_alive()));
    let handle = Handle::new();
    let address = listener.local_addr().context("the listening address cannot be determined")?;
    let server = serve(&settings, listener, handle.clone(), &master).await?;
    let mut server = tokio::spawn(server);
    announce(&settings, address, open, invitation.as_deref());

    tokio::select! {
        () = stop.next() => {}
        ended = &mut server => {
            ended?.context("the listener failed")?;
        }
    }
    tracing::info!("stopping: answering long polls and finishing requests");
    notify(&[NotifyState::Stopping]);
    master.stopping.cancel();
    handle.graceful_shutdown(Some(settings.drain_timeout));
    let in_time = settings.drain_timeout + Duration::from_secs(1);
    tokio::select! {
        ended = tokio::time::timeout(in_time, server) => {
            if ended.is_err() {
                tracing::warn!("requests were still in progress after the drain timeout and are aborted");
            }
        }
        () = stop.next() => {
            tracing::warn!("stopped at once");
            return Ok(ExitCode::FAILURE);
        }
    }
    watchdog.abort();
    scheduler.await?;
    relaying.await?;
    if let Err(error) = master.store.write_usage().await {
        tracing::warn!(%error, "the latest plugin usage cannot be recorded");
    }
    // The store's writer ends when no sender of commands is left. By this time, the writer has committed all commands
    // that it received.
    drop(watchdog.await);
    drop(master);
    if tokio::time::timeout(Duration::from_secs(10), writing).await.is_err() {
        tracing::warn!("the database was still in use and was not closed");
    }
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

type Serving = std::pin::Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>>;

async fn serve(
    settings: &MasterSettings,
    listener: std::net::TcpListener,
    handle: Handle<SocketAddr>,
    master: &Arc<Master>,
) -> anyhow::Result<Serving> {
    let router = api::router(master)?.into_make_service_with_connect_info::<SocketAddr>();
    Ok(match &settings.tls {
        None => Box::pin(axum_server::from_tcp(listener)?.handle(handle).serve(router)),
        Some(files) => {
            let config = tls(files).await?;
            Box::pin(axum_server::from_tcp_rustls(listener, config)?.handle(handle).serve(router))
        }
    })
}

async fn tls(files: &TlsFiles) -> anyhow::Result<RustlsConfig> {
    // An error means that a provider is installed already.
    rustls::crypto::ring::default_provider().install_default().ok();
    for (flag, file) in [("--tls-cert", &files.certificate), ("--tls-key", &files.key)] {
        if !file.is_file() {
            bail!("{flag} {}: there is no such file", file.display());
        }
    }
    RustlsConfig::from_pem_file(&files.certificate, &files.key)
        .await
        .with_context(|| format!("--tls-cert {} with --tls-key", files.certificate.display()))
}

/// Returns the path of the database file if the database is SQLite.
fn database_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    Some(Path::new(path.split('?').next().unwrap_or(path)).to_owned())
}

/// Announces that the master is ready: on standard error, in the log and to systemd.
fn announce(settings: &MasterSettings, address: SocketAddr, open: bool, invitation: Option<&str>) {
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    // Other programs wait for this line, so it goes to standard error regardless of the log settings.
    eprintln!("easysight-master: listening on {scheme}://{address}");
    tracing::info!(%address, scheme, "master is up");
    if open {
        tracing::warn!(
            "there is no user and no token: everyone on this machine may do everything, until \
             `easysight-master user create` or `easysight-master token create` creates one"
        );
    }
    if let Some(secret) = invitation {
        tracing::warn!(
            "nobody has access yet: open {} in a browser on this machine within 24 hours to create the first \
             administrator (on another machine, with the name or address of this one), or run \
             `easysight-master user create --name … --scope admin`",
            welcome::address(scheme, address, secret)
        );
    }
    notify(&[NotifyState::Ready]);
}
