//! The standalone worker over HTTP: submissions, limits, settings, and how it stops.

use std::{fs, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    programs::{has_ffmpeg, make_clip, plugins, program},
    worker::{Worker, finding, read},
};

const SUBMISSIONS: &str = "/api/v1/diagnosis/submissions";

/// Starts a camera that accepts connections and sends nothing, so that its capture takes long.
async fn silent_camera() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rtsp://admin:s3cretword@{}/live", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn a_file_is_judged_and_can_be_looked_up() {
    if !has_ffmpeg() {
        return;
    }
    let worker = Worker::start(&plugins(), &[]);
    let clip = make_clip(worker.data.path(), "a.mp4", "null");
    let (status, submission) = worker.submit(&json!({ "source": clip }), 30_000).await;
    assert_eq!((status, submission["state"].as_str()), (200, Some("finished")), "{submission}");
    for diagnosis in ["brightness", "freeze"] {
        assert_eq!(finding(&submission, diagnosis)["status"], "normal");
    }
    let id = submission["id"].as_str().unwrap();
    for place in ["submissions", "tasks"] {
        let (status, again) = worker.get(&format!("/api/v1/diagnosis/{place}/{id}")).await;
        assert_eq!((status, &again), (200, &submission));
    }
    let (_, list) = worker.get(&format!("{SUBMISSIONS}?state=finished&limit=5")).await;
    assert_eq!(list.as_array().unwrap().len(), 1);
    let (_, node) = worker.get("/api/v1/diagnosis/workers/status").await;
    assert_eq!(node["totals"]["finished"], 1);
    assert_eq!(node["pool"]["capacity"], 9);
    assert!(node["plugins"].as_array().unwrap().len() >= 2);
    let metrics = worker.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("easysight_worker_jobs_finished_total 1"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));
    assert_eq!(worker.get("/healthz").await.0, 200);
    assert_eq!(worker.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn an_upload_is_judged_with_its_own_configuration_and_removed() {
    if !has_ffmpeg() {
        return;
    }
    let worker = Worker::start(&plugins(), &["--max-upload", "2MiB"]);
    let dir = tempfile::tempdir().unwrap();
    let clip = fs::read(make_clip(dir.path(), "a.mp4", "lutyuv=y=16+(val-16)*0.12")).unwrap();
    let form = |bytes: Vec<u8>, request: Value| {
        let part = reqwest::multipart::Part::bytes(bytes).file_name("night.mp4");
        reqwest::multipart::Form::new().text("request", request.to_string()).part("clip", part)
    };
    let path = format!("{SUBMISSIONS}?wait_ms=30000");
    let upload = |form| read(worker.request(Method::POST, &path).multipart(form));
    let dark = json!({ "diagnoses": ["brightness"] });
    let (status, submission) = upload(form(clip.clone(), dark)).await;
    assert_eq!((status, submission["source"].as_str()), (200, Some("night.mp4")), "{submission}");
    assert_eq!(finding(&submission, "brightness")["status"], "error");
    let tolerant = json!({ "diagnoses": ["brightness"], "config": { "brightness": { "dark_p95": 5 } } });
    let (_, submission) = upload(form(clip, tolerant)).await;
    assert_eq!(finding(&submission, "brightness")["status"], "normal");
    assert_eq!(fs::read_dir(worker.data.path().join("uploads")).unwrap().count(), 0);

    let (status, problem) = upload(form(vec![0; 3 << 20], json!({}))).await;
    assert_eq!((status, problem["type"].as_str()), (413, Some("/problems/too-large")));
    let (status, submission) = upload(form(b"no clip".to_vec(), json!({}))).await;
    assert_eq!((status, submission["failure"]["kind"].as_str()), (200, Some("not-media")), "{submission}");
    assert_eq!(fs::read_dir(worker.data.path().join("uploads")).unwrap().count(), 0);
}

#[tokio::test]
async fn bad_requests_are_problems_that_name_the_field() {
    let worker = Worker::start(&plugins(), &[]);
    for (body, status, field) in [
        (json!({}), 422, "/source"),
        (json!({ "source": "" }), 422, "/source"),
        (json!({ "source": "ftp://a/b" }), 422, "/source"),
        (json!({ "source": 1 }), 400, "/source"),
        (json!({ "source": "a", "surprise": 1 }), 400, "/surprise"),
        (json!({ "source": "a", "diagnoses": ["blurr"] }), 422, "/diagnoses/0"),
        (json!({ "source": "a", "diagnoses": "freeze" }), 400, "/diagnoses"),
        (json!({ "source": "a", "config": { "blurr": {} } }), 422, "/config/blurr"),
        (json!({ "source": "a", "config": { "freeze": { "still_s": 99 } } }), 422, "/config/freeze/still_s"),
        (json!({ "source": "a", "config": { "freeze": [] } }), 422, "/config/freeze"),
    ] {
        let (found, problem) = worker.submit(&body, 0).await;
        assert_eq!((found, problem["field"].as_str()), (status, Some(field)), "{body}: {problem}");
        assert!(problem["type"].as_str().unwrap().starts_with("/problems/"));
        assert_eq!(problem["status"], status);
    }
    let post = |content_type: &str, body: &'static str| {
        read(
            worker
                .request(Method::POST, SUBMISSIONS)
                .header("content-type", content_type.to_owned())
                .body(body),
        )
    };
    assert_eq!(post("application/json", "{").await.0, 400);
    assert_eq!(post("application/json", "").await.0, 400);
    assert_eq!(post("text/plain", "x").await.0, 415);
    assert_eq!(post("multipart/form-data", "x").await.0, 400);
    assert_eq!(post("multipart/form-data; boundary=x", "--x\r\n").await.0, 400);
    let huge = json!({ "source": "a".repeat(400_000) });
    assert_eq!(worker.submit(&huge, 0).await.0, 413);
    for (path, status) in [
        ("/api/v1/diagnosis/submissions/none", 404),
        ("/api/v1/diagnosis/tasks/01a20ca4-7aad-77d9-90cb-57f7b0e5851c", 404),
        ("/api/v1/diagnosis/submissions?limit=1000000", 400),
        ("/api/v1/diagnosis/submissions?state=lost", 400),
        ("/api/v1/nothing", 404),
    ] {
        let (found, problem) = worker.get(path).await;
        assert_eq!((found, problem["status"].as_u64()), (status, Some(status.into())), "{path}");
    }
    assert_eq!(worker.submit(&json!({ "source": "a" }), 10_000_000).await.0, 400);
    assert_eq!(read(worker.request(Method::DELETE, SUBMISSIONS)).await.0, 405);
    assert_eq!(worker.get("/readyz").await.0, 200);
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_again() {
    if !has_ffmpeg() {
        return;
    }
    let flags = [
        "--pool-size",
        "1",
        "--max-concurrent-tasks",
        "1",
        "--queue-capacity",
        "2",
        "--connect-timeout",
        "2",
    ];
    let worker = Worker::start(&plugins(), &flags);
    let (_camera, url) = silent_camera().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (status, submission) = worker.submit(&json!({ "source": url }), 0).await;
        assert_eq!(status, 202, "{submission}");
        assert!(!submission.to_string().contains("s3cretword"));
        ids.push(submission["id"].as_str().unwrap().to_owned());
    }
    let refused =
        worker.request(Method::POST, SUBMISSIONS).json(&json!({ "source": url })).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let after: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&after));
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    let (status, problem) = worker.get("/readyz").await;
    assert_eq!((status, problem["type"].as_str()), (503, Some("/problems/saturated")));
    for id in ids {
        let (_, submission) = worker.get(&format!("{SUBMISSIONS}/{id}?wait_ms=30000")).await;
        let loss = finding(&submission, "signal_loss");
        assert_eq!(loss["status"], "critical", "{submission}");
        assert!(loss["message"]["en"].as_str().unwrap().contains("connect-timed-out"));
        assert!(!submission.to_string().contains("s3cretword"));
    }
    assert_eq!(worker.get("/readyz").await.0, 200);
    let (_, node) = worker.get("/api/v1/diagnosis/workers/status").await;
    assert_eq!((node["totals"]["refused"].as_u64(), node["totals"]["finished"].as_u64()), (Some(1), Some(3)));
}

