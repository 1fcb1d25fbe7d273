//! The HTTP API, as clients see it.

use std::{env, fs, path::Path};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    component::{Edition, HONEST, guest_of},
    process::{Master, read},
    programs::plugins,
};

#[tokio::test]
async fn bad_input_gets_a_problem_with_the_field() {
    let master = Master::start();
    master.publish_standard().await;
    let task = |more: Value| {
        let mut task = json!({"name": "t", "groups": ["hall"]});
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        task
    };
    for (body, status, field) in [
        (json!({"name": "t"}), 422, "/cameras"),
        (task(json!({"name": ""})), 422, "/name"),
        (task(json!({"id": "../x"})), 422, "/id"),
        (task(json!({"priority": 101})), 422, "/priority"),
        (task(json!({"priority": "high"})), 400, "/priority"),
        (task(json!({"max_attempts": 0})), 422, "/max_attempts"),
        (task(json!({"surprise": 1})), 400, "/surprise"),
        (task(json!({"schedule": {"kind": "interval", "every_s": 0}})), 422, "/schedule/every_s"),
        (
            task(json!({"schedule": {"kind": "cron", "expression": "0 0 30 2 *"}})),
            422,
            "/schedule/expression",
        ),
        (
            task(json!({"schedule": {"kind": "cron", "expression": "* * * * *", "time_zone": "Moon"}})),
            422,
            "/schedule/time_zone",
        ),
        (task(json!({"config": {"brightness": {"dark_p95": "dark"}}})), 422, "/config/brightness/dark_p95"),
        (task(json!({"config": {"brightness": 5}})), 422, "/config/brightness"),
        (task(json!({"diagnoses": ["freeze"], "config": {"brightness": {}}})), 422, "/config/brightness"),
        (task(json!({"required_labels": {"a b": "c"}})), 422, "/required_labels"),
    ] {
        let (found, problem) = master.post("/api/v1/diagnosis/tasks", &body).await;
        assert_eq!((found, problem["field"].as_str()), (status, Some(field)), "{body} {problem}");
        assert_eq!(problem["status"], json!(status));
    }
    for (body, field) in [
        (json!({"name": "c", "source": "ftp://x/y"}), "/source"),
        (json!({"name": "c", "source": ""}), "/source"),
        (json!({"name": "c\u{7}", "source": "/x"}), "/name"),
        (json!({"name": "c", "source": "/x", "labels": {"k": ""}}), "/labels/k"),
    ] {
        let (status, problem) = master.post("/api/v1/diagnosis/cameras", &body).await;
        assert_eq!((status, problem["field"].as_str()), (422, Some(field)), "{body} {problem}");
    }
    for path in [
        "/api/v1/diagnosis/runs/x",
        "/api/v1/diagnosis/tasks/x",
        "/api/v1/diagnosis/cameras/x",
        "/api/v1/plugins/x",
        "/nowhere",
    ] {
        let (status, problem) = read(master.request(Method::GET, path)).await;
        assert_eq!(status, 404, "{path}");
        assert!(problem["type"].as_str().unwrap().starts_with("/problems/"), "{problem}");
    }
    for path in [
        "/api/v1/diagnosis/cameras?limit=0",
        "/api/v1/diagnosis/cameras?limit=x",
        "/api/v1/diagnosis/results?since=now",
    ] {
        assert_eq!(read(master.request(Method::GET, path)).await.0, 400, "{path}");
    }
    assert_eq!(read(master.request(Method::PATCH, "/api/v1/diagnosis/cameras")).await.0, 405);
    assert_eq!(read(master.request(Method::POST, "/api/v1/diagnosis/tasks").body("x")).await.0, 415);
}

