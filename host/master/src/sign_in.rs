//! Compares the password of a person, with delays after failures. An unknown name, a wrong password and a disabled user
//! get the same answer in the same time.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use easysight_daemon::problem::Error;
use easysight_protocol::{ActorKind, AuditActor, MAX_PASSWORD_BYTES, Password, UserInfo};
use easysight_store::{Actor, SignIn, StoreError, StoredUser, login_of};

use crate::{
    detached::to_the_end,
    failures::{Refusal, Step},
    master::{Master, Shared},
    passwords::Place,
    problems::{invalid, store_error},
    proxies::Client,
};

/// The name, the password, and the address from which they came.
pub(crate) struct Attempt {
    pub(crate) name: String,
    pub(crate) password: Password,
    pub(crate) client: Client,
    /// The caller of the request, for the audit log.
    pub(crate) actor: Actor,
}

impl Attempt {
    fn counted(&self) -> SignIn {
        SignIn::new(&login_of(&self.name), &self.client.counted())
    }
}

/// Opens a session for the user with this name and password. Returns the secret of the session.
///
/// # Errors
///
/// Returns 401 if the name or the password is wrong or the user is disabled, 429 after too many failures, 503 if too
/// many people sign in at the same time or the database is unavailable.
pub(crate) async fn sign_in(master: &Shared, attempt: Attempt) -> Result<String, Error> {
    let (counted, client, actor) = (attempt.counted(), attempt.client, attempt.actor.clone());
    let Some(user) = compare(master, attempt, false).await? else { return Err(wrong()) };
    let now = master.now_ms();
    let (session, secret) = master.access.sessions.make(now).map_err(|error| unmade(&error))?;
    let StoredUser { info, password } = user;
    let (id, name) = (Some(info.id.clone()), Some(info.name.clone()));
    let actor = Actor { who: AuditActor { kind: ActorKind::User, id, name }, ..actor };
    let opened = master.store.by(actor).open_session(session, info.id, password, counted, now).await;
    if !opened.map_err(|error| store_error(&error))? {
        return Err(wrong());
    }
    tracing::info!(user = info.name, address = %client.0, "signed in");
    Ok(secret)
}

/// Counts an attempt as failed, and compares its password. `known` is true for a user who has signed in already. Returns
/// the user if the password is right and the user is not disabled. In this case, the caller must undo the count with
/// [`easysight_store::Acting::open_session`] or [`easysight_store::Store::forgive_sign_in`].
///
/// # Errors
///
/// Returns 429 after too many failures or if too many sign-ins of the same origin wait, 503 if too many people sign in at
/// the same time or the database is unavailable.
async fn compare(master: &Shared, attempt: Attempt, known: bool) -> Result<Option<StoredUser>, Error> {
    let counted = attempt.counted();
    if attempt.password.reveal().len() > MAX_PASSWORD_BYTES {
        return Err(invalid("/password", format!("a password has at most {MAX_PASSWORD_BYTES} bytes")));
    }
    // Most refused sign-ins end here, before they need a place.
    let wait = master.store.sign_in_wait(&counted, master.now_ms()).await;
    if let Some(wait) = wait.map_err(|error| store_error(&error))? {
        note_refusal(master, Refusal::TooEarly, attempt, None).await;
        return Err(too_many(wait));
    }
    let place = match known {
        true => master.passwords.place().await?,
        false => master.passwords.place_of(&login_of(&attempt.name), &attempt.client.counted()).await?,
    };
    // From here on, the attempt counts, and must be recorded even if the client closes the connection.
    let master = Shared::clone(master);
    to_the_end(async move { compare_at(place, &master, attempt).await }).await
}

/// Does the part of [`compare`] that needs a place.
async fn compare_at(place: Place, master: &Master, attempt: Attempt) -> Result<Option<StoredUser>, Error> {
    let failed = |error| store_error(&error);
    if let Some(wait) =
        master.store.count_sign_in(attempt.counted(), master.now_ms()).await.map_err(failed)?
    {
        note_refusal(master, Refusal::TooEarly, attempt, None).await;
        return Err(too_many(wait));
    }
    let user = master.store.user_named(&attempt.name).await.map_err(failed)?;
    let hash = user.as_ref().map_or_else(|| master.passwords.nobody(), |user| &user.password);
    let right = place.matches(attempt.password.clone(), hash.to_owned()).await?;
    match user {
        Some(user) if right && !user.info.disabled => Ok(Some(user)),
        user => {
            // The name is logged only if a user has it, because people sometimes type their password into the field for
            // the name.
            let shown = user.as_ref().map_or("nobody", |user| user.info.name.as_str());
            tracing::warn!(user = shown, address = %attempt.client.0, "a sign-in failed");
            note_refusal(master, Refusal::Wrong, attempt, user.map(|user| user.info)).await;
            Ok(None)
        }
    }
}

/// Records a refused sign-in in the audit log. The answer to the client does not depend on it. `user` is the user with this
/// name, if it was looked up already.
async fn note_refusal(master: &Master, refusal: Refusal, attempt: Attempt, user: Option<UserInfo>) {
    let Attempt { name, client, actor, .. } = attempt;
    let user = match (refusal, user) {
        (Refusal::TooEarly, None) => match master.store.user_named(&name).await {
            Ok(user) => user.map(|user| user.info),
            Err(error) => return unrecorded(&error),
        },
        (_, user) => user,
    };
    // All names that no user has count as one. Otherwise, somebody who invents names would use up all entries.
    let login = user.as_ref().map(|_| login_of(&name)).unwrap_or_default();
    let (address, now) = (client.counted(), Instant::now());
    let entry = match master.failures.count(refusal, &login, &address, now) {
        Step::Nothing => return,
        Step::Update(entry) => entry,
        Step::Begin { named } => {
            let (by, user) = match named {
                true => (actor, user),
                false => (without_origin(actor), None),
            };
            let entry = master.store.refused_sign_ins(by, user.as_ref(), refusal.word(), master.now_ms());
            master.failures.begin(refusal, named.then_some((login, address)), entry, now)
        }
    };
    if let Err(error) = master.store.note_refused_sign_ins(entry).await {
        unrecorded(&error);
    }
}

/// Removes all that shows who sent a request, and from where.
fn without_origin(actor: Actor) -> Actor {
    let who = AuditActor { kind: ActorKind::Anybody, id: None, name: None };
    Actor { who, address: None, forwarded_for: None, request_id: None, ..actor }
}

fn unrecorded(error: &StoreError) {
    tracing::error!(%error, "a refused sign-in cannot be recorded in the audit log");
}

/// Compares the current password of a user who wants to change it. Returns the user, or None if the password is wrong.
///
/// # Errors
///
/// Returns the errors of [`compare`].
pub(crate) async fn confirm(master: &Shared, attempt: Attempt) -> Result<Option<StoredUser>, Error> {
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
