//! Tests the client with a master behind a path prefix.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, Uri},
    routing::{any, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};
use uuid::Uuid;

use super::*;
use crate::distributed::tests::settings;

fn beat() -> HeartbeatRequest {
    HeartbeatRequest {
        incarnation: Incarnation(Uuid::nil()),
        last_poll: 0,
        held: Vec::new(),
        draining: false,
        system: None,
        plugins: None,
        totals: Default::default(),
        clock: easysight_protocol::now(),
    }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    url
}

fn client(url: &str, node_id: &str) -> MasterClient {
    let dir = tempfile::tempdir().unwrap();
    MasterClient::new(&settings(url, dir.path(), &["--api-token", "secret"]), node_id).unwrap()
}

#[tokio::test]
async fn paths_come_after_the_prefix_and_the_token_goes_with_them() {
    type Seen = (String, Option<String>);
    async fn echo(
        State(seen): State<mpsc::UnboundedSender<Seen>>,
        uri: Uri,
        headers: HeaderMap,
    ) -> Json<Value> {
        let token = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        seen.send((uri.to_string(), token)).unwrap();
        Json(json!({"lease_ms": 5, "revoked": []}))
    }
    let (sender, mut seen) = mpsc::unbounded_channel();
    let url = serve(Router::new().fallback(any(echo)).with_state(sender)).await;
    let client = client(&format!("{url}/eyes/"), "n1");
    assert_eq!(client.heartbeat(&beat(), ANSWER).await.unwrap().lease_ms, 5);
    client.unregister(Incarnation(Uuid::nil())).await.unwrap();
    let digest = Digest::of(b"x");
    client.component(digest, 7).await.unwrap();
    let workers = "/eyes/api/v1/diagnosis/workers";
    for path in [
        format!("{workers}/n1/heartbeat"),
        format!("{workers}/n1?incarnation={}", Uuid::nil()),
        format!("/eyes/api/v1/plugins/{digest}/component"),
    ] {
        assert_eq!(seen.recv().await.unwrap(), (path, Some("Bearer secret".into())));
    }
}

#[tokio::test]
async fn each_refusal_has_its_kind() {
    /// Refuses with the status and the slug that the node's id contains.
    async fn refuse(Path(id): Path<String>) -> (StatusCode, Json<Problem>) {
        let (status, slug) = id.split_once('.').unwrap();
        let status: u16 = status.parse().unwrap();
        (StatusCode::from_u16(status).unwrap(), Json(Problem::new(status, slug, "t", "why")))
    }
    let url = serve(Router::new().route("/api/v1/diagnosis/workers/{id}/heartbeat", post(refuse))).await;
    let met = async |id: &str| client(&url, id).heartbeat(&beat(), ANSWER).await.unwrap_err();
    assert!(matches!(met("404.no-such-node").await, CallError::Forgotten(why) if why == "why"));
    assert!(matches!(met("409.superseded").await, CallError::Superseded(_)));
    assert!(met("409.superseded").await.wants_registration());
    let in_use = met("409.node-id-in-use").await;
    assert!(matches!(&in_use, CallError::InUse(_)) && in_use.to_string().contains("why"));
    for (id, status, passes) in [
        ("401.unauthorized", 401, true),
        ("413.too-large", 413, false),
        ("422.invalid", 422, false),
        ("429.slow-down", 429, true),
        ("503.overloaded", 503, true),
    ] {
        let error = met(id).await;
        assert_eq!(error.may_pass(), passes, "{error}");
        assert!(matches!(error, CallError::Refused { status: found, .. } if found == status));
    }
    assert!(met("401.unauthorized").await.to_string().contains("--api-token"));
}

#[tokio::test]
async fn an_answer_that_is_none_is_no_answer() {
    let silly = Router::new().fallback(any(|| async { Json(json!({"verdicts": ["recorded"]})) }));
    let url = serve(silly).await;
    let none = ResultsRequest { results: Vec::new() };
    let error = client(&url, "n1").results(&none).await.unwrap_err();
    assert!(matches!(&error, CallError::Unreachable { .. }) && error.may_pass(), "{error}");
    let error = client(&url, "n1").heartbeat(&beat(), ANSWER).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }));
    // A port on which no process listens.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = client(&format!("http://{gone}"), "n1").heartbeat(&beat(), ANSWER).await.unwrap_err();
    assert!(error.to_string().contains(&gone.to_string()), "{error}");
}

#[tokio::test]
async fn a_master_that_hangs_is_not_waited_for() {
    let hanging = Router::new().fallback(any(|| async { std::future::pending::<()>().await }));
    let url = serve(hanging).await;
    let hurried = client(&url, "n1").heartbeat(&beat(), Duration::from_millis(20)).await;
    assert!(matches!(hurried, Err(CallError::Unreachable { .. })));
}

#[test]
fn an_authority_that_is_none_is_said_by_its_setting() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    for contents in [None, Some("no certificate")] {
        if let Some(contents) = contents {
            fs::write(&file, contents).unwrap();
        }
        let flags = ["--master-ca", file.to_str().unwrap()];
        let error = MasterClient::new(&settings("https://m", dir.path(), &flags), "n1").unwrap_err();
        assert!(format!("{error:#}").contains("--master-ca"), "{error:#}");
    }
}
