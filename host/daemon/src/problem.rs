//! Errors as problem documents (RFC 9457).

use std::{collections::BTreeMap, time::Duration};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use easysight_address::masked_in;
use easysight_protocol::{PROBLEM_MEDIA_TYPE, Problem};
use serde_json::Value;

/// An error on its way to the client.
#[derive(Debug)]
pub struct Error {
    problem: Problem,
    /// Boxed, because most results of handlers have room for an error.
    rest: Box<Rest>,
}

/// What only some errors have.
#[derive(Debug, Default)]
struct Rest {
    retry_after: Option<Duration>,
    etag: Option<String>,
    reason: Option<Reason>,
}

/// The reason of an error, for a program that explains the error in the language of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The reason's code.
    pub code: &'static str,
    /// The values that belong into an explanation, by name.
    pub values: BTreeMap<String, Value>,
}

impl Error {
    /// Makes an error. `slug` identifies the kind of error for programs: `/problems/<slug>`.
    pub fn new(status: StatusCode, slug: &str, detail: impl Into<String>) -> Self {
        let title = slug.replace('-', " ");
        // The detail may quote what the client sent, and an address in the quote may contain a password.
        let detail = masked_in(&detail.into());
        Self { problem: Problem::new(status.as_u16(), slug, title, detail), rest: Box::default() }
    }

    /// Returns the detail: what happened and what to do about it.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.problem.detail
    }

    /// Adds a JSON Pointer to the offending field.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.problem = self.problem.at(masked_in(&field.into()));
        self
    }

    /// Adds a reason, which the problem document does not show. A later reason replaces an earlier one.
    #[must_use]
    pub fn because<const N: usize>(mut self, code: &'static str, values: [(&str, Value); N]) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.rest.reason = Some(Reason { code, values });
        self
    }

    /// Returns the reason, if the error has one.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        self.rest.reason.as_ref()
    }

    /// Adds the time after which the client may try again.
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.rest.retry_after = Some(time);
        self
    }

    /// Adds the entity tag of the current version, for a client whose precondition does not hold.
    #[must_use]
    pub fn etag(mut self, tag: String) -> Self {
        self.rest.etag = Some(tag);
        self
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self.problem).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_MEDIA_TYPE)], body).into_response();
        if let Some(time) = self.rest.retry_after {
            let seconds = time.as_secs_f64().ceil() as u64;
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(tag) = self.rest.etag {
            match HeaderValue::try_from(tag) {
                Ok(tag) => {
                    response.headers_mut().insert(header::ETAG, tag);
                }
                Err(error) => tracing::error!(%error, "an entity tag cannot be sent"),
            }
        }
        if status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
