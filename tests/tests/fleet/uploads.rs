//! Pictures and clips that are uploaded to the master with a submission.

use std::{fs, path::Path, time::Duration};

use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use crate::{
    process::{Master, PATIENCE, read, worker},
    programs::{has_ffmpeg, make_clip},
};

async fn upload(master: &Master, path: &str, clip: &Path, request: &Value) -> (u16, Value) {
    let part = Part::bytes(fs::read(clip).unwrap()).file_name("门口.mp4");
    let form = Form::new().text("request", request.to_string()).part("clip", part);
    read(master.request(Method::POST, path).multipart(form)).await
}

fn files(dir: &Path) -> usize {
    fs::read_dir(dir).unwrap().count()
}

#[tokio::test]
async fn an_upload_is_judged_by_a_worker_that_takes_no_files_and_is_removed_everywhere() {
    if !has_ffmpeg() {
        return;
    }
    let master = Master::start();
    let dir = tempfile::tempdir().unwrap();
    let dark = make_clip(dir.path(), "dark.mp4", "lutyuv=y=16+(val-16)*0.12");
    master.publish_standard().await;
    let path = "/api/v1/diagnosis/submissions?wait_ms=30000";
    let _worker = worker(&master, dir.path(), "w", &["--file-sources", "deny"]);
    let (status, done) = upload(&master, path, &dark, &json!({"diagnoses": ["brightness"]})).await;
    assert_eq!((status, &done["source"]), (200, &json!("门口.mp4")), "{done}");
    assert_eq!(done["findings"][0]["status"], json!("error"), "{done}");
    // The file is removed soon after the end of the run, at the master and at the worker.
    let uploads = master.data.path().join("uploads");
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while files(&uploads) > 0 {
        assert!(tokio::time::Instant::now() < until, "the upload is still there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(files(&dir.path().join("w/uploads")), 0);
}

#[tokio::test]
async fn an_upload_waits_for_a_worker_across_a_restart_of_the_master() {
    if !has_ffmpeg() {
        return;
    }
    let master = Master::start();
    let (address, data) = (master.address(), std::sync::Arc::clone(&master.data));
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    master.publish_standard().await;
    let (status, queued) = upload(&master, "/api/v1/diagnosis/submissions", &clip, &json!({})).await;
    assert_eq!((status, &queued["state"]), (202, &json!("queued")), "{queued}");
    let Master { running, .. } = master;
    running.kill();
    let master = Master::start_in(data, &address, &[]);
    let _worker = worker(&master, dir.path(), "w", &[]);
    let path = format!("/api/v1/diagnosis/submissions/{}", queued["id"].as_str().unwrap());
    let done = master.until(PATIENCE, &path, |done| done["state"] == "finished").await;
    assert_eq!(done["findings"][0]["status"], json!("normal"), "{done}");
}

#[tokio::test]
async fn what_is_no_upload_is_refused_by_its_field_and_leaves_nothing_behind() {
    let master = Master::start_in(
        std::sync::Arc::new(tempfile::tempdir().unwrap()),
        "127.0.0.1:0",
        &["--max-upload", "1KiB"],
    );
    let dir = tempfile::tempdir().unwrap();
    let large = dir.path().join("large");
    fs::write(&large, vec![0; 4096]).unwrap();
    let small = dir.path().join("small");
    fs::write(&small, [0]).unwrap();
    let path = "/api/v1/diagnosis/submissions";
    let (status, problem) = upload(&master, path, &large, &json!({})).await;
    assert_eq!(status, 413, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("--max-upload"), "{problem}");
    let both = json!({"source": "rtsp://camera/1"});
    let (status, problem) = upload(&master, path, &small, &both).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("/source")), "{problem}");
    let (status, problem) = master.post(path, &json!({"source": "upload:x"})).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("/source")), "{problem}");
    let (status, problem) = master.post(path, &json!({})).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("/source")), "{problem}");
    assert_eq!(files(&master.data.path().join("uploads")), 0);
}
