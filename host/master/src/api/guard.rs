//! Guards all handlers: checks who makes the request, whether the request is allowed, and that it does not come
//! from a page of another site. Handlers find the [`Principal`](crate::principal::Principal) in the request's
//! extensions.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use easysight_daemon::{problem::Error, requests};

use crate::{access::Credentials, master::Shared, principal::Need};

pub(super) async fn check(
    State((master, need)): State<(Shared, Need)>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Err(error) = same_site(request.headers()) {
        return error.into_response();
    }
    let credentials = credentials(request.headers());
    let allowed = async {
        let principal = master.access.authenticate(credentials).await?;
        principal.must_meet(need)?;
        Ok::<_, Error>(principal)
    };
    match allowed.await {
        Ok(principal) => {
            requests::note_principal(&principal);
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

fn credentials(headers: &HeaderMap) -> Credentials<'_> {
    let bearer = text(headers, header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    bearer.map_or(Credentials::Missing, Credentials::Bearer)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Refuses requests from pages of other sites. A browser states the page from which a request comes. Pages of other
/// sites have no access, even if the browser runs on the same machine.
fn same_site(headers: &HeaderMap) -> Result<(), Error> {
    let Some(origin) = text(headers, header::ORIGIN) else { return Ok(()) };
    let site = origin.split_once("://").map_or(origin, |(_, site)| site);
    let forwarded = text(headers, HeaderName::from_static("x-forwarded-host"));
    if Some(site) == text(headers, header::HOST) || Some(site) == forwarded {
        return Ok(());
    }
    let detail = "pages of other sites may not call this API";
    Err(Error::new(StatusCode::FORBIDDEN, "foreign-origin", detail))
}
