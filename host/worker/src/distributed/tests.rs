//! Tests a node with all its loops. The tests set the answers of a fake master.

mod master;

use std::{ffi::OsString, path::Path, time::Duration};

use easysight_capture::CaptureConfig;
use easysight_protocol::{Finding, JobOutcome, JobPlan, PlannedPlugin};
use easysight_sandbox::{Compiler, Digest, SandboxConfig};
use serde_json::json;

use super::*;
use master::{Call, FakeMaster, failed, job};

/// The longest time that a test waits for an expected event.
const SOON: Duration = Duration::from_secs(20);

/// Settings of a node that keeps everything in `dir`.
pub(super) fn settings(master: &str, dir: &Path, more: &[&str]) -> WorkerSettings {
    let dir = dir.to_str().unwrap();
    let mut flags = vec!["easysight-worker", "--master-url", master, "--data-dir", dir];
    flags.extend(more);
    let none: [(OsString, OsString); 0] = [];
    WorkerSettings::read(flags.into_iter().map(OsString::from), none).unwrap().0
}

/// A sandbox that compiles nothing.
pub(super) fn sandbox() -> Sandbox {
    let compiler = Compiler { program: "none".into(), memory_bytes: 1 << 30, timeout: SOON };
    Sandbox::new(SandboxConfig { concurrency: 1, compiler: Some(compiler), ..SandboxConfig::default() })
        .unwrap()
}

async fn start(master: &FakeMaster, dir: &Path, more: &[&str]) -> (Arc<Distributed>, Loops) {
    let mut flags = vec!["--task-poll-interval", "0.2"];
    if !more.contains(&"--file-sources") {
        flags.extend(["--file-sources", "deny"]);
    }
    flags.extend(more);
    let settings = Arc::new(settings(&master.url, dir, &flags));
    let capturer = Capturer::new(CaptureConfig::default());
    Distributed::start(settings, "n1".into(), sandbox(), None, capturer, Arc::new(Metrics::new()))
        .await
        .unwrap()
}

async fn end((node, loops): (Arc<Distributed>, Loops), drain: Duration) {
    node.end(loops, drain, Duration::from_millis(500)).await.unwrap();
}

fn spooled(dir: &Path) -> usize {
    fs::read_dir(dir.join("spool")).unwrap().count()
}

