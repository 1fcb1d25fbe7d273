//! The master, its database or both are unavailable for longer than a lease, and each job has only one attempt. No
//! job loses its attempt, every job ends once, and everything continues without help.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
};

use crate::{
    postgres::{Entry, Private},
    process::{Master, PATIENCE, Running, slow_ffmpeg, worker},
    programs::{has_ffmpeg, make_clip},
    shared::Database,
};

/// The number of running jobs when a master is killed.
const MANY: usize = 100;
/// The number of running jobs in all other cases.
const SOME: usize = 40;
/// The duration of a lease in seconds. A job takes one second.
const LEASE: &str = "4";
/// The duration of an outage, which is much longer than a lease.
const OUTAGE: Duration = Duration::from_secs(30);
/// The time within which a client must learn that the database is unavailable.
const TOLD: Duration = Duration::from_secs(15);

/// The connection to the database, which can be cut. While it is cut, no byte passes, and neither side notices.
struct Cable {
    port: u16,
    cut: Arc<AtomicBool>,
}

impl Cable {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (own, cut) = (listener.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
        let state = Arc::clone(&cut);
        tokio::spawn(async move {
            loop {
                let Ok((here, _)) = listener.accept().await else { return };
                let Ok(there) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let ((from, to), (back, back_to)) = (here.into_split(), there.into_split());
                tokio::spawn(pass(from, back_to, Arc::clone(&state)));
                tokio::spawn(pass(back, to, Arc::clone(&state)));
            }
        });
        Self { port: own, cut }
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, cut: Arc<AtomicBool>) {
    let mut bytes = vec![0; 65_536];
    loop {
        while cut.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let Ok(count) = from.read(&mut bytes).await else { return };
        while cut.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if count == 0 || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

/// Starts a database server for this test that can be stopped. Returns it, its address, and a folder for the
/// master.
fn own_database() -> Option<(Private, String, Arc<tempfile::TempDir>)> {
    let server = Private::start(Entry::Open)?;
    let url = format!("postgres://postgres@127.0.0.1:{}/postgres", server.port);
    Some((server, url, Arc::new(tempfile::tempdir().unwrap())))
}

/// Starts a master on the database `url`.
fn master_on(url: &str, data: &Arc<tempfile::TempDir>, listen: &str) -> Master {
    Master::start_in(Arc::clone(data), listen, &["--database-url", url, "--lease-time", LEASE])
}

/// Asserts that requests are soon answered with a 503 because the database is unavailable.
async fn assert_told(master: &Master) {
    let asked = Instant::now();
    let camera = json!({"id": "late", "name": "late", "source": "rtsp://late/live"});
    let read = master.request(Method::GET, "/api/v1/diagnosis/runs?limit=5").send();
    let write = master.request(Method::POST, "/api/v1/diagnosis/cameras").json(&camera).send();
    let (read, write) = tokio::join!(read, write);
    for answer in [read.unwrap(), write.unwrap()] {
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(status, 503, "{body}");
    }
    assert!(asked.elapsed() < TOLD, "{:?}", asked.elapsed());
}

/// Asserts that the master can write again without a restart.
async fn assert_writes(master: &Master) {
    let camera = json!({"id": "late", "name": "late", "source": "rtsp://late/live"});
    let (status, body) = master.post("/api/v1/diagnosis/cameras", &camera).await;
    assert!(matches!(status, 201 | 409), "{body}");
}

/// Starts workers and a run, and waits until the jobs of the run are running. Each job has one attempt.
async fn under_way(master: &Master, dir: &std::path::Path, jobs: usize) -> (Vec<Running>, String) {
    let clip = make_clip(dir, "clip.mp4", "null");
    let slow = slow_ffmpeg(dir, "1");
    master.publish_standard().await;
    master.add_cameras(jobs, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "max_attempts": 1})).await;
    let flags = [
        "--ffmpeg",
        &slow.display().to_string(),
        "--task-poll-interval",
        "1",
        "--pool-size",
        "2",
        "--max-concurrent-tasks",
        "2",
    ];
    let workers = vec![worker(master, dir, "one", &flags), worker(master, dir, "two", &flags)];
    master.has_nodes(2).await;
    let run = master.submit("t").await;
    let path = format!("/api/v1/diagnosis/runs/{run}");
    master.until(PATIENCE, &path, |run| run["progress"]["finished"].as_u64() >= Some(4)).await;
    (workers, run)
}

/// Asserts that every job was finished at its first attempt, and recorded once.
async fn assert_unharmed(master: &Master, run: &str, jobs: usize) {
    let run_is = master.finished(run, Duration::from_secs(180)).await;
    let all = master.get(&format!("/api/v1/diagnosis/runs/{run}/jobs?limit=1000")).await;
    for job in all["items"].as_array().unwrap() {
        assert_eq!((&job["state"], &job["failures"]), (&json!("finished"), &json!(0)), "{job}");
    }
    assert_eq!(run_is["progress"]["finished"], json!(jobs), "{run_is}");
    let findings = master.findings(run).await;
    let seen: HashSet<_> =
        findings.iter().map(|one| (one["camera_id"].to_string(), one["diagnosis"].to_string())).collect();
    assert_eq!((seen.len(), findings.len()), (2 * jobs, 2 * jobs));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_away_for_longer_than_a_lease_fails_nobody_s_jobs() {
    if !has_ffmpeg() {
        return;
    }
    let data = Arc::new(tempfile::tempdir().unwrap());
    let flags = ["--lease-time", LEASE];
    let master = Master::start_in(Arc::clone(&data), "127.0.0.1:0", &flags);
    let (address, dir) = (master.address(), tempfile::tempdir().unwrap());
    let (_workers, run) = under_way(&master, dir.path(), MANY).await;
    let Master { running, .. } = master;
    running.kill();
    tokio::time::sleep(OUTAGE).await;
    let master = Master::start_in(data, &address, &flags);
    assert_unharmed(&master, &run, MANY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_was_frozen_blames_nobody_for_it() {
    if !has_ffmpeg() {
        return;
    }
    let data = Arc::new(tempfile::tempdir().unwrap());
    let master = Master::start_in(data, "127.0.0.1:0", &["--lease-time", LEASE]);
    let dir = tempfile::tempdir().unwrap();
    let (_workers, run) = under_way(&master, dir.path(), SOME).await;
    master.running.signal("-STOP");
    tokio::time::sleep(OUTAGE).await;
    master.running.signal("-CONT");
    assert_unharmed(&master, &run, SOME).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_cut_off_is_said_in_seconds_and_harms_no_job() {
    if !has_ffmpeg() {
        return;
    }
    let Some(database) = Database::new() else { return };
    let mut url = url::Url::parse(&database.url()).unwrap();
    let cable = Cable::to(url.port().unwrap_or(5432)).await;
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(cable.port)).unwrap();
    let (data, dir) = (Arc::new(tempfile::tempdir().unwrap()), tempfile::tempdir().unwrap());
    let master = master_on(url.as_str(), &data, "127.0.0.1:0");
    let (_workers, run) = under_way(&master, dir.path(), SOME).await;
    cable.cut();
    let cut = Instant::now();
    assert_told(&master).await;
    tokio::time::sleep(OUTAGE.saturating_sub(cut.elapsed())).await;
    cable.mend();
    assert_unharmed(&master, &run, SOME).await;
    assert_writes(&master).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_stopped_for_longer_than_a_lease_harms_no_job() {
    if !has_ffmpeg() {
        return;
    }
    let Some((mut server, url, data)) = own_database() else { return };
    let dir = tempfile::tempdir().unwrap();
    let master = master_on(&url, &data, "127.0.0.1:0");
    let (_workers, run) = under_way(&master, dir.path(), SOME).await;
    server.stop();
    let stopped = Instant::now();
    assert_told(&master).await;
    tokio::time::sleep(OUTAGE.saturating_sub(stopped.elapsed())).await;
    server.start_again();
    assert_unharmed(&master, &run, SOME).await;
    assert_writes(&master).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn master_and_database_may_both_be_away() {
    if !has_ffmpeg() {
        return;
    }
    let Some((mut server, url, data)) = own_database() else { return };
    let dir = tempfile::tempdir().unwrap();
    let master = master_on(&url, &data, "127.0.0.1:0");
    let address = master.address();
    let (_workers, run) = under_way(&master, dir.path(), SOME).await;
    server.stop();
    tokio::time::sleep(OUTAGE / 2).await;
    let Master { running, .. } = master;
    running.kill();
    tokio::time::sleep(OUTAGE / 2).await;
    server.start_again();
    let master = master_on(&url, &data, &address);
    assert_unharmed(&master, &run, SOME).await;
}
