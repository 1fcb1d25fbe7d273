//! Changes that name the version on which they are based (`If-Match`), and what others change meanwhile.

use std::sync::Arc;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::{process::Master, shared::Database};

const TASK: &str = "/api/v1/diagnosis/tasks/t";
const CAMERA: &str = "/api/v1/diagnosis/cameras/c";

/// An answer.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn etag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }

    fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }
}

async fn ask(master: &Master, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = master.request(method.parse().unwrap(), path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = if body.is_null() { request } else { request.json(body) };
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) }
}

async fn get(master: &Master, path: &str) -> Answer {
    let answer = ask(master, "GET", path, &[], &Value::Null).await;
    assert_eq!(answer.status, 200, "{path}");
    answer
}

fn task(priority: i32) -> Value {
    json!({"name": "t", "groups": ["hall"], "diagnoses": [], "priority": priority})
}

fn camera(name: &str) -> Value {
    json!({"name": name, "source": "rtsp://user:pw@10.0.0.1/live", "groups": ["hall"]})
}

/// Adds the task `t` and the camera `c`. Returns the tags of the answers.
async fn furnish(master: &Master) -> (String, String) {
    let with_id = |mut body: Value, id: &str| {
        body["id"] = json!(id);
        body
    };
    let tasks = "/api/v1/diagnosis/tasks";
    let made = ask(master, "POST", tasks, &[], &with_id(task(0), "t")).await;
    let of_camera = ask(master, "POST", "/api/v1/diagnosis/cameras", &[], &with_id(camera("c"), "c")).await;
    assert_eq!((made.status, of_camera.status), (201, 201));
    (made.etag(), of_camera.etag())
}

