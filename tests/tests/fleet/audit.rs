//! The audit log: every change through the API and the command line has an entry, which can be read and exported.

use std::{collections::BTreeMap, process::Command};

use reqwest::{Method, RequestBuilder, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::{
    bare_node::{Node, result},
    component::{HONEST, guest_named},
    process::{Master, read},
    programs::program,
    shadow::later,
};

const CAMERAS: &str = "/api/v1/diagnosis/cameras";
const TASKS: &str = "/api/v1/diagnosis/tasks";
const USERS: &str = "/api/v1/users";
const NODES: &str = "/api/v1/diagnosis/workers";

/// The routes that write no entry although their methods are not safe, each with the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("POST", "/api/v1/session", "the request needs a user; `users` tests it"),
    ("DELETE", "/api/v1/session", "the request needs a session; `users` tests it"),
    ("DELETE", "/api/v1/session/all", "the request needs a session; `users` tests it"),
    ("PUT", "/api/v1/session/password", "the request needs a session; `users` tests it"),
    ("POST", "/api/v1/diagnosis/camera-filters", "a filter changes nothing but a menu of its owner"),
    ("PUT", "/api/v1/diagnosis/camera-filters/{id}", "a filter changes nothing but a menu of its owner"),
    ("DELETE", "/api/v1/diagnosis/camera-filters/{id}", "a filter changes nothing but a menu of its owner"),
    ("POST", "/api/v1/welcome", "the request needs a master without users; `users` tests it"),
    ("POST", "/api/v1/diagnosis/workers/register", "a node sends it; no person changes anything"),
    ("POST", "/api/v1/diagnosis/workers/{node_id}/heartbeat", "a node sends it"),
    ("POST", "/api/v1/diagnosis/workers/{node_id}/leases", "a node sends it"),
    ("POST", "/api/v1/diagnosis/workers/{node_id}/results", "a node sends it"),
    ("PUT", "/api/v1/diagnosis/pictures/{digest}", "a node sends it"),
];

/// Two versions of a plugin for the diagnosis `stranger`.
struct Plugins {
    first: String,
    second: String,
}

impl Plugins {
    async fn publish(master: &Master) -> Self {
        let component = guest_named("stranger", "plain", "", "", HONEST);
        Self {
            first: publish(master, component.clone()).await,
            second: publish(master, later(component)).await,
        }
    }

    async fn activate(&self, master: &Master, digest: &str) {
        done(master, &format!("/api/v1/plugins/{digest}/activate"), &json!({})).await;
    }
}

fn component_request(master: &Master, component: Vec<u8>) -> RequestBuilder {
    let request = master.request(Method::POST, "/api/v1/plugins").header(CONTENT_TYPE, "application/wasm");
    request.body(component)
}

async fn publish(master: &Master, component: Vec<u8>) -> String {
    let (status, body) = read(component_request(master, component)).await;
    assert_eq!(status, 201, "{body}");
    body["digest"].as_str().unwrap().to_owned()
}

/// Returns the request for a user with this name.
fn user(name: &str) -> Value {
    json!({"name": name, "scope": "operator", "password": "correct horse battery"})
}

/// Sends a request that succeeds. Returns the answer.
async fn done(master: &Master, path: &str, body: &Value) -> Value {
    let (status, answer) = master.post(path, body).await;
    assert!((200..300).contains(&status), "{path} {body}: {status} {answer}");
    answer
}

async fn add_camera(master: &Master, id: &str) {
    done(master, CAMERAS, &json!({"id": id, "name": id, "source": "rtsp://10.0.0.1/live"})).await;
}

/// Makes a run with one dead job. Returns the run's id.
async fn run_with_a_dead_job(master: &Master) -> String {
    add_camera(master, "c-dead").await;
    let task = json!({"id": "t-dead", "name": "t", "cameras": ["c-dead"], "diagnoses": ["stranger"],
        "max_attempts": 1, "required_labels": {"only": "dead"}});
    done(master, TASKS, &task).await;
    let run = master.submit("t-dead").await;
    let (mut node, status, _) = Node::register(master, "n-dead", json!({"labels": {"only": "dead"}})).await;
    assert_eq!(status, 200);
    let lease = node.lease(5_000).await;
    let failed = json!({"kind": "failed", "failure": {"kind": "no-picture", "detail": "none"}});
    node.report(json!([result(&lease, 0, &failed)])).await;
    run
}

