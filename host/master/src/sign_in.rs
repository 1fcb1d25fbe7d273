//! Compares the password of a person, with delays after failures. An unknown name, a wrong password and a disabled user
//! get the same answer in the same time.

use std::time::Duration;

use axum::http::StatusCode;
use easysight_daemon::problem::Error;
use easysight_protocol::{MAX_PASSWORD_BYTES, Password};
use easysight_store::{SignIn, StoredUser, login_of};

use crate::{
    master::Master,
    problems::{invalid, store_error},
    proxies::Client,
};

/// The name, the password, and the address from which they came.
pub(crate) struct Attempt<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: Password,
    pub(crate) client: Client,
}

impl Attempt<'_> {
    fn counted(&self) -> SignIn {
        SignIn::new(&login_of(self.name), &self.client.counted())
    }
}

/// Opens a session for the user with this name and password. Returns the secret of the session.
///
/// # Errors
///
/// Returns 401 if the name or the password is wrong or the user is disabled, 429 after too many failures, 503 if too
/// many people sign in at the same time or the database is unavailable.
pub(crate) async fn sign_in(master: &Master, attempt: Attempt<'_>) -> Result<String, Error> {
    let (counted, client) = (attempt.counted(), attempt.client);
    let Some(user) = compare(master, attempt, false).await? else { return Err(wrong()) };
    let now = master.now_ms();
    let (session, secret) = master.access.sessions.make(now).map_err(|error| unmade(&error))?;
    let StoredUser { info, password } = user;
    let opened = master.store.open_session(session, info.id, password, counted, now).await;
    if !opened.map_err(|error| store_error(&error))? {
        return Err(wrong());
    }
    tracing::info!(user = info.name, address = %client.0, "signed in");
    Ok(secret)
}

/// Counts an attempt as failed, and compares its password. `known` is true for a user who has signed in already. Returns
/// the user if the password is right and the user is not disabled. In this case, the caller must undo the count with
/// [`easysight_store::Store::open_session`] or [`easysight_store::Store::forgive_sign_in`].
///
/// # Errors
///
/// Returns 429 after too many failures or if too many sign-ins of the same origin wait, 503 if too many people sign in at the same time or the database is unavailable.
async fn compare(master: &Master, attempt: Attempt<'_>, known: bool) -> Result<Option<StoredUser>, Error> {
    let counted = attempt.counted();
    let Attempt { name, password, client } = attempt;
    if password.reveal().len() > MAX_PASSWORD_BYTES {
        return Err(invalid("/password", format!("a password has at most {MAX_PASSWORD_BYTES} bytes")));
    }
    let failed = |error| store_error(&error);
    // Most refused sign-ins end here, before they need a place.
    if let Some(wait) = master.store.sign_in_wait(&counted, master.now_ms()).await.map_err(failed)? {
        return Err(too_many(wait));
    }
    let place = match known {
        true => master.passwords.place().await?,
        false => master.passwords.place_of(&login_of(name), &client.counted()).await?,
    };
    if let Some(wait) = master.store.count_sign_in(counted, master.now_ms()).await.map_err(failed)? {
        return Err(too_many(wait));
    }
    let user = master.store.user_named(name).await.map_err(failed)?;
    let hash = user.as_ref().map_or_else(|| master.passwords.nobody(), |user| &user.password);
    let right = place.matches(password, hash.to_owned()).await?;
    match user {
        Some(user) if right && !user.info.disabled => Ok(Some(user)),
        user => {
            // The name is logged only if a user has it, because people sometimes type their password into the field for
            // the name.
            let user = user.map_or_else(|| "nobody".to_owned(), |user| user.info.name);
            tracing::warn!(user, address = %client.0, "a sign-in failed");
            Ok(None)
        }
    }
}

/// Compares the current password of a user who wants to change it. Returns the user, or None if the password is wrong.
///
/// # Errors
///
/// Returns the errors of [`compare`].
pub(crate) async fn confirm(master: &Master, attempt: Attempt<'_>) -> Result<Option<StoredUser>, Error> {
    let counted = attempt.counted();
    let confirmed = compare(master, attempt, true).await?;
    if confirmed.is_some() {
        let forgiven = master.store.forgive_sign_in(counted, master.now_ms()).await;
        forgiven.map_err(|error| store_error(&error))?;
    }
    Ok(confirmed)
}

fn wrong() -> Error {
    let detail = "the name or the password is wrong, or the user is disabled";
    Error::new(StatusCode::UNAUTHORIZED, "wrong-password", detail)
}

fn too_many(wait_ms: i64) -> Error {
    let wait = Duration::from_millis(wait_ms.unsigned_abs());
    let seconds = wait.as_secs_f64().ceil();
    let detail = format!("too many sign-ins have failed: try again in {seconds} s");
    Error::new(StatusCode::TOO_MANY_REQUESTS, "too-many-sign-ins", detail).retry_after(wait)
}

/// Makes the problem response for a secret that cannot be created.
pub(crate) fn unmade(error: &anyhow::Error) -> Error {
    tracing::error!("a secret cannot be made: {error:#}");
    Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", format!("{error:#}"))
}
