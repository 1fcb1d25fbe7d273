//! Errors as problem documents (RFC 9457).

use std::time::Duration;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use easysight_address::masked_in;
use easysight_protocol::{PROBLEM_MEDIA_TYPE, Problem};

/// An error on its way to the client.
#[derive(Debug)]
pub struct Error {
    problem: Problem,
    retry_after: Option<Duration>,
}

impl Error {
    /// Makes an error. `slug` identifies the kind of error for programs: `/problems/<slug>`.
    pub fn new(status: StatusCode, slug: &str, detail: impl Into<String>) -> Self {
        let title = slug.replace('-', " ");
        // The detail may quote what the client sent, and an address in the quote may contain a password.
        let detail = masked_in(&detail.into());
        Self { problem: Problem::new(status.as_u16(), slug, title, detail), retry_after: None }
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

    /// Adds the time after which the client may try again.
    #[must_use]
    pub const fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time);
        self
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self.problem).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_MEDIA_TYPE)], body).into_response();
        if let Some(time) = self.retry_after {
            let seconds = time.as_secs_f64().ceil() as u64;
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let bearer = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