#[tokio::test]
async fn a_change_of_a_version_that_is_not_stored_any_more_is_refused_with_the_stored_one() {
    let master = Master::start();
    let (of_task, of_camera) = furnish(&master).await;
    for (path, first, bodies) in [
        (TASK, of_task, [task(1), task(2), task(3)]),
        (CAMERA, of_camera, [camera("one"), camera("two"), camera("three")]),
    ] {
        assert_eq!(get(&master, path).await.etag(), first, "{path}");
        assert!(first.starts_with('"') && first.ends_with('"'), "{first} is not a strong tag");
        // Two people have read the same version.
        let changed = ask(&master, "PUT", path, &[("If-Match", &first)], &bodies[0]).await;
        assert_eq!((changed.status, changed.etag() != first), (200, true), "{path}");
        let now = get(&master, path).await;
        assert_eq!(changed.etag(), now.etag());
        for (method, body) in [("PUT", &bodies[1]), ("DELETE", &Value::Null)] {
            for condition in [first.clone(), format!("W/{}", now.etag()), "\"0\", \"1\"".to_owned()] {
                let refused = ask(&master, method, path, &[("If-Match", &condition)], body).await;
                assert_eq!((refused.status, refused.kind()), (412, "/problems/changed-meanwhile"));
                assert_eq!(refused.etag(), now.etag(), "{method} {path} {condition}");
                assert!(refused.body["detail"].as_str().unwrap().contains("If-Match"), "{}", refused.body);
            }
            let exists = ask(&master, method, path, &[("If-None-Match", "*")], body).await;
            assert_eq!((exists.status, exists.etag()), (412, now.etag()));
            for malformed in ["", "1-2", "\"1\" \"2\"", "*, \"1\""] {
                let refused = ask(&master, method, path, &[("If-Match", malformed)], body).await;
                assert_eq!(
                    (refused.status, refused.kind()),
                    (400, "/problems/invalid-header"),
                    "{malformed}"
                );
            }
        }
        assert_eq!(get(&master, path).await.body, now.body, "{path}: a refused request changed something");
        // With the stored version in a list, with any version, and without a condition.
        let list = format!("{first} , {}", now.etag());
        for (headers, body) in [
            (&[("If-Match", list.as_str())][..], &bodies[1]),
            (&[("If-Match", "*")], &bodies[2]),
            (&[], &bodies[0]),
        ] {
            let changed = ask(&master, "PUT", path, headers, body).await;
            assert_eq!(changed.status, 200, "{headers:?}: {}", changed.body);
        }
        let last = get(&master, path).await.etag();
        assert_eq!(ask(&master, "DELETE", path, &[("If-Match", &last)], &Value::Null).await.status, 204);
        // What does not exist has no version.
        for headers in [&[("If-Match", last.as_str())][..], &[("If-Match", "*")], &[("If-None-Match", "*")]] {
            for (method, body) in [("PUT", &bodies[1]), ("DELETE", &Value::Null)] {
                let missing = ask(&master, method, path, headers, body).await;
                assert_eq!(
                    (missing.status, missing.headers.get("etag")),
                    (404, None),
                    "{method} {headers:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_task_is_paused_in_the_version_that_the_request_names() {
    let master = Master::start();
    let (first, _) = furnish(&master).await;
    let paused = ask(&master, "POST", &format!("{TASK}/pause"), &[("If-Match", &first)], &Value::Null).await;
    assert_eq!((paused.status, &paused.body["enabled"]), (200, &json!(false)));
    let refused =
        ask(&master, "POST", &format!("{TASK}/resume"), &[("If-Match", &first)], &Value::Null).await;
    assert_eq!((refused.status, refused.etag()), (412, paused.etag()));
    assert_eq!(get(&master, TASK).await.body["enabled"], json!(false));
    let resumed =
        ask(&master, "POST", &format!("{TASK}/resume"), &[("If-Match", &paused.etag())], &Value::Null).await;
    assert_eq!((resumed.status, &resumed.body["enabled"]), (200, &json!(true)));
}

#[tokio::test]
async fn a_pause_takes_nothing_from_a_change_at_the_same_moment() {
    let master = Master::start();
    furnish(&master).await;
    let pause = format!("{TASK}/pause");
    for round in 1..=40 {
        // A definition that was enabled before may come after the pause, so only its other fields are compared.
        let body = task(round);
        let put = ask(&master, "PUT", TASK, &[], &body);
        let pauses =
            futures::future::join_all((0..4).map(|_| ask(&master, "POST", &pause, &[], &Value::Null)));
        let (put, pauses) = tokio::join!(put, pauses);
        assert_eq!(put.status, 200);
        assert!(pauses.iter().all(|one| one.status == 200));
        assert_eq!(get(&master, TASK).await.body["priority"], json!(round));
    }
}

#[tokio::test]
async fn of_changes_through_two_masters_exactly_one_is_made() {
    let Some(database) = Database::new() else { return };
    let blobs = tempfile::tempdir().unwrap();
    let (url, blob_url) = (database.url(), format!("file://{}", blobs.path().display()));
    let flags = ["--database-url", &url, "--blob-url", &blob_url];
    let start = || Master::start_in(Arc::new(tempfile::tempdir().unwrap()), "127.0.0.1:0", &flags);
    let masters = [start(), start()];
    furnish(&masters[0]).await;
    for round in 0..10 {
        for (path, body) in [(TASK, task as fn(i32) -> Value), (CAMERA, |at| camera(&at.to_string()))] {
            let tag = get(&masters[0], path).await.etag();
            let condition = [("If-Match", tag.as_str())];
            let bodies: Vec<Value> = (0..6).map(|caller| body(round * 6 + caller - 30)).collect();
            let changes = bodies.iter().enumerate().map(|(at, body)| {
                let master = &masters[at % 2];
                ask(master, "PUT", path, &condition, body)
            });
            let answers = futures::future::join_all(changes).await;
            let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            let made = statuses.iter().position(|status| *status == 200).unwrap();
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 412, 412, 412, 412, 412]);
            let stored = get(&masters[1], path).await;
            let field = if path == TASK { "priority" } else { "name" };
            assert_eq!(stored.body[field], bodies[made][field]);
        }
    }
}
