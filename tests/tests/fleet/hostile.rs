//! Hostile plugins against a master and its workers.

use std::fs;

use reqwest::Method;
use serde_json::json;

use crate::{
    component::{HONEST, guest_named},
    process::{Master, PATIENCE, read, worker},
    programs::{has_ffmpeg, make_clip},
};

const FOR_EVER: &str = "(loop $again (br $again))";

#[tokio::test]
async fn a_plugin_whose_describe_never_ends_is_refused() {
    let master = Master::start();
    let bytes = guest_named("speaking", "plain", "", FOR_EVER, HONEST);
    let request = master.request(Method::POST, "/api/v1/plugins").header("content-type", "application/wasm");
    let (status, problem) = read(request.body(bytes)).await;
    assert_eq!((status, &problem["type"]), (422, &json!("/problems/describe-failed")), "{problem}");
    assert_eq!(master.get("/api/v1/plugins").await, json!([]));
}

#[tokio::test]
async fn a_plugin_that_never_ends_costs_nobody_else_a_finding() {
    if !has_ffmpeg() {
        return;
    }
    let master = Master::start();
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    let endless = dir.path().join("endless.wasm");
    fs::write(&endless, guest_named("endlessl", "plain", "", "", &format!("{FOR_EVER} (unreachable)")))
        .unwrap();
    master.publish_standard().await;
    master.activate(&endless).await;
    master.add_cameras(2, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    let _worker = worker(&master, dir.path(), "w", &["--fuel", "20M"]);
    let run = master.submit("t").await;
    let run_is = master.finished(&run, PATIENCE).await;
    assert_eq!(run_is["progress"]["finished"], json!(2), "{run_is}");
    let findings = master.findings(&run).await;
    let of = |diagnosis: &str, key: &str| {
        let found = findings.iter().filter(|one| one["diagnosis"] == diagnosis);
        found.map(|one| one[key].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of("brightness", "status"), [json!("normal"), json!("normal")]);
    let failures = of("endlessl", "failure");
    assert_eq!(failures.len(), 2);
    assert!(failures.iter().all(|failure| failure["kind"] == "fuel-exhausted"), "{failures:?}");
}
