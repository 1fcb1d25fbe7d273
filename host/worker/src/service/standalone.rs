//! A standalone worker: accepts submissions over HTTP.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use easysight_daemon::process::{NotifyState, notify};
use easysight_diagnose::BaselineStore;
use tokio::time::timeout;

use crate::{
    api::{self, Desk, Node},
    jobs::Jobs,
    library::Library,
};

use super::{Ground, STUCK, Serving};

/// The maximum size of all baselines together, in bytes.
const BASELINE_BYTES: u64 = 256 << 20;
/// The interval at which the plugins directory is checked for changes.
const REFRESH: Duration = Duration::from_secs(5);

pub(super) async fn run(ground: Ground) -> anyhow::Result<ExitCode> {
    let Ground { settings, keys, id, listener, sandbox, capturer, metrics, mut stop } = ground;
    let plugins_dir = settings.plugins_dir.clone();
    let library = tokio::task::spawn_blocking(move || Library::open(sandbox, plugins_dir, keys)).await??;
    let library = Arc::new(library);
    let baselines_dir = settings.data_dir.join("baselines");
    let baselines = BaselineStore::open(baselines_dir.clone(), BASELINE_BYTES)
        .with_context(|| format!("--data-dir: {}", baselines_dir.display()))?;
    let (jobs, pool, abort) = Jobs::start(
        settings.pool_size,
        settings.max_concurrent_tasks,
        settings.queue_capacity,
        capturer,
        baselines,
        Arc::clone(&metrics),
    );
    let mut pool = tokio::spawn(pool);
    let desk = Arc::new(Desk {
        settings: Arc::clone(&settings),
        library: Arc::clone(&library),
        jobs: Arc::clone(&jobs),
    });
    let node = Arc::new(Node {
        settings: Arc::clone(&settings),
        id: id.clone(),
        started_at: easysight_protocol::now(),
        pool: Arc::clone(&desk) as Arc<dyn api::Pool>,
        metrics,
    });
    let refresh = tokio::spawn(refresh(library));
    let serving = Serving::start(listener, api::router(node, Some(desk)))?;
    let watched = Arc::clone(&jobs);
    let watchdog = serving.watch(move || watched.is_alive(STUCK));
    serving.announce(&id, &settings);

    stop.next().await;
    tracing::info!("stopping: no new jobs are accepted, running jobs are finished");
    notify(&[NotifyState::Stopping]);
    jobs.drain();
    tokio::select! {
        done = timeout(settings.drain_timeout, &mut pool) => {
            if done.is_err() {
                tracing::warn!("jobs were still running after the drain timeout and are abandoned");
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
    serving.end().await?;
    Ok(ExitCode::SUCCESS)
}

async fn refresh(library: Arc<Library>) {
    let mut beat = tokio::time::interval(REFRESH);
    loop {
        beat.tick().await;
        let library = Arc::clone(&library);
        if let Err(error) = tokio::task::spawn_blocking(move || library.refresh()).await {
            tracing::error!(%error, "a defect ended the refresh of the plugins");
        }
    }
}
