//! Tests whether the pool of a standalone node reports to the watchdog that it is alive.

use easysight_capture::CaptureConfig;

use super::*;

/// The longest time that a test waits for an expected event.
const SOON: Duration = Duration::from_secs(20);
/// The time that the pool may be silent in these tests in addition to its intended waits.
const STUCK: Duration = Duration::from_millis(300);

async fn becomes(jobs: &Jobs, alive: bool) {
    let until = Instant::now() + SOON;
    while jobs.is_alive(STUCK) != alive {
        assert!(Instant::now() < until, "it does not become {alive}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_hands_nothing_out_or_whose_executor_hangs_is_not_alive() {
    let dir = tempfile::tempdir().unwrap();
    let baselines = BaselineStore::open(dir.path().join("baselines"), 1 << 20).unwrap();
    let capturer = Capturer::new(CaptureConfig::default());
    let (jobs, pool, _) = Jobs::start(1, 1, 1, capturer, baselines, Arc::new(Metrics::new()));
    // The dispatcher does not run yet.
    becomes(&jobs, false).await;
    let pool = tokio::spawn(pool);
    becomes(&jobs, true).await;
    // An idle pool stays alive for longer than it may be silent.
    tokio::time::sleep(2 * STILL_THERE).await;
    assert!(jobs.is_alive(STUCK));
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let executors = Arc::clone(&jobs.executors);
    let hung = tokio::spawn(async move {
        let work = move |_: &Stop| {
            ended.recv().ok();
        };
        executors.run(Duration::ZERO, work).await
    });
    becomes(&jobs, false).await;
    drop(end);
    hung.await.unwrap().unwrap();
    becomes(&jobs, true).await;
    jobs.drain();
    tokio::time::timeout(SOON, pool).await.expect("the pool ends").unwrap();
}
