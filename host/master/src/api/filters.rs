//! Filters of the list of cameras that people save under a name. Each caller sees and changes only their own, so that the
//! right to view is enough. The audit log has no entries for them: they change nothing but a menu of their owner.

use axum::{Extension, Json, extract::State, http::StatusCode};
use easysight_daemon::{body::JsonBody, problem::Error};
use easysight_protocol::{CameraListFilter, Problem, SavedFilter, SavedFilterRequest};
use easysight_store::{FilterChanged, FilterOwner};

use crate::{
    master::Shared,
    principal::{Identity, Principal},
    problems::{invalid, missing, store_error},
};

use super::parameters::Path;

/// The largest number of characters in the name of a filter.
const MAX_NAME: usize = 80;
/// The largest number of characters in the words of a search.
const MAX_SEARCH: usize = 1_000;
/// The largest number of characters in each other field. All fields together have at most 2,000 characters.
const MAX_WORD: usize = 200;

/// Lists the caller's filters of the list of cameras, in the order of their names. Filters belong to the user, or to the
/// token if the caller has no user. On a master that needs no credentials, all callers share them.
#[utoipa::path(get, path = "/api/v1/diagnosis/camera-filters", tag = "filters",
    responses((status = 200, body = Vec<SavedFilter>), (status = "default", body = Problem)))]
pub(super) async fn list(
    State(master): State<Shared>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<Vec<SavedFilter>>, Error> {
    let owner = owner_of(principal.identity);
    Ok(Json(master.store.camera_filters(&owner).await.map_err(|error| store_error(&error))?))
}

/// Saves a filter of the list of cameras for the caller, who may have 50 filters. They are removed with the user, and
/// when the token is revoked.
#[utoipa::path(post, path = "/api/v1/diagnosis/camera-filters", tag = "filters", request_body = SavedFilterRequest,
    responses((status = 201, body = SavedFilter),
        (status = 409, body = Problem, description = "The caller has a filter with this name, or 50 filters"),
        (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn save(
    State(master): State<Shared>,
    Extension(principal): Extension<Principal>,
    JsonBody(request): JsonBody<SavedFilterRequest>,
) -> Result<(StatusCode, Json<SavedFilter>), Error> {
    let (owner, request) = (owner_of(principal.identity), checked(request)?);
    let id = easysight_protocol::fresh_id().to_string();
    let saved = master.store.save_camera_filter(owner, id, request, master.now_ms()).await;
    let saved = saved.map_err(|error| store_error(&error))?.ok_or_else(name_taken)?;
    Ok((StatusCode::CREATED, Json(saved)))
}

/// Changes the name of a filter of the caller, and what it shows.
#[utoipa::path(put, path = "/api/v1/diagnosis/camera-filters/{id}", tag = "filters",
    request_body = SavedFilterRequest,
    responses((status = 200, body = SavedFilter), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "The caller has another filter with this name"),
        (status = 422, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn change(
    State(master): State<Shared>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    JsonBody(request): JsonBody<SavedFilterRequest>,
) -> Result<Json<SavedFilter>, Error> {
    let (owner, request) = (owner_of(principal.identity), checked(request)?);
    let changed = master.store.change_camera_filter(owner, id.clone(), request, master.now_ms()).await;
    match changed.map_err(|error| store_error(&error))? {
        FilterChanged::Done(filter) => Ok(Json(*filter)),
        FilterChanged::Missing => Err(missing("filter", id)),
        FilterChanged::NameTaken => Err(name_taken()),
    }
}

/// Deletes a filter of the caller.
#[utoipa::path(delete, path = "/api/v1/diagnosis/camera-filters/{id}", tag = "filters",
    responses((status = 204), (status = 404, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(master): State<Shared>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    let removed = master.store.remove_camera_filter(owner_of(principal.identity), id.clone()).await;
    if removed.map_err(|error| store_error(&error))? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(missing("filter", id))
    }
}

fn owner_of(identity: Identity) -> FilterOwner {
    match identity {
        Identity::Anybody => FilterOwner::Anybody,
        Identity::Token { id, .. } => FilterOwner::Token(id),
        Identity::User { id, .. } => FilterOwner::User(id),
    }
}

fn name_taken() -> Error {
    Error::new(StatusCode::CONFLICT, "conflict", "a filter has this name already").at("/name")
}

/// Checks a request. White space around the name is removed.
fn checked(mut request: SavedFilterRequest) -> Result<SavedFilterRequest, Error> {
    request.name = request.name.trim().to_owned();
    text("/name", &request.name, MAX_NAME)?;
    let CameraListFilter { q, health, group, cause, sort, view } = &request.filter;
    let words = [("health", health), ("group", group), ("cause", cause), ("sort", sort), ("view", view)];
    for (name, word) in words {
        word.as_deref().map_or(Ok(()), |word| text(&format!("/filter/{name}"), word, MAX_WORD))?;
    }
    q.as_deref().map_or(Ok(()), |words| text("/filter/q", words, MAX_SEARCH))?;
    Ok(request)
}

fn text(field: &str, text: &str, most: usize) -> Result<(), Error> {
    if (1..=most).contains(&text.chars().count()) && !text.contains(char::is_control) {
        return Ok(());
    }
    Err(invalid(field, format!("expected 1 to {most} characters, no control characters")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_its_limit() {
        let with = |name: &str, filter: CameraListFilter| {
            checked(SavedFilterRequest { name: name.into(), filter }).map(|request| request.name)
        };
        let none = CameraListFilter::default;
        assert_eq!(with("  东门 离线 ", none()).unwrap(), "东门 离线");
        assert!(with(&"门".repeat(80), none()).is_ok());
        for name in ["", "   ", "a\u{7}b", &"门".repeat(81)] {
            assert!(with(name, none()).is_err(), "{name:?}");
        }
        let words = |length: usize| Some("x".repeat(length));
        assert!(with("a", CameraListFilter { q: words(1_000), group: words(200), ..none() }).is_ok());
        for filter in [
            CameraListFilter { q: words(1_001), ..none() },
            CameraListFilter { group: words(201), ..none() },
            CameraListFilter { view: words(0), ..none() },
            CameraListFilter { sort: Some("a\nb".into()), ..none() },
        ] {
            assert!(with("a", filter.clone()).is_err(), "{filter:?}");
        }
    }
}
