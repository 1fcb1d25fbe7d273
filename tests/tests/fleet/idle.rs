//! A master without jobs for the waiting polls sends few statements to its database. This holds for any number of
//! polls, and even if jobs wait for other nodes.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{process::Master, shared::Database};

const NODES: usize = 50;
/// The time for which the master is watched.
const WATCH: Duration = Duration::from_secs(5);
/// The number of statements must stay below this limit while the master is watched.
const STATEMENTS: u64 = 50;

#[tokio::test]
async fn idle_polls_beside_jobs_that_none_of_them_may_have_leave_sqlite_alone() {
    watch(Master::start()).await;
}

#[tokio::test]
async fn idle_polls_beside_jobs_that_none_of_them_may_have_leave_postgresql_alone() {
    let Some(database) = Database::new() else { return };
    let data = Arc::new(tempfile::tempdir().unwrap());
    watch(Master::start_in(data, "127.0.0.1:0", &["--database-url", &database.url()])).await;
}

async fn watch(master: Master) {
    master.publish_standard().await;
    master.add_cameras(1_000, "rtsp://192.0.2.1/live").await;
    let labels = json!({"site": "nowhere"});
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "required_labels": labels})).await;
    let run = master.submit("t").await;
    let mut polls = JoinSet::new();
    for at in 0..NODES {
        let incarnation = Uuid::new_v4();
        let body = json!({
            "id": format!("n{at}"), "name": "n", "incarnation": incarnation, "pool_size": 1, "capacity": 1,
            "version": "1", "clock": "2026-01-01T00:00:00Z",
            "system": {"hostname": "h", "os": "", "arch": "", "cpus": 1, "memory_total_bytes": 1,
                "memory_used_bytes": 1, "process_memory_bytes": 1},
        });
        assert_eq!(master.post("/api/v1/diagnosis/workers/register", &body).await.0, 200);
        // Sends polls as a worker does: one after the other, each a few seconds long.
        let request = |poll: u64| {
            let body = json!({"incarnation": incarnation, "poll": poll, "max_jobs": 5, "wait_ms": 3_000});
            master.request(Method::POST, &format!("/api/v1/diagnosis/workers/n{at}/leases")).json(&body)
        };
        let requests: Vec<_> = (1..6).map(request).collect();
        polls.spawn(async move {
            for request in requests {
                let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
                assert_eq!(answer["jobs"], json!([]), "{answer}");
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = statements(&master).await;
    tokio::time::sleep(WATCH).await;
    let sent = statements(&master).await - before;
    eprintln!("{NODES} idle polls: {sent} statements in {WATCH:?}");
    assert!(sent < STATEMENTS, "{sent} statements in {WATCH:?}");
    let run = master.get(&format!("/api/v1/diagnosis/runs/{run}")).await;
    assert_eq!(run["progress"]["queued"], json!(1_000), "{run}");
    polls.abort_all();
}

async fn statements(master: &Master) -> u64 {
    let metrics = master.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let line = metrics.lines().find(|line| line.starts_with("easysight_master_database_statements_total "));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).expect("the metric is there")
}
