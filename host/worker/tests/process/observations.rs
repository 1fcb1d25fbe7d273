//! Observes a worker from outside. Each function returns a word that depends on one setting.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use crate::{
    master::SOON,
    stage::{Stage, endless, greedy, honest},
};

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

/// Returns the text of a JSON string.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

pub(crate) async fn takes_submissions(stage: Stage) -> String {
    yes(stage.worker().get("/api/v1/diagnosis/submissions").await.0 == 200)
}

pub(crate) async fn registers_as_gate_7(mut stage: Stage) -> String {
    let _worker = stage.worker();
    yes(stage.master.asked("/register").await.body["id"] == "gate-7")
}

pub(crate) async fn registered_name(mut stage: Stage) -> String {
    let _worker = stage.worker();
    text(&stage.master.asked("/register").await.body["name"])
}

/// Returns the number of jobs that run at the same time if five are submitted.
pub(crate) async fn jobs_in_flight(stage: Stage) -> String {
    stage.install("honestly", &honest());
    let worker = stage.worker();
    for _ in 0..5 {
        assert_eq!(worker.submit(&stage.camera(), 0).await.0, 202);
    }
    // Wait until every place is occupied.
    let until = Instant::now() + SOON;
    loop {
        let pool = worker.status().await["pool"].clone();
        if pool["running"] == pool["capacity"] {
            return pool["running"].to_string();
        }
        assert!(Instant::now() < until, "{pool}");
    }
}

pub(crate) async fn host_of_master(mut stage: Stage) -> String {
    let _worker = stage.worker();
    let asked = stage.master.asked("/register").await;
    let host = asked.headers["host"].to_str().unwrap();
    host.split(':').next().unwrap().to_owned()
}

pub(crate) async fn which_master(mut stage: Stage) -> String {
    let _worker = stage.worker();
    tokio::select! {
        _ = stage.master.asked("/register") => "the first".to_owned(),
        _ = stage.other_master.asked("/register") => "the second".to_owned(),
    }
}

pub(crate) async fn path_at_master(mut stage: Stage) -> String {
    let _worker = stage.worker();
    stage.master.asked("/register").await.path
}