/// Returns a request to a route, which changes something, and the action of its entry. Prepares what the request
/// needs. Returns None for an unknown route.
async fn change(
    master: &Master,
    plugins: &Plugins,
    method: &str,
    path: &str,
) -> Option<(RequestBuilder, &'static str)> {
    let post = |path: &str, body: &Value| master.request(Method::POST, path).json(body);
    let put = |path: &str, body: &Value| master.request(Method::PUT, path).json(body);
    let delete = |path: &str| master.request(Method::DELETE, path);
    let task = |id: &str| json!({"id": id, "name": id, "groups": ["hall"], "diagnoses": ["stranger"]});
    let plugin = |digest: &str, what: &str| format!("/api/v1/plugins/{digest}/{what}");
    Some(match (method, path) {
        ("POST", "/api/v1/diagnosis/cameras") => {
            (post(CAMERAS, &json!({"name": "c", "source": "rtsp://10.0.0.1/live"})), "camera.create")
        }
        ("POST", "/api/v1/diagnosis/cameras/import") => {
            let list = "id,name,source\nc-list,c,rtsp://10.0.0.1/live\n";
            let request = master.request(Method::POST, &format!("{CAMERAS}/import"));
            (request.header(CONTENT_TYPE, "text/csv").body(list), "camera.import")
        }
        ("PUT", "/api/v1/diagnosis/cameras/{id}") => {
            add_camera(master, "c-put").await;
            let body = json!({"name": "other", "source": "rtsp://10.0.0.1/live"});
            (put(&format!("{CAMERAS}/c-put"), &body), "camera.update")
        }
        ("DELETE", "/api/v1/diagnosis/cameras/{id}") => {
            add_camera(master, "c-delete").await;
            (delete(&format!("{CAMERAS}/c-delete")), "camera.delete")
        }
        ("POST", "/api/v1/diagnosis/cameras/{id}/baseline/reset") => {
            add_camera(master, "c-reset").await;
            (post(&format!("{CAMERAS}/c-reset/baseline/reset"), &json!({})), "camera.reset_baselines")
        }
        ("POST", "/api/v1/diagnosis/tasks") => (post(TASKS, &task("t-new")), "task.create"),
        ("PUT", "/api/v1/diagnosis/tasks/{id}") => {
            done(master, TASKS, &task("t-put")).await;
            let mut other = task("t-put");
            other["priority"] = json!(7);
            (put(&format!("{TASKS}/t-put"), &other), "task.update")
        }
        ("DELETE", "/api/v1/diagnosis/tasks/{id}") => {
            done(master, TASKS, &task("t-delete")).await;
            (delete(&format!("{TASKS}/t-delete")), "task.delete")
        }
        ("POST", "/api/v1/diagnosis/tasks/{id}/pause") => {
            done(master, TASKS, &task("t-pause")).await;
            (post(&format!("{TASKS}/t-pause/pause"), &json!({})), "task.pause")
        }
        ("POST", "/api/v1/diagnosis/tasks/{id}/resume") => {
            done(master, TASKS, &task("t-resume")).await;
            done(master, &format!("{TASKS}/t-resume/pause"), &json!({})).await;
            (post(&format!("{TASKS}/t-resume/resume"), &json!({})), "task.resume")
        }
        ("POST", "/api/v1/diagnosis/tasks/{id}/submit") => {
            done(master, TASKS, &task("t-submit")).await;
            (post(&format!("{TASKS}/t-submit/submit"), &json!({})), "task.submit")
        }
        ("POST", "/api/v1/diagnosis/submissions") => {
            plugins.activate(master, &plugins.first).await;
            let source = json!({"source": "rtsp://10.0.0.2/live"});
            (post("/api/v1/diagnosis/submissions", &source), "submission.create")
        }
        ("POST", "/api/v1/diagnosis/runs/{id}/cancel") => {
            done(master, TASKS, &task("t-cancel")).await;
            let run = master.submit("t-cancel").await;
            (post(&format!("/api/v1/diagnosis/runs/{run}/cancel"), &json!({})), "run.cancel")
        }
        ("POST", "/api/v1/diagnosis/runs/{id}/retry") => {
            plugins.activate(master, &plugins.first).await;
            let run = run_with_a_dead_job(master).await;
            (post(&format!("/api/v1/diagnosis/runs/{run}/retry"), &json!({})), "run.retry")
        }
        ("DELETE", "/api/v1/diagnosis/workers/{node_id}") => {
            let (node, status, _) = Node::register(master, "n-gone", json!({})).await;
            assert_eq!(status, 200);
            let path = format!("{NODES}/n-gone");
            let stopped = delete(&format!("{path}?incarnation={}", node.incarnation)).send().await.unwrap();
            assert_eq!(stopped.status(), 204);
            (delete(&path), "node.remove")
        }
        ("POST", "/api/v1/diagnosis/workers/{node_id}/drain") => {
            let (_, status, _) = Node::register(master, "n-drained", json!({})).await;
            assert_eq!(status, 200);
            (post(&format!("{NODES}/n-drained/drain"), &json!({})), "node.drain")
        }
        ("POST", "/api/v1/diagnosis/workers/{node_id}/resume") => {
            let (_, status, _) = Node::register(master, "n-resumed", json!({})).await;
            assert_eq!(status, 200);
            (post(&format!("{NODES}/n-resumed/resume"), &json!({})), "node.resume")
        }
        ("POST", "/api/v1/plugins") => {
            let component = guest_named("newcomer", "plain", "", "", HONEST);
            (component_request(master, component), "plugin.publish")
        }
        ("POST", "/api/v1/plugins/{digest}/activate") => {
            (post(&plugin(&plugins.first, "activate"), &json!({})), "plugin.activate")
        }
        ("POST", "/api/v1/plugins/{digest}/deactivate") => {
            plugins.activate(master, &plugins.first).await;
            (post(&plugin(&plugins.first, "deactivate"), &json!({})), "plugin.deactivate")
        }
        ("POST", "/api/v1/plugins/diagnoses/{diagnosis}/rollback") => {
            plugins.activate(master, &plugins.first).await;
            plugins.activate(master, &plugins.second).await;
            (post("/api/v1/plugins/diagnoses/stranger/rollback", &json!({})), "plugin.roll_back")
        }
        ("POST", "/api/v1/plugins/{digest}/shadow") => {
            plugins.activate(master, &plugins.first).await;
            let ended = delete(&plugin(&plugins.second, "shadow")).send().await.unwrap();
            assert_eq!(ended.status(), 200);
            (post(&plugin(&plugins.second, "shadow"), &json!({})), "plugin.begin_shadow")
        }
        ("DELETE", "/api/v1/plugins/{digest}/shadow") => {
            plugins.activate(master, &plugins.first).await;
            done(master, &plugin(&plugins.second, "shadow"), &json!({})).await;
            (delete(&plugin(&plugins.second, "shadow")), "plugin.end_shadow")
        }
        ("POST", "/api/v1/tokens") => {
            (post("/api/v1/tokens", &json!({"name": "me", "scope": "admin"})), "token.create")
        }
        ("POST", "/api/v1/users") => (post(USERS, &user("Ada")), "user.create"),
        ("PATCH", "/api/v1/users/{id}") => {
            let made = done(master, USERS, &user("Grace")).await;
            let change = json!({"disabled": true});
            let path = format!("{USERS}/{}", made["id"].as_str().unwrap());
            (master.request(Method::PATCH, &path).json(&change), "user.update")
        }
        ("DELETE", "/api/v1/users/{id}") => {
            let made = done(master, USERS, &user("Mary")).await;
            (delete(&format!("{USERS}/{}", made["id"].as_str().unwrap())), "user.delete")
        }
        ("DELETE", "/api/v1/tokens/{id}") => {
            let token = done(master, "/api/v1/tokens", &json!({"name": "wall", "scope": "viewer"})).await;
            (delete(&format!("/api/v1/tokens/{}", token["id"].as_str().unwrap())), "token.revoke")
        }
        _ => return None,
    })
}

