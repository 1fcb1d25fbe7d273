//! The stream of events, for clients that lose the connection and continue.

use std::sync::Arc;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::process::{Master, PATIENCE};

/// One message of a stream.
#[derive(Debug, Clone, PartialEq)]
struct Message {
    id: String,
    kind: String,
    data: Value,
}

/// A stream that a client reads.
struct Stream {
    answer: Response,
    rest: String,
}

impl Stream {
    /// Opens a stream. `last` is sent as a parameter, and `header` as a header.
    async fn open(master: &Master, last: Option<&str>, header: Option<&str>) -> Self {
        let mut request = master.request(Method::GET, "/api/v1/events");
        if let Some(last) = last {
            request = request.query(&[("last_event_id", last)]);
        }
        if let Some(header) = header {
            request = request.header("Last-Event-ID", header);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Self { answer, rest: String::new() }
    }

    async fn next(&mut self) -> Message {
        loop {
            if let Some((message, rest)) = self.rest.split_once("\n\n") {
                let field = |name: &str| {
                    let found = message.lines().find_map(|line| line.strip_prefix(name));
                    found.unwrap_or_default().trim().to_owned()
                };
                let data = field("data:");
                let message = (!data.is_empty()).then(|| Message {
                    id: field("id:"),
                    kind: field("event:"),
                    data: serde_json::from_str(&data).unwrap(),
                });
                self.rest = rest.to_owned();
                match message {
                    Some(message) => return message,
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await.unwrap().unwrap();
            self.rest += std::str::from_utf8(&chunk.expect("the stream goes on")).unwrap();
        }
    }

    /// Returns the next run that was created.
    async fn next_run(&mut self) -> (String, String) {
        loop {
            let Message { id, kind, data } = self.next().await;
            assert_ne!(kind, "missed", "{data}");
            if data["change"] == "created" {
                return (id, data["run_id"].as_str().unwrap().to_owned());
            }
        }
    }
}

/// Starts a master with a task that waits, so that nothing happens but the runs that are submitted.
async fn master() -> Master {
    let master = Master::start();
    master.add_task(json!({"id": "t", "name": "t", "groups": ["nobody"]})).await;
    master
}

#[tokio::test]
async fn a_client_that_connects_again_gets_what_happened_meanwhile_once() {
    let master = master().await;
    let mut stream = Stream::open(&master, None, None).await;
    let mut submitted = vec![master.submit("t").await];
    let mut heard = Vec::new();
    let (mut id, run) = stream.next_run().await;
    heard.push(run);
    // Some runs are submitted while nobody listens, others while the stream is open. The id is sent in turn as the
    // header, as browsers do, as the parameter, and as both, of which the header counts.
    for (round, by) in ["header", "parameter", "both"].into_iter().cycle().take(6).enumerate() {
        drop(stream);
        for _ in 0..=round {
            submitted.push(master.submit("t").await);
        }
        stream = match by {
            "header" => Stream::open(&master, None, Some(&id)).await,
            "parameter" => Stream::open(&master, Some(&id), None).await,
            _ => Stream::open(&master, Some("old"), Some(&id)).await,
        };
        submitted.push(master.submit("t").await);
        while heard.len() < submitted.len() {
            let (next, run) = stream.next_run().await;
            heard.push(run);
            id = next;
        }
    }
    assert_eq!(heard, submitted);
}

#[tokio::test]
async fn a_client_gets_its_place_before_anything_has_happened() {
    let master = master().await;
    let mut stream = Stream::open(&master, Some(""), None).await;
    let place = stream.next().await;
    assert_eq!((place.kind.as_str(), &place.data), ("position", &json!({"kind": "position"})));
    drop(stream);
    let run = master.submit("t").await;
    let mut stream = Stream::open(&master, Some(&place.id), None).await;
    // The place where the stream continues is confirmed.
    assert_eq!(stream.next().await, place);
    assert_eq!(stream.next_run().await.1, run);
}

#[tokio::test]
async fn after_a_restart_events_were_missed() {
    let data = Arc::new(tempfile::tempdir().unwrap());
    let mut master = Master::start_in(Arc::clone(&data), "127.0.0.1:0", &[]);
    master.add_task(json!({"id": "t", "name": "t", "groups": ["nobody"]})).await;
    let mut stream = Stream::open(&master, None, None).await;
    master.submit("t").await;
    let (id, _) = stream.next_run().await;
    drop(stream);
    let address = master.address();
    master.running.stop().await;
    let master = Master::start_in(data, &address, &[]);
    for last in [id.as_str(), "no id at all", "0-0"] {
        for (parameter, header) in [(Some(last), None), (None, Some(last))] {
            let mut stream = Stream::open(&master, parameter, header).await;
            let first = stream.next().await;
            assert_eq!((first.kind.as_str(), &first.data["events"]), ("missed", &json!(0)), "{last}");
            // From here on the client can continue.
            drop(stream);
            let run = master.submit("t").await;
            let mut stream = Stream::open(&master, Some(&first.id), None).await;
            assert_eq!(stream.next_run().await.1, run);
        }
    }
}
