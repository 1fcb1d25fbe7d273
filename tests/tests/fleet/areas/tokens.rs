//! Tokens that are limited to the cameras of some groups.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{process::read, programs::program};

use super::world::{CAMERA, CAMERAS, RESULTS, TASK, TASKS, World};

#[tokio::test]
async fn a_token_with_an_area_gets_at_nothing_else() {
    let world = World::new().await;
    let create = async |body: Value| world.by_root(Method::POST, "/api/v1/tokens", Some(&body)).await;
    for (scope, groups, field) in [
        ("admin", json!(["Alpha"]), "/groups"),
        ("worker", json!(["Alpha"]), "/groups"),
        ("publisher", json!(["Alpha"]), "/groups"),
        ("viewer", json!([]), "/groups"),
        ("viewer", json!([" "]), "/groups/0"),
    ] {
        let (status, problem) = create(json!({"name": "x", "scope": scope, "groups": groups})).await;
        assert_eq!((status, &problem["field"]), (422, &json!(field)), "{scope} {groups}: {problem}");
    }
    let wall = json!({"name": "wall", "scope": "operator", "groups": ["Beta", "Alpha"]});
    let (status, made) = create(wall).await;
    assert_eq!(status, 201, "{made}");
    let token = made["token"].as_str().unwrap();
    let ask = async |method: Method, path: &str| {
        let address = format!("{}{path}", world.master.url());
        read(reqwest::Client::new().request(method, address).bearer_auth(token)).await
    };
    let (_, cameras) = ask(Method::GET, CAMERAS).await;
    let ids: Vec<_> = cameras["items"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["alpha-1"]);
    for path in [CAMERAS, TASKS, RESULTS, "/api/v1/overview", "/api/v1/diagnosis/workers/distributed"] {
        let (status, body) = ask(Method::GET, path).await;
        assert_eq!((status, world.leak(&body.to_string(), "")), (200, None), "{path}: {body}");
    }
    for (method, path) in [
        (Method::GET, format!("{CAMERAS}/{CAMERA}")),
        (Method::DELETE, format!("{CAMERAS}/{CAMERA}")),
        (Method::POST, format!("{TASKS}/{TASK}/submit")),
        (Method::GET, format!("/api/v1/diagnosis/submissions/{}", world.submission)),
    ] {
        assert_eq!(ask(method.clone(), &path).await.0, 404, "{method} {path}");
    }
    let (_, session) = ask(Method::GET, "/api/v1/session").await;
    assert_eq!(session["groups"], json!(["Alpha", "Beta"]), "{session}");
    let (_, log) = world.by_root(Method::GET, "/api/v1/audit?action=token.create", None).await;
    assert_eq!(log["items"][0]["after"]["groups"], json!(["Alpha", "Beta"]), "{log}");
}

#[tokio::test]
async fn a_token_is_limited_at_the_terminal_too() {
    let data = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = program("easysight-master");
        command.arg("--data-dir").arg(data.path()).arg("token").args(arguments);
        let done = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.success(), text(&done.stdout) + &text(&done.stderr))
    };
    let (done, said) = run(&["create", "--name", "wall", "--scope", "viewer", "--group", "Yard"]);
    assert!(done, "{said}");
    let (done, said) = run(&["create", "--name", "node", "--scope", "worker", "--group", "Yard"]);
    assert!(!done && said.contains("--group"), "{said}");
    let (_, list) = run(&["list"]);
    assert!(list.contains("\twall\tthe cameras of the groups Yard"), "{list}");
}
