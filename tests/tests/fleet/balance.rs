//! The load balancer samples in `deploy/`, run by the real nginx and the real `HAProxy`. Masters and standalone
//! workers drain and die behind a load balancer, and clients notice nothing.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::{
    http::client,
    process::{Master, PATIENCE, Running, read},
    programs::{has_ffmpeg, make_clip, plugins, program},
    shared::Database,
};

#[derive(Clone, Copy)]
enum Kind {
    Nginx,
    Haproxy,
}

/// A load balancer that is stopped when the test ends.
struct Balancer {
    url: String,
    process: Child,
    _dir: TempDir,
}

impl Balancer {
    /// Starts a load balancer with a sample in which addresses replace names such as `master-1:8000`. Prints a
    /// message and returns None if the load balancer is not installed.
    #[expect(clippy::disallowed_methods, reason = "another program's server is asked until it answers")]
    fn start(kind: Kind, sample: &str, servers: &[(&str, &str)]) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        // This port was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let (file, listen, here) = match kind {
            Kind::Nginx => (format!("nginx/{sample}.conf"), "listen 80;", format!("listen {address};")),
            Kind::Haproxy => (format!("haproxy/{sample}.cfg"), "bind :80", format!("bind {address}")),
        };
        let text = fs::read_to_string(deploy().join(file)).unwrap();
        assert_eq!(text.matches(listen).count(), 1, "{sample}");
        let mut text = text.replace(listen, &here);
        for (name, server) in servers {
            assert!(text.contains(name), "{sample} names no {name}");
            text = text.replace(name, server);
        }
        let config = dir.path().join("config");
        fs::write(&config, text).unwrap();
        let mut command = match kind {
            Kind::Nginx => nginx(dir.path(), &config),
            Kind::Haproxy => {
                let mut haproxy = Command::new("haproxy");
                haproxy.arg("-db").arg("-f").arg(&config);
                haproxy
            }
        };
        let Ok(process) = command.stdin(Stdio::null()).spawn() else {
            assert!(
                std::env::var_os("CI").is_none(),
                "{} is not installed",
                command.get_program().to_string_lossy()
            );
            eprintln!("SKIPPED: {} is not installed", command.get_program().to_string_lossy());
            return None;
        };
        let balancer = Self { url: format!("http://{address}"), process, _dir: dir };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < until, "the load balancer does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(balancer)
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // The worker processes of nginx end with its master process only if the master process gets SIGTERM,
        // not SIGKILL.
        let mut kill = Command::new("kill");
        drop(kill.args(["-TERM", &self.process.id().to_string()]).status());
        drop(self.process.wait());
    }
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy")
}

/// Makes a command for nginx with the parts of Debian's nginx.conf that matter here.
fn nginx(dir: &Path, site: &Path) -> Command {
    let main = format!(
        "daemon off; pid {0}/pid; error_log stderr; user root; worker_processes 1; events {{ worker_connections 768; }} \
         http {{ access_log off; client_body_temp_path {0}/b; proxy_temp_path {0}/p; fastcgi_temp_path {0}/f; \
         uwsgi_temp_path {0}/u; scgi_temp_path {0}/s; include {1}; }}",
        dir.display(),
        site.display(),
    );
    let config = dir.join("nginx.conf");
    fs::write(&config, main).unwrap();
    let mut nginx = Command::new("nginx");
    nginx.arg("-e").arg("stderr").arg("-c").arg(config);
    nginx
}

/// A client that sends requests continuously, and counts failed ones.
struct Client {
    asked: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<Vec<String>>,
}

impl Client {
    fn start(request: impl Fn(&reqwest::Client) -> reqwest::RequestBuilder + Send + 'static) -> Self {
        let (asked, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, told) = (Arc::clone(&asked), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let (http, mut failed) = (client(), Vec::new());
            while !told.load(Ordering::Relaxed) {
                match request(&http).timeout(PATIENCE).send().await {
                    Ok(answer) if answer.status().is_success() => drop(answer.bytes().await),
                    Ok(answer) => {
                        let status = answer.status();
                        failed.push(format!("{status} {}", answer.text().await.unwrap_or_default()));
                    }
                    Err(error) => failed.push(format!("{error:?}")),
                }
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            failed
        });
        Self { asked, stop, task }
    }