/// Returns the routes of the document whose methods are not safe, in the order of their paths.
async fn unsafe_routes(master: &Master) -> Vec<(String, String)> {
    let document = master.get("/api/openapi.json").await;
    let paths: BTreeMap<String, BTreeMap<String, Value>> =
        serde_json::from_value(document["paths"].clone()).unwrap();
    let routes = paths.into_iter().flat_map(|(path, methods)| {
        methods.into_keys().map(move |method| (method.to_uppercase(), path.clone()))
    });
    routes.filter(|(method, _)| !matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS")).collect()
}

#[tokio::test]
async fn every_route_that_changes_something_writes_an_entry() {
    let mut master = Master::start();
    let plugins = Plugins::publish(&master).await;
    let routes = unsafe_routes(&master).await;
    assert!(routes.len() > 25, "{routes:?}");
    for (known, path, reason) in EXCEPTIONS {
        let is_there = routes.iter().any(|(method, one)| method == known && one == path);
        assert!(is_there, "{known} {path} is an exception ({reason}), but there is no such route");
    }
    let excepted =
        |method: &str, path: &str| EXCEPTIONS.iter().any(|(known, one, _)| *known == method && *one == path);
    for (at, (method, path)) in routes.iter().filter(|(method, path)| !excepted(method, path)).enumerate() {
        let Some((request, action)) = change(&master, &plugins, method, path).await else {
            panic!(
                "{method} {path} is not known here: let the store write an entry for it, and add a request to \
                 `change`; or add the route to `EXCEPTIONS`"
            );
        };
        let id = format!("change-{at}");
        let (status, answer) = read(request.header("x-request-id", &id)).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        if path == "/api/v1/tokens" {
            // From now on, the master requires a token.
            master.token = answer["token"].as_str().map(str::to_owned);
        }
        let page = master.get("/api/v1/audit?limit=1000").await;
        let entries = page["items"].as_array().unwrap();
        let of: Vec<_> = entries.iter().filter(|entry| entry["request_id"] == json!(id)).collect();
        let actions: Vec<_> = of.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
        assert_eq!(actions, [action], "{method} {path}");
        let seen = (&of[0]["address"], &of[0]["way"], &of[0]["outcome"]);
        assert_eq!(seen, (&json!("127.0.0.1"), &json!("api"), &json!("done")), "{method} {path}");
    }
}

#[tokio::test]
async fn entries_say_who_it_was_and_only_administrators_read_them() {
    let mut master = Master::start();
    let make = |name: &str, scope: &str| json!({"name": name, "scope": scope});
    let admin = done(&master, "/api/v1/tokens", &make("me", "admin")).await;
    master.token = admin["token"].as_str().map(str::to_owned);
    let operator = done(&master, "/api/v1/tokens", &make("小林", "operator")).await;
    master.token = operator["token"].as_str().map(str::to_owned);
    let camera = json!({"id": "gate", "name": "Gate", "source": "rtsp://user:pw-first@10.0.0.1/live"});
    let request = master.request(Method::POST, CAMERAS).json(&camera).header("x-forwarded-for", "192.0.2.7");
    assert_eq!(read(request.header("sec-fetch-site", "same-origin")).await.0, 201);
    let changed = json!({"name": "Gate", "source": "rtsp://user:pw-second@10.0.0.1/live"});
    let request = master.request(Method::PUT, &format!("{CAMERAS}/gate")).json(&changed);
    assert_eq!(read(request.header("user-agent", "easysight/0.1.0")).await.0, 200);
    // A refused request has one entry, however often it is repeated. A request that only reads has none.
    for _ in 0..3 {
        assert_eq!(master.post("/api/v1/tokens", &make("more", "admin")).await.0, 403);
        assert_eq!(read(master.request(Method::GET, "/api/v1/audit")).await.0, 403);
    }
    master.token = None;
    assert_eq!(read(master.request(Method::GET, "/api/v1/audit")).await.0, 401);
    master.token = admin["token"].as_str().map(str::to_owned);
    let page = master.get("/api/v1/audit").await;
    let entries = page["items"].as_array().unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|one| {
            let (who, way) = (one["actor"]["name"].as_str().unwrap_or("-"), one["way"].as_str().unwrap());
            format!("{who} {way} {} {}", one["action"].as_str().unwrap(), one["outcome"].as_str().unwrap())
        })
        .collect();
    let wanted = [
        "小林 api request.refuse refused",
        "小林 cli camera.update done",
        "小林 console camera.create done",
        "me api token.create done",
        "- api token.create done",
    ];
    assert_eq!(told, wanted);
    assert_eq!(entries[0]["object"]["id"], "POST /api/v1/tokens");
    assert_eq!(entries[2]["forwarded_for"], "192.0.2.7");
    assert_eq!(entries[1]["after"], json!({"source": "rtsp://***@10.0.0.1/live", "secrets": "changed"}));
    let secret = operator["token"].as_str().unwrap().rsplit('_').next().unwrap();
    for hidden in ["pw-", secret] {
        assert!(!page.to_string().contains(hidden), "{hidden}: {page}");
    }
    for (query, count) in [
        ("who=%E5%B0%8F%E6%9E%97", 3),
        ("action=camera", 2),
        ("action=camera.update", 1),
        ("object=gate", 2),
        ("q=secrets", 1),
        ("since=2100-01-01T00:00:00Z", 0),
        ("until=2100-01-01T00:00:00Z", 5),
    ] {
        let page = master.get(&format!("/api/v1/audit?{query}")).await;
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{query}: {page}");
    }
    assert_eq!(read(master.request(Method::GET, "/api/v1/audit?q=%07")).await.0, 400);
}

