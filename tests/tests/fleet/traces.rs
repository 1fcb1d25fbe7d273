//! Traces as a collector receives them.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Attribute,
};
use prost::Message;
use reqwest::Method;
use serde_json::json;

use crate::{
    process::{Master, PATIENCE, worker},
    programs::{has_ffmpeg, make_clip},
};

/// A span, with the fields that matter here.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    service: String,
    name: String,
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    attributes: Vec<(String, String)>,
}

/// A collector that stores the spans that it receives.
struct Collector {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                thread::spawn(move || while receive(&client, &kept).is_ok() {});
            }
        });
        Self { url, seen }
    }

    /// Waits for a span and returns it.
    async fn span(&self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let until = Instant::now() + PATIENCE;
        loop {
            let found = self.seen.lock().unwrap().iter().find(|span| wanted(span)).cloned();
            if let Some(found) = found {
                return found;
            }
            assert!(Instant::now() < until, "{:?}", self.seen.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Receives one export.
fn receive(mut client: &TcpStream, kept: &Mutex<Vec<Seen>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
    assert!(head.contains("content-type: application/x-protobuf"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap()];
    client.read_exact(&mut body)?;
    kept.lock().unwrap().extend(spans(&ExportTraceServiceRequest::decode(&body[..]).unwrap()));
    client.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n")
}

fn spans(request: &ExportTraceServiceRequest) -> Vec<Seen> {
    let texts = |attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]| -> Vec<(String, String)> {
        let text =
            |value: &opentelemetry_proto::tonic::common::v1::KeyValue| match value.value.clone()?.value? {
                Attribute::StringValue(text) => Some((value.key.clone(), text)),
                Attribute::IntValue(number) => Some((value.key.clone(), number.to_string())),
                _ => None,
            };
        attributes.iter().filter_map(text).collect()
    };
    let mut seen = Vec::new();
    for of_service in &request.resource_spans {
        let resource = texts(&of_service.resource.as_ref().unwrap().attributes);
        let service = resource.iter().find(|(key, _)| key == "service.name").unwrap().1.clone();
        for span in of_service.scope_spans.iter().flat_map(|scope| &scope.spans) {
            seen.push(Seen {
                service: service.clone(),
                name: span.name.clone(),
                trace: span.trace_id.clone(),
                id: span.span_id.clone(),
                parent: span.parent_span_id.clone(),
                attributes: texts(&span.attributes),
            });
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn what_master_and_worker_do_for_one_request_is_one_trace() {
    if !has_ffmpeg() {
        return;
    }
    let collector = Collector::start();
    let exported = ["--otlp-endpoint", &collector.url];
    let master = Master::start_in(Arc::new(tempfile::tempdir().unwrap()), "127.0.0.1:0", &exported);
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    master.publish_standard().await;
    master.add_cameras(1, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    let _worker = worker(&master, dir.path(), "w", &exported);
    master.has_nodes(1).await;
    // The client has a trace of its own, which the master continues.
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let submit = master.request(Method::POST, "/api/v1/diagnosis/tasks/t/submit").json(&json!({}));
    let submit = submit.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    let run: serde_json::Value = submit.send().await.unwrap().json().await.unwrap();
    master.finished(run["id"].as_str().unwrap(), PATIENCE).await;

    let path = "/api/v1/diagnosis/tasks/t/submit";
    let asked = collector.span(|span| span.attributes.contains(&("path".into(), path.into()))).await;
    assert_eq!((asked.service.as_str(), asked.name.as_str()), ("easysight-master", "http"));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!((hex(&asked.trace).as_str(), hex(&asked.parent).as_str()), (trace, "b7ad6b7169203331"));
    let job = collector.span(|span| span.name == "job").await;
    assert_eq!(job.service, "easysight-worker");
    assert_eq!((&job.trace, &job.parent), (&asked.trace, &asked.id));
    assert!(job.attributes.contains(&("request".into(), run["request_id"].as_str().unwrap().into())));
    for step in ["capture", "plugin"] {
        let step = collector.span(|span| span.name == step).await;
        assert_eq!((&step.trace, &step.parent), (&job.trace, &job.id), "{step:?}");
    }
    // The master exports spans for the requests of the worker, too.
    let poll = collector.span(|span| span.attributes.iter().any(|(_, v)| v.ends_with("/leases"))).await;
    assert_eq!(poll.service, "easysight-master");
}

#[tokio::test]
async fn a_collector_that_is_not_there_costs_one_line() {
    if !has_ffmpeg() {
        return;
    }
    let nowhere = ["--otlp-endpoint", "http://127.0.0.1:1"];
    let mut master = Master::start_in(Arc::new(tempfile::tempdir().unwrap()), "127.0.0.1:0", &nowhere);
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "clip.mp4", "null");
    master.publish_standard().await;
    master.add_cameras(3, &clip.display().to_string()).await;
    master.add_task(json!({"id": "t", "name": "t", "groups": ["hall"]})).await;
    let mut node = worker(&master, dir.path(), "w", &nowhere);
    // Several exports fail, because nobody receives the spans.
    let until = Instant::now() + Duration::from_secs(9);
    while Instant::now() < until {
        let run = master.submit("t").await;
        assert_eq!(master.finished(&run, PATIENCE).await["progress"]["finished"], json!(3));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let begun = Instant::now();
    assert!(node.stop().await.success());
    assert!(master.running.stop().await.success());
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "a program waited for the collector: {:?}",
        begun.elapsed()
    );
    for log in [node.log(), master.running.log()] {
        assert_eq!(log.matches("the collector does not accept traces").count(), 1, "{log}");
        assert_eq!(log.to_lowercase().matches("opentelemetry").count(), 0, "{log}");
    }
}