#[tokio::test]
async fn a_stopped_worker_finishes_what_it_has_and_takes_nothing_new() {
    if !has_ffmpeg() {
        return;
    }
    let mut worker = Worker::start(&plugins(), &["--connect-timeout", "2"]);
    let (_camera, url) = silent_camera().await;
    let (_, running) = worker.submit(&json!({ "source": url }), 0).await;
    worker.signal("-TERM");
    let id = running["id"].as_str().unwrap();
    // The worker answers requests until the job is done.
    let (status, submission) = worker.get(&format!("{SUBMISSIONS}/{id}?wait_ms=20000")).await;
    assert_eq!((status, submission["state"].as_str()), (200, Some("finished")), "{submission}");
    assert_eq!(worker.ended(Duration::from_secs(10)).await.code(), Some(0));
}

#[tokio::test]
async fn while_draining_new_work_is_sent_elsewhere_and_a_second_signal_ends_at_once() {
    if !has_ffmpeg() {
        return;
    }
    let mut worker = Worker::start(&plugins(), &["--connect-timeout", "60", "--capture-timeout", "60"]);
    let (_camera, url) = silent_camera().await;
    assert_eq!(worker.submit(&json!({ "source": url }), 0).await.0, 202);
    worker.signal("-TERM");
    let draining = async {
        while worker.get("/readyz").await.0 != 503 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), draining).await.unwrap();
    let (status, problem) = worker.submit(&json!({ "source": url }), 0).await;
    assert_eq!((status, problem["type"].as_str()), (503, Some("/problems/draining")));
    let (_, node) = worker.get("/api/v1/diagnosis/workers/status").await;
    assert_eq!(node["status"], "draining");
    worker.signal("-TERM");
    assert!(!worker.ended(Duration::from_secs(5)).await.success());
}

