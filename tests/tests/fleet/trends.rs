//! The history of a camera, as clients see it.

use std::{path::Path, sync::Arc};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection;
use tempfile::TempDir;

use crate::{
    bare_node::{Node, result},
    component::{HONEST, guest_named},
    process::{Master, PATIENCE, read},
};

const OF_CAMERA: &str = "/api/v1/diagnosis/cameras/c0";

fn finding(diagnosis: &str, status: &str, mean: f64) -> Value {
    json!({"diagnosis": diagnosis, "status": status, "score": 90.0,
        "decision": {"metric": "mean", "threshold": 40.1},
        "metrics": {"mean": {"value": mean, "unit": "grey level"}, "share": {"value": 0.25}},
        "message": {"zh": "", "en": "fine"}, "failure": null, "fuel": 1, "compute_ms": 1.0,
        "plugin": null, "digest": null})
}

fn unable(diagnosis: &str) -> Value {
    json!({"diagnosis": diagnosis, "status": null, "score": null, "decision": null,
        "message": {"zh": "", "en": "too dark"}, "failure": {"kind": "inconclusive", "detail": "too dark"},
        "fuel": 1, "compute_ms": 1.0, "plugin": null, "digest": null})
}

/// Makes a master with a camera and a task, and a directory for its plugin.
async fn prepared(data: &Arc<TempDir>, dir: &Path) -> Master {
    let master = Master::start_in(Arc::clone(data), "127.0.0.1:0", &[]);
    let plugin = dir.join("honest.wasm");
    std::fs::write(&plugin, guest_named("honestly", "plain", "", "", HONEST)).unwrap();
    master.activate(&plugin).await;
    master.add_cameras(1, "rtsp://10.0.0.1/live").await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    master
}

/// Runs the task once. Returns the job.
async fn check(master: &Master, node: &mut Node<'_>, findings: Value) -> Value {
    master.submit("t").await;
    let lease = node.lease(5_000).await;
    let outcome = json!({"kind": "finished", "findings": findings, "decode_ms": 1.0});
    assert_eq!(node.report(json!([result(&lease, 0, &outcome)])).await, json!(["recorded"]));
    lease["jobs"][0]["id"].clone()
}

#[tokio::test]
async fn the_latest_checks_are_in_the_trend_at_once() {
    let (data, dir) = (Arc::new(tempfile::tempdir().unwrap()), tempfile::tempdir().unwrap());
    let master = prepared(&data, dir.path()).await;
    let (mut node, ..) = Node::register(&master, "n", json!({})).await;
    let first = json!([finding("brightness", "normal", 120.5), unable("freeze")]);
    check(&master, &mut node, first).await;
    let job = check(&master, &mut node, json!([finding("brightness", "error", 12.25)])).await;
    // Both checks are in one bucket of 36 minutes, unless the bucket ends between them.
    let series = master.get(&format!("{OF_CAMERA}/series?diagnosis=brightness&points=10")).await;
    let mean = &series["series"][0];
    assert_eq!(
        (&mean["metric"], &mean["unit"], &mean["count"]),
        (&json!("mean"), &json!("grey level"), &json!(2))
    );
    let last = mean["buckets"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["last"]["value"], &last["threshold"]), (&json!(12.25), &json!(40.1)));
    assert_eq!((&last["last"]["word"], &last["last"]["job_id"]), (&json!("error"), &job));
    let only = master.get(&format!("{OF_CAMERA}/series?diagnosis=brightness&metric=share,nothing")).await;
    assert_eq!(only["series"].as_array().unwrap().len(), 1);
    assert_eq!((&only["series"][0]["metric"], &only["omitted"]), (&json!("share"), &json!(0)));
    let timeline = master.get(&format!("{OF_CAMERA}/timeline?points=10")).await;
    let cell = timeline["checks"].as_array().unwrap().last().unwrap();
    assert_eq!((&cell["worst"], &cell["job_id"]), (&json!("error"), &job));
    let rows: Vec<&Value> =
        timeline["diagnoses"].as_array().unwrap().iter().map(|row| &row["diagnosis"]).collect();
    assert_eq!(rows, ["brightness", "freeze"]);
    assert_eq!(timeline["diagnoses"][1]["cells"][0]["worst"], "inconclusive");
    // The job that the cell names has the finding.
    let found = master.get(&format!("/api/v1/diagnosis/results?job_id={}", job.as_str().unwrap())).await;
    assert_eq!(found["items"][0]["status"], "error");
    let many = vec!["m"; 33].join(",");
    for (query, status) in [
        ("/api/v1/diagnosis/cameras/nobody/series?diagnosis=d".to_owned(), 404),
        ("/api/v1/diagnosis/cameras/nobody/timeline".to_owned(), 404),
        (format!("{OF_CAMERA}/series"), 400),
        (format!("{OF_CAMERA}/series?diagnosis="), 400),
        (format!("{OF_CAMERA}/series?diagnosis=d&points=9"), 400),
        (format!("{OF_CAMERA}/series?diagnosis=d&metric={many}"), 400),
        (format!("{OF_CAMERA}/timeline?points=2001"), 400),
        (format!("{OF_CAMERA}/timeline?since=yesterday"), 400),
        (format!("{OF_CAMERA}/timeline?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z"), 200),
    ] {
        let (found, problem) = read(master.request(Method::GET, &query)).await;
        assert_eq!(found, status, "{query} {problem}");
    }
}

