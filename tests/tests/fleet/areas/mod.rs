//! Areas: no route lets a user who is limited to the cameras of some groups read or change anything else.

mod meanwhile;
mod routes;
mod tokens;
mod world;

use std::{io::Write, process::Stdio};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    process::{Master, PATIENCE, read},
    programs::program,
    users::{Browser, PASSWORD},
};

use routes::{Try, tries};
use world::{CAMERA, CAMERAS, RESULTS, RUNS, SUBMISSIONS, TASK, TASKS, World};

/// Sends a request. Returns the status, and the headers and the body as text.
async fn answer(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    let mut text = String::new();
    for (name, value) in answer.headers() {
        if !["date", "x-request-id", "content-length"].contains(&name.as_str()) {
            text += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
        }
    }
    let status = answer.status().as_u16();
    (status, text + &String::from_utf8_lossy(&answer.bytes().await.unwrap()))
}

/// Removes from a text what differs between any two answers: the id of the request. Replaces `word` with a
/// placeholder.
fn comparable(text: &str, word: &str) -> String {
    let parsed = text.rsplit_once('\n').and_then(|(head, body)| {
        let mut body: Value = serde_json::from_str(body).ok()?;
        body.as_object_mut()?.remove("request_id");
        Some(format!("{head}\n{body}"))
    });
    parsed.unwrap_or_else(|| text.to_owned()).replace(word, "HERE")
}

#[tokio::test]
async fn no_route_shows_or_changes_what_is_outside_of_an_area() {
    let world = World::new().await;
    let before = world.outside().await;
    let document = read(world.ada.request(&world.master, Method::GET, "/api/openapi.json")).await.1;
    let (mut named, mut looked, mut refused) = (0, 0, 0);
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().map(|method| method.to_uppercase()) {
            let Some(tries) = tries(&world, &method, path) else {
                panic!(
                    "{method} {path} is not known here: hand the caller's area to its queries, and add to `tries` how \
                     somebody could try to read or change another area with it"
                );
            };
            let method: Method = method.parse().unwrap();
            for one in tries {
                match one {
                    Try::Look(ask) => {
                        let (status, text) = answer(ask.request(&world, &method, "")).await;
                        assert!((200..300).contains(&status), "{method} {path}: {status} {text}");
                        assert_eq!(world.leak(&text, ""), None, "{method} {path}: {text}");
                        looked += 1;
                    }
                    Try::Name(ask, expected, word, unknown) => {
                        let (status, text) = answer(ask.request(&world, &method, &word)).await;
                        assert_eq!(status, expected, "{method} {path} {word}: {text}");
                        assert_eq!(world.leak(&text, &word), None, "{method} {path} {word}: {text}");
                        let (status, other) = answer(ask.request(&world, &method, unknown)).await;
                        assert_eq!(status, expected, "{method} {path} {unknown}: {other}");
                        let (text, other) = (comparable(&text, &word), comparable(&other, unknown));
                        assert_eq!(text, other, "{method} {path}: {word} shows that it exists");
                        named += 1;
                    }
                    Try::Refused(ask) => {
                        let (status, text) = answer(ask.request(&world, &method, "")).await;
                        assert_eq!(status, 403, "{method} {path}: {text}");
                        assert_eq!(world.leak(&text, ""), None, "{method} {path}: {text}");
                        refused += 1;
                    }
                    Try::Elsewhere(reason) => assert!(!reason.is_empty()),
                }
            }
        }
    }
    assert!(named > 35 && looked > 25 && refused > 15, "{named} {looked} {refused}");
    assert_eq!(world.outside().await, before);
}

