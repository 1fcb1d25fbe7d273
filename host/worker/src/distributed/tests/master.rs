//! A fake master: records its requests, and answers as the tests set.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use easysight_protocol::{
    HeartbeatAnswer, HeartbeatRequest, JobId, JobOutcome, JobPlan, JobResult, LeaseAnswer, LeaseRequest,
    LeaseToken, LeasedJob, Problem, RegisterAnswer, RegisterRequest, ResultsAnswer, ResultsRequest, Verdict,
};
use parking_lot::Mutex;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::timeout};

use super::SOON;

const LEASE_MS: u64 = 1_000;

/// A request to the master.
#[derive(Debug)]
pub(super) enum Call {
    Register(RegisterRequest),
    Heartbeat(HeartbeatRequest),
    Lease(LeaseRequest),
    /// All results that were sent, including those that the master then refuses or does not answer.
    Results(Vec<JobResult>),
    Unregister(String),
    Component,
}

/// The way in which requests of one kind are answered.
#[derive(Clone, Copy)]
enum Mood {
    Refuse(u16, &'static str),
    RefuseOnce(u16, &'static str),
    Hang,
}

#[derive(Default)]
struct Orders {
    offers: VecDeque<(Vec<JobPlan>, Vec<LeasedJob>)>,
    moods: BTreeMap<&'static str, Mood>,
    revoked: BTreeSet<JobId>,
    abhorred: BTreeSet<JobId>,
    components: BTreeMap<String, Vec<u8>>,
}

struct Desk {
    orders: Mutex<Orders>,
    calls: mpsc::UnboundedSender<Call>,
}

pub(super) struct FakeMaster {
    pub(super) url: String,
    desk: Arc<Desk>,
    calls: mpsc::UnboundedReceiver<Call>,
    server: JoinHandle<()>,
}

impl Drop for FakeMaster {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeMaster {
    pub(super) async fn start() -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk { orders: Mutex::default(), calls: sender });
        let workers = "/api/v1/diagnosis/workers";
        let router = Router::new()
            .route(&format!("{workers}/register"), post(register))
            .route(&format!("{workers}/{{id}}/heartbeat"), post(heartbeat))
            .route(&format!("{workers}/{{id}}/leases"), post(leases))
            .route(&format!("{workers}/{{id}}/results"), post(results))
            .route(&format!("{workers}/{{id}}"), delete(unregister))
            .route("/api/v1/plugins/{digest}/component", get(component))
            .with_state(Arc::clone(&desk));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        Self { url, desk, calls, server }
    }

    /// Sets the answer to the next poll.
    pub(super) fn offer(&self, plans: Vec<JobPlan>, jobs: Vec<LeasedJob>) {
        self.desk.orders.lock().offers.push_back((plans, jobs));
    }

    /// Makes a component available. A request for any other component is never answered.
    pub(super) fn publish(&self, digest: String, component: Vec<u8>) {
        self.desk.orders.lock().components.insert(digest, component);
    }

    pub(super) fn refuse(&self, what: &'static str, status: u16, slug: &'static str) {
        self.desk.orders.lock().moods.insert(what, Mood::Refuse(status, slug));
    }

    pub(super) fn refuse_next(&self, what: &'static str, status: u16, slug: &'static str) {
        self.desk.orders.lock().moods.insert(what, Mood::RefuseOnce(status, slug));
    }

    pub(super) fn hang(&self, what: &'static str) {
        self.desk.orders.lock().moods.insert(what, Mood::Hang);
    }

    pub(super) fn relent(&self, what: &'static str) {
        self.desk.orders.lock().moods.remove(what);
    }

    pub(super) fn revoke(&self, job: JobId) {
        self.desk.orders.lock().revoked.insert(job);
    }

    /// Refuses every batch with a result of this job.
    pub(super) fn abhor(&self, job: JobId) {
        self.desk.orders.lock().abhorred.insert(job);
    }

    pub(super) async fn next(&mut self) -> Call {
        timeout(SOON, self.calls.recv()).await.expect("the node does not call").unwrap()
    }

    /// Returns the next request that `wanted` accepts, and skips the requests before it.
    pub(super) async fn until(&mut self, mut wanted: impl FnMut(&Call) -> bool) -> Call {
        loop {
            let call = self.next().await;
            if wanted(&call) {
                return call;
            }
        }
    }

    /// Returns the next results that the master accepts.
    pub(super) async fn results(&mut self) -> Vec<JobResult> {
        loop {
            let abhorred = self.desk.orders.lock().abhorred.clone();
            match self.next().await {
                Call::Results(results) if !results.iter().any(|one| abhorred.contains(&one.job_id)) => {
                    return results;
                }
                _ => {}
            }
        }
    }

    pub(super) fn calls_so_far(&mut self) -> impl Iterator<Item = Call> {
        std::iter::from_fn(|| self.calls.try_recv().ok())
    }

    pub(super) fn forget_calls(&mut self) {
        self.calls_so_far().for_each(drop);
    }
}

/// A job of the first plan.
pub(super) fn job(source: &str) -> LeasedJob {
    LeasedJob {
        id: JobId::fresh(),
        attempt: 1,
        plan: 0,
        camera_id: Some("c1".into()),
        source: source.into(),
        deadline_ms: None,
        baselines: Vec::new(),
        good_picture: false,
        lost: None,
    }
}

/// Returns the kind of a result's failure.
pub(super) fn failed(result: &JobResult) -> &str {
    match &result.outcome {
        JobOutcome::Failed { failure } => &failure.kind,
        outcome => panic!("it did not fail: {outcome:?}"),
    }
}

impl Desk {
    /// Records a request. If a test has set how its kind is answered, returns the refusal or never returns.
    async fn met(&self, what: &'static str, call: Call) -> Option<Response> {
        let mood = {
            let mut orders = self.orders.lock();
            let mood = orders.moods.get(what).copied();
            if matches!(mood, Some(Mood::RefuseOnce(..))) {
                orders.moods.remove(what);
            }
            mood
        };
        // After the end of a test, the receiver is gone.
        self.calls.send(call).ok();
        match mood? {
            Mood::Refuse(status, slug) | Mood::RefuseOnce(status, slug) => Some(refusal(status, slug)),
            Mood::Hang => std::future::pending().await,
        }
    }
}

fn refusal(status: u16, slug: &str) -> Response {
    let problem = Problem::new(status, slug, "refused", "as the test wants");
    (StatusCode::from_u16(status).unwrap(), Json(problem)).into_response()
}

async fn register(State(desk): State<Arc<Desk>>, Json(request): Json<RegisterRequest>) -> Response {
    let refused = desk.met("register", Call::Register(request)).await;
    refused.unwrap_or_else(|| Json(RegisterAnswer { lease_ms: LEASE_MS }).into_response())
}

async fn heartbeat(State(desk): State<Arc<Desk>>, Json(request): Json<HeartbeatRequest>) -> Response {
    let held: Vec<JobId> = request.held.iter().map(|held| held.job_id).collect();
    if let Some(refused) = desk.met("heartbeat", Call::Heartbeat(request)).await {
        return refused;
    }
    let revoked = held.into_iter().filter(|id| desk.orders.lock().revoked.contains(id)).collect();
    Json(HeartbeatAnswer { lease_ms: LEASE_MS, revoked }).into_response()
}

async fn leases(State(desk): State<Arc<Desk>>, Json(request): Json<LeaseRequest>) -> Response {
    if let Some(refused) = desk.met("leases", Call::Lease(request)).await {
        return refused;
    }
    // Empty answers are sent at once. The node must not poll again immediately.
    let (plans, jobs) = desk.orders.lock().offers.pop_front().unwrap_or_default();
    Json(LeaseAnswer { lease: LeaseToken::fresh(), lease_ms: LEASE_MS, plans, jobs }).into_response()
}

async fn results(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let request: ResultsRequest = serde_json::from_slice(&body).unwrap();
    let abhorred = desk.orders.lock().abhorred.clone();
    let (count, bad) = {
        let results = &request.results;
        (results.len(), results.iter().any(|one| abhorred.contains(&one.job_id)))
    };
    if let Some(refused) = desk.met("results", Call::Results(request.results)).await {
        return refused;
    }
    if bad {
        return refusal(422, "invalid");
    }
    Json(ResultsAnswer { verdicts: vec![Verdict::Recorded; count] }).into_response()
}

async fn unregister(
    State(desk): State<Arc<Desk>>,
    Path(_): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let life = query.strip_prefix("incarnation=").unwrap_or_default().to_owned();
    let refused = desk.met("unregister", Call::Unregister(life)).await;
    refused.unwrap_or_else(|| StatusCode::NO_CONTENT.into_response())
}

/// Serves a component. If the component is not published, the request is never answered.
async fn component(State(desk): State<Arc<Desk>>, Path(digest): Path<String>) -> Response {
    desk.met("component", Call::Component).await;
    let bytes = desk.orders.lock().components.get(&digest).cloned();
    match bytes {
        Some(bytes) => bytes.into_response(),
        None => std::future::pending().await,
    }
}