#[tokio::test]
async fn a_drain_ends_with_its_time() {
    if !has_ffmpeg() {
        return;
    }
    let flags = ["--connect-timeout", "60", "--capture-timeout", "60", "--drain-timeout", "1"];
    let mut worker = Worker::start(&plugins(), &flags);
    let (_camera, url) = silent_camera().await;
    assert_eq!(worker.submit(&json!({ "source": url }), 0).await.0, 202);
    worker.signal("-TERM");
    assert_eq!(worker.ended(Duration::from_secs(10)).await.code(), Some(0));
}

#[tokio::test]
async fn after_a_crash_the_node_is_the_same_and_its_uploads_are_gone() {
    let mut worker = Worker::start(&plugins(), &[]);
    let (_, before) = worker.get("/api/v1/diagnosis/workers/status").await;
    fs::write(worker.data.path().join("uploads/left-behind"), "x").unwrap();
    worker.signal("-KILL");
    worker.ended(Duration::from_secs(5)).await;
    let data = std::mem::replace(&mut worker.data, tempfile::tempdir().unwrap());
    let again = Worker::start_in(data, &plugins(), &[]);
    let (_, after) = again.get("/api/v1/diagnosis/workers/status").await;
    assert_eq!(before["id"], after["id"]);
    assert_eq!(fs::read_dir(again.data.path().join("uploads")).unwrap().count(), 0);
}

#[tokio::test]
async fn the_token_is_asked_for_and_other_sites_are_kept_out() {
    let worker = Worker::start(&plugins(), &["--api-token", "t0ken", "--file-sources", "deny"]);
    let path = "/api/v1/diagnosis/workers/status";
    assert_eq!(worker.get(path).await.0, 401);
    assert_eq!(read(worker.request(Method::GET, path).bearer_auth("t0keN")).await.0, 401);
    assert_eq!(read(worker.request(Method::GET, path).bearer_auth("t0ken")).await.0, 200);
    assert_eq!(worker.get("/healthz").await.0, 200);
    let from_page =
        worker.request(Method::GET, path).bearer_auth("t0ken").header("origin", "https://evil.example");
    assert_eq!(read(from_page).await.0, 403);
    let request = worker
        .request(Method::POST, SUBMISSIONS)
        .bearer_auth("t0ken")
        .json(&json!({ "source": "/etc/passwd" }));
    let (status, problem) = read(request).await;
    assert_eq!((status, problem["type"].as_str()), (403, Some("/problems/file-sources-denied")));
}

