//! Parameters of paths and queries, including the page of a list. Invalid parameters cause problem responses.

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
        Ok(PageRequest { after: self.after, limit: bounded("limit", self.limit, PAGE, MAX_PAGE)? })
    }
}

fn refused(detail: impl Into<String>) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "invalid-query", detail)
}

/// Returns a number from 1 to `most`, or `usual` if it is absent.
pub(super) fn bounded(name: &str, value: Option<u32>, usual: u32, most: u32) -> Result<u32, Error> {
    match value.unwrap_or(usual) {
        value if (1..=most).contains(&value) => Ok(value),
        _ => Err(refused(format!("{name}: expected a number from 1 to {most}"))),
    }
}

/// Refuses a text that no stored text can contain: `PostgreSQL` cannot store U+0000, and names have no control
/// characters.
pub(super) fn plain(name: &str, value: Option<&str>) -> Result<(), Error> {
    if value.is_some_and(|value| value.contains(char::is_control)) {
        return Err(refused(format!("{name}: control characters are not allowed")));
    }
    Ok(())
}

/// Returns the values of a parameter that may occur several times in a query.
pub(super) fn repeated<T>(
    query: Option<&str>,
    name: &str,
    parse: impl Fn(&str) -> Option<T>,
    expected: &str,
) -> Result<Vec<T>, Error> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let values = pairs.filter(|(key, _)| key == name).map(|(_, value)| {
        parse(&value).ok_or_else(|| refused(format!("{name}: `{value}` is none of {expected}")))
    });
    values.collect()
}
