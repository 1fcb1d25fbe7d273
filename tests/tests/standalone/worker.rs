//! A standalone worker that is stopped when the test ends.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use easysight_tests::share_compiled_code;
use serde_json::Value;
use tempfile::TempDir;

use crate::{http::client, programs::program};

pub(crate) struct Worker {
    pub(crate) process: Child,
    pub(crate) url: String,
    pub(crate) data: TempDir,
    client: reqwest::Client,
}

impl Worker {
    pub(crate) fn start(plugins: &Path, flags: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), plugins, flags)
    }

    pub(crate) fn start_in(data: TempDir, plugins: &Path, flags: &[&str]) -> Self {
        share_compiled_code(data.path(), env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut command = program("easysight-worker");
        command.args(["--mode", "standalone", "--listen", "127.0.0.1:0", "--log-level", "WARN"]);
        command.arg("--data-dir").arg(data.path()).arg("--plugins-dir").arg(plugins).args(flags);
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let (say, said) = mpsc::channel();
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                eprintln!("worker: {line}");
                if let Some((_, url)) = line.split_once("listening on ") {
                    say.send(url.to_owned()).unwrap();
                }
            }
        });
        let url = said.recv_timeout(Duration::from_secs(60)).expect("the worker serves");
        Self { process, url, data, client: client() }
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).timeout(Duration::from_secs(70))
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        read(self.request(reqwest::Method::GET, path)).await
    }

    /// Submits JSON. The request waits up to `wait_ms`.
    pub(crate) async fn submit(&self, body: &Value, wait_ms: u64) -> (u16, Value) {
        let path = format!("/api/v1/diagnosis/submissions?wait_ms={wait_ms}");
        read(self.request(reqwest::Method::POST, &path).json(body)).await
    }

    pub(crate) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        assert!(kill.args([name, &self.process.id().to_string()]).status().unwrap().success());
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&mut self, within: Duration) -> ExitStatus {
        let until = Instant::now() + within;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the worker still runs");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Returns the status and the JSON body of the answer. The body is null if it is not JSON.
pub(crate) async fn read(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// Returns the finding of one diagnosis.
pub(crate) fn finding<'a>(submission: &'a Value, diagnosis: &str) -> &'a Value {
    let findings = submission["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["diagnosis"] == diagnosis).unwrap_or(&Value::Null)
}
