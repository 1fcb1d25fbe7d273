//! A candidate next to the active version: it judges live jobs and is compared, but does not affect the jobs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    component::{HONEST, guest_named},
    process::{Master, PATIENCE, read, worker},
    programs::{has_ffmpeg, make_clip, program},
};

/// Makes version 1.0.1 of a guest of the tests. The guests themselves have version 1.0.0.
pub(crate) fn later(component: Vec<u8>) -> Vec<u8> {
    let (now, then) = (b"1.0.0{", b"1.0.1{");
    let at = component.windows(now.len()).position(|bytes| bytes == now).unwrap();
    let mut component = component;
    component[at..at + then.len()].copy_from_slice(then);
    component
}

fn put(dir: &Path, name: &str, component: Vec<u8>) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, component).unwrap();
    path
}

/// Starts a master with two cameras, a task for them and the standard plugins. Also makes an honest guest that is
/// not published yet.
async fn set_up() -> (Master, TempDir, PathBuf) {
    let (master, dir) = (Master::start(), tempfile::tempdir().unwrap());
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    master.publish_standard().await;
    master.add_cameras(2, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    let honest = put(dir.path(), "one.wasm", guest_named("stranger", "plain", "", "", HONEST));
    (master, dir, honest)
}

/// Runs the task. Returns its findings.
async fn findings_of_a_run(master: &Master) -> Vec<Value> {
    let run = master.submit("t").await;
    let run_is = master.finished(&run, PATIENCE).await;
    assert_eq!(run_is["progress"]["finished"], json!(2), "{run_is}");
    master.findings(&run).await
}

/// Runs `easysight plugin …` with the master. Returns the output.
fn plugin(master: &Master, arguments: &[&str]) -> String {
    let mut command = program("easysight");
    command.arg("plugin").args(arguments).args(["--master", master.url()]).env("COLUMNS", "200");
    let done = command.output().unwrap();
    let printed = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
    assert!(done.status.success(), "{arguments:?}: {printed}");
    printed
}

#[tokio::test]
async fn a_candidate_is_tried_on_live_jobs_and_counts_only_once_it_is_activated() {
    if !has_ffmpeg() {
        return;
    }
    let (master, dir, honest) = set_up().await;
    let endless = "(loop $again (br $again)) (unreachable)";
    let endless = put(dir.path(), "two.wasm", later(guest_named("stranger", "plain", "", "", endless)));
    let candidate = master.publish(&endless).await;
    let path = format!("/api/v1/plugins/{candidate}/shadow");
    let (status, problem) = master.post(&path, &json!({})).await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/nothing-to-compare")), "{problem}");
    master.activate(&honest).await;
    let (status, problem) = master.post(&path, &json!({"diagnoses": ["freeze"]})).await;
    assert_eq!((status, &problem["field"]), (422, &json!("/diagnoses/0")), "{problem}");

    // The imports and limits are shown before the plugin has run.
    let shown = plugin(&master, &["show", "stranger@1.0.1"]);
    assert!(
        shown.contains("easysight:diagnosis/video@1.2.0") && shown.contains("has not run yet"),
        "{shown}"
    );
    assert!(shown.contains("2000000000 of fuel, 256 MiB of memory, 10000 ms"), "{shown}");
    plugin(&master, &["shadow", "start", "stranger@1.0.1"]);

    let _worker = worker(&master, dir.path(), "w", &["--fuel", "20M"]);
    let findings = findings_of_a_run(&master).await;
    // Three diagnoses of two cameras give six findings. All of them come from the active plugins.
    assert_eq!(findings.len(), 6, "{findings:?}");
    assert!(findings.iter().all(|one| one["digest"] != json!(candidate)), "{findings:?}");
    let said: Vec<_> = findings.iter().filter(|one| one["diagnosis"] == "stranger").collect();
    assert!(said.iter().all(|one| one["failure"]["kind"] == "inconclusive"), "{said:?}");

    let report = master.get(&path).await;
    let of = &report["diagnoses"][0];
    assert_eq!(
        (&of["diagnosis"], &of["compared"], &of["agreed"]),
        (&json!("stranger"), &json!(2), &json!(0))
    );
    let change = json!([{"active": "inconclusive", "candidate": "fuel-exhausted", "count": 2}]);
    assert_eq!(of["changes"], change, "{report}");
    assert_eq!(report["differences"].as_array().unwrap().len(), 2);
    let shown = plugin(&master, &["shadow", "show", "stranger@1.0.1"]);
    assert!(shown.contains("2 × inconclusive → fuel-exhausted") && shown.contains("0.0 %"), "{shown}");
    let usage = master.get(&format!("/api/v1/plugins/{candidate}/usage")).await;
    assert_eq!((&usage["used"]["runs"], &usage["used"]["failed"]), (&json!(2), &json!(2)), "{usage}");
    assert!(usage["used"]["max_fuel"].as_u64().unwrap() >= 20_000_000, "{usage}");

    // The candidacy ends. No later run has the candidate.
    let (status, plugin_is) = read(master.request(Method::DELETE, &path)).await;
    assert_eq!((status, &plugin_is["shadow_for"]), (200, &json!([])), "{plugin_is}");
    findings_of_a_run(&master).await;
    assert_eq!(master.get(&path).await["diagnoses"][0]["compared"], json!(2));
    // Once the candidate is activated, its own results count.
    master.activate(&endless).await;
    let findings = findings_of_a_run(&master).await;
    let said: Vec<_> = findings.iter().filter(|one| one["diagnosis"] == "stranger").collect();
    assert!(said.iter().all(|one| one["failure"]["kind"] == "fuel-exhausted"), "{said:?}");
}

#[tokio::test]
async fn a_candidate_that_is_gone_harms_no_job() {
    if !has_ffmpeg() {
        return;
    }
    let (master, dir, honest) = set_up().await;
    let second = put(dir.path(), "two.wasm", later(guest_named("stranger", "plain", "", "", HONEST)));
    master.activate(&honest).await;
    let candidate = master.publish(&second).await;
    let path = format!("/api/v1/plugins/{candidate}/shadow");
    assert_eq!(master.post(&path, &json!({})).await.0, 200);
    // The file of the candidate is lost.
    fs::remove_file(master.data.path().join("plugins").join(format!("{candidate}.wasm"))).unwrap();
    let _worker = worker(&master, dir.path(), "w", &[]);
    assert_eq!(findings_of_a_run(&master).await.len(), 6);
    let report = master.get(&path).await;
    let change = json!([{"active": "inconclusive", "candidate": "plugin-unavailable", "count": 2}]);
    assert_eq!(report["diagnoses"][0]["changes"], change, "{report}");
}