#[tokio::test]
async fn uploads_are_vetted_and_refused_by_rule() {
    let master = Master::start();
    let upload = |bytes: Vec<u8>| {
        let request =
            master.request(Method::POST, "/api/v1/plugins").header("content-type", "application/wasm");
        read(request.body(bytes))
    };
    let good = std::fs::read(plugins().join("brightness.wasm")).unwrap();
    let (status, first) = upload(good.clone()).await;
    assert_eq!((status, &first["name"]), (201, &json!("brightness")), "{first}");
    assert_eq!(upload(good.clone()).await.0, 200);
    let half = good[..good.len() / 2].to_vec();
    let core = wat::parse_str("(module)").unwrap();
    let foreign = wat::parse_str("(component (import \"evil:host/exec@1.0.0\" (instance)))").unwrap();
    let stranger = wat::parse_str("(component)").unwrap();
    let edition = Edition { version: "1.3.0", more: ["", ""] };
    let tomorrow = guest_of(&edition, "tomorrow", "plain", "", "", HONEST);
    for (bytes, kind) in [
        (b"not wasm at all".to_vec(), "not-a-component"),
        (half, "not-a-component"),
        (core, "core-module"),
        (foreign, "foreign-import"),
        (stranger, "wrong-world"),
        (tomorrow, "other-contract"),
    ] {
        let (status, problem) = upload(bytes).await;
        assert_eq!(
            (status, problem["type"].as_str()),
            (422, Some(&*format!("/problems/{kind}"))),
            "{problem}"
        );
    }
    assert_eq!(upload(vec![0; (64 << 20) + 1]).await.0, 413);
    // Refused components left no files.
    let digest = first["digest"].as_str().unwrap();
    let kept: Vec<_> = std::fs::read_dir(master.data.path().join("plugins")).unwrap().collect();
    assert_eq!(kept.len(), 1);
    let path = format!("/api/v1/plugins/{digest}/component");
    let range = master.request(Method::GET, &path).header("range", "bytes=100-199").send().await.unwrap();
    assert_eq!(range.status(), 206);
    assert!(range.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(range.bytes().await.unwrap(), good[100..200]);
    let known = master.request(Method::GET, &path).header("if-none-match", format!("\"{digest}\""));
    assert_eq!(known.send().await.unwrap().status(), 304);
}

#[tokio::test]
async fn a_body_of_a_gigabyte_is_cut_off_and_the_master_lives_on() {
    let master = Master::start();
    let chunk = bytes_of(1 << 20);
    let body = reqwest::Body::wrap_stream(futures::stream::iter(
        (0..1024).map(move |_| Ok::<_, std::io::Error>(chunk.clone())),
    ));
    let request =
        master.request(Method::POST, "/api/v1/diagnosis/tasks").header("content-type", "application/json");
    // Either the client receives the refusal, or the connection is closed while it sends.
    if let Ok(answer) = request.body(body).send().await {
        assert_eq!(answer.status(), 413);
    }
    master.get("/api/v1/diagnosis/tasks").await;
}

fn bytes_of(count: usize) -> Vec<u8> {
    vec![b' '; count]
}

#[tokio::test]
async fn pages_filters_and_csv() {
    let master = Master::start();
    master.add_cameras(25, "rtsp://user:pass@10.0.0.1/live").await;
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = master.get(&format!("/api/v1/diagnosis/cameras?limit=10{after}")).await;
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        assert!(!page.to_string().contains("pass"));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25);
    let groups = master.get("/api/v1/diagnosis/camera-groups").await;
    assert_eq!(groups, json!([{"name": "hall", "cameras": 25}]));
    // A camera that is shown masked and sent back keeps its credentials.
    let mut camera = master.get("/api/v1/diagnosis/cameras/c3").await;
    assert_eq!(camera["source"], json!("rtsp://***@10.0.0.1/live"));
    let fields = camera.as_object_mut().unwrap();
    fields.retain(|name, _| ["id", "name", "source", "enabled", "labels", "groups"].contains(&name.as_str()));
    fields["name"] = json!("Renamed");
    let (status, changed) =
        read(master.request(Method::PUT, "/api/v1/diagnosis/cameras/c3").json(&camera)).await;
    assert_eq!((status, &changed["name"]), (200, &json!("Renamed")), "{changed}");
    let csv = "name,source,labels,enabled\nA,/a,x=1;y=2,no\n,/b,,\nC,gopher://c,,\n";
    let request = master.request(Method::POST, "/api/v1/diagnosis/cameras/import").body(csv);
    let (_, imported) = read(request).await;
    assert_eq!(
        (&imported["created"], imported["problems"].as_array().unwrap().len()),
        (&json!(1), 2),
        "{imported}"
    );
    assert_eq!(imported["problems"][0]["line"], json!(3));
    let csv = master
        .request(Method::GET, "/api/v1/diagnosis/results")
        .header("accept", "text/csv")
        .send()
        .await
        .unwrap();
    assert!(csv.text().await.unwrap().starts_with("id,captured_at,recorded_at,run_id"));
}

