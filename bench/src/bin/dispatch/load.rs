//! Simulated nodes. They lease, report and send heartbeats as workers do, but capture nothing.

use std::{
    fmt::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use bytes::Bytes;
use easysight_bench::server::Master;
use reqwest::Client;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use uuid::Uuid;

/// The number of nodes that share the work.
const WORKERS: usize = 64;
/// The number of jobs that each node holds. This is the default of a worker: three executors with three jobs in
/// flight each.
const PLACES: usize = 9;
/// The number of cameras in one import.
const IMPORT: usize = 10_000;
/// The interval between heartbeats of a node.
const BEAT: Duration = Duration::from_secs(4);
/// The time for which many nodes are simulated.
const WATCH: Duration = Duration::from_secs(20);
/// The interval between API requests while many nodes are simulated.
const ASK: Duration = Duration::from_millis(25);

/// The master under load.
pub(crate) struct Fleet {
    http: Client,
    url: String,
    workers: Vec<Node>,
}

/// The outcome of each job, in the form in which it is sent.
#[derive(Clone)]
pub(crate) struct Outcome(Arc<str>);

impl Outcome {
    /// Makes an outcome with one minimal finding.
    pub(crate) fn of_nothing() -> Self {
        let finding = json!({"diagnosis": "brightness", "status": "normal", "score": 100.0, "decision": null,
            "message": {"zh": "亮度正常。", "en": "The brightness is fine."}, "failure": null, "fuel": 1, "compute_ms": 0.1,
            "plugin": "brightness@1.0.0", "digest": null});
        Self::of(&json!([finding]))
    }

    /// Makes an outcome with these findings.
    pub(crate) fn of(findings: &Value) -> Self {
        let outcome = json!({"kind": "finished", "findings": findings, "decode_ms": 1.0});
        Self(outcome.to_string().into())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// The parts of a lease that a node needs. The node does not parse the other parts, because it shares the machine
/// with the master that is measured.
#[derive(Deserialize)]
struct Lease {
    lease: Box<RawValue>,
    jobs: Vec<Job>,
}

#[derive(Deserialize)]
struct Job {
    id: Box<RawValue>,
    attempt: u32,
}

#[derive(Deserialize)]
struct Verdicts {
    verdicts: Vec<String>,
}

struct Node {
    http: Client,
    url: String,
    id: String,
    incarnation: Uuid,
    poll: u64,
    beaten: Instant,
}

impl Fleet {
    pub(crate) async fn new(master: &Master, plugins: &Path) -> anyhow::Result<Self> {
        let fleet = Self { http: Client::new(), url: master.url.clone(), workers: Vec::new() };
        let component =
            std::fs::read(plugins.join("brightness.wasm")).context("the standard plugins cannot be read")?;
        let request = fleet.http.post(format!("{}/api/v1/plugins", fleet.url));
        let published = answer(request.header("content-type", "application/wasm").body(component)).await?;
        let digest = published.get("digest").and_then(Value::as_str).context("the answer has no digest")?;
        fleet.post(&format!("/api/v1/plugins/{digest}/activate"), &json!({})).await?;
        Ok(fleet)
    }

    /// Registers this many cameras, and the nodes that share them.
    pub(crate) async fn prepare(&mut self, jobs: usize) -> anyhow::Result<()> {
        for at in 0..WORKERS {
            self.workers.push(self.node(&format!("worker-{at}")).await?);
        }
        self.add_cameras("many", jobs).await?;
        self.add_task("many").await
    }

    /// Returns the jobs per second, measured from the submission until the last result is recorded.
    pub(crate) async fn throughput(&mut self, jobs: usize, outcome: &Outcome) -> anyhow::Result<f64> {
        let done = Arc::new(AtomicUsize::new(0));
        let mut workers = JoinSet::new();
        for mut node in self.workers.drain(..) {
            let (done, outcome) = (Arc::clone(&done), outcome.clone());
            workers.spawn(async move {
                while done.load(Ordering::Relaxed) < jobs {
                    let lease = node.lease(PLACES, 500).await?;
                    done.fetch_add(node.report(&lease, &outcome).await?, Ordering::Relaxed);
                    if node.beaten.elapsed() >= BEAT {
                        node.beat().await?;
                        node.beaten = Instant::now();
                    }
                }
                anyhow::Ok(node)
            });
        }
        let started = Instant::now();
        let run = self.submit("many").await?;
        while let Some(ended) = workers.join_next().await {
            self.workers.push(ended??);
        }
        let took = started.elapsed();
        let run = self.get(&format!("/api/v1/diagnosis/runs/{run}")).await?;
        let finished = run.pointer("/progress/finished").and_then(Value::as_u64);
        if finished != u64::try_from(jobs).ok() {
            bail!("not every job was recorded: {run}");
        }
        Ok(jobs as f64 / took.as_secs_f64())
    }

    /// Repeats runs of this many jobs for the given time. Returns the jobs per second of the last run.
    pub(crate) async fn endurance(
        &mut self,
        jobs: usize,
        outcome: &Outcome,
        lasting: Duration,
    ) -> anyhow::Result<f64> {
        let started = Instant::now();
        loop {
            let speed = self.throughput(jobs, outcome).await?;
            eprintln!("  after {:.0} s: {speed:.0} jobs/s", started.elapsed().as_secs_f64());
            if started.elapsed() >= lasting {
                return Ok(speed);
            }
        }
    }

    /// Returns the times from a submission until a waiting node holds the job.
    pub(crate) async fn latency(&self, submissions: usize) -> anyhow::Result<Vec<Duration>> {
        self.add_cameras("one", 1).await?;
        self.add_task("one").await?;
        let mut node = self.node("idle").await?;
        let mut times = Vec::with_capacity(submissions);
        for _ in 0..submissions {
            let submitted = async {
                // Long enough for the node to send its poll first.
                sleep(Duration::from_millis(20)).await;
                let started = Instant::now();
                self.submit("one").await?;
                anyhow::Ok(started)
            };
            let leased = async {
                let lease = node.lease(1, 10_000).await?;
                anyhow::Ok((Instant::now(), lease))
            };
            let (started, leased) = tokio::join!(submitted, leased);
            let (at, lease) = leased?;
            times.push(at.saturating_duration_since(started?));
            if node.report(&lease, &Outcome::of_nothing()).await? != 1 {
                bail!("the submitted job was not leased");
            }
        }
        Ok(times)
    }

    /// Returns the time from the last request of a dying node until another node has reported the result of the
    /// dying node's job.
    pub(crate) async fn reassignment(&self) -> anyhow::Result<Duration> {
        let mut dying = self.node("dying").await?;
        self.submit("one").await?;
        if dying.lease(1, 10_000).await?.jobs.is_empty() {
            bail!("the submitted job was not leased");
        }
        let died = Instant::now();
        let mut other = self.node("other").await?;
        loop {
            let lease = other.lease(1, 5_000).await?;
            if other.report(&lease, &Outcome::of_nothing()).await? == 1 {
                return Ok(died.elapsed());
            }
            if died.elapsed() > Duration::from_secs(60) {
                bail!("the dead node's job was not offered again");
            }
        }
    }

    /// Returns the response times of the API while this many nodes send heartbeats and poll.
    pub(crate) async fn crowd(&self, nodes: usize) -> anyhow::Result<Vec<Duration>> {
        let mut crowd = JoinSet::new();
        let until = Instant::now() + WATCH;
        for at in 0..nodes {
            let mut node = self.node(&format!("crowd-{at}")).await?;
            crowd.spawn(async move {
                let beats =
                    Node { http: node.http.clone(), url: node.url.clone(), id: node.id.clone(), ..node };
                let beating = async {
                    while Instant::now() < until {
                        sleep(BEAT).await;
                        beats.beat().await?;
                    }
                    anyhow::Ok(())
                };
                let polling = async {
                    while Instant::now() < until {
                        node.lease(1, 5_000).await?;
                    }
                    anyhow::Ok(())
                };
                tokio::try_join!(beating, polling).map(|_| ())
            });
        }
        let paths = [
            "/api/v1/diagnosis/runs?limit=20",
            "/api/v1/diagnosis/results?limit=100",
            "/api/v1/diagnosis/cameras?limit=100",
        ];
        let mut times = Vec::new();
        for path in paths.iter().cycle() {
            if Instant::now() >= until {
                break;
            }
            let started = Instant::now();
            self.get(path).await?;
            times.push(started.elapsed());
            sleep(ASK).await;
        }
        while let Some(ended) = crowd.join_next().await {
            ended??;
        }
        Ok(times)
    }

    async fn add_cameras(&self, group: &str, count: usize) -> anyhow::Result<()> {
        for first in (0..count).step_by(IMPORT) {
            let lines = (first..count.min(first + IMPORT))
                .map(|at| format!("{group}-{at},Camera {at},rtsp://192.0.2.1/{at},{group}\n"));
            let csv = "id,name,source,groups\n".to_owned() + &lines.collect::<String>();
            let request = self.http.post(format!("{}/api/v1/diagnosis/cameras/import", self.url));
            answer(request.header("content-type", "text/csv").body(csv)).await?;
        }
        Ok(())
    }

    async fn add_task(&self, group: &str) -> anyhow::Result<()> {
        let task = json!({"id": group, "name": group, "groups": [group]});
        self.post("/api/v1/diagnosis/tasks", &task).await.map(|_| ())
    }

    async fn submit(&self, task: &str) -> anyhow::Result<String> {
        let run = self.post(&format!("/api/v1/diagnosis/tasks/{task}/submit"), &json!({})).await?;
        Ok(run.get("id").and_then(Value::as_str).context("the answer has no run")?.to_owned())
    }

    async fn node(&self, id: &str) -> anyhow::Result<Node> {
        let node = Node {
            http: self.http.clone(),
            url: self.url.clone(),
            id: id.to_owned(),
            incarnation: Uuid::new_v4(),
            poll: 0,
            beaten: Instant::now(),
        };
        let body = json!({
            "id": id, "name": id, "incarnation": node.incarnation, "pool_size": 1, "capacity": PLACES, "version": "bench",
            "clock": "2026-01-01T00:00:00Z",
            "system": {"hostname": "bench", "os": "", "arch": "", "cpus": 1, "memory_total_bytes": 1,
                "memory_used_bytes": 1, "process_memory_bytes": 1},
        });
        self.post("/api/v1/diagnosis/workers/register", &body).await?;
        Ok(node)
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        answer(self.http.get(format!("{}{path}", self.url))).await
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        answer(self.http.post(format!("{}{path}", self.url)).json(body)).await
    }
}

impl Node {
    async fn lease(&mut self, max_jobs: usize, wait_ms: u64) -> anyhow::Result<Lease> {
        self.poll += 1;
        let body = json!({"incarnation": self.incarnation, "poll": self.poll, "max_jobs": max_jobs, "wait_ms": wait_ms});
        parsed(self.http.post(self.path("leases")).json(&body)).await
    }

    /// Reports the same outcome for every job of a lease. Returns the number of recorded results.
    async fn report(&self, lease: &Lease, outcome: &Outcome) -> anyhow::Result<usize> {
        if lease.jobs.is_empty() {
            return Ok(0);
        }
        let token = lease.lease.get();
        let mut body = String::with_capacity(lease.jobs.len() * (outcome.bytes() + 200));
        for job in &lease.jobs {
            body.push(if body.is_empty() { '[' } else { ',' });
            let (id, attempt, outcome) = (job.id.get(), job.attempt, &outcome.0);
            write!(body, r#"{{"job_id":{id},"attempt":{attempt},"lease":{token},"outcome":{outcome}}}"#)?;
        }
        let body = format!(r#"{{"results":{body}]}}"#);
        let request = self.http.post(self.path("results")).header("content-type", "application/json");
        let verdicts: Verdicts = parsed(request.body(body)).await?;
        Ok(verdicts.verdicts.iter().filter(|verdict| *verdict == "recorded").count())
    }

    async fn beat(&self) -> anyhow::Result<()> {
        let body = json!({"incarnation": self.incarnation, "last_poll": 0, "held": [], "clock": "2026-01-01T00:00:00Z"});
        answer(self.http.post(self.path("heartbeat")).json(&body)).await.map(|_| ())
    }

    fn path(&self, what: &str) -> String {
        format!("{}/api/v1/diagnosis/workers/{}/{what}", self.url, self.id)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&sent(request).await?).unwrap_or(Value::Null))
}

async fn parsed<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> anyhow::Result<T> {
    Ok(serde_json::from_slice(&sent(request).await?)?)
}

async fn sent(request: reqwest::RequestBuilder) -> anyhow::Result<Bytes> {
    let answer = request.timeout(Duration::from_secs(60)).send().await?;
    let status = answer.status();
    let body = answer.bytes().await?;
    if !status.is_success() {
        bail!("{status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(body)
}
