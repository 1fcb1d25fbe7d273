//! Guards the handlers: checks who makes the request, whether the request is allowed, and that it does not come from a
//! page of another site. Handlers find the [`Principal`](crate::principal::Principal) in the request's extensions.
//!
//! A token is sent in the header `Authorization`. Requests that only read may send the token in the session cookie
//! instead. The cookie of a user's session is also accepted for changes, but only with the header
//! `X-EasySight-Request`. A browser adds cookies to requests automatically, so a cookie must never be enough to change
//! something. A form cannot add a header, and a script of another site could add it only with the master's permission
//! (CORS), which the master does not give.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Extensions, HeaderMap, HeaderName, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use easysight_daemon::{problem::Error, requests, site};

use crate::{
    access::Credentials,
    master::{Master, Shared},
    principal::{Need, Principal},
    sessions,
};

use super::{by::actor, session::COOKIE};

/// The header that a change with the cookie of a user's session needs, with any value.
const PROOF: HeaderName = HeaderName::from_static("x-easysight-request");

pub(super) async fn check(
    State((master, need)): State<(Shared, Need)>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Err(error) = same_site(request.headers()) {
        return error.into_response();
    }
    let (method, headers, extensions) = (request.method(), request.headers(), request.extensions());
    let credentials = credentials(method, headers, master.store.installation());
    let allowed = async {
        let principal = master.access.authenticate(credentials).await?;
        if let Err(error) = principal.must_meet(need) {
            note_refusal(&master, &principal, method, headers, extensions).await;
            return Err(error);
        }
        Ok::<_, Error>(principal)
    };
    match allowed.await {
        Ok(principal) => {
            requests::note_principal(&principal);
            // The store refuses changes that lead outside of the caller's area.
            let may_be_refused = !principal.area.is_all() && !request.method().is_safe();
            let changing = may_be_refused.then(|| {
                let (method, headers) = (request.method().clone(), request.headers().clone());
                (principal.clone(), method, headers, request.extensions().clone())
            });
            request.extensions_mut().insert(principal);
            let response = next.run(request).await;
            if let Some((principal, method, headers, extensions)) = changing
                && response.status() == StatusCode::FORBIDDEN
            {
                note_refusal(&master, &principal, &method, &headers, &extensions).await;
            }
            response
        }
        Err(error) => error.into_response(),
    }
}

/// Refuses requests to an open master that name a host whose address somebody else could have chosen: a page of that
/// host has the master's own origin, so [`same_site`] cannot tell it from a page of the master.
pub(super) async fn own_host(State(master): State<Shared>, mut request: Request, next: Next) -> Response {
    site::complete(&mut request);
    if master.access.is_open() && !site::is_certain(request.headers()) {
        let detail = "nobody has to sign in to this master, so it answers only to the name `localhost` and to IP \
                      addresses: a web page could use any other name to get in. Open http://localhost with the port of \
                      this master, or let people sign in: `easysight-master user create` creates a user, \
                      `easysight-master token create` a token. If a reverse proxy passes requests on, also start the \
                      master with --trusted-proxies";
        return Error::new(StatusCode::FORBIDDEN, "host-not-allowed", detail).into_response();
    }
    next.run(request).await
}

/// Records in the audit log that a known caller was not allowed to change something. Requests that only read are not
/// recorded.
async fn note_refusal(
    master: &Master,
    principal: &Principal,
    method: &Method,
    headers: &HeaderMap,
    extensions: &Extensions,
) {
    if method.is_safe() {
        return;
    }
    let path = extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let request = format!("{method} {path}");
    if !master.refusals.is_new(principal.to_string(), request.clone(), Instant::now()) {
        return;
    }
    let by = master.store.by(actor(principal, headers, extensions));
    if let Err(error) = by.note_refusal(request, master.now_ms()).await {
        tracing::error!(%error, by = %principal, "a refused request cannot be recorded in the audit log");
    }
}

/// Returns the credentials of a request. The header `Authorization` takes precedence over the cookie. `installation` is
/// the id of the database.
pub(super) fn credentials<'a>(
    method: &Method,
    headers: &'a HeaderMap,
    installation: &str,
) -> Credentials<'a> {
    if headers.contains_key(header::AUTHORIZATION) {
        return bearer(headers).map_or(Credentials::Missing, Credentials::Bearer);
    }
    let reads = method == Method::GET || method == Method::HEAD;
    match cookie(headers, installation) {
        Some(secret) if secret.starts_with(sessions::PREFIX) => {
            if reads || headers.contains_key(PROOF) {
                Credentials::Session(secret)
            } else {
                Credentials::Unproven
            }
        }
        Some(token) if reads => Credentials::Bearer(token),
        _ => Credentials::Missing,
    }
}