#[tokio::test]
async fn the_document_describes_what_is_there() {
    let master = Master::start();
    let document = master.get("/api/openapi.json").await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/api/v1/diagnosis/workers/distributed",
        "/api/v1/diagnosis/workers/status",
        "/api/v1/diagnosis/tasks/{id}/submit",
        "/api/v1/diagnosis/workers/{node_id}/leases",
        "/api/v1/plugins/{digest}/component",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
    let answer = master.request(Method::GET, "/healthz").header("x-request-id", "mine").send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "mine");
}

/// A browser that shows the page talks to this master only.
#[tokio::test]
async fn the_page_of_the_api_names_no_other_host() {
    let master = Master::start();
    let page = master.request(Method::GET, "/docs/").send().await.unwrap();
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    for rule in ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.split("; ").any(|one| one == rule), "{policy}");
    }
    assert!(!policy.contains("http") && !policy.contains('*') && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    let page = page.text().await.unwrap();
    assert!(!page.contains("//") && !page.contains("<style") && !page.contains("<script>"), "{page}");
    let script = master.request(Method::GET, "/docs/swagger-initializer.js").send().await.unwrap();
    assert!(script.headers().contains_key("content-security-policy"));
    let config = script.text().await.unwrap();
    assert!(config.contains(r#""validatorUrl": "none""#), "{config}");
    assert!(config.contains(r#""url": "../api/openapi.json""#), "{config}");
    assert!(!config.contains("://"), "{config}");
}

/// The console's types are made from a copy of the document. `EASYSIGHT_WRITE_DOCS=1` updates the copy; after that,
/// `npm run api:types` in `web/` makes the types again.
#[tokio::test]
async fn the_console_knows_the_document_as_it_is() {
    let master = Master::start();
    let document = master.get("/api/openapi.json").await;
    let copy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/openapi.json");
    if env::var_os("EASYSIGHT_WRITE_DOCS").is_some() {
        fs::write(&copy, serde_json::to_string_pretty(&document).unwrap() + "\n").unwrap();
    }
    let known: Value = serde_json::from_slice(&fs::read(&copy).unwrap()).unwrap();
    assert!(known == document, "web/openapi.json is outdated; EASYSIGHT_WRITE_DOCS=1 updates it");
}

#[tokio::test]
async fn a_master_shows_the_console_and_asks_nobody_for_a_token_before() {
    let mut master = Master::start();
    let (_, admin) = master.post("/api/v1/tokens", &json!({"name": "me", "scope": "admin"})).await;
    for token in [None, admin["token"].as_str().map(str::to_owned)] {
        master.token = token;
        let page = master.request(Method::GET, "/").send().await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.headers().contains_key("content-security-policy"));
        let page = page.text().await.unwrap();
        let script = page.split('"').find(|part| part.starts_with("./assets/")).unwrap();
        let file = master.request(Method::GET, script.trim_start_matches('.')).send().await.unwrap();
        assert_eq!(file.status(), 200);
    }
    let (status, problem) = read(master.request(Method::GET, "/assets/none.js")).await;
    assert_eq!((status, &problem["type"]), (404, &json!("/problems/not-found")));
}

#[tokio::test]
async fn events_are_told_while_they_happen() {
    let master = Master::start();
    let mut events = master.request(Method::GET, "/api/v1/events").send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    master.add_task(json!({"id": "t", "name": "t", "groups": ["nobody"]})).await;
    let run = master.submit("t").await;
    let chunk = events.chunk().await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&chunk);
    assert!(text.contains("event: run") && text.contains(&run), "{text}");
}