#[tokio::test]
async fn the_audit_log_is_exported_to_its_end() {
    let master = Master::start();
    // There are more entries than one portion contains.
    let count = 520;
    for at in 0..count {
        let name = format!("=1+{at}");
        let token = json!({"name": "Gate", "source": "rtsp://10.0.0.1/live", "id": format!("c{at}"), "groups": [name]});
        done(&master, CAMERAS, &token).await;
    }
    let export = async |accept: Option<&str>, query: &str| {
        let request = master.request(Method::GET, &format!("/api/v1/audit?{query}"));
        let request = if let Some(accept) = accept { request.header("accept", accept) } else { request };
        let answer = request.send().await.unwrap();
        let kind = answer.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
        assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
        (kind, answer.text().await.unwrap())
    };
    for (accept, query) in [(Some("text/csv"), ""), (None, "format=csv&limit=2")] {
        let (kind, text) = export(accept, query).await;
        assert_eq!(kind, "text/csv; charset=utf-8");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 1 + count);
        assert!(lines[0].starts_with("id,at,actor_kind,"), "{}", lines[0]);
        assert!(lines[1].contains(",camera.create,camera,c519,done,"), "{}", lines[1]);
        assert!(lines[count].contains(",camera.create,camera,c0,done,"), "{}", lines[count]);
    }
    for (accept, query) in [(Some("application/x-ndjson"), ""), (None, "format=ndjson&action=camera.create")]
    {
        let (kind, text) = export(accept, query).await;
        assert_eq!(kind, "application/x-ndjson");
        let entries: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let ids: Vec<_> = entries.iter().map(|entry| entry["object"]["id"].as_str().unwrap()).collect();
        let wanted: Vec<_> = (0..count).rev().map(|at| format!("c{at}")).collect();
        assert_eq!(ids, wanted);
    }
    let (_, text) = export(None, "format=ndjson&object=c7").await;
    assert_eq!(text.lines().count(), 1);
}

