//! Tests that a job that the master revokes ends at once, even while a plugin runs.

use std::time::{Duration, Instant};

use crate::{
    master::SOON,
    stage::{Stage, endless, has_ffmpeg, honest},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_whose_job_is_taken_back_stops_and_leaves_its_executor_to_the_next_one() {
    if !has_ffmpeg() {
        return;
    }
    let mut stage = Stage::new(&[
        ("WORKER_MASTER_URL", "http://127.0.0.1:{master}"),
        ("WORKER_WORKER_POOL_SIZE", "1"),
        ("WORKER_MAX_CONCURRENT_TASKS", "2"),
        ("WORKER_HEARTBEAT_INTERVAL", "0.1"),
        // No limit stops the plugin.
        ("WORKER_FUEL", "1000000000000000"),
        ("WORKER_PLUGIN_TIMEOUT", "600000"),
    ])
    .await;
    let picture = stage.picture("64x64");
    let (endless, honest) = (endless(), honest());
    let worker = stage.worker();
    let captured = async |captures: u32| {
        let until = Instant::now() + SOON;
        while !worker
            .metrics()
            .await
            .contains(&format!("easysight_worker_capture_seconds_count {captures}\n"))
        {
            assert!(Instant::now() < until, "{captures} are not captured");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // The honest plugin is loaded first: loading calls a plugin, which must wait while the endless plugin runs.
    let first = stage.master.offer(&picture, &[("honestly", Some(&honest))]);
    stage.master.result_of(&first).await;
    let runs_for_ever = stage.master.offer(&picture, &[("endlessl", Some(&endless))]);
    captured(2).await;
    let waits = stage.master.offer(&picture, &[("honestly", Some(&honest))]);
    captured(3).await;
    // The waiting job would have started in this time if it had been able to.
    let early = tokio::time::timeout(Duration::from_millis(500), stage.master.result_of(&waits)).await;
    assert!(early.is_err(), "{early:?}");
    // The answer to the next heartbeat revokes the job, at most a tenth of a second later.
    let taken_back = Instant::now();
    stage.master.revoke(&runs_for_ever);
    let result = stage.master.result_of(&waits).await;
    assert_eq!(result["outcome"]["findings"][0]["failure"]["kind"], "inconclusive", "{result}");
    let after = taken_back.elapsed();
    assert!(after < Duration::from_secs(2), "{after:?}");
}
