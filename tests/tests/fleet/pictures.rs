//! Evidence pictures of findings, and good pictures of healthy cameras.

use std::fs;

use reqwest::Method;
use serde_json::json;

use crate::{
    http::client,
    process::{Master, PATIENCE, read, worker},
    programs::{has_ffmpeg, make_clip},
};

#[tokio::test]
async fn what_was_found_can_be_looked_at_beside_the_last_good_picture() {
    if !has_ffmpeg() {
        return;
    }
    let master = Master::start();
    master.publish_standard().await;
    let data = tempfile::tempdir().unwrap();
    let _worker = worker(&master, data.path(), "w1", &[]);
    let clip = make_clip(data.path(), "camera.mp4", "null");
    master.add_cameras(1, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"], "diagnoses": ["brightness"]})).await;

    let run = master.submit("t").await;
    master.finished(&run, PATIENCE).await;
    let fine = &master.findings(&run).await[0];
    assert_eq!((&fine["status"], &fine["evidence"]), (&json!("normal"), &json!(null)), "{fine}");
    let has_picture = |camera: &serde_json::Value| camera["last_good_picture"]["digest"].is_string();
    let camera = master.until(PATIENCE, "/api/v1/diagnosis/cameras/c0", has_picture).await;

    let dark = make_clip(data.path(), "dark.mp4", "lutyuv=y=16+(val-16)*0.12");
    fs::rename(dark, &clip).unwrap();
    let run = master.submit("t").await;
    master.finished(&run, PATIENCE).await;
    let found = &master.findings(&run).await[0];
    assert_eq!(found["status"], "error", "{found}");
    let good = camera["last_good_picture"]["digest"].as_str().unwrap();
    for digest in [&found["evidence"]["picture"], &found["evidence"]["thumbnail"], &json!(good)] {
        let path = format!("/api/v1/diagnosis/pictures/{}", digest.as_str().unwrap());
        // The pictures are sent after the result.
        let picture = loop {
            let answer = master.request(Method::GET, &path).send().await.unwrap();
            if answer.status() == 200 {
                break answer;
            }
            assert_eq!(answer.status(), 404);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        assert_eq!(picture.headers()["content-type"], "image/jpeg");
        assert!(picture.headers()["cache-control"].to_str().unwrap().contains("immutable"));
        assert!(picture.bytes().await.unwrap().starts_with(&[0xFF, 0xD8, 0xFF]));
    }
    let after = master.get("/api/v1/diagnosis/cameras/c0").await;
    assert_eq!(
        (&after["status"], &after["last_good_picture"]),
        (&json!("error"), &camera["last_good_picture"])
    );
}

#[tokio::test]
async fn a_picture_that_is_not_what_it_says_is_refused() {
    let master = Master::start();
    let put = |name: &str, kind: &'static str, bytes: &'static [u8]| {
        let path = format!("/api/v1/diagnosis/pictures/{name}");
        master.request(Method::PUT, &path).header("content-type", kind).body(bytes)
    };
    let other = "a".repeat(64);
    for (name, kind, status) in [
        (other.as_str(), "image/jpeg", 422),
        ("no-digest", "image/jpeg", 422),
        (other.as_str(), "text/html", 415),
    ] {
        let (found, body) = read(put(name, kind, b"<html>")).await;
        assert_eq!(found, status, "{body}");
    }
    let huge = client().put(format!("{}/api/v1/diagnosis/pictures/{other}", master.url()));
    let huge = huge.header("content-type", "image/jpeg").body(vec![0_u8; 3 << 20]);
    assert_eq!(huge.send().await.unwrap().status(), 413);
    let (status, _) = read(master.request(Method::GET, &format!("/api/v1/diagnosis/pictures/{other}"))).await;
    assert_eq!(status, 404);
}