/// A plan with a plugin that the master does not have.
fn plan() -> JobPlan {
    let digest = Digest::of(b"elsewhere").to_string();
    let plugin = PlannedPlugin { digest, name: "x@1".into(), diagnoses: vec!["x".into()], config: json!({}) };
    JobPlan { plugins: vec![plugin], ..JobPlan::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_from_its_lease_to_its_result_and_the_node_says_farewell() {
    let (dir, mut master) = (tempfile::tempdir().unwrap(), FakeMaster::start().await);
    let leased = job("/clip.mp4");
    master.offer(vec![plan()], vec![leased.clone()]);
    let running = start(&master, dir.path(), &[]).await;
    let Call::Register(first) = master.next().await else { panic!("something came before it") };
    assert_eq!((first.id.as_str(), first.capacity, first.replaces), ("n1", 9, None));
    let Call::Lease(lease) = master.until(|call| matches!(call, Call::Lease(_))).await else {
        unreachable!()
    };
    assert_eq!((lease.poll, lease.max_jobs, lease.wait_ms), (1, 9, 200));
    assert_eq!(lease.incarnation, first.incarnation);
    let results = master.results().await;
    assert_eq!((results[0].job_id, results[0].attempt), (leased.id, leased.attempt));
    assert_eq!(failed(&results[0]), "file-sources-denied");
    // A job is no longer held after its result was delivered.
    master
        .until(|call| matches!(call, Call::Heartbeat(beat) if beat.last_poll > 0 && beat.held.is_empty()))
        .await;
    end(running, SOON).await;
    master
        .until(|call| matches!(call, Call::Unregister(life) if *life == first.incarnation.to_string()))
        .await;

    // The next incarnation names the one that it replaces.
    let running = start(&master, dir.path(), &[]).await;
    let Call::Register(second) = master.next().await else { panic!("something came before it") };
    assert_eq!(second.replaces, Some(first.incarnation));
    end(running, SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_forgot_the_node_is_introduced_to_it_again() {
    let (dir, mut master) = (tempfile::tempdir().unwrap(), FakeMaster::start().await);
    let running = start(&master, dir.path(), &[]).await;
    master.until(|call| matches!(call, Call::Register(_))).await;
    for slug in ["no-such-node", "superseded"] {
        master.refuse_next("heartbeat", 404, slug);
        master.until(|call| matches!(call, Call::Register(_))).await;
    }
    master.refuse_next("leases", 404, "no-such-node");
    master.until(|call| matches!(call, Call::Register(_))).await;
    end(running, SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_are_not_taken_wait_on_disk_and_come_before_the_next_life_leases() {
    let (dir, mut master) = (tempfile::tempdir().unwrap(), FakeMaster::start().await);
    let leased = job("/clip.mp4");
    master.offer(vec![plan()], vec![leased.clone()]);
    master.refuse("results", 503, "overloaded");
    let running = start(&master, dir.path(), &[]).await;
    master.until(|call| matches!(call, Call::Results(_))).await;
    // A job is no longer held once its result is on disk.
    master
        .until(|call| matches!(call, Call::Heartbeat(beat) if beat.last_poll > 0 && beat.held.is_empty()))
        .await;
    assert!(running.0.metrics.render().contains("spooled_batches 1"));
    end(running, SOON).await;
    assert_eq!(spooled(dir.path()), 1);

    master.relent("results");
    master.forget_calls();
    let running = start(&master, dir.path(), &[]).await;
    let mut before = Vec::new();
    let results = loop {
        match master.next().await {
            Call::Results(results) => break results,
            call => before.push(call),
        }
    };
    assert_eq!(results[0].job_id, leased.id);
    assert!(!before.iter().any(|call| matches!(call, Call::Lease(_))), "{before:?}");
    master.until(|call| matches!(call, Call::Lease(_))).await;
    assert_eq!(spooled(dir.path()), 0);
    end(running, SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_result_that_is_refused_for_good_costs_only_itself() {
    let (dir, mut master) = (tempfile::tempdir().unwrap(), FakeMaster::start().await);
    let jobs: Vec<_> = (0..3).map(|_| job("/clip.mp4")).collect();
    master.abhor(jobs[1].id);
    master.offer(vec![plan()], jobs.clone());
    let running = start(&master, dir.path(), &[]).await;
    let mut taken = Vec::new();
    while taken.len() < 2 {
        taken.extend(master.results().await.into_iter().map(|result| result.job_id));
    }
    taken.sort();
    let mut good = vec![jobs[0].id, jobs[2].id];
    good.sort();
    assert_eq!(taken, good);
    end(running, SOON).await;
    let left: Vec<_> = fs::read_dir(dir.path().join("spool")).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].extension().unwrap(), "bad");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_still_runs_at_the_end_of_the_drain_is_handed_back() {
    let (dir, mut master) = (tempfile::tempdir().unwrap(), FakeMaster::start().await);
    master.offer(vec![plan()], vec![job("http://camera.test/")]);
    let running = start(&master, dir.path(), &[]).await;
    // The master never sends the plugin.
    master.until(|call| matches!(call, Call::Component)).await;
    assert_eq!(running.0.status().running, 1);
    end(running, Duration::ZERO).await;
    let results = master.results().await;
    assert_eq!(results[0].outcome, JobOutcome::Returned);
    assert!(matches!(master.next().await, Call::Unregister(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_says_so_and_asks_for_nothing_more() {
    let (dir, mut master) = (tempfile::tempdir().unwrap(), FakeMaster::start().await);
    let leased = job("http://camera.test/");
    master.offer(vec![plan()], vec![leased.clone()]);
    let running = start(&master, dir.path(), &[]).await;
    master.until(|call| matches!(call, Call::Component)).await;
    let node = Arc::clone(&running.0);
    let ending = tokio::spawn(end(running, SOON));
    master.until(|call| matches!(call, Call::Heartbeat(beat) if beat.draining && beat.held.len() == 1)).await;
    assert_eq!(node.not_ready().unwrap().0, "draining");
    // A running job continues until it ends, and its lease is renewed.
    master.revoke(leased.id);
    let farewell = |call: &Call| matches!(call, Call::Unregister(_));
    master
        .until(|call| {
            assert!(!matches!(call, Call::Lease(_)));
            farewell(call)
        })
        .await;
    ending.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn results_survive_a_master_that_hangs_at_the_end() {
    let (dir, mut master) = (tempfile::tempdir().unwrap(), FakeMaster::start().await);
    master.hang("results");
    master.offer(vec![plan()], vec![job("/clip.mp4")]);
    let running = start(&master, dir.path(), &[]).await;
    master.until(|call| matches!(call, Call::Results(_))).await;
    end(running, SOON).await;
    assert_eq!(spooled(dir.path()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_job_ends_without_a_result() {
    let (dir, mut master) = (tempfile::tempdir().unwrap(), FakeMaster::start().await);
    let leased = job("http://camera.test/");
    master.offer(vec![plan()], vec![leased.clone()]);
    let running = start(&master, dir.path(), &["--heartbeat-interval", "0.1"]).await;
    master.until(|call| matches!(call, Call::Heartbeat(beat) if !beat.held.is_empty())).await;
    master.revoke(leased.id);
    master.until(|call| matches!(call, Call::Heartbeat(beat) if beat.held.is_empty())).await;
    end(running, SOON).await;
    let mut calls = master.calls_so_far();
    assert!(!calls.any(|call| matches!(call, Call::Results(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_the_node_cannot_run_costs_its_own_findings_only() {
    let (dir, mut master) = (tempfile::tempdir().unwrap(), FakeMaster::start().await);
    let clip = dir.path().join("clip.mp4");
    let made = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=10:duration=1"])
        .arg(&clip)
        .status();
    if made.is_err() {
        assert!(std::env::var_os("CI").is_none(), "ffmpeg is not installed");
        eprintln!("SKIPPED: ffmpeg is not installed");
        return;
    }
    let tomorrow = r#"(component (import "easysight:diagnosis/video@1.3.0" (instance)))"#;
    let components = [("tomorrow", wat::parse_str(tomorrow).unwrap()), ("damaged", b"no component".to_vec())];
    let plugins = components.map(|(name, bytes)| {
        let digest = Digest::of(&bytes).to_string();
        master.publish(digest.clone(), bytes);
        PlannedPlugin { digest, name: format!("{name}@1"), diagnoses: vec![name.into()], config: json!({}) }
    });
    let plan = JobPlan { plugins: plugins.into(), ..plan() };
    master.offer(vec![plan], vec![job(&clip.display().to_string())]);
    let running = start(&master, dir.path(), &["--file-sources", "allow"]).await;
    let results = master.results().await;
    let JobOutcome::Finished { findings, .. } = &results[0].outcome else { panic!("{results:?}") };
    let told = |finding: &Finding| (finding.diagnosis.clone(), finding.failure.clone().unwrap().kind);
    let told: Vec<(String, String)> = findings.iter().map(told).collect();
    let expected = [("tomorrow", "other-contract"), ("damaged", "plugin-unavailable")];
    assert_eq!(told, expected.map(|(id, kind)| (id.to_owned(), kind.to_owned())));
    end(running, SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_lease_harms_nobody() {
    let (dir, mut master) = (tempfile::tempdir().unwrap(), FakeMaster::start().await);
    let mut without_plan = job("/clip.mp4");
    without_plan.plan = 7;
    let mut jobs = vec![without_plan.clone()];
    jobs.extend((0..9).map(|_| job("/clip.mp4")));
    let surplus = jobs[9].id;
    master.offer(vec![plan()], jobs);
    let running = start(&master, dir.path(), &[]).await;
    let mut results = Vec::new();
    while results.len() < 9 {
        results.extend(master.results().await);
    }
    assert!(results.iter().all(|result| result.job_id != surplus));
    let unplanned = results.iter().find(|result| result.job_id == without_plan.id).unwrap();
    assert_eq!(failed(unplanned), "internal");
    // A job that found no place is not held, so the master offers it again.
    master
        .until(|call| matches!(call, Call::Heartbeat(beat) if beat.held.is_empty() && beat.last_poll > 0))
        .await;
    end(running, SOON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_ffmpeg_leases_nothing_until_it_is_there() {
    let (dir, mut master) = (tempfile::tempdir().unwrap(), FakeMaster::start().await);
    let ffmpeg = dir.path().join("ffmpeg");
    let capturer = Capturer::new(CaptureConfig { ffmpeg: ffmpeg.clone(), ..CaptureConfig::default() });
    let settings = Arc::new(settings(&master.url, dir.path(), &["--task-poll-interval", "0.2"]));
    let metrics = Arc::new(Metrics::new());
    let running =
        Distributed::start(settings, "n1".into(), sandbox(), None, capturer, metrics).await.unwrap();
    master.until(|call| matches!(call, Call::Heartbeat(_))).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(running.0.not_ready().unwrap().0, "ffmpeg-missing");
    assert_eq!(running.0.metrics.polls.get(), 0);
    std::os::unix::fs::symlink("/bin/true", &ffmpeg).unwrap();
    master.until(|call| matches!(call, Call::Lease(_))).await;
    assert_eq!(running.0.not_ready(), None);
    end(running, SOON).await;
}

#[test]
fn the_heart_beats_while_every_thread_of_the_node_computes() {
    let elsewhere = tokio::runtime::Runtime::new().unwrap();
    let mut master = elsewhere.block_on(FakeMaster::start());
    let dir = tempfile::tempdir().unwrap();
    let node = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let running = node.block_on(start(&master, dir.path(), &["--heartbeat-interval", "0.1"]));
    elsewhere.block_on(master.until(|call| matches!(call, Call::Lease(_))));
    let (computing, begun) = std::sync::mpsc::channel();
    let (done, end_of_work) = std::sync::mpsc::channel::<()>();
    node.spawn(async move {
        computing.send(()).unwrap();
        end_of_work.recv().ok();
    });
    begun.recv_timeout(SOON).unwrap();
    master.forget_calls();
    for _ in 0..5 {
        elsewhere.block_on(master.until(|call| matches!(call, Call::Heartbeat(_))));
    }
    drop(done);
    node.block_on(end(running, SOON));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_lease_loop_hangs_stops_feeding_the_watchdog_though_its_heart_beats() {
    let (dir, mut master) = (tempfile::tempdir().unwrap(), FakeMaster::start().await);
    let healthy_dir = tempfile::tempdir().unwrap();
    let healthy = start(&master, healthy_dir.path(), &[]).await;
    // The spooled batch is a pipe, and reading it blocks until the test writes to it. So the loop hangs while it reads
    // the spool.
    let hangs = dir.path().join("spool/0.json");
    fs::create_dir(dir.path().join("spool")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&hangs).status().unwrap().success());
    let running = start(&master, dir.path(), &["--heartbeat-interval", "0.1"]).await;
    let fed = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (watched, counted) = (Arc::clone(&running.0), Arc::clone(&fed));
    let stuck = Duration::from_secs(1);
    let watchdog = tokio::spawn(easysight_daemon::process::feed(
        Duration::from_millis(50),
        move || watched.is_alive_within(stuck),
        move || {
            counted.fetch_add(1, Ordering::SeqCst);
        },
    ));
    let until = Instant::now() + SOON;
    while running.0.is_alive_within(stuck) {
        assert!(Instant::now() < until, "nobody notices");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // One more notification of the watchdog may have been on its way.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let before = fed.load(Ordering::SeqCst);
    assert!(before > 0, "it was fed while all was well");
    master.forget_calls();
    for _ in 0..5 {
        master.until(|call| matches!(call, Call::Heartbeat(_))).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(fed.load(Ordering::SeqCst), before, "it was fed though the loop hangs");
    assert!(healthy.0.is_alive_within(stuck), "a node that only waits is alive");
    // The disk works again.
    fs::write(&hangs, "").unwrap();
    let until = Instant::now() + SOON;
    while fed.load(Ordering::SeqCst) == before {
        assert!(Instant::now() < until, "it is not fed again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    watchdog.abort();
    end(running, SOON).await;
    end(healthy, SOON).await;
}
