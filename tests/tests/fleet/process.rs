//! Masters and workers that stop with the test, and requests to them.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use easysight_tests::share_compiled_code;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    http::client,
    programs::{plugins, program},
};

/// The time limit of each step in these tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running program with its output.
pub(crate) struct Running {
    pub(crate) process: Child,
    /// The address on which it listens.
    pub(crate) url: String,
    log: Arc<Mutex<Vec<String>>>,
    reading: Option<thread::JoinHandle<()>>,
}

impl Running {
    /// Starts a program and waits until it listens.
    pub(crate) fn start(mut command: Command) -> Self {
        let name = Path::new(command.get_program()).file_name().unwrap().to_string_lossy().into_owned();
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (say, said) = mpsc::channel();
        let kept = Arc::clone(&log);
        let reading = thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                eprintln!("{name}: {line}");
                kept.lock().unwrap().push(line.clone());
                if let Some((_, url)) = line.split_once(": listening on ") {
                    // After `start` has returned, sending fails, because `start` owns the receiver.
                    drop(say.send(url.to_owned()));
                }
            }
        });
        let url = said.recv_timeout(PATIENCE).expect("the program listens");
        Self { process, url, log, reading: Some(reading) }
    }

    /// Returns what the program has logged so far.
    ///
    /// The log is complete only after [`Self::stop`]. While the program runs, a line that it has just
    /// written may be missing: [`Self::says`] waits for a line.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Waits until one line of the log contains all of these words, and returns the line.
    pub(crate) async fn says(&self, words: &[&str]) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| words.iter().all(|word| line.contains(word))) {
                return line.to_owned();
            }
            assert!(Instant::now() < until, "no line contains {words:?}:\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        assert!(kill.args([name, &self.process.id().to_string()]).status().unwrap().success());
    }

    /// Kills the program, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Stops the program, as systemd would. After this its log is complete.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.signal("-TERM");
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                if let Some(reading) = self.reading.take() {
                    reading.join().unwrap();
                }
                return status;
            }
            assert!(Instant::now() < until, "the program still runs");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A running master, with a client for its API.
pub(crate) struct Master {
    pub(crate) running: Running,
    pub(crate) data: Arc<TempDir>,
    pub(crate) token: Option<String>,
    client: Client,
}

impl Master {
    pub(crate) fn start() -> Self {
        Self::start_in(Arc::new(tempfile::tempdir().unwrap()), "127.0.0.1:0", &[])
    }

    pub(crate) fn start_in(data: Arc<TempDir>, listen: &str, flags: &[&str]) -> Self {
        let mut command = program("easysight-master");
        command.args(["--listen", listen, "--data-dir"]).arg(data.path()).args(flags);
        Self::of(Running::start(command), data)
    }

