//! The worker's program, started with given settings. It is killed when the test ends.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use reqwest::{Client, multipart};
use serde_json::{Value, json};

use crate::master::SOON;

pub(crate) struct Worker {
    pub(crate) process: Child,
    /// The address on which the worker listens.
    pub(crate) url: String,
    log: Arc<Mutex<Vec<String>>>,
    reading: Option<thread::JoinHandle<()>>,
    client: Client,
}

impl Worker {
    /// Starts the program with only these variables and `PATH`, and waits until it listens.
    pub(crate) fn start(environment: &[(String, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_easysight-worker"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(environment.iter().map(|(key, value)| (key, value)));
        let mut process = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (say, said) = mpsc::channel();
        let kept = Arc::clone(&log);
        let reading = thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if let Some((_, url)) = line.split_once("easysight-worker: listening on ") {
                    // If the test has ended, the receiver of the address is gone.
                    drop(say.send(url.to_owned()));
                }
                kept.lock().push(line);
            }
        });
        let url = said.recv_timeout(SOON).unwrap_or_else(|_| panic!("it does not listen: {:?}", log.lock()));
        // The provider is set once for the whole process.
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = Client::builder().timeout(SOON).build().unwrap();
        Self { process, url, log, reading: Some(reading), client }
    }

    /// Returns the lines of the log so far, without the line that names the address.
    pub(crate) fn log(&self) -> Vec<String> {
        let log = self.log.lock();
        log.iter().filter(|line| !line.starts_with("easysight-worker: ")).cloned().collect()
    }

    /// Waits until the log contains these words.
    pub(crate) async fn says(&self, words: &str) {
        let until = Instant::now() + SOON;
        while !self.log().iter().any(|line| line.contains(words)) {
            assert!(Instant::now() < until, "it does not say {words:?}: {:?}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Requests a path. Returns the status and the JSON of the answer.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub(crate) async fn status(&self) -> Value {
        self.get("/api/v1/diagnosis/workers/status").await.1
    }

    pub(crate) async fn metrics(&self) -> String {
        self.client.get(format!("{}/metrics", self.url)).send().await.unwrap().text().await.unwrap()
    }

    /// Submits a source.
    pub(crate) async fn submit(&self, source: &str, wait_ms: u64) -> (u16, Value) {
        let url = format!("{}/api/v1/diagnosis/submissions?wait_ms={wait_ms}", self.url);
        let answer = self.client.post(url).json(&json!({"source": source})).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// Uploads this number of zero bytes.
    pub(crate) async fn upload(&self, bytes: usize) -> u16 {
        let url = format!("{}/api/v1/diagnosis/submissions", self.url);
        let part = multipart::Part::bytes(vec![0; bytes]).file_name("a.jpg");
        let form = multipart::Form::new().part("clip", part);
        self.client.post(url).multipart(form).send().await.unwrap().status().as_u16()
    }

    /// Sends SIGTERM as systemd would, and waits until the program ends.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        let mut kill = Command::new("kill");
        assert!(kill.args(["-TERM", &self.process.id().to_string()]).status().unwrap().success());
        let until = Instant::now() + SOON;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                self.reading.take().map(thread::JoinHandle::join);
                return status;
            }
            assert!(Instant::now() < until, "it still runs");
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
