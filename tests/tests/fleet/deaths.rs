//! Power cuts: even if a worker or the master is killed during a run, every job ends and is recorded once.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    http::client,
    process::{Master, PATIENCE, slow_ffmpeg, worker},
    programs::{has_ffmpeg, make_clip},
};

/// The guaranteed time within which another worker leases the jobs of a dead one.
const ELSEWHERE: Duration = Duration::from_secs(15);

/// Asserts that every camera has exactly one finding of each diagnosis.
fn assert_complete(findings: &[Value], cameras: usize) {
    let seen: HashSet<_> =
        findings.iter().map(|one| (one["camera_id"].to_string(), one["diagnosis"].to_string())).collect();
    assert_eq!(seen.len(), 2 * cameras);
    assert_eq!(findings.len(), 2 * cameras, "something was recorded twice");
}

#[tokio::test]
async fn a_killed_worker_s_jobs_are_done_elsewhere() {
    if !has_ffmpeg() {
        return;
    }
    let master = Master::start();
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    let slow = slow_ffmpeg(dir.path(), "30");
    master.publish_standard().await;
    master.add_cameras(6, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    // The node that will take over first compiles the plugins, so that the measured time does not contain the
    // compilation. In a running fleet, nodes have the plugins already.
    let mut other = worker(&master, dir.path(), "other", &[]);
    master.has_nodes(1).await;
    let warm = master.submit("t").await;
    master.finished(&warm, PATIENCE).await;
    assert!(other.stop().await.success());
    master.has_nodes(0).await;
    // The only node gets all jobs, which take half a minute.
    let dying = worker(&master, dir.path(), "dying", &["--ffmpeg", &slow.display().to_string()]);
    master.has_nodes(1).await;
    let run = master.submit("t").await;
    let path = format!("/api/v1/diagnosis/runs/{run}");
    master.until(PATIENCE, &path, |run| run["progress"]["running"] == 6).await;
    let _other = worker(&master, dir.path(), "other", &[]);
    master.has_nodes(2).await;
    dying.kill();
    let died = Instant::now();
    // Only the time until the jobs are leased again is guaranteed. The duration of the jobs depends on the machine.
    let again = |jobs: &Value| {
        jobs["items"]
            .as_array()
            .is_some_and(|jobs| jobs.len() == 6 && jobs.iter().all(|job| job["attempt"] == 2))
    };
    master.until(ELSEWHERE, &format!("{path}/jobs"), again).await;
    eprintln!("leased elsewhere after {:?}", died.elapsed());
    assert!(died.elapsed() < ELSEWHERE, "{:?}", died.elapsed());
    let run_is = master.finished(&run, PATIENCE).await;
    assert_eq!(run_is["progress"]["finished"], json!(6), "{run_is}");
    assert_complete(&master.findings(&run).await, 6);
    let metrics =
        master.request(reqwest::Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("easysight_master_leases_lost_total{kind=\"expired\"} 6"), "{metrics}");
}

#[tokio::test]
async fn a_worker_that_comes_back_after_a_power_cut_goes_on_at_once() {
    if !has_ffmpeg() {
        return;
    }
    let master =
        Master::start_in(Arc::new(tempfile::tempdir().unwrap()), "127.0.0.1:0", &["--lease-time", "60"]);
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    let slow = slow_ffmpeg(dir.path(), "30");
    master.publish_standard().await;
    master.add_cameras(3, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    let dying = worker(&master, dir.path(), "one", &["--ffmpeg", &slow.display().to_string()]);
    master.has_nodes(1).await;
    let run = master.submit("t").await;
    let path = format!("/api/v1/diagnosis/runs/{run}");
    master.until(PATIENCE, &path, |run| run["progress"]["running"] == 3).await;
    dying.kill();
    // The restarted node has the same data directory. It reports which process it replaces, so the master queues
    // the jobs again before their leases expire.
    let _again = worker(&master, dir.path(), "one", &[]);
    let run_is = master.finished(&run, Duration::from_secs(30)).await;
    assert_eq!(run_is["progress"]["finished"], json!(3), "{run_is}");
    assert_complete(&master.findings(&run).await, 3);
}

#[tokio::test]
async fn a_killed_master_loses_nothing_and_doubles_nothing() {
    if !has_ffmpeg() {
        return;
    }
    let data = Arc::new(tempfile::tempdir().unwrap());
    let mut master = Master::start_in(Arc::clone(&data), "127.0.0.1:0", &[]);
    let address = master.address();
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    master.publish_standard().await;
    master.add_cameras(60, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "max_attempts": 20})).await;
    let _one = worker(&master, dir.path(), "one", &["--task-poll-interval", "1"]);
    let _two = worker(&master, dir.path(), "two", &["--task-poll-interval", "1"]);
    master.has_nodes(2).await;
    let run = master.submit("t").await;
    let path = format!("/api/v1/diagnosis/runs/{run}");
    for at in [5, 25] {
        master.until(PATIENCE, &path, |run| run["progress"]["finished"].as_u64() >= Some(at)).await;
        let Master { running, .. } = master;
        running.kill();
        master = Master::start_in(Arc::clone(&data), &address, &[]);
    }
    let run_is = master.finished(&run, PATIENCE).await;
    assert_eq!(run_is["progress"]["finished"], json!(60), "{run_is}");
    assert_complete(&master.findings(&run).await, 60);
}

