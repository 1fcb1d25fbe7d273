//! Hostile plugins against a master and its workers.

use std::fs;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    bare_node::{Node, result},
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

/// A number that is too large, in a region or in a metric, would be stored as null. Findings with it could not be read,
/// and neither could the page on which they are.
#[tokio::test]
async fn a_number_that_cannot_be_read_again_is_refused_and_costs_no_other_result() {
    let master = Master::start();
    master.publish_standard().await;
    master.add_cameras(2, "rtsp://camera.example/live").await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "diagnoses": ["brightness"]})).await;
    let (mut node, status, _) = Node::register(&master, "n", json!({})).await;
    assert_eq!(status, 200);
    master.submit("t").await;
    let lease = node.lease(5_000).await;
    let found = |left: Value, mean: Value| {
        json!({"kind": "finished", "decode_ms": 1.0, "findings": [{
            "diagnosis": "brightness", "status": "error", "score": 1.0,
            "decision": {"metric": "mean", "threshold": 40.0}, "metrics": {"mean": {"value": mean}},
            "regions": [{"left": left, "top": 0.0, "width": 0.5, "height": 0.5, "caption": {"zh": "", "en": "x"}}],
            "message": {"zh": "", "en": "dark"}, "failure": null, "fuel": 1, "compute_ms": 1.0,
            "plugin": "brightness@1.0.0", "digest": null,
        }]})
    };
    let good = result(&lease, 0, &found(json!(0.25), json!(12.0)));
    for (left, mean, fault) in [(json!(1e39), json!(12.0), "infinity"), (json!(0.25), Value::Null, "null")] {
        let bad = result(&lease, 1, &found(left, mean));
        let path = "/api/v1/diagnosis/workers/n/results";
        let (status, problem) = master.post(path, &json!({"results": [good, bad]})).await;
        assert_eq!((status, &problem["field"]), (400, &json!("/results/1/outcome")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(fault), "{problem}");
        // A node sends the results of a refused batch again, each for itself.
        let (status, problem) = master.post(path, &json!({"results": [bad]})).await;
        assert_eq!(status, 400, "{problem}");
    }
    node.report(json!([good])).await;
    let page = master.get("/api/v1/diagnosis/results").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
}
