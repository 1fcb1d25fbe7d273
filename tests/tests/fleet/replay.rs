//! Tests the replay of another limit over past checks, by the API and by the command line.

use std::{path::Path, sync::Arc};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    bare_node::{Node, result},
    component::{HONEST, guest_named},
    process::{Master, PATIENCE, read, worker},
    programs::{has_ffmpeg, make_clip, plugins, program},
};

const REPLAY: &str = "/api/v1/diagnosis/replay";
const OTHER: &str = "/api/v1/diagnosis/replay?diagnosis=brightness&metric=luma_p95";

/// A finding of the diagnosis brightness: a warning if the metric `luma_p95` is below 80.
fn brightness(p95: f64) -> Value {
    json!({"diagnosis": "brightness", "status": if p95 < 80.0 { "warning" } else { "normal" }, "score": 40.0,
        "decision": {"metric": "luma_p95", "threshold": 80.0},
        "metrics": {"luma_p95": {"value": p95, "unit": "grey level"}, "looks": {"value": 3.0}},
        "message": {"zh": "", "en": "seen"}, "failure": null, "fuel": 1, "compute_ms": 1.0,
        "plugin": null, "digest": null})
}

/// Makes a master with three cameras and two tasks, and a directory for its plugin.
async fn prepared(data: &Arc<TempDir>, dir: &Path) -> Master {
    let master = Master::start_in(Arc::clone(data), "127.0.0.1:0", &[]);
    let plugin = dir.join("honest.wasm");
    std::fs::write(&plugin, guest_named("honestly", "plain", "", "", HONEST)).unwrap();
    master.activate(&plugin).await;
    master.add_cameras(3, "rtsp://10.0.0.1/live").await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    master.add_task(json!({"id": "one", "name": "one", "cameras": ["c1"]})).await;
    master
}

/// Runs the task for all cameras once. The finding of each camera has its value of `values`.
async fn check(master: &Master, node: &mut Node<'_>, values: [f64; 3]) {
    master.submit("t").await;
    let mut left = 3;
    while left > 0 {
        let lease = node.lease(5_000).await;
        for (at, job) in lease["jobs"].as_array().unwrap().iter().enumerate() {
            let camera: usize = job["camera_id"].as_str().unwrap()[1..].parse().unwrap();
            let findings = json!([brightness(values[camera])]);
            let outcome = json!({"kind": "finished", "findings": findings, "decode_ms": 1.0});
            assert_eq!(node.report(json!([result(&lease, at, &outcome)])).await, json!(["recorded"]));
            left -= 1;
        }
    }
}

fn easysight(master: &Master, arguments: &[&str]) -> (bool, String) {
    let mut command = program("easysight");
    command.arg("replay").args(arguments).args(["--master", master.url()]).env("COLUMNS", "200");
    let done = command.output().unwrap();
    (done.status.success(), String::from_utf8([done.stdout, done.stderr].concat()).unwrap())
}

