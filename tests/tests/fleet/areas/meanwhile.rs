//! What somebody with an area gets of what others do meanwhile: events that were missed, and versions that were named.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    answer, comparable,
    world::{CAMERA, CAMERAS, TASK, TASKS, World},
};
use crate::process::PATIENCE;

/// Reads a stream of events until `count` runs have begun. Returns the id of the last message, and the runs.
async fn runs(world: &World, last: &str, count: usize) -> (String, Vec<String>) {
    let request = world.ada.request(&world.master, Method::GET, "/api/v1/events");
    let mut events = request.query(&[("last_event_id", last)]).send().await.unwrap();
    assert_eq!(events.status(), 200);
    let (mut text, mut runs, mut id) = (String::new(), Vec::new(), String::new());
    loop {
        while let Some((message, rest)) = text.split_once("\n\n") {
            let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let (Some(at), Some(data)) = (field("id:"), field("data:")) {
                let data: Value = serde_json::from_str(data).unwrap();
                assert_eq!(world.leak(message, ""), None, "{message}");
                assert_ne!(data["kind"], "missed", "{data}");
                id = at.to_owned();
                if data["change"] == "created" {
                    runs.push(data["run_id"].as_str().unwrap().to_owned());
                }
            }
            text = rest.to_owned();
            if !id.is_empty() && runs.len() >= count {
                return (id, runs);
            }
        }
        let chunk = tokio::time::timeout(PATIENCE, events.chunk()).await.unwrap().unwrap();
        text += std::str::from_utf8(&chunk.expect("the stream goes on")).unwrap();
    }
}

#[tokio::test]
async fn events_that_are_caught_up_are_those_of_the_area_that_the_user_has_now() {
    let world = World::new().await;
    let (place, none) = runs(&world, "", 0).await;
    assert!(none.is_empty(), "{none:?}");
    let mut submitted = Vec::new();
    for task in [TASK, "alpha-task", TASK, "alpha-task"] {
        let path = format!("{TASKS}/{task}/submit");
        let (status, run) = world.by_root(Method::POST, &path, Some(&json!({}))).await;
        assert_eq!(status, 202, "{run}");
        submitted.push(run["id"].as_str().unwrap().to_owned());
    }
    let [other, own, other_too, own_too] = <[String; 4]>::try_from(submitted).unwrap();
    assert_eq!(runs(&world, &place, 2).await.1, [own, own_too]);
    // What was kept is compared with the area of now, not with that of the time at which it happened.
    let user = format!("/api/v1/users/{}", world.ada_id);
    let (status, _) = world.by_root(Method::PATCH, &user, Some(&json!({"groups": ["Quokka"]}))).await;
    assert_eq!(status, 200);
    assert_eq!(runs(&world, &place, 2).await.1, [other, other_too]);
}

#[tokio::test]
async fn a_condition_does_not_show_what_exists() {
    let world = World::new().await;
    let before = world.outside().await;
    let camera = json!({"name": "x", "source": "rtsp://x/live", "groups": ["Alpha"]});
    let task = json!({"name": "x", "groups": ["Alpha"], "diagnoses": ["brightness"]});
    let hidden = [(CAMERAS, CAMERA, &camera), (TASKS, TASK, &task)];
    for (header, value) in [("If-Match", "*"), ("If-Match", "\"0-0\""), ("If-None-Match", "*")] {
        for (list, id, body) in hidden {
            for (method, body) in [(Method::PUT, Some(body)), (Method::DELETE, None)] {
                let ask = async |id: &str| {
                    let request = world.ada.request(&world.master, method.clone(), &format!("{list}/{id}"));
                    let request = request.header(header, value);
                    answer(if let Some(body) = body { request.json(body) } else { request }).await
                };
                let ((status, text), (other, unknown)) = (ask(id).await, ask("nobody").await);
                assert_eq!((status, other), (404, 404), "{method} {list} {header}: {text}");
                assert_eq!(comparable(&text, id), comparable(&unknown, "nobody"));
                assert!(!text.contains("etag"), "{text}");
            }
        }
    }
    // Who sees a part of a task, and may not change it, is told so, whatever the condition says.
    let mixed = json!({"name": "x", "groups": ["Alpha"], "diagnoses": ["brightness"]});
    for (method, body) in [(Method::PUT, &mixed), (Method::POST, &json!({}))] {
        let path =
            if method == Method::PUT { format!("{TASKS}/mixed") } else { format!("{TASKS}/mixed/pause") };
        let request = world.ada.request(&world.master, method, &path).header("If-Match", "\"0-0\"");
        assert_eq!(answer(request.json(body)).await.0, 403);
    }
    assert_eq!(world.outside().await, before);
}
