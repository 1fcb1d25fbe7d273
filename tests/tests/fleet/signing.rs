//! Signed plugins: the program for authors makes keys and signatures, and a master and workers require them.

use std::{fs, path::Path};

use reqwest::Method;
use serde_json::json;

use crate::{
    component::{HONEST, guest_named},
    process::{Master, PATIENCE, Running, read, worker},
    programs::{has_ffmpeg, make_clip, plugins, program},
};

/// Runs `easysight plugin …` in a directory. Returns the exit code and the output.
fn plugin(dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let done = program("easysight").arg("plugin").args(arguments).current_dir(dir).output().unwrap();
    let printed = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(printed).unwrap())
}

fn done(dir: &Path, arguments: &[&str]) -> String {
    let (code, printed) = plugin(dir, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {printed}");
    printed
}

/// Makes two keys, of which the first one is trusted, and two plugins without a signature.
fn desk(dir: &Path) {
    for (key, name) in [("ann.pem", "Ann"), ("bob.pem", "Bob")] {
        done(dir, &["keygen", "--out", key, "--name", name]);
    }
    fs::copy(dir.join("ann.pem.pub"), dir.join("trusted")).unwrap();
    fs::copy(plugins().join("brightness.wasm"), dir.join("brightness.wasm")).unwrap();
    fs::write(dir.join("strange.wasm"), guest_named("stranger", "plain", "", "", HONEST)).unwrap();
}

#[test]
fn a_component_is_vouched_for_and_one_that_was_changed_since_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    desk(dir);
    let (code, printed) = plugin(dir, &["verify", "--trusted-keys", "trusted", "brightness.wasm"]);
    assert!(
        code == Some(2) && printed.contains("plugin-unsigned") && printed.contains("of Ann"),
        "{printed}"
    );
    done(dir, &["sign", "--key", "bob.pem", "brightness.wasm"]);
    let (code, printed) = plugin(dir, &["verify", "--trusted-keys", "trusted", "brightness.wasm"]);
    assert!(
        code == Some(2) && printed.contains("plugin-key-unknown") && printed.contains("of Ann"),
        "{printed}"
    );
    done(dir, &["sign", "--key", "ann.pem", "brightness.wasm"]);
    let printed = done(dir, &["verify", "--trusted-keys", "trusted", "brightness.wasm"]);
    assert_eq!(printed.matches("the key ").count(), 2, "both keys count: {printed}");
    // Another component under the same name, and a signature that was changed.
    fs::copy(dir.join("strange.wasm"), dir.join("brightness.wasm")).unwrap();
    let (code, printed) = plugin(dir, &["verify", "brightness.wasm"]);
    assert!(code == Some(2) && printed.contains("plugin-signature-mismatch"), "{printed}");
    done(dir, &["sign", "--key", "ann.pem", "strange.wasm"]);
    let signed = fs::read_to_string(dir.join("strange.wasm.sig")).unwrap();
    fs::write(dir.join("strange.wasm.sig"), signed.replace("stranger", "brightness")).unwrap();
    let (code, printed) = plugin(dir, &["verify", "--trusted-keys", "trusted", "strange.wasm"]);
    assert!(code == Some(2) && printed.contains("plugin-signature-forged"), "{printed}");
    // A key is never overwritten.
    assert_eq!(plugin(dir, &["keygen", "--out", "ann.pem"]).0, Some(2));
}

