//! The examples of the user's guide, one by one, with the programs of this system instead of the scripts.

use std::{fs::File, path::Path, process::Command, sync::Arc};

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    http::client,
    process::{Master, PATIENCE, Running, read},
    programs::{has_ffmpeg, make_clip, program},
};

/// Makes the command of a worker as in the guide. It has its own home directory, so that it finds only defaults.
fn guide_worker(home: &Path, arguments: &[&str]) -> Command {
    let mut command = program("easysight-worker");
    command.current_dir(home).env("HOME", home).env_remove("XDG_STATE_HOME").args(arguments);
    command
}

/// Starts a master at the address of the guide. Prints a message and returns None if port 8000 is in use on
/// this machine.
fn guide_master() -> Option<(Master, Arc<TempDir>)> {
    if std::net::TcpListener::bind("127.0.0.1:8000").is_err() {
        eprintln!("SKIPPED: port 8000, which the guide's examples use, is in use here");
        return None;
    }
    let data = Arc::new(tempfile::tempdir().unwrap());
    Some((Master::start_in(Arc::clone(&data), "127.0.0.1:8000", &[]), data))
}

/// Waits until no other test of this file runs. All of them need port 8000, and each may run in its own
/// process.
fn turn() -> File {
    let file = File::create(std::env::temp_dir().join("easysight-guide-test.lock")).unwrap();
    file.lock().unwrap();
    file
}

#[tokio::test]
async fn the_three_ways_to_start() {
    let _turn = turn();
    let Some((master, _data)) = guide_master() else { return };
    let home = tempfile::tempdir().unwrap();
    // Example 1: --mode distributed --master-host localhost --pool-size 3
    let first = ["--mode", "distributed", "--master-host", "localhost", "--pool-size", "3"];
    let mut one = Running::start(guide_worker(home.path(), &first));
    let nodes = master.has_nodes(1).await;
    assert_eq!((&nodes[0]["name"], &nodes[0]["pool_size"]), (&json!("worker-node"), &json!(3)));
    assert!(one.stop().await.success());
    // Example 2: cp worker.env.example worker.env; edit; --config worker.env
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("worker.env.example");
    let text = std::fs::read_to_string(example).unwrap();
    let edited = text
        .replace("WORKER_MASTER_HOST=localhost", "WORKER_MASTER_HOST=127.0.0.1")
        .replace("WORKER_NODE_NAME=worker-node", "WORKER_NODE_NAME=worker-node-1")
        .replace("WORKER_WORKER_POOL_SIZE=3", "WORKER_WORKER_POOL_SIZE=5");
    assert_ne!(text, edited);
    std::fs::write(home.path().join("worker.env"), edited).unwrap();
    let mut two = Running::start(guide_worker(home.path(), &["--config", "worker.env"]));
    let nodes = master.has_nodes(1).await;
    let node = nodes.as_array().unwrap().iter().find(|node| node["status"] == "online").unwrap();
    assert_eq!((&node["name"], &node["pool_size"]), (&json!("worker-node-1"), &json!(5)));
    assert!(two.stop().await.success());
    // Example 3: --mode standalone --pool-size 3
    let third = Running::start(guide_worker(home.path(), &["--mode", "standalone", "--pool-size", "3"]));
    let status = client().get(format!("{}/api/v1/diagnosis/workers/status", third.url)).send().await.unwrap();
    let status: serde_json::Value = status.json().await.unwrap();
    assert_eq!((&status["mode"], &status["pool"]["size"]), (&json!("standalone"), &json!(3)));
    // The master's own pool is empty.
    assert_eq!(master.get("/api/v1/diagnosis/workers/status").await["pool"]["capacity"], json!(0));
}

