//! Follows one request by its id from the client through the master to the log line of a plugin.

use std::{fs, sync::Arc};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    component::{HONEST, guest_named},
    process::{Master, PATIENCE, Running, worker},
    programs::{has_ffmpeg, make_clip},
};

const LOG: &str = "(import \"easysight:diagnosis/log@1.2.0\" \"write\" (func $log (param i32 i32 i32))) ---";

/// Stops a program and parses the log lines that it wrote with `--log-format json`.
async fn lines(running: &mut Running) -> Vec<Value> {
    assert!(running.stop().await.success());
    running.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Returns the span with this name from the spans of a line.
fn span<'a>(line: &'a Value, name: &str) -> &'a Value {
    let spans = line["spans"].as_array().map(Vec::as_slice).unwrap_or_default();
    spans.iter().find(|span| span["name"] == name).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn one_id_leads_from_the_client_to_the_plugin_s_log_line() {
    if !has_ffmpeg() {
        return;
    }
    let json_lines = ["--log-format", "json", "--log-level", "DEBUG"];
    let mut master = Master::start_in(Arc::new(tempfile::tempdir().unwrap()), "127.0.0.1:0", &json_lines);
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    let talking = dir.path().join("talking.wasm");
    // The plugin logs its own name, which is at address 1200 of the guest.
    let says = format!("(call $log (i32.const 1) (i32.const 1200) (i32.const 8)) {HONEST}");
    fs::write(&talking, guest_named("talkingl", "plain", LOG, "", &says)).unwrap();
    master.activate(&talking).await;
    master.add_cameras(1, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    let mut node = worker(&master, dir.path(), "w", &json_lines);
    master.has_nodes(1).await;

    let submit = master.request(Method::POST, "/api/v1/diagnosis/tasks/t/submit").json(&json!({}));
    let answer = submit.header("x-request-id", "order-66").send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "order-66");
    let run: Value = answer.json().await.unwrap();
    assert_eq!(run["request_id"], json!("order-66"));
    let id = run["id"].as_str().unwrap();
    master.finished(id, PATIENCE).await;
    let job = master.get(&format!("/api/v1/diagnosis/runs/{id}/jobs")).await["items"][0]["id"].clone();

    // A request without a valid id gets a new id.
    let path = format!("/api/v1/diagnosis/runs/{id}");
    let (one, two) =
        (master.request(Method::GET, &path).send().await.unwrap(), master.request(Method::GET, &path));
    let two = two.header("x-request-id", "two words").send().await.unwrap();
    let made = |answer: &reqwest::Response| answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(made(&one).len() == 36 && made(&two).len() == 36, "{} {}", made(&one), made(&two));

    let of_node = lines(&mut node).await;
    let said =
        of_node.iter().find(|line| line["fields"]["message"] == "talkingl").expect("the plugin's line");
    let around = span(said, "job");
    assert_eq!(
        (&around["request"], &around["id"], &around["attempt"]),
        (&json!("order-66"), &job, &json!(1)),
        "{said}"
    );
    assert_eq!(said["fields"]["plugin"], json!("talkingl"));
    let judged = of_node.iter().find(|line| line["fields"]["message"] == "judged").expect("the job's line");
    assert_eq!(span(judged, "job")["request"], json!("order-66"));

    let of_master = lines(&mut master.running).await;
    let asked = of_master.iter().find(|line| span(line, "http")["request"] == "order-66");
    assert_eq!(span(asked.expect("the request's line"), "http")["path"], "/api/v1/diagnosis/tasks/t/submit");
    let leased = of_master.iter().find(|line| line["fields"]["of"] == "order-66").expect("the lease's line");
    assert_eq!((&leased["fields"]["job"], &leased["fields"]["message"]), (&job, &json!("leased")));

    // The requests of the node to the master have ids too, which node and master log.
    let delivered = of_node.iter().find(|line| {
        line["fields"]["message"] == "asked the master"
            && line["fields"]["path"].as_str().is_some_and(|path| path.ends_with("/results"))
    });
    let call = &delivered.expect("the delivery's line")["fields"]["call"];
    let noted = of_master.iter().find(|line| line["fields"]["message"] == "results").expect("results' line");
    assert_eq!((&span(noted, "http")["request"], call.is_string()), (call, true));
}