/// Returns whether the worker sends requests to a master with a self-signed certificate.
pub(crate) async fn believes_master(stage: Stage) -> String {
    let dir = stage.dir.path();
    let mut openssl = Command::new("openssl");
    openssl.current_dir(dir).args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
    openssl.args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", "key.pem", "-out", "ca.pem"]);
    openssl.args(["-subj", "/CN=master", "-addext", "subjectAltName=IP:127.0.0.1"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    assert!(openssl.output().unwrap().status.success());
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = tokio::process::Command::new("openssl");
    server.current_dir(dir).args(["s_server", "-quiet", "-cert", "ca.pem", "-key", "key.pem"]);
    server.args(["-accept", &format!("127.0.0.1:{port}")]);
    let server = server.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut server = server.spawn().unwrap();
    let mut asked = BufReader::new(server.stdout.take().unwrap()).lines();
    let worker = stage.worker_with(&[("WORKER_MASTER_URL", &format!("https://127.0.0.1:{port}"))]);
    let questions =
        async { while !asked.next_line().await.unwrap().unwrap_or_default().starts_with("POST ") {} };
    tokio::select! {
        () = questions => yes(true),
        () = worker.says("certificate") => yes(false),
    }
}

pub(crate) async fn answer_without_token(stage: Stage) -> String {
    stage.worker().get("/api/v1/diagnosis/workers/status").await.0.to_string()
}

pub(crate) async fn shows_master(mut stage: Stage) -> String {
    let _worker = stage.worker();
    let asked = stage.master.asked("/register").await;
    asked.headers.get("authorization").map_or("nothing", |value| value.to_str().unwrap()).to_owned()
}

pub(crate) async fn plugins_at_hand(stage: Stage) -> String {
    stage.install("honestly", &honest());
    let status = stage.worker().status().await;
    status["plugins"].as_array().unwrap().first().map_or("none".to_owned(), |plugin| text(&plugin["name"]))
}

pub(crate) async fn keeps_identity_in(stage: Stage) -> String {
    drop(stage.worker());
    let kept = |dir: &&str| stage.dir.path().join(dir).join("node-id").exists();
    ["data", "other-data"].into_iter().filter(kept).collect::<Vec<_>>().join(" and ")
}

pub(crate) async fn listens_on(stage: Stage) -> String {
    let url: reqwest::Url = stage.worker().url.parse().unwrap();
    url.host_str().unwrap().to_owned()
}

pub(crate) async fn labels(mut stage: Stage) -> String {
    let _worker = stage.worker();
    stage.master.asked("/register").await.body["labels"].to_string()
}

pub(crate) async fn says_that_it_is_up(stage: Stage) -> String {
    let mut worker = stage.worker();
    worker.stop().await;
    yes(worker.log().iter().any(|line| line.contains("worker is up")))
}

pub(crate) async fn log_files(stage: Stage) -> String {
    stage.worker().stop().await;
    fs::read_dir(stage.dir.path().join("log")).map_or(0, Iterator::count).to_string()
}

pub(crate) async fn lines_are_json(stage: Stage) -> String {
    let mut worker = stage.worker();
    worker.stop().await;
    assert!(!worker.log().is_empty());
    yes(worker.log().iter().all(|line| serde_json::from_str::<Value>(line).is_ok()))
}

pub(crate) async fn exports_traces(mut stage: Stage) -> String {
    stage.install("honestly", &honest());
    let mut worker = stage.worker();
    worker.submit("/no/such/file", 10_000).await;
    // The last traces are exported at the end.
    worker.stop().await;
    let asked = tokio::time::timeout(Duration::from_millis(500), stage.master.asked("/v1/traces")).await;
    yes(asked.is_ok())
}

pub(crate) async fn wait_of_a_poll(mut stage: Stage) -> String {
    let _worker = stage.worker();
    stage.master.asked("/leases").await.body["wait_ms"].to_string()
}

pub(crate) async fn heart_beats(mut stage: Stage) -> String {
    let _worker = stage.worker();
    stage.master.asked("/register").await;
    // The first heartbeat follows the registration at once, whatever the interval is.
    let beats = async {
        for _ in 0..5 {
            stage.master.asked("/heartbeat").await;
        }
    };
    let often = tokio::time::timeout(Duration::from_secs(5), beats).await;
    if often.is_ok() { "often" } else { "seldom" }.to_owned()
}

/// Returns the end of a failure's detail, from the words that name the limit.
fn granted(detail: &str) -> String {
    let from = ["its fuel of", "longer than"].iter().find_map(|words| detail.find(words));
    match from {
        Some(from) => detail[from..].to_owned(),
        None => detail.rsplit("; ").next().unwrap().to_owned(),
    }
}

async fn end_alone(stage: Stage, plugin: &[u8]) -> String {
    stage.install("hostile", plugin);
    let picture = stage.picture("64x64");
    let (_, submission) = stage.worker().submit(&picture, 59_000).await;
    granted(&text(&submission["findings"][0]["failure"]["detail"]))
}

async fn end_at_master(mut stage: Stage, name: &str, plugin: &[u8]) -> String {
    let job = stage.master.offer(&stage.picture("64x64"), &[(name, Some(plugin))]);
    let _worker = stage.worker();
    let result = stage.master.result_of(&job).await;
    granted(&text(&result["outcome"]["findings"][0]["failure"]["detail"]))
}

pub(crate) async fn end_of_an_endless_plugin(stage: Stage) -> String {
    end_alone(stage, &endless()).await
}

pub(crate) async fn end_of_an_endless_plugin_of_a_master(stage: Stage) -> String {
    end_at_master(stage, "endlessl", &endless()).await
}

pub(crate) async fn end_of_a_greedy_plugin(stage: Stage) -> String {
    end_alone(stage, &greedy()).await
}

pub(crate) async fn end_of_a_greedy_plugin_of_a_master(stage: Stage) -> String {
    end_at_master(stage, "greedily", &greedy()).await
}

pub(crate) async fn answer_to_a_file(stage: Stage) -> String {
    stage.install("honestly", &honest());
    taken(stage.worker().submit("/no/such/file", 0).await.0)
}

/// Returns `taken`, or the status of the refusal. A submission that has ended before the answer gets 200 instead of
/// 202.
fn taken(status: u16) -> String {
    match status {
        200 | 202 => "taken".to_owned(),
        refused => refused.to_string(),
    }
}

pub(crate) async fn refused_of_four(stage: Stage) -> String {
    stage.install("honestly", &honest());
    let worker = stage.worker();
    let mut refused = 0;
    for _ in 0..4 {
        refused += u32::from(worker.submit(&stage.camera(), 0).await.0 == 429);
    }
    refused.to_string()
}

pub(crate) async fn answer_to_an_upload(stage: Stage) -> String {
    stage.install("honestly", &honest());
    taken(stage.worker().upload(4_096).await)
}

/// Returns the number of batches on disk, each larger than half a mebibyte, after the master refused three.
pub(crate) async fn spooled_of_three(mut stage: Stage) -> String {
    stage.master.refuse_results();
    let _worker = stage.worker();
    // A plugin that is not available. Its long name is in the detail of the failure.
    let name = "x".repeat(600 << 10);
    for _ in 0..3 {
        let job = stage.master.offer("http://127.0.0.1:1/", &[(&name, None)]);
        stage.master.result_of(&job).await;
        // A job is no longer held once its result is on disk.
        loop {
            let beat = stage.master.asked("/heartbeat").await.body;
            if beat["held"].as_array().unwrap().is_empty() {
                break;
            }
        }
    }
    fs::read_dir(stage.dir.path().join("data/spool")).unwrap().count().to_string()
}

pub(crate) async fn gives_jobs_up_when_stopped(stage: Stage) -> String {
    stage.install("honestly", &honest());
    let mut worker = stage.worker();
    worker.submit(&stage.camera(), 0).await;
    worker.stop().await;
    yes(worker.log().iter().any(|line| line.contains("still running after the drain timeout")))
}

async fn outcome(stage: Stage, size: &str) -> String {
    stage.install("honestly", &honest());
    let picture = stage.picture(size);
    let (_, submission) = stage.worker().submit(&picture, 59_000).await;
    match &submission["failure"] {
        Value::Null => "judged".to_owned(),
        failure => text(&failure["kind"]),
    }
}

pub(crate) async fn outcome_of_a_picture(stage: Stage) -> String {
    outcome(stage, "64x64").await
}

pub(crate) async fn outcome_of_a_huge_picture(stage: Stage) -> String {
    outcome(stage, "8192x8192").await
}

async fn silent_camera(stage: &Stage) -> Value {
    stage.install("honestly", &honest());
    stage.worker().submit(&stage.camera(), 59_000).await.1
}

pub(crate) async fn word_on_a_silent_camera(stage: Stage) -> String {
    let submission = silent_camera(&stage).await;
    let said = text(&submission["findings"][0]["suggestions"][0]["en"]);
    said.rsplit(": ").next().unwrap().to_owned()
}

/// Returns the first transport that the worker requests from a camera that accepts none.
pub(crate) async fn transport_that_is_asked_for(stage: Stage) -> String {
    stage.install("honestly", &honest());
    let camera = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = camera.local_addr().unwrap();
    let worker = stage.worker();
    let url = format!("rtsp://{address}/");
    let submitting = worker.submit(&url, 59_000);
    let asking = async {
        let (stream, _) = camera.accept().await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        let mut number = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            if let Some(transport) = line.strip_prefix("Transport: ") {
                return transport.split(';').next().unwrap().to_owned();
            }
            if let Some(cseq) = line.strip_prefix("CSeq: ") {
                number = cseq.to_owned();
            }
            if line.is_empty() {
                let sdp = "v=0\r\nm=video 0 RTP/AVP 26\r\na=control:1\r\n";
                let head =
                    format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\nContent-Length: {}\r\n\r\n", sdp.len());
                lines.get_mut().write_all((head + sdp).as_bytes()).await.unwrap();
            }
        }
        panic!("no transport is asked for");
    };
    let asked = async { tokio::time::timeout(SOON, asking).await.unwrap() };
    tokio::join!(submitting, asked).1
}

pub(crate) async fn patience_with_a_silent_camera(stage: Stage) -> String {
    let submission = silent_camera(&stage).await;
    // A busy machine can make the capture longer, but nothing makes it shorter.
    let took = submission["decode_ms"].as_f64().unwrap();
    if took < 3_500.0 { "1 s" } else { "4 s" }.to_owned()
}