#[tokio::test]
async fn counts_and_totals_are_those_of_the_area() {
    let world = World::new().await;
    let get = async |path: &str| {
        let (status, body) = read(world.ada.request(&world.master, Method::GET, path)).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    };
    let overview = get("/api/v1/overview").await;
    let sum: u64 = overview["now"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!((sum, &overview["now"]["error"]), (1, &json!(1)), "{overview}");
    let groups: Vec<_> = overview["groups"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(groups, ["Alpha"]);
    assert_eq!(overview["causes"], json!([{"cause": "brightness", "cameras": 1}]));
    assert_eq!(overview["queue"], json!({"queued": 0, "running": 0, "dead": 0}));
    assert_eq!((&overview["runs"]["finished"], &overview["runs"]["with_failures"]), (&json!(2), &json!(0)));
    assert_eq!(get(&format!("{CAMERAS}?count=true")).await["total"], 1);
    assert_eq!(get("/api/v1/diagnosis/camera-groups").await, json!([{"name": "Alpha", "cameras": 1}]));
    let mixed = get(&format!("{RUNS}/{}", world.mixed_run)).await;
    assert_eq!((&mixed["progress"]["total"], &mixed["progress"]["finished"]), (&json!(1), &json!(1)));
    assert_eq!(get(&format!("{RESULTS}?limit=1000")).await["items"].as_array().unwrap().len(), 2);
    let nodes = get("/api/v1/diagnosis/workers/distributed").await;
    assert_eq!((&nodes[0]["current_tasks"], &nodes[0]["jobs"]), (&json!([]), &json!([])));
    let session = get("/api/v1/session").await;
    assert_eq!((&session["scope"], &session["groups"]), (&json!("operator"), &json!(["Alpha"])));
}

#[tokio::test]
async fn what_is_in_the_area_is_changed_as_by_others_and_what_is_shared_is_not() {
    let world = World::new().await;
    let ask = async |method: Method, path: &str, body: Value| {
        read(world.ada.request(&world.master, method, path).json(&body)).await
    };
    let camera =
        json!({"id": "alpha-2", "name": "Vixen", "source": "rtsp://fox.example/2", "groups": ["Alpha"]});
    assert_eq!(ask(Method::POST, CAMERAS, camera.clone()).await.0, 201);
    // An id cannot be used again, even if its camera is in another area.
    let mut taken = camera.clone();
    taken["id"] = json!(CAMERA);
    let (status, problem) = ask(Method::POST, CAMERAS, taken).await;
    assert_eq!((status, world.leak(&problem.to_string(), CAMERA)), (409, None), "{problem}");
    let list = format!(
        "id,name,source,groups\n{CAMERA},x,rtsp://fox.example/x,Alpha\nalpha-3,y,rtsp://fox.example/y,Alpha\n"
    );
    let request = world.ada.request(&world.master, Method::POST, &format!("{CAMERAS}/import"));
    let (status, imported) = read(request.header("content-type", "text/csv").body(list)).await;
    assert_eq!(
        (status, &imported["created"], &imported["refused"]),
        (200, &json!(1), &json!(1)),
        "{imported}"
    );
    let mut ungrouped = camera;
    ungrouped["groups"] = json!([]);
    let (status, problem) = ask(Method::PUT, &format!("{CAMERAS}/alpha-2"), ungrouped).await;
    assert_eq!((status, &problem["field"]), (403, &json!("/groups")), "{problem}");
    assert_eq!(ask(Method::DELETE, &format!("{CAMERAS}/alpha-2"), json!({})).await.0, 204);
    // A task with cameras of both areas can be read, and shows only the groups of the user's area. Neither the task
    // nor its runs can be changed.
    let (_, mixed) = ask(Method::GET, &format!("{TASKS}/mixed"), json!({})).await;
    assert_eq!(mixed["groups"], json!(["Alpha"]), "{mixed}");
    let own = json!({"name": "mixed", "groups": ["Alpha"], "diagnoses": ["brightness"]});
    for (method, path) in [
        (Method::PUT, format!("{TASKS}/mixed")),
        (Method::DELETE, format!("{TASKS}/mixed")),
        (Method::POST, format!("{TASKS}/mixed/pause")),
        (Method::POST, format!("{TASKS}/mixed/resume")),
        (Method::POST, format!("{RUNS}/{}/cancel", world.mixed_run)),
        (Method::POST, format!("{RUNS}/{}/retry", world.mixed_run)),
    ] {
        let (status, problem) = ask(method.clone(), &path, own.clone()).await;
        assert_eq!(
            (status, &problem["type"]),
            (403, &json!("/problems/outside-area")),
            "{method} {path}: {problem}"
        );
        assert_eq!(world.leak(&problem.to_string(), ""), None);
    }
    assert_eq!(ask(Method::POST, &format!("{TASKS}/mixed/submit"), json!({})).await.0, 403);
    let (status, run) = ask(Method::POST, &format!("{TASKS}/alpha-task/submit"), json!({})).await;
    assert_eq!((status, &run["progress"]["total"]), (202, &json!(2)), "{run}");
    let cancel = format!("{RUNS}/{}/cancel", run["id"].as_str().unwrap());
    assert_eq!(ask(Method::POST, &cancel, json!({})).await.0, 200);
    for what in ["pause", "resume"] {
        assert_eq!(ask(Method::POST, &format!("{TASKS}/alpha-task/{what}"), json!({})).await.0, 200);
    }
    assert_eq!(ask(Method::DELETE, &format!("{TASKS}/alpha-task"), json!({})).await.0, 204);
    let (_, mine) = ask(Method::POST, SUBMISSIONS, json!({"source": "rtsp://fox.example/try"})).await;
    let path = format!("{SUBMISSIONS}/{}", mine["id"].as_str().unwrap());
    assert_eq!(ask(Method::GET, &path, json!({})).await.0, 200);
}

/// Returns the data of the next event of a stream. None if the stream has ended.
async fn next_event(events: &mut reqwest::Response) -> Option<Value> {
    loop {
        let chunk = tokio::time::timeout(PATIENCE, events.chunk()).await.unwrap().unwrap()?;
        let text = String::from_utf8(chunk.to_vec()).unwrap();
        if let Some(data) = text.lines().find_map(|line| line.strip_prefix("data:")) {
            return Some(serde_json::from_str(data.trim()).unwrap());
        }
    }
}

#[tokio::test]
async fn events_of_an_area_only() {
    let world = World::new().await;
    let request = world.ada.request(&world.master, Method::GET, "/api/v1/events");
    let mut events = request.send().await.unwrap();
    assert_eq!(events.status(), 200);
    // Two changes outside of the area come first, and the stream must not contain them.
    for (path, status) in [
        (format!("{TASKS}/{TASK}/submit"), 202),
        (format!("{RUNS}/{}/cancel", world.open_run), 200),
        (format!("{TASKS}/alpha-task/submit"), 202),
    ] {
        let (found, body) = world.by_root(Method::POST, &path, Some(&json!({}))).await;
        assert_eq!(found, status, "{path}: {body}");
        if path.contains("alpha-task") {
            let event = next_event(&mut events).await.unwrap();
            assert_eq!((&event["kind"], &event["run_id"]), (&json!("run"), &body["id"]), "{event}");
        }
    }
    // If the user gets another area, the stream ends at once, and the user's session has the new area.
    let user = format!("/api/v1/users/{}", world.ada_id);
    let (status, changed) = world.by_root(Method::PATCH, &user, Some(&json!({"groups": ["Quokka"]}))).await;
    assert_eq!((status, &changed["groups"]), (200, &json!(["Quokka"])), "{changed}");
    while next_event(&mut events).await.is_some() {}
    let seen = async || {
        let (_, page) = read(world.ada.request(&world.master, Method::GET, CAMERAS)).await;
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(seen().await, [CAMERA]);
    let (status, _) = world.by_root(Method::PATCH, &user, Some(&json!({"everywhere": true}))).await;
    assert_eq!((status, seen().await.len()), (200, 2));
    let (_, log) = world.by_root(Method::GET, "/api/v1/audit?action=user.update", None).await;
    let areas: Vec<_> =
        log["items"].as_array().unwrap().iter().map(|one| (&one["before"], &one["after"])).collect();
    let [alpha, quokka] = [json!({"groups": ["Alpha"]}), json!({"groups": ["Quokka"]})];
    assert_eq!(areas, [(&quokka, &json!({})), (&alpha, &quokka)]);
}

#[tokio::test]
async fn administrators_are_not_limited_and_areas_are_set_at_the_terminal_too() {
    let world = World::new().await;
    for (body, field) in [
        (json!({"name": "x", "scope": "admin", "password": PASSWORD, "groups": ["Alpha"]}), "/groups"),
        (json!({"name": "x", "scope": "publisher", "password": PASSWORD, "groups": ["Alpha"]}), "/groups"),
        (json!({"name": "x", "scope": "viewer", "password": PASSWORD, "groups": []}), "/groups"),
        (json!({"name": "x", "scope": "viewer", "password": PASSWORD, "groups": [" "]}), "/groups/0"),
    ] {
        let (status, problem) = world.by_root(Method::POST, "/api/v1/users", Some(&body)).await;
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{body}: {problem}");
    }
    let user = format!("/api/v1/users/{}", world.ada_id);
    for (body, field) in [
        (json!({"scope": "admin"}), "/groups"),
        (json!({"groups": []}), "/groups"),
        (json!({"groups": ["Alpha"], "everywhere": true}), "/everywhere"),
    ] {
        let (status, problem) = world.by_root(Method::PATCH, &user, Some(&body)).await;
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{body}: {problem}");
    }
    let World { mut master, .. } = world;
    master.running.stop().await;
    let run = |arguments: &[&str]| {
        let mut command = program("easysight-master");
        command.arg("--data-dir").arg(master.data.path()).arg("user").args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = command.spawn().unwrap();
        // Writing fails if the command reads no password and has ended already. The error is ignored.
        drop(running.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()));
        let done = running.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.success(), text(&done.stdout) + &text(&done.stderr))
    };
    let (done, said) =
        run(&["create", "--name", "Vera", "--scope", "viewer", "--group", "Alpha", "--group", "Beta"]);
    assert!(done, "{said}");
    let (done, said) = run(&["create", "--name", "Eve", "--scope", "admin", "--group", "Alpha"]);
    assert!(!done && said.contains("--group"), "{said}");
    let (done, said) = run(&["area", "Ada", "--everywhere"]);
    assert!(done && said.contains("all cameras"), "{said}");
    let (done, said) = run(&["area", "root", "--group", "Alpha"]);
    assert!(!done && said.contains("only operators and viewers"), "{said}");
    assert!(!run(&["area", "Ada"]).0);
    let (_, list) = run(&["list"]);
    let line = |name: &str| list.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(line("Vera").ends_with("the groups Alpha, Beta"), "{list}");
    assert!(line("Ada").ends_with("all cameras"), "{list}");
    let data = std::sync::Arc::clone(&master.data);
    drop(master);
    let master = Master::start_in(data, "127.0.0.1:0", &[]);
    let vera = Browser::sign_in(&master, "Vera", PASSWORD).await;
    let (_, page) = read(vera.request(&master, Method::GET, CAMERAS)).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
}
