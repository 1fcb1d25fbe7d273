//! Two masters that share one PostgreSQL.

use std::{process::Command, sync::Arc, time::Duration};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    process::{Master, PATIENCE, worker},
    programs::{has_ffmpeg, make_clip},
};

const SERVER: &str = "postgres://postgres@127.0.0.1:5432";

/// A database of the test's own, removed with it.
struct Database(String);

impl Database {
    fn new() -> Option<Self> {
        let name = format!("easysight_fleet_{}", Uuid::new_v4().simple());
        if psql(&format!("CREATE DATABASE {name}")) {
            return Some(Self(name));
        }
        eprintln!("SKIPPED: no PostgreSQL at {SERVER}, or no psql to make a database with");
        None
    }

    fn url(&self) -> String {
        format!("{SERVER}/{}", self.0)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        psql(&format!("DROP DATABASE {} WITH (FORCE)", self.0));
    }
}

fn psql(sql: &str) -> bool {
    let mut psql = Command::new("psql");
    psql.args(["--quiet", "--no-password", "--command", sql, &format!("{SERVER}/postgres")]);
    psql.output().is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn a_due_task_fires_once_and_jobs_of_one_master_reach_the_workers_of_the_other() {
    if !has_ffmpeg() {
        return;
    }
    let Some(database) = Database::new() else { return };
    let start = |listen: &str| {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        Master::start_in(dir, listen, &["--database-url", &database.url()])
    };
    let (one, two) = (start("127.0.0.1:0"), start("127.0.0.1:0"));
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    one.publish_standard().await;
    one.add_cameras(4, &clip.display().to_string()).await;
    let schedule = json!({"kind": "interval", "every_s": 1});
    one.add_task(json!({"id": "beat", "name": "beat", "groups": ["hall"], "schedule": schedule})).await;
    one.add_task(json!({"id": "hand", "name": "hand", "groups": ["hall"]})).await;
    let _worker = worker(&one, dir.path(), "w", &[]);
    one.has_nodes(1).await;
    let run = two.submit("hand").await;
    let run_is = two.finished(&run, PATIENCE).await;
    assert_eq!(run_is["progress"]["finished"], json!(4), "{run_is}");
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
    // One master dies; the other one goes on with everything.
    let address = one.address();
    let data = Arc::clone(&one.data);
    let Master { running, .. } = one;
    running.kill();
    let run = two.submit("hand").await;
    let one = Master::start_in(data, &address, &["--database-url", &database.url()]);
    let run_is = one.finished(&run, Duration::from_secs(30)).await;
    assert_eq!(run_is["progress"]["finished"], json!(4), "{run_is}");
}
