//! A session in a browser: a cookie contains the token. A page needs the cookie because it cannot set the header
//! `Authorization` for a stream of events or for a picture. No script can read the cookie. [`guard`](super::guard)
//! describes what the cookie may do.

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use easysight_daemon::problem::Error;
use easysight_protocol::Problem;

use crate::{
    master::{Master, Shared},
    principal::{Identity, Principal},
};

use super::guard;

/// The name of the cookie.
pub(super) const COOKIE: &str = "easysight_session";

/// Opens a session. The answer sets a cookie with the token of the request. Requests that only read (`GET`) may have
/// the cookie in place of the header, so that a page of the same site can show events and pictures. The session ends
/// when the browser is closed, when the token is no longer valid, or by `DELETE`. A master that requires no token sets
/// no cookie.
#[utoipa::path(post, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "The session is open"), (status = "default", body = Problem)))]
pub(super) async fn open(
    State(master): State<Shared>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let token = match principal.identity {
        Identity::Anybody => None,
        Identity::Token { .. } => guard::bearer(&headers),
    };
    match token {
        Some(token) => set(&master, &headers, &format!("{COOKIE}={token}")),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// Closes the session of this browser: the answer removes the cookie. The token stays valid.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "There is no session any more"), (status = "default", body = Problem)))]
pub(super) async fn close(State(master): State<Shared>, headers: HeaderMap) -> Result<Response, Error> {
    set(&master, &headers, &format!("{COOKIE}=; Max-Age=0"))
}

/// Answers with a cookie. Browsers do not send the cookie with requests from other sites (`SameSite`). If the request
/// came over TLS, to the master or to a proxy in front of it, browsers send the cookie over TLS only (`Secure`).
fn set(master: &Master, headers: &HeaderMap, cookie: &str) -> Result<Response, Error> {
    let protocol = headers.get(HeaderName::from_static("x-forwarded-proto"));
    let secure = if master.serves_tls || protocol.is_some_and(|protocol| protocol == "https") {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!("{cookie}; Path=/; HttpOnly; SameSite=Strict{secure}");
    let mut cookie = HeaderValue::from_str(&cookie)
        .map_err(|_| Error::new(StatusCode::UNAUTHORIZED, "unauthorized", "the token is not valid"))?;
    cookie.set_sensitive(true);
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie)])).into_response())
}