#[tokio::test]
async fn a_plugin_that_is_dropped_in_is_used_and_a_broken_one_hurts_nobody() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("broken.wasm"), "nothing").unwrap();
    let worker = Worker::start(dir.path(), &[]);
    let (status, problem) = worker.get("/readyz").await;
    assert_eq!((status, problem["type"].as_str()), (503, Some("/problems/no-plugins")));
    fs::copy(plugins().join("brightness.wasm"), dir.path().join("mine.wasm")).unwrap();
    let at_hand = async {
        while worker.get("/readyz").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), at_hand).await.unwrap();
    let (_, node) = worker.get("/api/v1/diagnosis/workers/status").await;
    assert_eq!(node["plugins"][0]["name"], "brightness");
}

#[tokio::test]
async fn a_plugin_that_is_copied_over_itself_judges_on_and_one_that_is_removed_goes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.wasm");
    fs::copy(plugins().join("brightness.wasm"), &file).unwrap();
    let worker = Worker::start(dir.path(), &[]);
    let names = async || {
        let (_, node) = worker.get("/api/v1/diagnosis/workers/status").await;
        let plugins = node["plugins"].as_array().unwrap().clone();
        plugins.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["brightness"]);
    let becomes = async |wanted: &[&str]| {
        let there = async {
            while names().await != wanted {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), there).await.unwrap();
    };
    // Half of another plugin overwrites the file. Then a second file is written. When the plugin in the second file
    // is available, the worker has checked the incomplete file.
    let whole = fs::read(plugins().join("noise.wasm")).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    fs::copy(plugins().join("clarity.wasm"), dir.path().join("other.wasm")).unwrap();
    becomes(&["brightness", "clarity"]).await;
    fs::write(&file, &whole).unwrap();
    becomes(&["clarity", "noise"]).await;
    fs::remove_file(&file).unwrap();
    becomes(&["clarity"]).await;
}

#[tokio::test]
async fn a_second_worker_is_kept_out_of_the_first_one_s_data() {
    let worker = Worker::start(&plugins(), &[]);
    let mut second = program("easysight-worker");
    second.args(["--mode", "standalone", "--listen", "127.0.0.1:0", "--data-dir"]).arg(worker.data.path());
    let output = second.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("another worker uses"));
    assert_eq!(worker.get("/readyz").await.0, 200);
}

#[test]
fn settings_are_shown_with_their_origin_and_wrong_ones_stop_the_start() {
    let run = |flags: &[&str], environment: &[(&str, &str)]| {
        let output =
            program("easysight-worker").args(flags).envs(environment.iter().copied()).output().unwrap();
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    };
    let environment =
        [("WORKER_POOL_SIZE", "5"), ("WORKER_API_TOKEN", "s3cretword"), ("WORKER_NODE_NAM", "x")];
    let (code, shown) = run(&["--print-config", "--log-level", "DEBUG"], &environment);
    assert_eq!(code, Some(0));
    assert!(shown.contains("WORKER_WORKER_POOL_SIZE=5  # environment variable WORKER_POOL_SIZE"), "{shown}");
    assert!(shown.contains("WORKER_LOG_LEVEL=DEBUG  # flag --log-level"));
    assert!(shown.contains("did you mean WORKER_NODE_NAME?"));
    assert!(!shown.contains("s3cretword"));
    for (flags, said) in [
        (&["--mode", "standalone", "--pool-size", "none"][..], "1 to 256"),
        (&["--mode", "standalone", "--listen", "0.0.0.0:0"][..], "--api-token"),
        (&["--mode", "standalone", "--config", "/nowhere.env"][..], "/nowhere.env"),
        (&["--mode", "central"][..], "distributed or standalone"),
        (&["--pol-size", "3"][..], "--pool-size"),
    ] {
        let (code, shown) = run(flags, &[]);
        assert_eq!(code, Some(2), "{flags:?}: {shown}");
        assert!(shown.contains(said), "{flags:?}: {shown}");
    }
}