#[tokio::test]
async fn a_moved_limit_is_replayed_for_the_chosen_cameras() {
    let (data, dir) = (Arc::new(tempfile::tempdir().unwrap()), tempfile::tempdir().unwrap());
    let master = prepared(&data, dir.path()).await;
    let (mut node, ..) = Node::register(&master, "n", json!({})).await;
    for values in [[60.0, 85.0, 200.0], [70.0, 95.0, 210.0]] {
        check(&master, &mut node, values).await;
    }
    let limits = master.get(&format!("{REPLAY}/limits?diagnosis=brightness")).await;
    let limit = &limits["limits"][0];
    assert_eq!(
        (&limit["metric"], &limit["side"], &limit["settings"]),
        (&json!("luma_p95"), &json!("below"), &json!([]))
    );
    assert_eq!(limit["thresholds"], json!([{"threshold": 80.0, "verdicts": 6, "cameras": 3}]));
    let checks = json!({"cameras": 3, "verdicts": 6, "alarms": 2, "without_verdict": 0, "explained": 6, "damaged_days": 0});
    assert_eq!(limits["checks"], checks);
    let stricter = master.get(&format!("{OTHER}&threshold=90")).await;
    assert_eq!(stricter["verdicts"], json!({"raised": 1, "cleared": 0, "undetermined": 0}));
    let change = &stricter["changes"][0];
    assert_eq!((&change["camera_id"], &change["name"]), (&json!("c1"), &json!("Camera 1")));
    assert_eq!((&change["first"]["value"], &change["first"]["becomes_alarm"]), (&json!(85.0), &json!(true)));
    // The job of a change leads to its finding.
    let job = change["last"]["job_id"].as_str().unwrap();
    let found = master.get(&format!("/api/v1/diagnosis/results?job_id={job}")).await;
    assert_eq!(
        (&found["items"][0]["camera_id"], &found["items"][0]["status"]),
        (&json!("c1"), &json!("normal"))
    );
    let looser = master.get(&format!("{OTHER}&threshold=65&side=below&from=80")).await;
    assert_eq!(looser["verdicts"], json!({"raised": 0, "cleared": 1, "undetermined": 0}));
    assert_eq!(
        (&looser["changes"][0]["alarms_before"], &looser["changes"][0]["alarms_after"]),
        (&json!(2), &json!(1))
    );
    for (scope, raised) in [("", 4), ("&group=hall", 4), ("&task=t", 4), ("&camera=c0,c2", 2), ("&days=1", 4)]
    {
        let all = master.get(&format!("{OTHER}&threshold=500{scope}")).await;
        assert_eq!(all["verdicts"]["raised"], json!(raised), "{scope}");
    }
    // The only camera of this task never raised an alarm.
    let (status, untold) =
        read(master.request(Method::GET, &format!("{OTHER}&threshold=500&task=one"))).await;
    assert!(status == 404 && untold.to_string().contains("do not show"), "{untold}");
    let cut = master.get(&format!("{OTHER}&threshold=500&limit=1")).await;
    assert_eq!((cut["changes"].as_array().unwrap().len(), &cut["omitted"]), (1, &json!(1)));
    // Requests at the same time wait for one another.
    let path = format!("{OTHER}&threshold=90");
    let (a, b, c) = tokio::join!(master.get(&path), master.get(&path), master.get(&path));
    assert!([a, b, c].iter().all(|one| one["changes"] == stricter["changes"]));
    // The same from the command line.
    let (is_done, shown) = easysight(&master, &["brightness", "--metric", "luma_p95", "--threshold", "90"]);
    assert!(
        is_done && shown.contains("new alarms: 1 verdict in 1 camera;") && shown.contains("Camera 1"),
        "{shown}"
    );
    let (is_done, shown) = easysight(&master, &["brightness", "--task", "t"]);
    assert!(is_done && shown.contains("luma_p95") && shown.contains("100.0 %"), "{shown}");
    let (is_done, shown) = easysight(&master, &["brightness", "--task", "one"]);
    assert!(is_done && shown.contains("do not show") && shown.lines().count() == 1, "{shown}");
    let (_, json) = easysight(&master, &["brightness", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["limits"], limits["limits"]);
}

#[tokio::test]
async fn a_replay_that_cannot_be_answered_says_why() {
    let (data, dir) = (Arc::new(tempfile::tempdir().unwrap()), tempfile::tempdir().unwrap());
    let mut master = prepared(&data, dir.path()).await;
    let nothing = format!("{OTHER}&threshold=90");
    let (status, problem) = read(master.request(Method::GET, &nothing)).await;
    assert_eq!((status, &problem["type"]), (404, &json!("/problems/nothing-to-replay")), "{problem}");
    assert_eq!(master.get(&format!("{REPLAY}/limits?diagnosis=brightness")).await["limits"], json!([]));
    let (mut node, ..) = Node::register(&master, "n", json!({})).await;
    check(&master, &mut node, [60.0, 85.0, 200.0]).await;
    for (query, status, words) in [
        ("?diagnosis=brightness&metric=looks&threshold=1", 404, "luma_p95 (alarms below 80)"),
        ("?diagnosis=brightness&metric=luma_p95&threshold=1&side=above", 404, "alarms above it"),
        ("?diagnosis=brightness&metric=luma_p95&threshold=1&from=81", 404, "by the limit 81"),
        ("?diagnosis=nobody&metric=luma_p95&threshold=1", 404, "no verdict of `nobody`"),
        ("?diagnosis=brightness&metric=luma_p95&threshold=1&camera=c0,nobody", 404, "nobody"),
        ("?diagnosis=brightness&metric=luma_p95&threshold=1&task=nobody", 404, "nobody"),
        ("?diagnosis=brightness&metric=luma_p95&threshold=1&group=nobody", 404, "no verdict"),
        ("?diagnosis=brightness&metric=luma_p95&threshold=dark", 400, "threshold"),
        ("?diagnosis=brightness&metric=luma_p95&threshold=NaN", 400, "finite"),
        ("?diagnosis=brightness&metric=luma_p95&threshold=1&from=inf", 400, "finite"),
        ("?diagnosis=brightness&metric=luma_p95&threshold=1&side=left", 400, "side"),
        ("?diagnosis=brightness&metric=luma_p95&threshold=1&days=91", 400, "1 to 90"),
        ("?diagnosis=brightness&metric=luma_p95&threshold=1&limit=0", 400, "1 to 1000"),
        ("?diagnosis=brightness&metric=luma_p95&threshold=1&label=north", 404, "no verdict"),
        ("?diagnosis=&metric=luma_p95&threshold=1", 400, "diagnosis"),
        ("?diagnosis=brightness&threshold=1", 400, "metric"),
        ("?diagnosis=brightness&metric=luma_p95", 400, "threshold"),
        ("/limits", 400, "diagnosis"),
        ("/limits?diagnosis=brightness&camera=", 400, "camera"),
    ] {
        let (found, problem) = read(master.request(Method::GET, &format!("{REPLAY}{query}"))).await;
        assert_eq!(found, status, "{query} {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{query} {problem}");
    }
    let (is_done, said) = easysight(&master, &["brightness", "--metric", "looks", "--threshold", "3"]);
    assert!(!is_done && said.contains("decided no verdict"), "{said}");
    // Whoever may read may replay.
    let (_, admin) = master.post("/api/v1/tokens", &json!({"name": "me", "scope": "admin"})).await;
    master.token = admin["token"].as_str().map(str::to_owned);
    for (scope, status) in [("viewer", 200), ("worker", 403)] {
        let (_, made) = master.post("/api/v1/tokens", &json!({"name": scope, "scope": scope})).await;
        let token = std::mem::replace(&mut master.token, made["token"].as_str().map(str::to_owned));
        assert_eq!(read(master.request(Method::GET, &nothing)).await.0, status, "{scope}");
        master.token = token;
    }
}

#[tokio::test]
async fn the_limit_of_a_standard_plugin_is_traced_to_its_setting() {
    if !has_ffmpeg() {
        return;
    }
    let (master, dir) = (Master::start(), tempfile::tempdir().unwrap());
    let light = make_clip(dir.path(), "light.mp4", "null");
    let dark = make_clip(dir.path(), "dark.mp4", "lutyuv=y=16+(val-16)*0.1");
    master.activate(&plugins().join("brightness.wasm")).await;
    for (id, source) in [("light", light), ("dark", dark)] {
        let camera =
            json!({"id": id, "name": id, "groups": ["hall"], "source": source.display().to_string()});
        assert_eq!(master.post("/api/v1/diagnosis/cameras", &camera).await.0, 201);
    }
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    let worker_data = dir.path().join("worker");
    let _worker = worker(&master, &worker_data, "w", &[]);
    let run = master.submit("t").await;
    master.finished(&run, PATIENCE).await;
    let findings = master.findings(&run).await;
    let p95 = |camera: &str| {
        let of = findings.iter().find(|one| one["camera_id"] == camera).unwrap();
        (of["status"].clone(), of["metrics"]["luma_p95"]["value"].as_f64().unwrap())
    };
    let ((light_status, light), (dark_status, dark)) = (p95("light"), p95("dark"));
    assert!(light_status == "normal" && dark_status != "normal" && dark < 80.0, "{findings:?}");
    let stricter = master.get(&format!("{OTHER}&threshold={}", light + 1.0)).await;
    assert_eq!(
        (&stricter["limit"]["side"], &stricter["limit"]["settings"]),
        (&json!("below"), &json!(["dark_p95"]))
    );
    assert_eq!(stricter["limit"]["thresholds"][0]["threshold"], json!(80.0));
    assert_eq!(stricter["verdicts"], json!({"raised": 1, "cleared": 0, "undetermined": 0}));
    let looser = master.get(&format!("{OTHER}&threshold={}", dark / 2.0)).await;
    assert_eq!(looser["verdicts"], json!({"raised": 0, "cleared": 1, "undetermined": 0}));
    let last = &looser["changes"][0]["last"];
    assert_eq!(looser["changes"][0]["camera_id"], "dark");
    // The picture of the alarm is the one of its finding.
    let of_finding = findings.iter().find(|one| one["camera_id"] == "dark").unwrap();
    assert!(last["evidence"]["thumbnail"].is_string(), "{last}");
    assert_eq!(last["evidence"], of_finding["evidence"]);
}
