//! Short looks: a capture of one second is enough for a healthy camera. If a diagnosis finds a fault, the capture
//! continues to the full length.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    http::client,
    process::{Master, PATIENCE, worker},
    programs::{has_ffmpeg, make_clip},
};

/// Checks the camera once. Returns the status of each diagnosis, and the kind of look.
async fn check(master: &Master) -> (Vec<(String, String)>, String) {
    let run = master.submit("t").await;
    master.finished(&run, PATIENCE).await;
    let findings = master.findings(&run).await;
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    let looks: Vec<String> = findings.iter().map(|one| text(&one["look"])).collect();
    assert!(looks.windows(2).all(|pair| pair[0] == pair[1]), "{findings:?}");
    let mut said: Vec<_> =
        findings.iter().map(|one| (text(&one["diagnosis"]), text(&one["status"]))).collect();
    said.sort();
    (said, looks[0].clone())
}

fn said(brightness: &str, freeze: &str) -> Vec<(String, String)> {
    [("brightness", brightness), ("freeze", freeze)].map(|(id, word)| (id.into(), word.into())).into()
}

/// Replaces the clip that the camera sends.
fn shows(clip: &Path, dir: &Path, filter: &str) {
    fs::rename(make_clip(dir, "next.mp4", filter), clip).unwrap();
}

#[tokio::test]
async fn a_camera_that_is_well_is_looked_at_for_a_second_and_what_is_amiss_in_full() {
    if !has_ffmpeg() {
        return;
    }
    let master = Master::start();
    master.publish_standard().await;
    let data = tempfile::tempdir().unwrap();
    let worker = worker(&master, data.path(), "w1", &[]);
    let clip = make_clip(data.path(), "camera.mp4", "null");
    master.add_cameras(1, &clip.display().to_string()).await;
    let task = json!({"id": "t", "name": "t", "groups": ["hall"], "diagnoses": ["brightness", "freeze"],
        "full_look_every": 3});
    let task = master.add_task(task).await;
    assert_eq!(task["full_look_every"], 3);
    for look in ["full", "short", "short", "full"] {
        assert_eq!(check(&master).await, (said("normal", "normal"), look.into()));
    }
    // One second is too short to find a freeze, so the same capture continues until the freeze is found.
    shows(&clip, data.path(), "loop=loop=124:size=1:start=0,trim=end_frame=125,setpts=N/25/TB");
    assert_eq!(check(&master).await, (said("normal", "error"), "full".into()));
    assert_eq!(check(&master).await, (said("normal", "error"), "full".into()));
    // The first look after a fault is a full one, even if the camera is healthy.
    shows(&clip, data.path(), "null");
    assert_eq!(check(&master).await, (said("normal", "normal"), "full".into()));
    assert_eq!(check(&master).await, (said("normal", "normal"), "short".into()));
    shows(&clip, data.path(), "lutyuv=y=16+(val-16)*0.12");
    assert_eq!(check(&master).await, (said("error", "normal"), "full".into()));
    let metrics = client().get(format!("{}/metrics", worker.url)).send().await.unwrap().text().await.unwrap();
    for count in [r#"looks_total{look="full"} 6"#, r#"looks_total{look="short"} 3"#] {
        assert!(metrics.contains(count), "{metrics}");
    }
}

#[tokio::test]
async fn how_often_a_look_is_full_is_from_one_to_a_hundred() {
    let master = Master::start();
    for every in [0, 101] {
        let task = json!({"id": "t", "name": "t", "groups": ["hall"], "full_look_every": every});
        let (status, body) = master.post("/api/v1/diagnosis/tasks", &task).await;
        assert_eq!((status, &body["field"]), (422, &json!("/full_look_every")), "{body}");
    }
    let task = master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    assert_eq!(task["full_look_every"], 1);
}
