//! Sessions in a browser. A cookie contains the secret of a user's session, or a token. A page needs the cookie because
//! it cannot set the header `Authorization` for a stream of events or for a picture. No script can read the cookie.
//! [`guard`](super::guard) describes what the cookie may do.

use axum::{
    Extension, Json,
    extract::State,
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use easysight_daemon::{body::JsonBody, problem::Error, requests};
use easysight_protocol::{Identified, PasswordChange, Problem, SessionInfo, SessionRequest};

use crate::{
    access::Credentials,
    master::{Master, Shared},
    principal::{Identity, Principal},
    problems::{invalid, store_error},
    proxies::Client,
    sign_in::{Attempt, confirm, sign_in},
};

use super::{
    by::{By, actor},
    check, guard,
};

/// The name of the cookie, before the id of the database. A browser sends all cookies of a host to each of its ports
/// and paths, so masters of different databases need different names. All masters of one database use the same name.
pub(super) const COOKIE: &str = "easysight_session_";

/// The value that removes the cookie.
const REMOVED: &str = "; Max-Age=0";

/// Opens a session. The request has a name and a password in its body, or a token in its header `Authorization`. The
/// answer sets a cookie. The session of a user has the rights of the user; a request that changes something must also
/// have the header `X-EasySight-Request`, with any value. `DELETE` ends a session. A session also ends after some hours
/// without a request, and after some days in any case. The cookie of a token is accepted only for requests that read
/// (`GET`), until the token is no longer valid. Both cookies end when the browser is closed. A master that requires no
/// token sets no cookie for a token. After several wrong passwords, sign-ins must wait (429, `Retry-After`).
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = SessionRequest,
    responses((status = 204, description = "The session is open"), (status = "default", body = Problem)))]
pub(super) async fn open(
    State(master): State<Shared>,
    client: Client,
    headers: HeaderMap,
    extensions: Extensions,
    JsonBody(request): JsonBody<SessionRequest>,
) -> Result<Response, Error> {
    guard::same_site(&headers)?;
    let secret = match (request.name, request.password) {
        (Some(name), Some(password)) => {
            check::name("/name", &name)?;
            let actor = actor(&Principal::ANYBODY, &headers, &extensions);
            let secret = sign_in(&master, Attempt { name, password, client, actor }).await?;
            close_former(&master, &headers, &extensions).await;
            secret
        }
        (None, None) => {
            let bearer = guard::bearer(&headers);
            let credentials = bearer.map_or(Credentials::Missing, Credentials::Bearer);
            let principal = master.access.authenticate(credentials).await?;
            requests::note_principal(&principal);
            match (&principal.identity, bearer) {
                (Identity::Token { id, .. }, Some(token)) => {
                    let by = master.store.by(actor(&principal, &headers, &extensions));
                    // The token is valid, and its holder may read even while nothing can be written.
                    if let Err(error) = by.note_session_of_token(id, master.now_ms()).await {
                        tracing::error!(%error, "a sign-in with a token cannot be recorded in the audit log");
                    }
                    close_former(&master, &headers, &extensions).await;
                    token.to_owned()
                }
                _ => return Ok(StatusCode::NO_CONTENT.into_response()),
            }
        }
        (None, Some(_)) => return Err(invalid("/name", "expected the name of the user beside the password")),
        (Some(_), None) => return Err(invalid("/password", "expected the password of the user")),
    };
    set(&master, &headers, &secret)
}

/// Closes the previous session of this browser, perhaps of another user. If this fails, the session ends later by
/// itself.
async fn close_former(master: &Master, headers: &HeaderMap, extensions: &Extensions) {
    let Some(former) = guard::cookie(headers, master.store.installation()) else { return };
    let by = |principal: &Principal| actor(principal, headers, extensions);
    if let Err(error) = master.access.sessions.close(former, by).await {
        tracing::warn!(?error, "the former session of a browser was not closed");
    }
}

