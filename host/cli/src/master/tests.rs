//! Tests of the client with servers that the tests start.

use std::future::IntoFuture;

use axum::{
    Json, Router,
    extract::{Path, Query},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::{delete, get, post},
};
use easysight_protocol::{Problem, PublishedPlugin};
use serde_json::{Value, json};

use super::*;

/// Starts a master that serves these routes under this prefix.
pub(crate) async fn serve(router: Router, prefix: &str, token: Option<&str>) -> Master {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{prefix}", listener.local_addr().unwrap());
    let router =
        if prefix.is_empty() { router } else { Router::new().nest(prefix.trim_end_matches('/'), router) };
    tokio::spawn(axum::serve(listener, router).into_future());
    Master::new(&MasterArguments::for_tests(&url, token)).unwrap()
}

fn problem(problem: &Problem) -> impl IntoResponse + use<> {
    let status = StatusCode::from_u16(problem.status).unwrap();
    (status, [(header::CONTENT_TYPE, "application/problem+json")], serde_json::to_string(problem).unwrap())
}

#[derive(serde::Deserialize)]
struct Asked {
    after: Option<String>,
    group: String,
}

#[tokio::test]
async fn a_list_is_read_to_its_last_page() {
    let page = |Query(asked): Query<Asked>| async move {
        assert_eq!(asked.group, "a&b");
        Json(match asked.after.as_deref() {
            None => json!({ "items": [1, 2], "next": "x y" }),
            Some("x y") => json!({ "items": [3, 4], "next": "z" }),
            _ => json!({ "items": [5], "next": null }),
        })
    };
    let master = serve(Router::new().route("/api/v1/numbers", get(page)), "", None).await;
    let query = [("group", "a&b")];
    let all: Vec<u32> = master.list(&["numbers"], &query, usize::MAX).await.unwrap();
    assert_eq!(all, [1, 2, 3, 4, 5]);
    let some: Vec<u32> = master.list(&["numbers"], &query, 3).await.unwrap();
    assert_eq!(some, [1, 2, 3]);
}

#[tokio::test]
async fn pages_that_go_round_in_circles_are_given_up() {
    let page = || async { Json(json!({ "items": [1], "next": "x" })) };
    let master = serve(Router::new().route("/api/v1/numbers", get(page)), "", None).await;
    let error = master.list::<u32>(&["numbers"], &[], usize::MAX).await.unwrap_err();
    assert!(error.to_string().contains("again and again"), "{error}");
}

#[tokio::test]
async fn prefix_token_and_odd_ids_reach_the_master() {
    let show = |Path(id): Path<String>, headers: HeaderMap| async move {
        Json(json!([id, headers.get(header::AUTHORIZATION).unwrap().to_str().unwrap()]))
    };
    for prefix in ["/sight/one", "/sight/one/"] {
        let router = Router::new().route("/api/v1/diagnosis/cameras/{id}", get(show));
        let master = serve(router, prefix, Some(" secret\n")).await;
        let answer: Value = master.get(&["diagnosis", "cameras", "a/b?c#d %"]).await.unwrap();
        assert_eq!(answer, json!(["a/b?c#d %", "Bearer secret"]));
        assert!(!format!("{master:?}").contains("secret"));
    }
}

#[tokio::test]
async fn an_id_that_would_lead_elsewhere_is_not_sent() {
    let gone = || async { StatusCode::NO_CONTENT };
    let master = serve(Router::new().route("/api/v1/diagnosis", delete(gone)), "", None).await;
    for id in ["", ".", ".."] {
        let error = master.request(Method::DELETE, &["diagnosis", "cameras", id]).unwrap_err();
        assert_eq!(error.to_string(), format!("`{id}` is not an id"));
    }
}

#[tokio::test]
async fn a_problem_is_told_from_an_answer_of_someone_else() {
    let router = Router::new()
        .route(
            "/api/v1/problem",
            post(|| async { problem(&Problem::new(422, "invalid", "Invalid", "too many").at("/priority")) }),
        )
        .route("/api/v1/proxy", post(|| async { (StatusCode::BAD_GATEWAY, "<html>\n  bad\u{1b} gateway") }))
        .route("/api/v1/moved", post(|| async { axum::response::Redirect::permanent("https://there/") }))
        .route("/api/v1/page", post(|| async { "<html>welcome" }));
    let master = serve(router, "", None).await;
    for (path, words) in [
        ("problem", "too many (/priority, 422)"),
        ("proxy", "answered 502, but the answer is not from a master: <html> bad  gateway."),
        ("moved", "redirects to https://there/"),
        ("page", "but the answer is not from a master: expected value at line 1 column 1 in <html>welcome"),
    ] {
        let request = master.request(Method::POST, &[path]).unwrap();
        let error = master.answer::<Value>(request).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_status_tells_a_new_plugin_from_an_old_one() {
    let plugin = json!({
        "digest": "0", "name": "freeze", "version": "1.0.0", "size_bytes": 1, "diagnoses": [],
        "config_schema": {}, "published_at": "2026-01-01T00:00:00Z", "active_for": [],
    });
    let push = || async move { (StatusCode::CREATED, Json(plugin)) };
    let master = serve(Router::new().route("/api/v1/plugins", post(push)), "", None).await;
    let request = master.request(Method::POST, &["plugins"]).unwrap().body("bytes");
    let (status, plugin): (_, PublishedPlugin) = master.status_and_answer(request).await.unwrap();
    assert_eq!((status, plugin.name.as_str()), (StatusCode::CREATED, "freeze"));
}

#[tokio::test]
async fn a_master_that_is_not_there_is_named_with_what_to_check() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let master = Master::new(&MasterArguments::for_tests(&url, None)).unwrap();
    let error = master.get::<Value>(&["plugins"]).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("{url}/ cannot be reached: ")), "{error}");
    assert!(error.contains("--master (EASYSIGHT_MASTER)"), "{error}");
}

#[test]
fn what_is_no_masters_url_is_refused() {
    for url in ["", "localhost:8000", "ftp://there", "http://", "http://a:b@there", "http://there?x=1"] {
        let error = Master::new(&MasterArguments::for_tests(url, None)).unwrap_err().to_string();
        assert!(error.contains("--master (EASYSIGHT_MASTER)"), "{url}: {error}");
        assert!(!error.contains("a:b"), "{error}");
    }
}

#[test]
fn https_needs_nothing_but_a_client() {
    Master::new(&MasterArguments::for_tests("https://there.example/sight", None)).unwrap();
}