#[tokio::test]
async fn tokens_that_are_made_on_the_command_line_have_entries() {
    let mut master = Master::start();
    let data = master.data.path().to_owned();
    let token = |arguments: &[&str]| {
        let mut command: Command = program("easysight-master");
        command.arg("--data-dir").arg(&data).arg("token").args(arguments);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    let admin = token(&["create", "--name", "admin", "--scope", "admin"]);
    let wall = token(&["create", "--name", "wall", "--scope", "viewer"]);
    let id = wall.split('_').nth(1).unwrap();
    token(&["revoke", id]);
    master.token = Some(admin.clone());
    let page = master.get("/api/v1/audit").await;
    let entries = page["items"].as_array().unwrap();
    let actions: Vec<_> = entries.iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["token.revoke", "token.create", "token.create"]);
    assert_eq!(entries[0]["object"]["id"], json!(id));
    let user = Command::new("id").arg("-u").output().unwrap();
    let user = String::from_utf8(user.stdout).unwrap();
    for entry in entries {
        assert_eq!((&entry["way"], &entry["actor"]["kind"]), (&json!("cli"), &json!("command_line")));
        assert_eq!(entry["address"], Value::Null);
        // The person who signed in to this machine may run the command as another user (`sudo`).
        let login = std::fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
        let ids = [user.trim(), login.trim()];
        assert!(ids.contains(&entry["actor"]["id"].as_str().unwrap()), "{ids:?} {entry}");
    }
    for token in [&admin, &wall] {
        assert!(!page.to_string().contains(token.rsplit('_').next().unwrap()), "{page}");
    }
}