    /// Adds a client to a master that runs already.
    pub(crate) fn of(running: Running, data: Arc<TempDir>) -> Self {
        Self { running, data, token: None, client: client() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.running.url
    }

    /// Returns the address, to start another master on it.
    pub(crate) fn address(&self) -> String {
        self.url().rsplit('/').next().unwrap().to_owned()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url())).timeout(PATIENCE);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = read(self.request(Method::GET, path)).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        read(self.request(Method::POST, path).json(body)).await
    }

    /// Publishes a component. Returns its digest.
    pub(crate) async fn publish(&self, component: &Path) -> String {
        let bytes = std::fs::read(component).unwrap();
        let request =
            self.request(Method::POST, "/api/v1/plugins").header("content-type", "application/wasm");
        let (status, body) = read(request.body(bytes)).await;
        assert!(matches!(status, 200 | 201), "{body}");
        body["digest"].as_str().unwrap().to_owned()
    }

    /// Publishes and activates two standard plugins: brightness and freeze.
    pub(crate) async fn publish_standard(&self) {
        for name in ["brightness.wasm", "freeze.wasm"] {
            self.activate(&plugins().join(name)).await;
        }
    }

    /// Publishes and activates a component.
    pub(crate) async fn activate(&self, component: &Path) {
        let digest = self.publish(component).await;
        let (status, body) = self.post(&format!("/api/v1/plugins/{digest}/activate"), &json!({})).await;
        assert_eq!(status, 200, "{body}");
    }

    /// Adds `count` cameras to the group `hall`, all with the same source.
    pub(crate) async fn add_cameras(&self, count: usize, source: &str) {
        let mut csv = "id,name,source,groups\n".to_owned();
        for at in 0..count {
            csv += &format!("c{at},Camera {at},{source},hall\n");
        }
        let request = self.request(Method::POST, "/api/v1/diagnosis/cameras/import");
        let (status, body) = read(request.header("content-type", "text/csv").body(csv)).await;
        assert_eq!((status, &body["problems"]), (200, &json!([])), "{body}");
    }

    pub(crate) async fn add_task(&self, task: Value) -> Value {
        let (status, body) = self.post("/api/v1/diagnosis/tasks", &task).await;
        assert_eq!(status, 201, "{body}");
        body
    }

    /// Submits a task. Returns the id of the run.
    pub(crate) async fn submit(&self, task: &str) -> String {
        let (status, body) = self.post(&format!("/api/v1/diagnosis/tasks/{task}/submit"), &json!({})).await;
        assert_eq!(status, 202, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// Waits for the end of a run. Returns the run.
    pub(crate) async fn finished(&self, run: &str, within: Duration) -> Value {
        let path = format!("/api/v1/diagnosis/runs/{run}");
        self.until(within, &path, |run| matches!(run["state"].as_str(), Some("finished" | "cancelled"))).await
    }

    /// Repeats a request until the answer is `good`. Returns the answer.
    pub(crate) async fn until(&self, within: Duration, path: &str, good: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + within;
        loop {
            // A killed master may not be back yet.
            let answer = self.request(Method::GET, path).send().await;
            let body = match answer {
                Ok(answer) => answer.json().await.unwrap_or(Value::Null),
                Err(_) => Value::Null,
            };
            if good(&body) {
                return body;
            }
            assert!(Instant::now() < until, "{path}: {body}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until `count` nodes are online.
    pub(crate) async fn has_nodes(&self, count: usize) -> Value {
        self.until(PATIENCE, "/api/v1/diagnosis/workers/distributed", |nodes| {
            let online = |node: &&Value| node["status"] == "online" && !node["last_poll_at"].is_null();
            nodes.as_array().is_some_and(|nodes| nodes.iter().filter(online).count() == count)
        })
        .await
    }

    /// Returns all findings of a run.
    pub(crate) async fn findings(&self, run: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/api/v1/diagnosis/results?run_id={run}&limit=1000{after}");
            let page = self.get(&path).await;
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }
}

/// Starts a worker of a master.
pub(crate) fn worker(master: &Master, data: &Path, name: &str, flags: &[&str]) -> Running {
    share_compiled_code(&data.join(name), env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut command = program("easysight-worker");
    command.args(["--master-url", master.url(), "--node-name", name, "--listen", "127.0.0.1:0"]);
    command.arg("--data-dir").arg(data.join(name)).args(flags);
    Running::start(command)
}

/// Returns the status and the JSON body of the answer. The body is null if it is not JSON.
pub(crate) async fn read(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// Makes a replacement for ffmpeg that waits for some seconds before it starts ffmpeg, so that jobs take long.
pub(crate) fn slow_ffmpeg(dir: &Path, seconds: &str) -> PathBuf {
    let path = dir.join("slow-ffmpeg");
    std::fs::write(&path, format!("#!/bin/sh\nsleep {seconds}\nexec ffmpeg \"$@\"\n")).unwrap();
    let mut chmod = Command::new("chmod");
    assert!(chmod.arg("+x").arg(&path).status().unwrap().success());
    path
}
