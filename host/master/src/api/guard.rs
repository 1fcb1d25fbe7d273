//! Before any handler: is this caller allowed, and no page of another site?

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use easysight_daemon::problem::Error;

use crate::{access::Need, master::Shared};

pub(super) async fn check(
    State((master, need)): State<(Shared, Need)>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(error) = same_site(request.headers()) {
        return error.into_response();
    }
    let bearer = text(request.headers(), header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    match master.access.check(bearer, need).await {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// A browser says which page a request comes from. One of another site has no business here, even
/// where the browser runs on this very machine.
fn same_site(headers: &HeaderMap) -> Result<(), Error> {
    let Some(origin) = text(headers, header::ORIGIN) else { return Ok(()) };
    let site = origin.split_once("://").map_or(origin, |(_, site)| site);
    let forwarded = text(headers, HeaderName::from_static("x-forwarded-host"));
    if Some(site) == text(headers, header::HOST) || Some(site) == forwarded {
        return Ok(());
    }
    let detail = "pages of other sites may not call this";
    Err(Error::new(StatusCode::FORBIDDEN, "foreign-origin", detail))
}
