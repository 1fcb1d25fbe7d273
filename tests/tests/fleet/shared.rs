//! Two masters that share one PostgreSQL.

use std::{
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    postgres,
    process::{Master, PATIENCE, worker},
    programs::{has_ffmpeg, make_clip},
};

/// A database of this test, which is removed at its end.
pub(crate) struct Database {
    server: Arc<postgres::Server>,
    name: String,
}

impl Database {
    /// Makes a database. Prints a message and returns None if there is no server and none can be started.
    pub(crate) fn new() -> Option<Self> {
        let server = postgres::shared()?;
        let name = format!("easysight_fleet_{}", Uuid::new_v4().simple());
        let database = Self { server, name };
        assert!(database.psql(&format!("CREATE DATABASE {}", database.name)), "no database can be made");
        Some(database)
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/{}", self.server.url, self.name)
    }

    fn psql(&self, sql: &str) -> bool {
        let mut psql = Command::new("psql");
        psql.args(["--quiet", "--no-password", "--command", sql, &format!("{}/postgres", self.server.url)]);
        psql.output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.psql(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

#[tokio::test]
async fn a_due_task_fires_once_and_jobs_of_one_master_reach_the_workers_of_the_other() {
    if !has_ffmpeg() {
        return;
    }
    let Some(database) = Database::new() else { return };
    let blobs = tempfile::tempdir().unwrap();
    let blob_url = format!("file://{}", blobs.path().display());
    let (url, listen) = (database.url(), "127.0.0.1:0");
    let flags = ["--database-url", &url, "--blob-url", &blob_url];
    let start = |listen: &str| Master::start_in(Arc::new(tempfile::tempdir().unwrap()), listen, &flags);
    let (one, two) = (start(listen), start(listen));
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    one.publish_standard().await;
    one.add_cameras(4, &clip.display().to_string()).await;
    let schedule = json!({"kind": "interval", "every_s": 1});
    one.add_task(json!({"id": "beat", "name": "beat", "groups": ["hall"], "schedule": schedule})).await;
    one.add_task(json!({"id": "hand", "name": "hand", "groups": ["hall"]})).await;
    // The plugins of the worker were published at the other master.
    let _worker = worker(&two, dir.path(), "w", &[]);
    one.has_nodes(1).await;
    let run = two.submit("hand").await;
    let run_is = two.finished(&run, PATIENCE).await;
    assert_eq!(run_is["progress"]["finished"], json!(4), "{run_is}");
    // A result of one master's worker is announced to the other master immediately, long before the other master's
    // next check for changes.
    let body = json!({"source": clip, "diagnoses": ["brightness"]});
    let asked = Instant::now();
    let (status, done) = one.post("/api/v1/diagnosis/submissions?wait_ms=60000", &body).await;
    assert_eq!((status, &done["state"]), (200, &json!("finished")), "{done}");
    assert!(asked.elapsed() < Duration::from_secs(30), "the request waited to the end");
    let enough = |runs: &Value| runs["items"].as_array().is_some_and(|runs| runs.len() >= 4);
    two.until(PATIENCE, "/api/v1/diagnosis/tasks/beat/runs", enough).await;
    two.post("/api/v1/diagnosis/tasks/beat/pause", &json!({})).await;
    let runs = one.get("/api/v1/diagnosis/tasks/beat/runs").await;
    let mut times: Vec<_> =
        runs["items"].as_array().unwrap().iter().map(|run| run["fire_time"].to_string()).collect();
    let fired = times.len();
    times.sort();
    times.dedup();
    assert_eq!(times.len(), fired, "a start fired twice: {runs}");
    // One master dies. The other master continues all work.
    let address = one.address();
    let data = Arc::clone(&one.data);
    let Master { running, .. } = one;
    running.kill();
    let run = two.submit("hand").await;
    let one = Master::start_in(data, &address, &flags);
    let run_is = one.finished(&run, Duration::from_secs(30)).await;
    assert_eq!(run_is["progress"]["finished"], json!(4), "{run_is}");
}
