//! Parameters of paths and queries, among them the page of a list. Invalid parameters cause problem responses.

use axum::{
    extract::{self, FromRequestParts, Query},
    http::{StatusCode, request::Parts},
};
use easysight_daemon::problem::Error;
use easysight_store::PageRequest;
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;

/// The largest number of items on a page. [`PAGE`] is the default.
const MAX_PAGE: u32 = 1_000;
const PAGE: u32 = 100;

/// Parameters of a path.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let extract::Path(parameters) =
            extract::Path::from_request_parts(parts, state).await.map_err(|rejection| {
                Error::new(StatusCode::BAD_REQUEST, "invalid-path", rejection.body_text())
            })?;
        Ok(Self(parameters))
    }
}

/// Parameters of a query.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Query(params) = Query::from_request_parts(parts, state).await.map_err(|rejection| {
            Error::new(StatusCode::BAD_REQUEST, "invalid-query", rejection.body_text())
        })?;
        Ok(Self(params))
    }
}

/// The page of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The value of `next` on the previous page.
    pub(super) after: Option<String>,
    /// The largest number of items on the page, 1 to 1000. If absent, 100.
    #[param(minimum = 1, maximum = 1_000)]
    pub(super) limit: Option<u32>,
}

impl PageQuery {
    pub(super) fn page(self) -> Result<PageRequest, Error> {
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            let detail = format!("limit: expected a number from 1 to {MAX_PAGE}");
            return Err(Error::new(StatusCode::BAD_REQUEST, "invalid-query", detail));
        }
        Ok(PageRequest { after: self.after, limit })
    }
}
