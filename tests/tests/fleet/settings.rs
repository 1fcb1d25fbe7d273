//! Every setting of the master has an effect: for each setting there is a situation in which two values give
//! different results.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, future::BoxFuture};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use sqlx::Connection;
use tempfile::TempDir;

use crate::{
    bare_node::{Node, result},
    component::{HONEST, guest_named},
    process::{Master, PATIENCE, Running, read},
    programs::program,
};

/// A setting, and a situation in which it has an effect.
struct Case {
    key: &'static str,
    /// The other settings.
    given: &'static [(&'static str, &'static str)],
    /// Two values of the setting. None means the default.
    values: [Option<&'static str>; 2],
    observe: fn(Stage) -> BoxFuture<'static, String>,
    /// The result of each value.
    seen: [&'static str; 2],
}

macro_rules! case {
    ($key:literal, [$($given:expr),*], $values:expr, $observe:ident, $seen:expr) => {
        Case { key: $key, given: &[$($given),*], values: $values, observe: |stage| Box::pin($observe(stage)), seen: $seen }
    };
}

const CASES: &[Case] = &[
    case!(
        "MASTER_LISTEN",
        [],
        [Some("127.0.0.1:0"), Some("127.0.0.2:0")],
        listens_on,
        ["http://127.0.0.1", "http://127.0.0.2"]
    ),
    case!(
        "MASTER_DATA_DIR",
        [],
        [Some("{dir}/data"), Some("{dir}/other")],
        keeps_its_data_in,
        ["data", "other"]
    ),
    case!(
        "MASTER_DATABASE_URL",
        [],
        [None, Some("sqlite://{dir}/elsewhere.db")],
        has_a_database_elsewhere,
        ["no", "yes"]
    ),
    case!("MASTER_BLOB_URL", [], [None, Some("file://{dir}/blobs")], keeps_plugins_elsewhere, ["no", "yes"]),
    case!("MASTER_MAX_UPLOAD", [], [None, Some("1KiB")], answer_to_an_upload, ["202", "413"]),
    case!(
        "MASTER_TRUSTED_KEYS",
        [],
        [None, Some("{dir}/keys")],
        answer_to_an_unsigned_plugin,
        ["201", "422"]
    ),
    case!(
        "MASTER_TLS_CERT",
        [("MASTER_TLS_KEY", "{dir}/key.pem")],
        [None, Some("{dir}/cert.pem")],
        serves,
        ["nothing", "https"]
    ),
    case!(
        "MASTER_TLS_KEY",
        [("MASTER_TLS_CERT", "{dir}/cert.pem")],
        [None, Some("{dir}/key.pem")],
        serves,
        ["nothing", "https"]
    ),
    case!(
        "MASTER_TRUSTED_PROXIES",
        [],
        [None, Some("10.0.0.0/8, 127.0.0.1")],
        address_of_a_failed_sign_in,
        ["127.0.0.1", "203.0.113.9"]
    ),
    case!("MASTER_SESSION_IDLE_HOURS", [], [None, Some("1")], seconds_of_an_idle_session, ["43200", "3600"]),
    case!("MASTER_SESSION_DAYS", [], [None, Some("2")], days_of_a_session, ["7", "2"]),
    case!("MASTER_LEASE_TIME", [], [None, Some("20")], milliseconds_of_a_lease, ["8000", "20000"]),
    case!("MASTER_RETENTION_DAYS", [], [None, Some("2")], still_has_a_run_of_before, ["yes", "no"]),
    case!("MASTER_AUDIT_DAYS", [], [None, Some("2")], still_has_an_entry_of_before, ["yes", "no"]),
    case!("MASTER_PICTURE_LIMIT", [], [None, Some("1MiB")], keeps_two_large_pictures, ["yes", "no"]),
    case!("MASTER_GOOD_PICTURE_HOURS", [], [None, Some("0")], asks_for_a_good_picture, ["yes", "no"]),
    case!("MASTER_MAX_FINDINGS", [], [None, Some("1000")], keeps_1100_findings, ["yes", "no"]),
    case!("MASTER_MEASUREMENTS_DAYS", [], [None, Some("2")], still_has_measurements_of_before, ["yes", "no"]),
    case!("MASTER_DRAIN_TIMEOUT", [], [None, Some("0")], waits_for_requests_when_stopped, ["yes", "no"]),
    case!("MASTER_LOG_LEVEL", [], [None, Some("ERROR")], says_what_it_does, ["yes", "no"]),
    case!("MASTER_LOG_FILE", [], [None, Some("{dir}/log/master.log")], log_files, ["0", "1"]),
    case!("MASTER_LOG_FORMAT", [], [None, Some("json")], lines_are_json, ["no", "yes"]),
    case!(
        "MASTER_OTLP_ENDPOINT",
        [],
        [None, Some("http://127.0.0.1:{collector}")],
        exports_traces,
        ["no", "yes"]
    ),
];

/// The directories and files of one master.
struct Stage {
    dir: Arc<TempDir>,
    /// The address to which traces may be sent.
    collector: TcpListener,
    environment: Vec<(String, String)>,
}

impl Stage {
    /// Makes a stage with these settings. In their values, `{dir}` stands for a directory and `{collector}` for a
    /// port.
    fn new(settings: &[(&str, &str)]) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let collector = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = collector.local_addr().unwrap().port().to_string();
        let mut openssl = Command::new("openssl");
        openssl.current_dir(dir.path()).args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
        openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", "key.pem", "-out", "cert.pem"]);
        openssl.args(["-subj", "/CN=master", "-addext", "subjectAltName=IP:127.0.0.1"]);
        assert!(openssl.output().unwrap().status.success());
        let keygen = program("easysight")
            .args(["plugin", "keygen", "--out"])
            .arg(dir.path().join("secret"))
            .output()
            .unwrap();
        assert!(keygen.status.success(), "{}", String::from_utf8_lossy(&keygen.stderr));
        fs::write(dir.path().join("keys"), keygen.stdout).unwrap();
        let usual = [("MASTER_LISTEN", "127.0.0.1:0"), ("MASTER_DATA_DIR", "{dir}/data")];
        let in_place =
            |value: &str| value.replace("{dir}", dir.path().to_str().unwrap()).replace("{collector}", &port);
        // If a setting occurs twice, the last value counts.
        let all = usual.iter().chain(settings);
        let environment = all.map(|(key, value)| ((*key).to_owned(), in_place(value))).collect();
        Self { dir, collector, environment }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = program("easysight-master");
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command
    }

    fn master(&self) -> Master {
        Master::of(Running::start(self.command()), Arc::clone(&self.dir))
    }

    /// Starts a master with a plugin, cameras and a task for them.
    async fn master_with_work(&self, cameras: usize) -> Master {
        let master = self.master();
        let plugin = self.path("honest.wasm");
        fs::write(&plugin, guest_named("honestly", "plain", "", "", HONEST)).unwrap();
        master.activate(&plugin).await;
        master.add_cameras(cameras, "rtsp://10.0.0.1/live").await;
        master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
        master
    }
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

fn files(dir: &Path) -> usize {
    fs::read_dir(dir).map_or(0, Iterator::count)
}

/// Waits until upkeep has an effect. Returns false if there is no effect within 20 s, which is much longer than
/// one round of upkeep.
macro_rules! comes_about {
    ($is:expr) => {{
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if $is {
                break true;
            }
            if Instant::now() > until {
                break false;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }};
}

async fn listens_on(stage: Stage) -> String {
    let url = stage.master().url().to_owned();
    url.rsplit_once(':').unwrap().0.to_owned()
}

async fn keeps_its_data_in(stage: Stage) -> String {
    drop(stage.master());
    let has = |dir: &&str| files(&stage.path(dir)) > 0;
    ["data", "other"].into_iter().filter(has).collect::<Vec<_>>().join(" and ")
}

async fn has_a_database_elsewhere(stage: Stage) -> String {
    drop(stage.master());
    yes(stage.path("elsewhere.db").is_file())
}

async fn keeps_plugins_elsewhere(stage: Stage) -> String {
    stage.master_with_work(1).await;
    yes(files(&stage.path("blobs")) > 0)
}

async fn answer_to_an_upload(stage: Stage) -> String {
    let master = stage.master_with_work(1).await;
    let form = Form::new().text("request", "{}").part("clip", Part::bytes(vec![0; 4_096]).file_name("a.mp4"));
    read(master.request(Method::POST, "/api/v1/diagnosis/submissions").multipart(form)).await.0.to_string()
}

async fn answer_to_an_unsigned_plugin(stage: Stage) -> String {
    let plugin = guest_named("honestly", "plain", "", "", HONEST);
    let master = stage.master();
    let request = master.request(Method::POST, "/api/v1/plugins").header("content-type", "application/wasm");
    read(request.body(plugin)).await.0.to_string()
}

async fn serves(stage: Stage) -> String {
    let mut command = stage.command();
    let mut process = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut stderr = process.stderr.take().unwrap();
    let mut chunk = [0; 1_024];
    let scheme = loop {
        let read = stderr.read(&mut chunk).unwrap();
        said += &String::from_utf8_lossy(&chunk[..read]);
        if let Some((_, url)) = said.split_once(": listening on ")
            && let Some((scheme, _)) = url.split_once("://")
        {
            break scheme.to_owned();
        }
        if read == 0 {
            break "nothing".to_owned();
        }
    };
    drop(process.kill());
    process.wait().unwrap();
    scheme
}

async fn milliseconds_of_a_lease(stage: Stage) -> String {
    let master = stage.master();
    let (_, status, answer) = Node::register(&master, "n", json!({})).await;
    assert_eq!(status, 200, "{answer}");
    answer["lease_ms"].to_string()
}

/// Executes a statement on the database of a master that is not running. Returns the number of changed rows.
async fn change_the_database(stage: &Stage, sql: &'static str) -> u64 {
    let file = fs::read_dir(stage.path("data")).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|suffix| suffix == "db")).unwrap();
    let mut database = sqlx::SqliteConnection::connect(file.to_str().unwrap()).await.unwrap();
    let changed = sqlx::query(sql).execute(&mut database).await.unwrap().rows_affected();
    database.close().await.unwrap();
    changed
}

/// Returns whether an entry of the audit log that is five days old still exists.
async fn still_has_an_entry_of_before(stage: Stage) -> String {
    let master = stage.master();
    let camera = json!({"id": "gate", "name": "Gate", "source": "rtsp://10.0.0.1/live"});
    assert_eq!(master.post("/api/v1/diagnosis/cameras", &camera).await.0, 201);
    drop(master);
    let aged = "UPDATE audit SET recorded_at = recorded_at - 5 * 86400000";
    assert_eq!(change_the_database(&stage, aged).await, 1);
    let master = stage.master();
    let is_gone = comes_about!(master.get("/api/v1/audit").await["items"] == json!([]));
    yes(!is_gone)
}

async fn address_of_a_failed_sign_in(stage: Stage) -> String {
    let master = stage.master();
    let body = json!({"name": "nobody", "password": "not the password"});
    let request = master.request(Method::POST, "/api/v1/session").json(&body);
    assert_eq!(read(request.header("x-forwarded-for", "203.0.113.9")).await.0, 401);
    let line = master.running.says(&["a sign-in failed"]).await;
    line.split("address=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
}

/// Signs in as a new user. Returns the session as the master describes it.
async fn session_of_a_user(stage: &Stage) -> Value {
    let master = stage.master();
    let user = json!({"name": "Ada", "scope": "admin", "password": "correct horse battery"});
    assert_eq!(master.post("/api/v1/users", &user).await.0, 201);
    let user = json!({"name": "Ada", "password": "correct horse battery"});
    let answer = master.request(Method::POST, "/api/v1/session").json(&user).send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let asks = async |path: &str| {
        let (status, answer) = read(master.request(Method::GET, path).header("cookie", &cookie)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let mut session = asks("/api/v1/session").await;
    session["signed_in_at"] = asks("/api/v1/users").await[0]["last_signed_in_at"].clone();
    session
}

async fn seconds_of_an_idle_session(stage: Stage) -> String {
    session_of_a_user(&stage).await["idle_s"].to_string()
}

async fn days_of_a_session(stage: Stage) -> String {
    let session = session_of_a_user(&stage).await;
    let at =
        |field: &str| -> chrono::DateTime<chrono::Utc> { session[field].as_str().unwrap().parse().unwrap() };
    (at("ends_at") - at("signed_in_at")).num_days().to_string()
}

/// Returns whether a run that ended five days ago still exists.
async fn still_has_a_run_of_before(stage: Stage) -> String {
    let master = stage.master_with_work(1).await;
    let run = master.submit("t").await;
    let (status, body) = master.post(&format!("/api/v1/diagnosis/runs/{run}/cancel"), &json!({})).await;
    assert_eq!(status, 200, "{body}");
    master.finished(&run, PATIENCE).await;
    drop(master);
    let aged = "UPDATE runs SET finished_at = finished_at - 5 * 86400000";
    assert_eq!(change_the_database(&stage, aged).await, 1);
    let master = stage.master();
    let path = format!("/api/v1/diagnosis/runs/{run}");
    let gone = comes_about!(read(master.request(Method::GET, &path)).await.0 == 404);
    yes(!gone)
}

/// Returns whether measurements of five days ago still exist.
async fn still_has_measurements_of_before(stage: Stage) -> String {
    let master = stage.master_with_work(1).await;
    drop(master);
    let file = fs::read_dir(stage.path("data")).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|suffix| suffix == "db")).unwrap();
    let url = file.to_str().unwrap().to_owned();
    let mut database = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let old = "INSERT INTO measurements (camera_id, day, format, data) \
               SELECT 'c0', unixepoch() / 86400 - 5, 1, x'00'";
    assert_eq!(sqlx::query(old).execute(&mut database).await.unwrap().rows_affected(), 1);
    let _master = stage.master();
    let gone = comes_about!({
        let left = sqlx::query("SELECT day FROM measurements").fetch_all(&mut database).await.unwrap();
        left.is_empty()
    });
    yes(!gone)
}

async fn keeps_two_large_pictures(stage: Stage) -> String {
    let master = stage.master();
    for number in 0..2_u8 {
        let mut picture = vec![number; 700 << 10];
        picture[..3].copy_from_slice(&[0xFF, 0xD8, 0xFF]);
        picture.extend([0xFF, 0xD9]);
        let path = format!("/api/v1/diagnosis/pictures/{}", blake3::hash(&picture));
        let put = master.request(Method::PUT, &path).header("content-type", "image/jpeg").body(picture);
        assert_eq!(read(put).await.0 / 100, 2);
    }
    let pictures = stage.path("data/pictures");
    yes(!comes_about!(files(&pictures) < 2))
}

async fn asks_for_a_good_picture(stage: Stage) -> String {
    let master = stage.master_with_work(1).await;
    master.submit("t").await;
    let (mut node, ..) = Node::register(&master, "n", json!({})).await;
    yes(node.lease(5_000).await["jobs"][0]["good_picture"] == true)
}

async fn keeps_1100_findings(stage: Stage) -> String {
    let master = stage.master_with_work(100).await;
    let run = master.submit("t").await;
    let (mut node, ..) = Node::register(&master, "n", json!({})).await;
    let finding = |number: usize| {
        json!({"diagnosis": format!("d{number}"), "status": "normal", "score": 90.0, "decision": null,
            "message": {"zh": "", "en": "fine"}, "failure": null, "fuel": 1, "compute_ms": 1.0,
            "plugin": null, "digest": null})
    };
    let findings: Vec<Value> = (0..11).map(finding).collect();
    let outcome = json!({"kind": "finished", "findings": findings, "decode_ms": 1.0});
    let mut left = 100;
    while left > 0 {
        let lease = node.lease(5_000).await;
        let jobs = lease["jobs"].as_array().unwrap().len();
        let results: Vec<Value> = (0..jobs).map(|at| result(&lease, at, &outcome)).collect();
        node.report(json!(results)).await;
        left -= jobs;
    }
    yes(!comes_about!(master.findings(&run).await.len() <= 1_000))
}

/// Sends a request that never ends, and returns whether the master waits for it.
async fn waits_for_requests_when_stopped(stage: Stage) -> String {
    let mut master = stage.master();
    let mut stream = TcpStream::connect(master.address()).unwrap();
    let head = "POST /api/v1/plugins HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/wasm\r\ncontent-length: 1000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    // The master answers another request, so it has received the first one.
    master.get("/api/v1/plugins").await;
    let began = Instant::now();
    master.running.stop().await;
    yes(began.elapsed() > Duration::from_secs(8))
}

async fn says_what_it_does(stage: Stage) -> String {
    let mut master = stage.master();
    master.running.stop().await;
    yes(master.running.log().contains("INFO"))
}

async fn log_files(stage: Stage) -> String {
    stage.master().running.stop().await;
    files(&stage.path("log")).to_string()
}

async fn lines_are_json(stage: Stage) -> String {
    let mut master = stage.master();
    master.running.stop().await;
    let log = master.running.log();
    let mut lines = log.lines().filter(|line| !line.contains(": listening on "));
    yes(lines.all(|line| serde_json::from_str::<Value>(line).is_ok()))
}

async fn exports_traces(stage: Stage) -> String {
    let master = stage.master_with_work(1).await;
    master.submit("t").await;
    stage.collector.set_nonblocking(true).unwrap();
    // When the master stops, it exports the spans that it has not exported yet.
    master.running.signal("-TERM");
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        match stage.collector.accept() {
            Ok(_) => return yes(true),
            Err(_) if Instant::now() > until => return yes(false),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Returns the keys that `--help` names.
fn documented() -> BTreeSet<String> {
    let help = program("easysight-master").arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let words = help.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
    words.filter(|word| word.starts_with("MASTER_")).map(str::to_owned).collect()
}

#[test]
fn for_every_setting_of_the_master_there_is_a_situation_that_shows_it() {
    let shown: BTreeSet<_> = CASES.iter().map(|case| case.key.to_owned()).collect();
    assert!(documented().len() > 15);
    assert_eq!(documented(), shown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_setting_of_the_master_changes_what_it_does() {
    let tried = CASES.iter().flat_map(|case| [(case, 0), (case, 1)]).map(|(case, one)| async move {
        let mut settings = case.given.to_vec();
        settings.extend(case.values[one].map(|value| (case.key, value)));
        let stage = Stage::new(&settings);
        // A failure in one situation must not hide the results of the others.
        let seen = tokio::spawn((case.observe)(stage)).await.unwrap_or_else(|error| error.to_string());
        let value = case.values[one].unwrap_or("the default");
        (seen != case.seen[one]).then(|| format!("{} {value}: {seen}, not {}", case.key, case.seen[one]))
    });
    let wrong: Vec<_> =
        futures::stream::iter(tried).buffer_unordered(4).filter_map(|wrong| async { wrong }).collect().await;
    assert_eq!(wrong, [""; 0]);
}