#[tokio::test]
async fn results_wait_on_disk_for_a_master_that_is_away_also_through_the_worker_s_death() {
    if !has_ffmpeg() {
        return;
    }
    let data = Arc::new(tempfile::tempdir().unwrap());
    let master = Master::start_in(Arc::clone(&data), "127.0.0.1:0", &["--lease-time", "120"]);
    let address = master.address();
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    let slow = slow_ffmpeg(dir.path(), "3");
    master.publish_standard().await;
    master.add_cameras(3, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    let flags = ["--ffmpeg", &slow.display().to_string(), "--task-poll-interval", "1"];
    let one = worker(&master, dir.path(), "one", &flags);
    master.has_nodes(1).await;
    // The node has the plugins before the master is killed.
    let warm = master.submit("t").await;
    master.finished(&warm, PATIENCE).await;
    let run = master.submit("t").await;
    let path = format!("/api/v1/diagnosis/runs/{run}");
    master.until(PATIENCE, &path, |run| run["progress"]["running"] == 3).await;
    // The response that contains the jobs may still be on its way to the node. Without the jobs, the node would
    // have nothing to report.
    let until = Instant::now() + PATIENCE;
    let metrics = format!("{}/metrics", one.url);
    while !client().get(&metrics).send().await.unwrap().text().await.unwrap().contains("jobs_running 3\n") {
        assert!(Instant::now() < until, "the node does not have the jobs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let Master { running, .. } = master;
    running.kill();
    let spool = dir.path().join("one/spool");
    let until = Instant::now() + PATIENCE;
    let spooled = || {
        let files = std::fs::read_dir(&spool).unwrap().filter_map(Result::ok);
        let batches = files.filter(|file| file.path().extension().is_some_and(|suffix| suffix == "json"));
        let texts = batches.map(|file| std::fs::read_to_string(file.path()).unwrap());
        texts
            .map(|text| serde_json::from_str::<Value>(&text).unwrap()["results"].as_array().unwrap().len())
            .sum::<usize>()
    };
    while spooled() < 3 {
        assert!(Instant::now() < until, "the results are not on disk");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    one.kill();
    let master = Master::start_in(data, &address, &["--lease-time", "120"]);
    let _again = worker(&master, dir.path(), "one", &flags);
    let run_is = master.finished(&run, Duration::from_secs(30)).await;
    assert_eq!(run_is["progress"]["finished"], json!(3), "{run_is}");
    assert_complete(&master.findings(&run).await, 3);
    assert_eq!(spooled(), 0);
    // No job was done twice.
    let jobs = master.get(&format!("{path}/jobs")).await;
    assert!(jobs["items"].as_array().unwrap().iter().all(|job| job["attempt"] == 1), "{jobs}");
}

#[tokio::test]
async fn a_worker_that_is_stopped_hands_back_what_it_cannot_finish() {
    if !has_ffmpeg() {
        return;
    }
    let master = Master::start();
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    let slow = slow_ffmpeg(dir.path(), "60");
    master.publish_standard().await;
    master.add_cameras(2, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "max_attempts": 1})).await;
    let flags = ["--ffmpeg", &slow.display().to_string(), "--drain-timeout", "0.5"];
    let mut leaving = worker(&master, dir.path(), "leaving", &flags);
    master.has_nodes(1).await;
    let run = master.submit("t").await;
    let path = format!("/api/v1/diagnosis/runs/{run}");
    master.until(PATIENCE, &path, |run| run["progress"]["running"] == 2).await;
    assert!(leaving.stop().await.success());
    let run_is = master.get(&path).await;
    assert_eq!(run_is["progress"]["queued"], json!(2), "{run_is}");
    assert!(run_is["waits_for"][0].as_str().unwrap().contains("a node that is online"), "{run_is}");
    // Each job has a single attempt. The stopped worker did not use it up, so another worker can run the job.
    let _other = worker(&master, dir.path(), "other", &[]);
    let run_is = master.finished(&run, PATIENCE).await;
    assert_eq!(run_is["progress"]["finished"], json!(2), "{run_is}");
}
