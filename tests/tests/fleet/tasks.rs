//! Tasks, runs, and which nodes get their jobs.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    bare_node::{Node, nothing_found, result},
    http::client,
    process::{Master, PATIENCE, read, worker},
    programs::{has_ffmpeg, make_clip, program},
};

#[tokio::test]
async fn a_waiting_worker_is_woken_by_a_submission() {
    let master = Master::start();
    master.publish_standard().await;
    master.add_cameras(1, "rtsp://10.0.0.1/live").await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    let (mut node, status, _) = Node::register(&master, "n", json!({})).await;
    assert_eq!(status, 200);
    // A poll that may wait for a minute is answered when a job is queued.
    let (lease, run) = tokio::join!(node.lease(60_000), async {
        let waits = |metrics: &str| metrics.contains("easysight_master_long_polls 1");
        loop {
            let answer = master.request(Method::GET, "/metrics").send().await.unwrap();
            if waits(&answer.text().await.unwrap()) {
                break master.submit("t").await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(lease["jobs"].as_array().unwrap().len(), 1);
    assert_eq!(lease["plans"][0]["plugins"].as_array().unwrap().len(), 2);
    assert_eq!(node.report(json!([result(&lease, 0, &nothing_found())])).await, json!(["recorded"]));
    assert_eq!(master.finished(&run, PATIENCE).await["progress"]["finished"], json!(1));
}

#[tokio::test]
async fn what_plugins_remember_goes_round_until_a_person_resets_it() {
    let master = Master::start();
    master.publish_standard().await;
    master.add_cameras(1, "rtsp://10.0.0.1/live").await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "diagnoses": ["brightness"]})).await;
    let (mut node, ..) = Node::register(&master, "n", json!({})).await;
    let finding = json!({"diagnosis": "brightness", "status": "normal", "score": 90.0, "decision": null,
        "message": {"zh": "", "en": "fine"}, "failure": null, "fuel": 1, "compute_ms": 1.0,
        "plugin": "brightness@1.0.0", "digest": null});
    let remembers = json!({"kind": "finished", "findings": [finding], "decode_ms": 1.0,
        "baselines": [{"plugin": "brightness", "data": "AQID"}, {"plugin": "brightness", "data": "damaged"}]});
    let path = "/api/v1/diagnosis/cameras/c0/baseline";
    for (given, outcome) in [(json!(null), &remembers), (remembers["baselines"][0].clone(), &nothing_found())]
    {
        master.submit("t").await;
        let lease = node.lease(5_000).await;
        assert_eq!(lease["jobs"][0]["baselines"][0], given);
        assert_eq!(node.report(json!([result(&lease, 0, outcome)])).await, json!(["recorded"]));
        let kept = master.get(path).await;
        assert_eq!((&kept[0]["plugin"], &kept[0]["size_bytes"]), (&json!("brightness"), &json!(3)), "{kept}");
    }
    let reset =
        program("easysight").args(["camera", "--master", master.url(), "reset-baseline", "c0"]).output();
    assert!(reset.unwrap().status.success());
    assert_eq!(master.get(path).await, json!([]));
    let (status, _) = master.post("/api/v1/diagnosis/cameras/nobody/baseline/reset", &json!({})).await;
    assert_eq!(status, 404);
    master.submit("t").await;
    assert_eq!(node.lease(5_000).await["jobs"][0]["baselines"], json!(null));
}

#[tokio::test]
async fn results_that_nobody_may_report_are_told_apart() {
    let master = Master::start();
    master.publish_standard().await;
    master.add_cameras(2, "rtsp://10.0.0.1/live").await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    let run = master.submit("t").await;
    let (mut node, ..) = Node::register(&master, "n", json!({})).await;
    let lease = node.lease(0).await;
    let good = result(&lease, 0, &nothing_found());
    let mut unknown = good.clone();
    unknown["job_id"] = json!(uuid::Uuid::new_v4());
    let mut stale = result(&lease, 1, &nothing_found());
    stale["attempt"] = json!(7);
    assert_eq!(node.report(json!([good, unknown, stale])).await, json!(["recorded", "unknown", "stale"]));
    assert_eq!(node.report(json!([good])).await, json!(["duplicate"]));
    let (status, _) = master.post(&format!("/api/v1/diagnosis/runs/{run}/cancel"), &json!({})).await;
    assert_eq!(status, 200);
    assert_eq!(node.report(json!([result(&lease, 1, &nothing_found())])).await, json!(["stale"]));
    let beat = json!({"incarnation": node.incarnation, "last_poll": 1, "clock": "2026-01-01T00:00:00Z",
        "held": [{"job_id": lease["jobs"][1]["id"], "attempt": 1}]});
    let (_, answer) = master.post("/api/v1/diagnosis/workers/n/heartbeat", &beat).await;
    assert_eq!(answer["revoked"], json!([lease["jobs"][1]["id"]]));
    let (status, problem) = master.post("/api/v1/diagnosis/workers/nobody/heartbeat", &beat).await;
    assert_eq!((status, &problem["type"]), (404, &json!("/problems/no-such-node")));
}

#[tokio::test]
async fn two_workers_with_one_node_id_are_told_apart() {
    let master = Master::start();
    let dir = tempfile::tempdir().unwrap();
    let _first = worker(&master, dir.path(), "first", &["--node-id", "same"]);
    master.has_nodes(1).await;
    let second = worker(&master, dir.path(), "second", &["--node-id", "same"]);
    second.says(&["another worker on"]).await;
    let nodes = master.get("/api/v1/diagnosis/workers/distributed").await;
    assert_eq!((nodes.as_array().unwrap().len(), &nodes[0]["name"]), (1, &json!("first")));
    let answer = client().get(format!("{}/readyz", second.url)).send().await.unwrap();
    assert_eq!(answer.status(), 503);
}

#[tokio::test]
async fn a_node_is_shown_with_its_jobs_its_plugins_and_the_end_of_its_lease() {
    let master = Master::start();
    master.publish_standard().await;
    master.add_cameras(2, "rtsp://10.0.0.1/live").await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    let (mut node, _, registered) = Node::register(&master, "n", json!({})).await;
    let shown = master.get("/api/v1/diagnosis/workers/distributed").await[0].clone();
    assert_eq!((&shown["jobs"], &shown["cached_plugins"]), (&json!([]), &json!(null)));
    let run = master.submit("t").await;
    let lease = node.lease(5_000).await;
    let plugin =
        json!({"digest": "a".repeat(64), "name": "freeze", "version": "1.0.0", "diagnoses": ["freeze"]});
    let held: Vec<_> = (0..2).map(|at| json!({"job_id": lease["jobs"][at]["id"], "attempt": 1})).collect();
    let beat = json!({"incarnation": node.incarnation, "last_poll": 1, "clock": "2026-01-01T00:00:00Z",
        "held": held, "plugins": [plugin]});
    let (status, _) = master.post("/api/v1/diagnosis/workers/n/heartbeat", &beat).await;
    assert_eq!(status, 200);
    let shown = master.get("/api/v1/diagnosis/workers/distributed").await[0].clone();
    assert_eq!(shown["cached_plugins"], json!([plugin]));
    let jobs = shown["jobs"].as_array().unwrap();
    let ids: Vec<_> = jobs.iter().map(|job| job["id"].clone()).collect();
    assert_eq!((jobs.len(), json!(ids)), (2, shown["current_tasks"].clone()));
    for job in jobs {
        let full = master.get(&format!("/api/v1/diagnosis/jobs/{}", job["id"].as_str().unwrap())).await;
        let camera = master.get(&format!("/api/v1/diagnosis/cameras/{}", text(&full["camera_id"]))).await;
        let expected = json!({"id": full["id"], "run_id": run, "camera_id": full["camera_id"],
            "camera_name": camera["name"], "since": full["started_at"]});
        assert_eq!(job, &expected);
    }
    let time = |value: &Value| text(value).parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let lease_ms = (time(&shown["lease_expires_at"]) - time(&shown["last_heartbeat"])).num_milliseconds();
    assert_eq!(json!(lease_ms), registered["lease_ms"]);
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

#[tokio::test]
async fn a_clock_that_is_off_is_shown_and_does_no_harm() {
    let master = Master::start();
    let (_node, status, _) = Node::register(&master, "n", json!({"clock": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(status, 200);
    let nodes = master.get("/api/v1/diagnosis/workers/distributed").await;
    assert!(nodes[0]["clock_offset_ms"].as_i64().unwrap() < -1_000_000);
    assert_eq!(nodes[0]["status"], json!("online"));
}

#[tokio::test]
async fn what_a_task_lacks_is_said_and_it_begins_when_that_is_there() {
    let master = Master::start();
    let task = json!({"id": "t", "name": "t", "cameras": ["c0"], "diagnoses": ["brightness"],
        "required_labels": {"site": "north"}});
    let made = master.add_task(task).await;
    let waits: Vec<_> =
        made["waits_for"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
    assert_eq!(waits.len(), 3, "{waits:?}");
    let run = master.submit("t").await;
    let path = format!("/api/v1/diagnosis/runs/{run}");
    let waiting = master.get(&path).await;
    assert_eq!(
        (&waiting["state"], &waiting["waits_for"][0]),
        (&json!("waiting"), &json!("an active plugin for `brightness`"))
    );
    master.publish_standard().await;
    master.until(PATIENCE, &path, |run| run["waits_for"][0] == "camera `c0`").await;
    master.add_cameras(1, "rtsp://10.0.0.1/live").await;
    let queued = master.until(PATIENCE, &path, |run| run["progress"]["queued"] == 1).await;
    assert!(queued["waits_for"][0].as_str().unwrap().contains("site=north"), "{queued}");
    let (mut plain, ..) = Node::register(&master, "plain", json!({})).await;
    assert_eq!(plain.lease(0).await["jobs"], json!([]));
    let (mut north, ..) = Node::register(&master, "north", json!({"labels": {"site": "north"}})).await;
    assert_eq!(north.lease(0).await["jobs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_idempotency_key_makes_one_run_and_overrides_are_of_the_run() {
    let master = Master::start();
    master.publish_standard().await;
    master.add_cameras(1, "rtsp://10.0.0.1/live").await;
    master
        .add_task(
            json!({"id": "t", "name": "t", "groups": ["hall"], "config": {"brightness": {"dark_p95": 50}}}),
        )
        .await;
    let submit = |key: &'static str, body: Value| {
        let request = master.request(Method::POST, "/api/v1/diagnosis/tasks/t/submit");
        read(request.header("idempotency-key", key).json(&body))
    };
    let (_, first) =
        submit("a", json!({"priority": 7, "thresholds": {"brightness": {"dark_p95": 33}}})).await;
    let (_, again) = submit("a", json!({"priority": 7})).await;
    let (_, other) = submit("b", json!({})).await;
    assert_eq!(first["id"], again["id"]);
    assert_ne!(first["id"], other["id"]);
    assert_eq!(first["priority"], json!(7));
    let (status, problem) = submit("c", json!({"config": {"brightness": {"dark_p95": -1}}})).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("/config/brightness/dark_p95")));
    let (mut node, ..) = Node::register(&master, "n", json!({})).await;
    let lease = node.lease(0).await;
    let config = |at: usize| {
        let plan = &lease["plans"][lease["jobs"][at]["plan"].as_u64().unwrap() as usize];
        plan["plugins"].as_array().unwrap().iter().find(|one| one["diagnoses"][0] == "brightness").unwrap()["config"]["dark_p95"].clone()
    };
    // The urgent job is the first one.
    assert_eq!((config(0).as_f64(), config(1).as_f64()), (Some(33.0), Some(50.0)));
}

#[tokio::test]
async fn a_schedule_makes_runs_and_a_pause_stops_it() {
    let master = Master::start();
    master.publish_standard().await;
    master.add_cameras(1, "rtsp://10.0.0.1/live").await;
    let schedule = json!({"kind": "interval", "every_s": 1});
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "schedule": schedule})).await;
    let two = |runs: &Value| runs["items"].as_array().is_some_and(|runs| runs.len() >= 2);
    let runs = master.until(PATIENCE, "/api/v1/diagnosis/tasks/t/runs", two).await;
    assert_eq!(runs["items"][0]["trigger"], json!("schedule"));
    assert_ne!(runs["items"][0]["fire_time"], runs["items"][1]["fire_time"]);
    let (status, paused) = master.post("/api/v1/diagnosis/tasks/t/pause", &json!({})).await;
    assert_eq!((status, &paused["enabled"]), (200, &json!(false)));
    let before = master.get("/api/v1/diagnosis/tasks/t/runs").await["items"].as_array().unwrap().len();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = master.get("/api/v1/diagnosis/tasks/t/runs").await["items"].as_array().unwrap().len();
    // A run that was being started when the task was paused may still appear.
    assert!(after <= before + 1, "{before} {after}");
}

#[tokio::test]
async fn dead_jobs_are_kept_and_retried_when_a_person_says_so() {
    let master = Master::start();
    master.publish_standard().await;
    master.add_cameras(1, "/no/such/clip.mp4").await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "max_attempts": 1})).await;
    let run = master.submit("t").await;
    let dir = tempfile::tempdir().unwrap();
    let _worker = worker(&master, dir.path(), "w", &[]);
    let dead = master.finished(&run, PATIENCE).await;
    assert_eq!(dead["progress"]["dead"], json!(1));
    let jobs = master.get(&format!("/api/v1/diagnosis/runs/{run}/jobs?state=dead")).await;
    let kind = jobs["items"][0]["failure"]["kind"].as_str().unwrap();
    assert!(matches!(kind, "no-such-file" | "ffmpeg-missing"), "{jobs}");
    let (status, again) = master.post(&format!("/api/v1/diagnosis/runs/{run}/retry"), &json!({})).await;
    assert_eq!((status, &again["progress"]["dead"]), (200, &json!(0)), "{again}");
    let dead = master.finished(&run, PATIENCE).await;
    assert_eq!(dead["progress"]["dead"], json!(1));
    let jobs = master.get(&format!("/api/v1/diagnosis/runs/{run}/jobs")).await;
    assert_eq!(jobs["items"][0]["attempt"], json!(2));
}

