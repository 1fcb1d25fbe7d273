//! The link with which the first administrator is created; see [`crate::welcome`].

use axum::{
    extract::State,
    http::{Extensions, HeaderMap},
    response::Response,
};
use easysight_daemon::{body::JsonBody, problem::Error};
use easysight_protocol::{Problem, WelcomeRequest};

use crate::{master::Shared, principal::Principal, welcome::welcome};

use super::{by::actor, check, guard, session};

/// Creates the first administrator with the secret of a link, and opens a session: the answer sets a cookie. A master
/// that requires credentials, and to which nobody has access, logs such a link when it starts.
#[utoipa::path(post, path = "/api/v1/welcome", tag = "session", request_body = WelcomeRequest,
    responses((status = 204, description = "The administrator was created, and the session is open"),
        (status = 404, body = Problem, description = "The link is not valid"),
        (status = "default", body = Problem)))]
pub(super) async fn begin(
    State(master): State<Shared>,
    headers: HeaderMap,
    extensions: Extensions,
    JsonBody(request): JsonBody<WelcomeRequest>,
) -> Result<Response, Error> {
    guard::same_site(&headers)?;
    check::link_secret("/secret", &request.secret)?;
    check::name("/name", &request.name)?;
    check::new_password("/password", &request.password)?;
    let actor = actor(&Principal::ANYBODY, &headers, &extensions);
    let secret = welcome(&master, request, actor).await?;
    session::set(&master, &headers, &secret)
}
