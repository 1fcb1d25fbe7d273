//! Tokens.

use axum::{Json, extract::State, http::StatusCode};
use easysight_daemon::{body::JsonBody, problem::Error};
use easysight_protocol::{NewToken, Problem, TokenInfo, TokenRequest};

use crate::{
    access::{MAX_LIFETIME_S, make_token},
    master::Shared,
    problems::{invalid, missing, store_error},
};

use super::{by::By, check, parameters::Path};

/// Lists all tokens, without their secrets.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens",
    responses((status = 200, body = Vec<TokenInfo>), (status = "default", body = Problem)))]
pub(super) async fn list(State(master): State<Shared>) -> Result<Json<Vec<TokenInfo>>, Error> {
    let tokens = master.store.tokens().await.map_err(|error| store_error(&error))?;
    Ok(Json(tokens.into_iter().map(|token| token.info).collect()))
}

/// Creates a token. Only this answer contains the secret.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = TokenRequest,
    responses((status = 201, body = NewToken), (status = "default", body = Problem)))]
pub(super) async fn create(
    State(master): State<Shared>,
    By(actor): By,
    JsonBody(request): JsonBody<TokenRequest>,
) -> Result<(StatusCode, Json<NewToken>), Error> {
    check::name("/name", &request.name)?;
    if let Some(groups) = &request.groups {
        check::area("/groups", groups)?;
        if !request.scope.may_be_limited() {
            return Err(invalid("/groups", "only tokens of operators and viewers can be limited to groups"));
        }
    }
    match (request.expires_at, request.lifetime_s) {
        (Some(_), Some(_)) => {
            return Err(invalid("/lifetime_s", "expected `expires_at` or `lifetime_s`, not both"));
        }
        (None, Some(seconds)) if !(1..=MAX_LIFETIME_S).contains(&seconds) => {
            return Err(invalid(
                "/lifetime_s",
                format!("expected a number of seconds from 1 to {MAX_LIFETIME_S}"),
            ));
        }
        _ => {}
    }
    let made = make_token(&master.store.by(actor), request, master.clock.now()).await.map_err(|error| {
        Error::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("the token was not created: {error:#}"),
        )
    })?;
    master.access.refresh().await.map_err(|error| store_error(&error))?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Revokes a token.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "tokens",
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn revoke(
    State(master): State<Shared>,
    Path(id): Path<String>,
    By(actor): By,
) -> Result<StatusCode, Error> {
    let revoked = master.store.by(actor).revoke_token(id.clone(), master.now_ms()).await;
    let revoked = revoked.map_err(|error| store_error(&error))?;
    master.access.forget();
    master.access.refresh().await.map_err(|error| store_error(&error))?;
    if revoked { Ok(StatusCode::NO_CONTENT) } else { Err(missing("token", id)) }
}
