//! Guards the API: clients must send the token if one is set, and pages of other sites are refused.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use subtle::ConstantTimeEq;

use easysight_daemon::problem::Error;

use super::Node;

pub(super) async fn check(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    match refusal(&node, request.headers()) {
        Some(error) => error.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(node: &Node, headers: &HeaderMap) -> Option<Error> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    // A browser sends the origin of the page that makes the request. Pages of other sites may not call this API,
    // even if the browser runs on the same machine.
    if let Some(origin) = text(header::ORIGIN) {
        let site = origin.split_once("://").map_or(origin, |(_, site)| site);
        if Some(site) != text(header::HOST) {
            return Some(Error::new(
                StatusCode::FORBIDDEN,
                "foreign-origin",
                "pages of other sites may not call this API",
            ));
        }
    }
    let token = node.settings.api_token.as_ref()?;
    let given = text(header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let matches = given.is_some_and(|given| bool::from(given.as_bytes().ct_eq(token.0.as_bytes())));
    if matches {
        return None;
    }
    let detail = "send the worker's API token: Authorization: Bearer …";
    Some(Error::new(StatusCode::UNAUTHORIZED, "unauthorized", detail))
}
