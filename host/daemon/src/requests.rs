//! Ids of requests. A request's id is the value of its header `x-request-id`, or a new id. The response carries the id,
//! and every log line of the request shows it.

use std::{convert::Infallible, fmt, sync::Arc, time::Instant};

use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderName, HeaderValue, request::Parts},
    middleware::Next,
    response::Response,
};
use easysight_protocol::Origin;
use tracing::{Instrument, field};

use crate::telemetry;

/// The header of requests and responses that carries the id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header that carries a W3C trace context.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest id that is accepted from a client, in bytes. A longer id is replaced by a new id, because ids are stored
/// and logged.
const MAX_BYTES: usize = 128;

/// The id of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// Makes a new id. New ids sort by the time when they were made.
    #[must_use]
    pub fn new() -> Self {
        Self(easysight_protocol::fresh_id().to_string().into())
    }

    /// Returns the id that a client sent, if it consists of 1 to [`MAX_BYTES`] printable ASCII characters without
    /// spaces.
    fn given(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?;
        let fits = (1..=MAX_BYTES).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
        fits.then(|| Self(text.into()))
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The origin of the runs and jobs that a handler starts: this request.
#[derive(Debug, Clone)]
pub struct RequestOrigin(pub Origin);

impl<S: Send + Sync> FromRequestParts<S> for RequestOrigin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let request_id = parts.extensions.get::<RequestId>().map(ToString::to_string);
        Ok(Self(Origin { request_id, traceparent: telemetry::traceparent() }))
    }
}

/// The middleware that gives requests their ids. It must be the outermost middleware: requests that other middleware
/// refuses need ids too.
pub async fn name(mut request: Request, next: Next) -> Response {
    let id = request.headers().get(REQUEST_ID).and_then(RequestId::given).unwrap_or_default();
    request.extensions_mut().insert(id.clone());
    let (method, path) = (request.method(), request.uri().path());
    let span = tracing::info_span!("http", request = %id, %method, path, by = field::Empty);
    telemetry::follow(&span, request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok()));
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    span.in_scope(|| {
        let (status, took) = (response.status().as_u16(), started.elapsed());
        tracing::debug!(status, ?took, "answered");
    });
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Records who makes the current request. The later log lines of the request show this principal as `by`.
pub fn note_principal(principal: impl fmt::Display) {
    tracing::Span::current().record("by", field::display(principal));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_taken_over_only_where_it_is_fit_to_be_shown() {
        let given = |text: &[u8]| RequestId::given(&HeaderValue::from_bytes(text).unwrap());
        assert_eq!(given(b"order-66").unwrap().to_string(), "order-66");
        assert_eq!(given(b""), None);
        assert_eq!(given(b"two words"), None);
        assert_eq!(given("凌晨".as_bytes()), None);
        assert_eq!(given("x".repeat(MAX_BYTES + 1).as_bytes()), None);
        assert_ne!(RequestId::new(), RequestId::new());
    }
}
