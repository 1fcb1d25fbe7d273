//! A fake master that records its requests and gives the answers that the tests set.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use easysight_sandbox::Digest;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};

/// The longest time that a test waits for an expected event.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// The JSON body. Null if the body is not JSON.
    pub(crate) body: Value,
}

#[derive(Default)]
struct Orders {
    offers: VecDeque<Value>,
    components: BTreeMap<String, Vec<u8>>,
    revoked: Vec<String>,
    refuses_results: bool,
}

struct Desk {
    orders: Mutex<Orders>,
    calls: mpsc::UnboundedSender<Call>,
}

pub(crate) struct Master {
    pub(crate) port: u16,
    desk: Arc<Desk>,
    calls: mpsc::UnboundedReceiver<Call>,
    serving: JoinHandle<()>,
}

impl Drop for Master {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Master {
    pub(crate) async fn start() -> Self {
        let (tell, calls) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk { orders: Mutex::default(), calls: tell });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&desk));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { port, desk, calls, serving }
    }

    /// Answers the next poll with a job that runs these plugins (name, component) on a source. Returns the job's
    /// id.
    pub(crate) fn offer(&self, source: &str, plugins: &[(&str, Option<&[u8]>)]) -> String {
        let job = easysight_protocol::fresh_id().to_string();
        let mut orders = self.desk.orders.lock();
        let mut planned = Vec::new();
        for (name, component) in plugins {
            let digest = component.map_or_else(|| "none".to_owned(), |bytes| Digest::of(bytes).to_string());
            if let Some(bytes) = component {
                orders.components.insert(digest.clone(), bytes.to_vec());
            }
            planned.push(json!({"digest": digest, "name": name, "diagnoses": [name], "config": {}}));
        }
        orders.offers.push_back(json!({
            "lease": easysight_protocol::fresh_id(), "lease_ms": 60_000, "plans": [{"plugins": planned}],
            "jobs": [{"id": job, "attempt": 1, "plan": 0, "source": source}],
        }));
        job
    }

    pub(crate) fn revoke(&self, job: &str) {
        self.desk.orders.lock().revoked.push(job.to_owned());
    }

    pub(crate) fn refuse_results(&self) {
        self.desk.orders.lock().refuses_results = true;
    }

    /// Waits for the next request whose path has this ending.
    pub(crate) async fn asked(&mut self, end: &str) -> Call {
        let until = async {
            loop {
                let call = self.calls.recv().await.unwrap();
                if call.path.ends_with(end) {
                    return call;
                }
            }
        };
        tokio::time::timeout(SOON, until).await.unwrap_or_else(|_| panic!("nobody asks for {end}"))
    }

    /// Waits for the next result of this job.
    pub(crate) async fn result_of(&mut self, job: &str) -> Value {
        loop {
            let call = self.asked("/results").await;
            let results = call.body["results"].as_array().unwrap();
            if let Some(result) = results.iter().find(|result| result["job_id"] == job) {
                return result.clone();
            }
        }
    }
}

async fn answer(State(desk): State<Arc<Desk>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let path = uri.path().to_owned();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answer = desk.orders.lock().answer(&path, &body);
    // After the end of a test, the receiver is gone.
    desk.calls.send(Call { path, headers, body }).ok();
    answer
}

impl Orders {
    fn answer(&mut self, path: &str, body: &Value) -> Response {
        match path.rsplit('/').next().unwrap() {
            "register" => Json(json!({"lease_ms": 60_000})).into_response(),
            "heartbeat" => Json(json!({"lease_ms": 60_000, "revoked": self.revoked})).into_response(),
            "leases" => {
                let nothing = || json!({"lease": easysight_protocol::fresh_id(), "lease_ms": 60_000, "plans": [], "jobs": []});
                Json(self.offers.pop_front().unwrap_or_else(nothing)).into_response()
            }
            "results" if self.refuses_results => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            "results" => {
                let verdicts = vec!["recorded"; body["results"].as_array().unwrap().len()];
                Json(json!({"verdicts": verdicts})).into_response()
            }
            "component" => {
                let digest = path.rsplit('/').nth(1).unwrap();
                self.components
                    .get(digest)
                    .cloned()
                    .map_or(StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response)
            }
            _ => StatusCode::NO_CONTENT.into_response(),
        }
    }
}