/// Returns who makes this request and what this client may do.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = SessionInfo), (status = "default", body = Problem)))]
pub(super) async fn about(
    State(master): State<Shared>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<SessionInfo>, Error> {
    let open = master.access.is_open();
    let Principal { identity, scope, area } = principal;
    let groups = area.groups().map(|groups| groups.iter().cloned().collect());
    Ok(Json(match identity {
        Identity::Anybody => SessionInfo {
            identity: Identified::Anybody,
            id: None,
            name: None,
            scope,
            groups,
            open,
            ends_at: None,
            idle_s: None,
        },
        Identity::Token { id, name } => {
            let token = master.store.token(&id).await.map_err(|error| store_error(&error))?;
            let ends_at = token.and_then(|token| token.info.expires_at);
            let identity = Identified::Token;
            SessionInfo {
                identity,
                id: Some(id),
                name: Some(name),
                scope,
                groups,
                open,
                ends_at,
                idle_s: None,
            }
        }
        Identity::User { id, name, session } => {
            let session = master.access.sessions.current(&session).await?;
            let idle_ms = master.access.sessions.lifetimes().idle_ms;
            SessionInfo {
                identity: Identified::User,
                id: Some(id),
                name: Some(name),
                scope,
                groups,
                open,
                ends_at: session.map(|session| session.expires_at),
                idle_s: Some(idle_ms.unsigned_abs() / 1_000),
            }
        }
    }))
}

/// Closes the session of this browser: the answer removes the cookie. The session of a user ends; a token stays valid.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "The session has ended"), (status = "default", body = Problem)))]
pub(super) async fn close(
    State(master): State<Shared>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Error> {
    guard::same_site(&headers)?;
    let by = |principal: &Principal| actor(principal, &headers, &extensions);
    match guard::credentials(&Method::DELETE, &headers, master.store.installation()) {
        Credentials::Session(secret) => master.access.sessions.close(secret, by).await?,
        credentials @ Credentials::Unproven => drop(master.access.authenticate(credentials).await?),
        Credentials::Missing | Credentials::Bearer(_) => {}
    }
    set(&master, &headers, REMOVED)
}

/// Signs the user out everywhere: all sessions of the user end, including this one. Other masters that share the
/// database notice this within seconds.
#[utoipa::path(delete, path = "/api/v1/session/all", tag = "session",
    responses((status = 204, description = "All sessions of the user have ended"),
        (status = 409, body = Problem, description = "The request has no session of a user"),
        (status = "default", body = Problem)))]
pub(super) async fn close_all(
    State(master): State<Shared>,
    Extension(principal): Extension<Principal>,
    By(actor): By,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let (user, _, _) = user_of(&principal)?;
    let ended = master.store.by(actor).end_sessions_of(user.to_owned(), master.now_ms()).await;
    let ended = ended.map_err(|error| store_error(&error))?;
    master.access.forget();
    tracing::info!(%principal, sessions = ended, "signed out everywhere");
    set(&master, &headers, REMOVED)
}

/// Changes the user's own password. The user's other sessions end.
#[utoipa::path(put, path = "/api/v1/session/password", tag = "session", request_body = PasswordChange,
    responses((status = 204, description = "The password is changed"),
        (status = 409, body = Problem, description = "The request has no session of a user"),
        (status = "default", body = Problem)))]
pub(super) async fn change_password(
    State(master): State<Shared>,
    Extension(principal): Extension<Principal>,
    client: Client,
    By(actor): By,
    JsonBody(change): JsonBody<PasswordChange>,
) -> Result<StatusCode, Error> {
    check::new_password("/new_password", &change.new_password)?;
    let (id, name, session) = user_of(&principal)?;
    let wrong = || invalid("/old_password", "this is not your current password");
    let attempt =
        Attempt { name: name.to_owned(), password: change.old_password, client, actor: actor.clone() };
    let confirmed = confirm(&master, attempt).await.map_err(|error| error.at("/old_password"))?;
    let user = confirmed.filter(|user| user.info.id == id).ok_or_else(wrong)?;
    let password = master.passwords.place().await?.hash(change.new_password).await?;
    let (id, session) = (id.to_owned(), session.to_owned());
    let replaced =
        master.store.by(actor).replace_password(id, user.password, password, session, master.now_ms()).await;
    if !replaced.map_err(|error| store_error(&error))? {
        return Err(wrong());
    }
    master.access.forget();
    tracing::info!(%principal, "the password was changed");
    Ok(StatusCode::NO_CONTENT)
}

/// Returns the id and the name of the user, and the id of the session.
fn user_of(principal: &Principal) -> Result<(&str, &str, &str), Error> {
    match &principal.identity {
        Identity::User { id, name, session } => Ok((id, name, session)),
        Identity::Anybody | Identity::Token { .. } => {
            let detail = format!("{principal} has no session of a user: sign in with a name and a password");
            Err(Error::new(StatusCode::CONFLICT, "no-session", detail))
        }
    }
}

/// Answers with a cookie that has this value. Browsers do not send the cookie with requests from other sites (`SameSite`). If the request
/// came over TLS, to the master or to a proxy in front of it, browsers send the cookie over TLS only (`Secure`).
pub(super) fn set(master: &Master, headers: &HeaderMap, value: &str) -> Result<Response, Error> {
    let protocol = headers.get(HeaderName::from_static("x-forwarded-proto"));
    let secure = if master.serves_tls || protocol.is_some_and(|protocol| protocol == "https") {
        "; Secure"
    } else {
        ""
    };
    let name = master.store.installation();
    let cookie = format!("{COOKIE}{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}");
    let mut cookie = HeaderValue::from_str(&cookie)
        .map_err(|_| Error::new(StatusCode::UNAUTHORIZED, "unauthorized", "the token is not valid"))?;
    cookie.set_sensitive(true);
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, cookie)])).into_response())
}
