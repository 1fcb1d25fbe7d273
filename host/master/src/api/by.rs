//! The caller of a request, as the audit log describes it.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{Extensions, HeaderMap, HeaderName, StatusCode, header, request::Parts},
};
use easysight_daemon::{problem::Error, requests::RequestId};
use easysight_protocol::{ActorKind, AuditActor, AuditWay};
use easysight_store::{Actor, Area};

use crate::principal::{Identity, Principal};

/// The longest part of the header `X-Forwarded-For` that is recorded, in characters.
const MAX_FORWARDED: usize = 200;
/// The header in which proxies name the client's address.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The header with which browsers state whether a page of this site sent a request. Scripts cannot set it.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The beginning of the header `User-Agent` of the command line.
const COMMAND_LINE: &str = "easysight/";

/// The caller of this request. Handlers pass it to the store with each change.
pub(super) struct By(pub(super) Actor);

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(Self(actor(principal(parts)?, &parts.headers, &parts.extensions)))
    }
}

/// The cameras that the caller of this request may see. Handlers pass it to the store with each query.
pub(super) struct Within(pub(super) Area);

impl<S: Send + Sync> FromRequestParts<S> for Within {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(Self(principal(parts)?.area.clone()))
    }
}

/// Returns the caller, whom the guard has determined.
fn principal(parts: &Parts) -> Result<&Principal, Error> {
    parts.extensions.get::<Principal>().ok_or_else(|| {
        let detail = "the caller of the request was not determined";
        Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    })
}

/// Describes the caller of a request.
pub(super) fn actor(principal: &Principal, headers: &HeaderMap, extensions: &Extensions) -> Actor {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let forwarded = headers.get(FORWARDED_FOR).and_then(|value| value.to_str().ok());
    Actor {
        who: who(&principal.identity),
        way: way(headers),
        address: peer.map(|ConnectInfo(address)| address.ip().to_canonical().to_string()),
        forwarded_for: forwarded.map(|text| text.chars().take(MAX_FORWARDED).collect()),
        request_id: extensions.get::<RequestId>().map(ToString::to_string),
        area: principal.area.clone(),
    }
}

fn who(identity: &Identity) -> AuditActor {
    match identity {
        Identity::Anybody => AuditActor { kind: ActorKind::Anybody, id: None, name: None },
        Identity::Token { id, name } => {
            AuditActor { kind: ActorKind::Token, id: Some(id.clone()), name: Some(name.clone()) }
        }
        Identity::User { id, name, .. } => {
            AuditActor { kind: ActorKind::User, id: Some(id.clone()), name: Some(name.clone()) }
        }
    }
}

/// Returns the program that sent a request. Browsers add a header to the requests of pages. Requests from pages of
/// other sites were refused before.
fn way(headers: &HeaderMap) -> AuditWay {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if headers.contains_key(FETCH_SITE) || headers.contains_key(header::ORIGIN) {
        AuditWay::Console
    } else if agent.starts_with(COMMAND_LINE) {
        AuditWay::Cli
    } else {
        AuditWay::Api
    }
}

#[cfg(test)]
mod tests {
    use easysight_protocol::Scope;

    use super::*;

    fn seen(headers: &[(HeaderName, &str)]) -> Actor {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        let identity = Identity::Token { id: "1".into(), name: "me".into() };
        let mut extensions = Extensions::new();
        let peer: SocketAddr = "[::ffff:10.0.0.7]:4711".parse().unwrap();
        extensions.insert(ConnectInfo(peer));
        actor(&Principal { identity, scope: Scope::Admin, area: Area::ALL }, &map, &extensions)
    }

    #[test]
    fn the_program_is_known_by_what_it_sends() {
        let agent = header::USER_AGENT;
        assert_eq!(seen(&[]).way, AuditWay::Api);
        assert_eq!(seen(&[(agent.clone(), "curl/8")]).way, AuditWay::Api);
        assert_eq!(seen(&[(agent.clone(), "easysight-worker/1")]).way, AuditWay::Api);
        assert_eq!(seen(&[(agent.clone(), "easysight/0.1.0")]).way, AuditWay::Cli);
        let browser = [(agent, "Mozilla/5.0"), (FETCH_SITE, "same-origin")];
        assert_eq!(seen(&browser).way, AuditWay::Console);
    }

    #[test]
    fn the_address_is_that_of_the_connection_and_a_long_header_is_cut() {
        let long = "9".repeat(5_000);
        let actor = seen(&[(FORWARDED_FOR, &long)]);
        assert_eq!(actor.address.as_deref(), Some("10.0.0.7"));
        assert_eq!(actor.forwarded_for.map(|text| text.len()), Some(MAX_FORWARDED));
        assert_eq!(actor.who.name.as_deref(), Some("me"));
    }
}
