//! A distributed worker: leases jobs from a master. Its HTTP server offers health and metrics only.

use std::{process::ExitCode, sync::Arc};

use easysight_daemon::process::{NotifyState, notify};

use crate::{
    api::{self, Node},
    distributed::{Distributed, FAREWELL},
};

use super::{Ground, Serving};

pub(super) async fn run(ground: Ground) -> anyhow::Result<ExitCode> {
    let Ground { settings, keys, id, listener, sandbox, capturer, metrics, mut stop } = ground;
    let (distributed, loops) =
        Distributed::start(Arc::clone(&settings), id.clone(), sandbox, keys, capturer, Arc::clone(&metrics))
            .await?;
    let node = Arc::new(Node {
        settings: Arc::clone(&settings),
        id: id.clone(),
        started_at: easysight_protocol::now(),
        pool: Arc::clone(&distributed) as Arc<dyn api::Pool>,
        metrics,
    });
    let watched = Arc::clone(&distributed);
    let serving = Serving::start(listener, api::router(node, None))?;
    let watchdog = serving.watch(move || watched.is_alive());
    serving.announce(&id, &settings);

    stop.next().await;
    tracing::info!("stopping: no new jobs are leased, running jobs are finished");
    notify(&[NotifyState::Stopping]);
    let end = async {
        distributed.end(loops, settings.drain_timeout, FAREWELL).await?;
        watchdog.abort();
        serving.end().await
    };
    tokio::select! {
        ended = end => ended.map(|()| ExitCode::SUCCESS),
        () = stop.next() => {
            tracing::warn!("stopped at once");
            Ok(ExitCode::FAILURE)
        }
    }
}