#[tokio::test]
async fn measurements_outlive_the_findings_that_they_were_folded_from() {
    let (data, dir) = (Arc::new(tempfile::tempdir().unwrap()), tempfile::tempdir().unwrap());
    let master = prepared(&data, dir.path()).await;
    let (mut node, ..) = Node::register(&master, "n", json!({})).await;
    let job = check(&master, &mut node, json!([finding("brightness", "normal", 120.5)])).await;
    let path = format!("{OF_CAMERA}/series?diagnosis=brightness&metric=mean&points=10");
    let before = master.get(&path).await;
    drop(master);
    // The report becomes older than the maximum age of findings, and is not folded yet.
    let file = data.path().join("master.db");
    let mut database = sqlx::SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
    for aged in [
        "UPDATE reports SET id = '00000000' || substr(id, 9)",
        "UPDATE folding SET done_to = '', pass_to = NULL, camera_id = '', report_id = ''",
    ] {
        assert_eq!(sqlx::query(aged).execute(&mut database).await.unwrap().rows_affected(), 1);
    }
    database.close().await.unwrap();
    let master = Master::start_in(data, "127.0.0.1:0", &[]);
    let is_gone = |found: &Value| found["items"] == json!([]);
    master.until(PATIENCE, "/api/v1/diagnosis/results?camera_id=c0", is_gone).await;
    let after = master.get(&path).await;
    assert_eq!(after["series"][0]["buckets"][0]["last"]["job_id"], job);
    let values = |series: &Value| {
        let bucket = &series["series"][0]["buckets"][0];
        ["count", "min", "max", "last", "threshold"].map(|field| bucket[field].clone())
    };
    assert_eq!(values(&after), values(&before));
    // If the camera is deleted, its measurements are deleted too.
    assert_eq!(read(master.request(Method::DELETE, OF_CAMERA)).await.0, 204);
    assert_eq!(read(master.request(Method::GET, &path)).await.0, 404);
}

#[tokio::test]
async fn a_master_that_cannot_fold_reports_still_takes_back_leases_and_keeps_its_findings() {
    let (data, dir) = (Arc::new(tempfile::tempdir().unwrap()), tempfile::tempdir().unwrap());
    let master = prepared(&data, dir.path()).await;
    let (mut node, ..) = Node::register(&master, "n", json!({})).await;
    check(&master, &mut node, json!([finding("brightness", "normal", 120.5)])).await;
    drop(master);
    let file = data.path().join("master.db");
    let mut database = sqlx::SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
    for sql in [
        "UPDATE reports SET id = '00000000' || substr(id, 9)",
        "UPDATE folding SET done_to = '', pass_to = NULL, camera_id = '', report_id = ''",
        "CREATE TRIGGER broken BEFORE UPDATE ON folding BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END",
    ] {
        sqlx::query(sql).execute(&mut database).await.unwrap();
    }
    database.close().await.unwrap();
    let master = Master::start_in(data, "127.0.0.1:0", &["--lease-time", "3"]);
    master.running.says(&["the measurements of reports cannot be kept"]).await;
    let (mut dying, ..) = Node::register(&master, "dying", json!({})).await;
    master.submit("t").await;
    assert_eq!(dying.lease(5_000).await["jobs"].as_array().unwrap().len(), 1);
    let (mut other, ..) = Node::register(&master, "other", json!({})).await;
    assert_eq!(other.lease(60_000).await["jobs"].as_array().unwrap().len(), 1);
    // The finding is much older than the maximum age of findings, but its report is not folded, so it stays.
    let found = master.get("/api/v1/diagnosis/results?camera_id=c0").await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}