    /// Waits until this number of further requests has been answered.
    async fn goes_on(&self, times: usize) {
        let (from, until) = (self.asked.load(Ordering::Relaxed), Instant::now() + PATIENCE);
        while self.asked.load(Ordering::Relaxed) < from + times {
            assert!(Instant::now() < until, "the client is not served");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn noticed_nothing(self) {
        self.stop.store(true, Ordering::Relaxed);
        let failed = self.task.await.unwrap();
        assert!(failed.is_empty(), "{} of {}: {failed:?}", failed.len(), self.asked.load(Ordering::Relaxed));
    }
}

/// Submits the task `t` until this succeeds. All attempts have the same key, so that they start only one run.
/// Returns the run.
async fn submit(url: &str, key: &str) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        let request = client().post(format!("{url}/api/v1/diagnosis/tasks/t/submit"));
        let request = request.header("idempotency-key", key).json(&json!({})).timeout(PATIENCE);
        if let Ok(answer) = request.send().await
            && answer.status() == 202
        {
            return answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
        }
        assert!(Instant::now() < until, "the task cannot be submitted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits for the end of a run and returns it.
async fn finished(url: &str, run: &str) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let (status, found) = read(client().get(format!("{url}/api/v1/diagnosis/runs/{run}"))).await;
        if status == 200 && found["state"] == "finished" {
            return found;
        }
        assert!(Instant::now() < until, "{status} {found}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn masters_behind(kind: Kind) {
    if !has_ffmpeg() {
        return;
    }
    let Some(database) = Database::new() else { return };
    let dir = tempfile::tempdir().unwrap();
    let blobs = format!("file://{}", dir.path().join("blobs").display());
    let start = |data: &Arc<TempDir>, listen: &str| {
        Master::start_in(Arc::clone(data), listen, &["--database-url", &database.url(), "--blob-url", &blobs])
    };
    let homes = [Arc::new(tempfile::tempdir().unwrap()), Arc::new(tempfile::tempdir().unwrap())];
    let (one, mut two) = (start(&homes[0], "127.0.0.1:0"), start(&homes[1], "127.0.0.1:0"));
    let (first, second) = (one.address(), two.address());
    let servers = [("master-1:8000", first.as_str()), ("master-2:8000", &second)];
    let Some(balancer) = Balancer::start(kind, "masters", &servers) else { return };
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    one.publish_standard().await;
    one.add_cameras(6, &clip.display().to_string()).await;
    one.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    // The other master checks for changes every few seconds.
    two.until(PATIENCE, "/api/v1/plugins", |plugins| plugins.as_array().is_some_and(|all| all.len() == 2))
        .await;
    let mut command = program("easysight-worker");
    command.args(["--master-url", &format!("{}/easysight/", balancer.url), "--node-name", "behind"]);
    command.args(["--listen", "127.0.0.1:0", "--task-poll-interval", "2", "--data-dir"]);
    command.arg(dir.path().join("w"));
    let mut node = Running::start(command);
    two.has_nodes(1).await;

    answers_point_below_the_prefix(&balancer.url, &clip).await;
    events_come_at_once(&balancer.url).await;

    let asked = format!("{}/easysight/api/v1/diagnosis/cameras", balancer.url);
    let looking = Client::start(move |http| http.get(&asked));
    let run = submit(&balancer.url, "both").await;
    assert_eq!(finished(&balancer.url, &run).await["progress"]["finished"], json!(6));
    // One master is stopped during a run, as for an upgrade.
    let run = submit(&balancer.url, "drain").await;
    assert!(two.running.stop().await.success());
    looking.goes_on(50).await;
    assert_eq!(finished(&balancer.url, &run).await["progress"]["finished"], json!(6));
    let two = start(&homes[1], &second);
    // The load balancer must use the restarted master again before the other master dies, or none is available.
    let comes_back = Instant::now() + Duration::from_secs(5);
    while Instant::now() < comes_back {
        looking.goes_on(10).await;
    }
    let run = submit(&balancer.url, "death").await;
    one.running.kill();
    looking.goes_on(50).await;
    let run_is = finished(&balancer.url, &run).await;
    assert_eq!(run_is["progress"]["finished"], json!(6));
    assert_eq!(two.findings(&run).await.len(), 12);
    looking.noticed_nothing().await;
    assert!(node.stop().await.success());
    let log = node.log();
    assert!(!log.contains("registers again") && !log.contains("kept on disk"), "{log}");
}

/// Checks that the `Location` of a response has the prefix of the request.
async fn answers_point_below_the_prefix(url: &str, clip: &Path) {
    let request = client().post(format!("{url}/easysight/api/v1/diagnosis/submissions"));
    let answer = request.json(&json!({"source": clip, "diagnoses": ["brightness"]})).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with("/easysight/api/v1/"), "{location}");
    assert!(!answer.headers()["x-request-id"].is_empty());
    let (status, found) = read(client().get(format!("{url}{location}?wait_ms=20000"))).await;
    assert_eq!((status, &found["state"]), (200, &json!("finished")), "{found}");
}

/// Checks that a client receives the events of a run while the run is in progress.
async fn events_come_at_once(url: &str) {
    let answer = client().get(format!("{url}/api/v1/events")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut events = Box::pin(answer.bytes_stream());
    let submitting = async {
        for number in 0.. {
            submit(url, &format!("event-{number}")).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let heard = tokio::select! {
        heard = tokio::time::timeout(Duration::from_secs(10), events.next()) => heard,
        () = submitting => unreachable!(),
    };
    let heard = heard.expect("an event within 10 s").unwrap().unwrap();
    assert!(String::from_utf8_lossy(&heard).contains("event: "), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn masters_drain_and_die_behind_nginx_and_clients_notice_nothing() {
    masters_behind(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn masters_drain_and_die_behind_haproxy_and_clients_notice_nothing() {
    masters_behind(Kind::Haproxy).await;
}

/// Starts a standalone worker on this address.
fn standalone(data: &Path, listen: &str) -> Running {
    let mut command = program("easysight-worker");
    command.args(["--mode", "standalone", "--listen", listen, "--log-level", "WARN", "--data-dir"]);
    command.arg(data).arg("--plugins-dir").arg(plugins());
    Running::start(command)
}

async fn workers_behind(kind: Kind) {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    let homes = [dir.path().join("one"), dir.path().join("two")];
    let (one, mut two) = (standalone(&homes[0], "127.0.0.1:0"), standalone(&homes[1], "127.0.0.1:0"));
    let address = |worker: &Running| worker.url.rsplit('/').next().unwrap().to_owned();
    let (first, second) = (address(&one), address(&two));
    let servers = [("worker-1:8001", first.as_str()), ("worker-2:8001", &second)];
    let Some(balancer) = Balancer::start(kind, "workers", &servers) else { return };
    let submissions = format!("{}/api/v1/diagnosis/submissions", balancer.url);
    let body = json!({"source": clip, "diagnoses": ["brightness"]});
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (url, body) = (format!("{submissions}?wait_ms=30000"), body.clone());
            Client::start(move |http| http.post(&url).json(&body))
        })
        .collect();
    clients[0].goes_on(5).await;
    // Only the worker that accepted a submission has it. The other worker passes the request on.
    for _ in 0..6 {
        let (status, taken) = read(client().post(&submissions).json(&body)).await;
        assert!(matches!(status, 200 | 202), "{status} {taken}");
        let path = format!("{submissions}/{}?wait_ms=20000", taken["id"].as_str().unwrap());
        let (status, found) = read(client().get(path)).await;
        assert_eq!((status, &found["state"]), (200, &json!("finished")), "{found}");
    }
    assert!(two.stop().await.success());
    clients[0].goes_on(10).await;
    let two = standalone(&homes[1], &second);
    let comes_back = Instant::now() + Duration::from_secs(5);
    while Instant::now() < comes_back {
        clients[0].goes_on(5).await;
    }
    one.kill();
    clients[0].goes_on(10).await;
    for client in clients {
        client.noticed_nothing().await;
    }
    let (_, status) = read(client().get(format!("{}/api/v1/diagnosis/workers/status", two.url))).await;
    assert!(status["totals"]["finished"].as_u64() > Some(10), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn standalone_workers_drain_and_die_behind_nginx_and_clients_notice_nothing() {
    workers_behind(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn standalone_workers_drain_and_die_behind_haproxy_and_clients_notice_nothing() {
    workers_behind(Kind::Haproxy).await;
}