#[tokio::test]
async fn a_source_is_judged_without_being_stored() {
    if !has_ffmpeg() {
        return;
    }
    let master = Master::start();
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "lutyuv=y=16+(val-16)*0.12");
    let body = json!({"source": clip, "diagnoses": ["brightness"]});
    let (status, problem) = master.post("/api/v1/diagnosis/submissions", &body).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("/diagnoses")), "{problem}");
    master.publish_standard().await;
    let (status, queued) = master.post("/api/v1/diagnosis/submissions", &body).await;
    assert_eq!((status, &queued["state"]), (202, &json!("queued")), "{queued}");
    let _worker = worker(&master, dir.path(), "w", &[]);
    let path = format!("/api/v1/diagnosis/submissions/{}?wait_ms=30000", queued["id"].as_str().unwrap());
    let done = master.get(&path).await;
    assert_eq!(
        (&done["state"], &done["findings"][0]["status"]),
        (&json!("finished"), &json!("error")),
        "{done}"
    );
    let (status, at_once) = master.post("/api/v1/diagnosis/submissions?wait_ms=30000", &body).await;
    assert_eq!((status, &at_once["findings"][0]["status"]), (200, &json!("error")), "{at_once}");
    assert_eq!(read(master.request(Method::GET, "/api/v1/diagnosis/submissions/x")).await.0, 404);
}