#[tokio::test]
async fn one_machine_with_two_workers() {
    let _turn = turn();
    let Some((master, data)) = guide_master() else { return };
    let home = tempfile::tempdir().unwrap();
    let one = ["--node-name", "worker-1", "--pool-size", "3"];
    let two = ["--node-name", "worker-2", "--pool-size", "2"];
    let mut one = Running::start(guide_worker(home.path(), &one));
    let mut two = Running::start(guide_worker(home.path(), &two));
    let nodes = master.has_nodes(2).await;
    let names: Vec<_> = nodes.as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["worker-1", "worker-2"]);
    assert_ne!(nodes[0]["id"], nodes[1]["id"]);
    if has_ffmpeg() {
        let clip = make_clip(data.path(), "clip.mp4", "lutyuv=y=16+(val-16)*0.12");
        master.publish_standard().await;
        master.add_cameras(10, &clip.display().to_string()).await;
        master.add_task(json!({"id": "hall", "name": "The hall", "groups": ["hall"]})).await;
        let run = master.submit("hall").await;
        let run_is = master.finished(&run, PATIENCE).await;
        assert_eq!(run_is["progress"]["finished"], json!(10), "{run_is}");
        let findings = master.findings(&run).await;
        assert_eq!(findings.len(), 20);
        let dark = findings.iter().filter(|one| one["diagnosis"] == "brightness" && one["status"] == "error");
        assert_eq!(dark.count(), 10);
    }
    assert!(one.stop().await.success());
    assert!(two.stop().await.success());
    let nodes = master.get("/api/v1/diagnosis/workers/distributed").await;
    assert!(nodes.as_array().unwrap().iter().all(|node| node["status"] == "offline"));
}

/// The two machines of the guide: the master has an address other than loopback, which requires a token. The
/// chapter on safety describes how the worker gets the token.
#[tokio::test]
async fn two_machines_with_worker_env() {
    let _turn = turn();
    let Some(address) = outward_address() else {
        eprintln!("SKIPPED: this machine has no address besides loopback");
        return;
    };
    let data = Arc::new(tempfile::tempdir().unwrap());
    let token = |name: &str, scope: &str| {
        let mut command = program("easysight-master");
        command.args(["token", "create", "--name", name, "--scope", scope, "--data-dir"]).arg(data.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    // Without a token or a user, the master refuses everybody, and logs a link for the first administrator.
    let mut empty = Master::start_in(Arc::clone(&data), &format!("{address}:8000"), &[]);
    empty.running.says(&["/#/welcome/"]).await;
    assert_eq!(read(empty.request(Method::GET, "/api/v1/diagnosis/cameras")).await.0, 401);
    empty.running.stop().await;
    let (admin, worker) = (token("admin", "admin"), token("workers", "worker"));
    let mut master = Master::start_in(Arc::clone(&data), &format!("{address}:8000"), &[]);
    master.token = Some(admin);
    let home = tempfile::tempdir().unwrap();
    let env = format!(
        "WORKER_MASTER_HOST={address}\nWORKER_NODE_NAME=worker-node-101\nWORKER_WORKER_POOL_SIZE=4\nWORKER_LOG_LEVEL=INFO\n"
    );
    std::fs::write(home.path().join("worker.env"), env).unwrap();
    let mut first = guide_worker(home.path(), &["--config", "worker.env"]);
    first.env("WORKER_API_TOKEN", &worker);
    let _first = Running::start(first);
    let second = [
        "--master-host",
        &address,
        "--node-name",
        "worker-node-102",
        "--pool-size",
        "6",
        "--log-level",
        "DEBUG",
    ];
    let mut second = guide_worker(home.path(), &second);
    second.args(["--api-token", &worker]);
    let _second = Running::start(second);
    let nodes = master.has_nodes(2).await;
    assert_eq!((&nodes[0]["name"], &nodes[0]["pool_size"]), (&json!("worker-node-101"), &json!(4)));
    assert_eq!((&nodes[1]["name"], &nodes[1]["pool_size"]), (&json!("worker-node-102"), &json!(6)));
}

/// Returns an address of this machine that is not loopback.
fn outward_address() -> Option<String> {
    // No packet is sent. The operating system only looks up the route.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then(|| address.to_string())
}
