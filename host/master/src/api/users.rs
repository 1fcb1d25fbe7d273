//! Users.

use axum::{Extension, Json, extract::State, http::StatusCode};
use easysight_daemon::{body::JsonBody, problem::Error};
use easysight_protocol::{Problem, Scope, UserChange, UserInfo, UserRequest};
use easysight_store::{Changed, StoreError, StoredUser};

use crate::{
    master::{Master, Shared},
    principal::{Identity, Principal},
    problems::{invalid, missing, store_error},
};

use super::{by::By, check, parameters::Path};

/// Lists all users, oldest first.
#[utoipa::path(get, path = "/api/v1/users", tag = "users",
    responses((status = 200, body = Vec<UserInfo>), (status = "default", body = Problem)))]
pub(super) async fn list(State(master): State<Shared>) -> Result<Json<Vec<UserInfo>>, Error> {
    let users = master.store.users().await.map_err(|error| store_error(&error))?;
    Ok(Json(users.into_iter().map(|user| user.info).collect()))
}

/// Creates a user. If the master was open, every request needs credentials after the first user is created.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = UserRequest,
    responses((status = 201, body = UserInfo),
        (status = 409, body = Problem, description = "A user has this name already"),
        (status = "default", body = Problem)))]
pub(super) async fn create(
    State(master): State<Shared>,
    Extension(principal): Extension<Principal>,
    By(actor): By,
    JsonBody(request): JsonBody<UserRequest>,
) -> Result<(StatusCode, Json<UserInfo>), Error> {
    check::name("/name", &request.name)?;
    check_scope(request.scope)?;
    if let Some(groups) = &request.groups {
        check::area("/groups", groups)?;
        if !request.scope.may_be_limited() {
            return Err(unlimitable(request.scope));
        }
    }
    if principal.identity == Identity::Anybody && request.scope != Scope::Admin {
        let detail =
            "the first user must be an administrator, because only an administrator can create further users";
        return Err(invalid("/scope", detail));
    }
    check::new_password("/password", &request.password)?;
    let password = master.passwords.place().await?.hash(request.password).await?;
    let info = UserInfo {
        id: easysight_protocol::fresh_id().to_string(),
        name: request.name.trim().to_owned(),
        scope: request.scope,
        disabled: false,
        created_at: master.clock.now(),
        last_signed_in_at: None,
        groups: request.groups,
    };
    let user = StoredUser { info: info.clone(), password };
    master.store.by(actor).create_user(user).await.map_err(|error| taken(&error))?;
    tracing::info!(%principal, user = info.name, scope = info.scope.as_str(), "a user was created");
    notice(&master).await?;
    let stored = master.store.user(&info.id).await.map_err(|error| store_error(&error))?;
    Ok((StatusCode::CREATED, Json(stored.map_or(info, |user| user.info))))
}

/// Changes a user: the name, the scope, the area, the password, or whether the user is disabled. A new scope and a new
/// area apply to open sessions at once. A new password, or `disabled`, ends the user's sessions. The last administrator
/// cannot be disabled or get another scope, unless a token has the scope `admin`.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", request_body = UserChange,
    responses((status = 200, body = UserInfo), (status = 404, body = Problem),
        (status = 409, body = Problem,
            description = "A user has this name already, or nobody would be left who may administer the master"),
        (status = "default", body = Problem)))]
pub(super) async fn change(
    State(master): State<Shared>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    By(actor): By,
    JsonBody(mut change): JsonBody<UserChange>,
) -> Result<Json<UserInfo>, Error> {
    if let Some(name) = &mut change.name {
        check::name("/name", name)?;
        *name = name.trim().to_owned();
    }
    change.scope.map(check_scope).transpose()?;
    if let Some(groups) = &change.groups {
        check::area("/groups", groups)?;
        if change.everywhere == Some(true) {
            return Err(invalid("/everywhere", "expected either groups, or `everywhere`"));
        }
    }
    let password = match change.password.take() {
        Some(password) => {
            check::new_password("/password", &password)?;
            Some(master.passwords.place().await?.hash(password).await?)
        }
        None => None,
    };
    let changed = master.store.by(actor).change_user(id.clone(), change, password, master.now_ms()).await;
    let user = settled(changed.map_err(|error| taken(&error))?, &id)?;
    tracing::info!(%principal, user = user.name, "a user was changed");
    notice(&master).await?;
    Ok(Json(user))
}

/// Removes a user, and ends the sessions of the user. The last administrator cannot be removed, unless a token has the
/// scope `admin`.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "users",
    responses((status = 204), (status = 404, body = Problem),
        (status = 409, body = Problem, description = "Nobody would be left who may administer the master"),
        (status = "default", body = Problem)))]
pub(super) async fn remove(
    State(master): State<Shared>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    By(actor): By,
) -> Result<StatusCode, Error> {
    let removed = master.store.by(actor).delete_user(id.clone(), master.now_ms()).await;
    let user = settled(removed.map_err(|error| store_error(&error))?, &id)?;
    tracing::info!(%principal, user = user.name, "a user was removed");
    notice(&master).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a change of users take effect on this master at once.
async fn notice(master: &Master) -> Result<(), Error> {
    master.access.forget();
    master.access.refresh().await.map_err(|error| store_error(&error))?;
    Ok(())
}

fn check_scope(scope: Scope) -> Result<(), Error> {
    match scope {
        Scope::Admin | Scope::Operator | Scope::Viewer | Scope::Publisher => Ok(()),
        Scope::Worker => {
            let detail = "a user cannot have the scope `worker`: create a token for the worker";
            Err(invalid("/scope", detail))
        }
    }
}

fn unlimitable(scope: Scope) -> Error {
    let detail = match scope {
        Scope::Admin => {
            "an administrator cannot be limited to groups: choose another scope, or lift the limit (`everywhere`)"
        }
        _ => {
            "only operators and viewers can be limited to groups: choose another scope, or lift the limit (`everywhere`)"
        }
    };
    invalid("/groups", detail)
}

fn taken(error: &StoreError) -> Error {
    let problem = store_error(error);
    if matches!(error, StoreError::Conflict(_)) { problem.at("/name") } else { problem }
}

fn settled(changed: Changed, id: &str) -> Result<UserInfo, Error> {
    match changed {
        Changed::Done(user) => Ok(user),
        Changed::Missing => Err(missing("user", id)),
        Changed::Unlimitable(scope) => Err(unlimitable(scope)),
        Changed::LastAdministrator => {
            let detail = "nobody would be left who may administer the master: make another user an administrator \
                          first, or create a token with the scope `admin`";
            Err(Error::new(StatusCode::CONFLICT, "last-administrator", detail))
        }
    }
}