#[tokio::test]
async fn a_fleet_that_demands_keys_runs_what_is_vouched_for_and_nothing_else() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    desk(dir);
    let clip = make_clip(dir, "clip.mp4", "null");
    let trusted = dir.join("trusted").display().to_string();
    let keys = ["--trusted-keys", trusted.as_str()];
    // At first the master requires no keys and accepts every plugin.
    let master = Master::start();
    done(dir, &["sign", "--key", "ann.pem", "brightness.wasm"]);
    let push = ["push", "--master", master.url(), "--activate", "brightness.wasm", "strange.wasm"];
    assert!(done(dir, &push).contains("brightness"));
    master.add_cameras(1, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    // A worker that requires keys runs one plugin. For the other one it reports which key is missing.
    let working = worker(&master, dir, "w", &keys);
    let run = master.submit("t").await;
    master.finished(&run, PATIENCE).await;
    let findings = master.findings(&run).await;
    let of = |id: &str| findings.iter().find(|one| one["diagnosis"] == id).unwrap();
    assert_eq!(of("brightness")["status"], json!("normal"), "{findings:?}");
    let failure = &of("stranger")["failure"];
    assert_eq!(failure["kind"], json!("plugin-untrusted"), "{findings:?}");
    let detail = failure["detail"].as_str().unwrap();
    assert!(detail.contains("plugin-unsigned") && detail.contains("of Ann"), "{detail}");
    // The same master, now with required keys.
    let (address, data) = (master.address(), master.data.clone());
    let Master { running, .. } = master;
    running.kill();
    let master = Master::start_in(data, &address, &keys);
    master.running.says(&["plugin-unsigned"]).await;
    let bytes = fs::read(dir.join("strange.wasm")).unwrap();
    let request = master.request(Method::POST, "/api/v1/plugins").header("content-type", "application/wasm");
    let (status, problem) = read(request.body(bytes)).await;
    assert_eq!((status, &problem["type"]), (422, &json!("/problems/plugin-untrusted")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("of Ann"), "{problem}");
    done(dir, &["sign", "--key", "bob.pem", "strange.wasm"]);
    let (code, printed) = plugin(dir, &["push", "--master", master.url(), "strange.wasm"]);
    assert!(code == Some(2) && printed.contains("plugin-key-unknown"), "{printed}");
    done(dir, &["sign", "--key", "ann.pem", "strange.wasm"]);
    done(dir, &["push", "--master", master.url(), "--activate", "strange.wasm"]);
    let plugins = master.get("/api/v1/plugins").await;
    let signers = plugins.as_array().unwrap().iter().find(|one| one["name"] == "stranger").unwrap();
    assert_eq!(signers["signed_by"].as_array().unwrap().len(), 2, "{plugins}");
    master.has_nodes(1).await;
    let run = master.submit("t").await;
    master.finished(&run, PATIENCE).await;
    let findings = master.findings(&run).await;
    let of = |id: &str| findings.iter().find(|one| one["diagnosis"] == id).unwrap();
    assert_eq!(of("brightness")["status"], json!("normal"), "{findings:?}");
    // This plugin ran: the failure is its own answer.
    assert_eq!(of("stranger")["failure"]["kind"], json!("inconclusive"), "{findings:?}");
    drop(working);
}

#[tokio::test]
async fn a_standalone_worker_uses_what_is_signed_as_soon_as_it_is() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    desk(dir);
    let clip = make_clip(dir, "clip.mp4", "null");
    let mut command = program("easysight-worker");
    command
        .args(["--mode", "standalone", "--listen", "127.0.0.1:0", "--trusted-keys"])
        .arg(dir.join("trusted"));
    command.arg("--plugins-dir").arg(dir).arg("--data-dir").arg(dir.join("data"));
    let running = Running::start(command);
    running.says(&["plugin-unsigned"]).await;
    let asked = |client: reqwest::Client| {
        let url = format!("{}/api/v1/diagnosis/submissions?wait_ms=30000", running.url);
        read(client.post(url).json(&json!({"source": clip})))
    };
    let client = crate::http::client();
    assert!(asked(client.clone()).await.0 >= 400, "there is no plugin that may run");
    done(dir, &["sign", "--key", "ann.pem", "brightness.wasm"]);
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        let (status, answer) = asked(client.clone()).await;
        if status == 200 {
            let findings = answer["findings"].as_array().unwrap();
            assert_eq!((findings.len(), &findings[0]["status"]), (1, &json!("normal")), "{answer}");
            break;
        }
        assert!(std::time::Instant::now() < until, "{status} {answer}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}