/// Returns the token of the header `Authorization`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Returns the value of this database's session cookie: a token, or the secret of a user's session.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, installation: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let is_own = |name: &str| name.strip_prefix(COOKIE) == Some(installation);
    pairs.find_map(|(name, value)| (is_own(name) && !value.is_empty()).then_some(value))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Refuses requests from pages of other sites. The header `Origin`, which a browser adds, names the site of the page.
/// Pages of other sites have no access, even if the browser runs on the same machine.
pub(super) fn same_site(headers: &HeaderMap) -> Result<(), Error> {
    let Some(origin) = text(headers, header::ORIGIN) else { return Ok(()) };
    let site = origin.split_once("://").map_or(origin, |(_, site)| site);
    let forwarded = text(headers, HeaderName::from_static("x-forwarded-host"));
    if Some(site) == text(headers, header::HOST) || Some(site) == forwarded {
        return Ok(());
    }
    let detail = "pages of other sites may not call this API";
    Err(Error::new(StatusCode::FORBIDDEN, "foreign-origin", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(method: &Method, headers: &[(HeaderName, &'static str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        match credentials(method, &map, "0a1b2c3d") {
            Credentials::Missing => None,
            Credentials::Bearer(secret) | Credentials::Session(secret) => Some(secret.to_owned()),
            Credentials::Unproven => Some("unproven".into()),
        }
    }

    #[test]
    fn the_cookie_of_a_user_changes_something_only_with_the_header() {
        let jar = [(header::COOKIE, "easysight_session_0a1b2c3d=us_1_2")];
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(token(&method, &jar).as_deref(), Some("us_1_2"));
        }
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(token(&method, &jar).as_deref(), Some("unproven"), "{method}");
            let proven = [jar[0].clone(), (PROOF, "console")];
            assert_eq!(token(&method, &proven).as_deref(), Some("us_1_2"), "{method}");
            let both = [jar[0].clone(), (header::AUTHORIZATION, "Bearer es_3_4")];
            assert_eq!(token(&method, &both).as_deref(), Some("es_3_4"), "{method}");
        }
    }

    #[test]
    fn the_cookies_of_other_databases_do_not_count() {
        for name in ["easysight_session_ffffffff", "easysight_session_", "easysight_session", "0a1b2c3d"] {
            let mut headers = HeaderMap::new();
            let other = format!("{name}=us_1_2");
            headers.append(header::COOKIE, other.parse().unwrap());
            assert_eq!(cookie(&headers, "0a1b2c3d"), None, "{name}");
            let both = format!("{other}; easysight_session_0a1b2c3d=us_3_4");
            headers.insert(header::COOKIE, both.parse().unwrap());
            assert_eq!(cookie(&headers, "0a1b2c3d"), Some("us_3_4"), "{name}");
        }
    }

    #[test]
    fn the_cookie_of_a_token_is_enough_to_read_and_for_nothing_else() {
        let (header, cookie) = (header::AUTHORIZATION, header::COOKIE);
        let jar = [(cookie.clone(), "a=b; easysight_session_0a1b2c3d=es_1_2 ;c=d")];
        assert_eq!(token(&Method::GET, &jar).as_deref(), Some("es_1_2"));
        assert_eq!(token(&Method::HEAD, &jar).as_deref(), Some("es_1_2"));
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(token(&method, &jar), None, "{method}");
            let proven = [jar[0].clone(), (PROOF, "console")];
            assert_eq!(token(&method, &proven), None, "{method}");
        }
        // The header takes precedence over the cookie.
        let both = [(cookie.clone(), "easysight_session_0a1b2c3d=es_1_2"), (header.clone(), "Bearer es_3_4")];
        assert_eq!(token(&Method::GET, &both).as_deref(), Some("es_3_4"));
        let other = [(cookie.clone(), "easysight_session_0a1b2c3d=es_1_2"), (header, "Basic x")];
        assert_eq!(token(&Method::GET, &other), None);
        assert_eq!(token(&Method::GET, &[(cookie, "easysight_session_0a1b2c3d=")]), None);
    }
}
