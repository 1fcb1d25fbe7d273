//! The sessions of users in browsers. A session has a random secret. The browser stores it in a cookie, and the
//! database stores its hash. A session ends if it is not used for a while, and after a fixed time in any case.

use std::{collections::HashMap, sync::Arc, time::Instant};

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use easysight_daemon::problem::Error;
use easysight_store::{Actor, NewSession, Store, StoredSession};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use crate::{
    access::{FRESH, MAX_KEPT, hash, random_hex},
    clock::Clock,
    principal::{Identity, Principal, area_of_user},
    problems::store_error,
};

/// The beginning of a session's secret. The secret of a token begins with `es_`.
pub(crate) const PREFIX: &str = "us_";
/// The time after which the use of a session is recorded again, in milliseconds.
const RECORD_MS: i64 = 60_000;

/// The lifetimes of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    /// The time without a request after which a session ends.
    pub(crate) idle_ms: i64,
    /// The time after which a session ends even if it is in use.
    pub(crate) longest_ms: i64,
}

/// Finds sessions by their secrets.
pub(crate) struct Sessions {
    store: Store,
    clock: Arc<Clock>,
    lifetimes: Lifetimes,
    known: Mutex<HashMap<String, (StoredSession, Instant)>>,
}

impl Sessions {
    pub(crate) fn new(store: Store, clock: Arc<Clock>, lifetimes: Lifetimes) -> Self {
        Self { store, clock, lifetimes, known: Mutex::default() }
    }

    pub(crate) const fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// Makes a session at the time `now`, and its secret. The session is not stored yet.
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system has no random bytes.
    pub(crate) fn make(&self, now: i64) -> anyhow::Result<(NewSession, String)> {
        let (id, secret) = (random_hex::<8>()?, random_hex::<32>()?);
        let expires_at = now.saturating_add(self.lifetimes.longest_ms);
        let session = NewSession { id: id.clone(), hash: hash(&secret), expires_at };
        Ok((session, format!("{PREFIX}{id}_{secret}")))
    }

    /// Returns the user of the session with this secret, and records that the session is in use.
    ///
    /// # Errors
    ///
    /// Returns 401 if the session is unknown or has ended, 503 if the database is unavailable.
    pub(crate) async fn holder_of(&self, secret: &str) -> Result<Principal, Error> {
        let session = self.find(secret).await?.ok_or_else(|| {
            let detail = "this session has ended: sign in again";
            Error::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        })?;
        let now = self.clock.now();
        if now - session.used_at >= TimeDelta::milliseconds(RECORD_MS) {
            self.record_use(&session.id, now).await;
        }
        Ok(principal_of(session))
    }

    async fn record_use(&self, id: &str, now: DateTime<Utc>) {
        if let Some((session, _)) = self.known.lock().get_mut(id) {
            session.used_at = now;
        }
        // The session is valid, so the request continues. A later request records the use.
        if let Err(error) = self.store.touch_session(id.to_owned(), now.timestamp_millis()).await {
            tracing::warn!(%error, "the use of a session was not recorded");
        }
    }

    /// Returns the session with this secret if it has not ended.
    async fn find(&self, secret: &str) -> Result<Option<StoredSession>, Error> {
        let Some((id, secret)) = secret.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')) else {
            return Ok(None);
        };
        let Some(session) = self.look_up(id).await? else { return Ok(None) };
        let matches = bool::from(hash(secret).as_bytes().ct_eq(session.hash.as_bytes()));
        Ok(Some(session).filter(|session| matches && self.is_in_force(session)))
    }

    /// Returns the session with this id if it has not ended.
    ///
    /// # Errors
    ///
    /// Returns 503 if the database is unavailable.
    pub(crate) async fn current(&self, id: &str) -> Result<Option<StoredSession>, Error> {
        Ok(self.look_up(id).await?.filter(|session| self.is_in_force(session)))
    }

    /// Ends the session with this secret. Does nothing if there is none. `by` describes its user as the caller, for the
    /// audit log.
    ///
    /// # Errors
    ///
    /// Returns 503 if the database is unavailable.
    pub(crate) async fn close(
        &self,
        secret: &str,
        by: impl FnOnce(&Principal) -> Actor + Send,
    ) -> Result<(), Error> {
        if let Some(session) = self.find(secret).await? {
            let (id, principal) = (session.id.clone(), principal_of(session));
            let Identity::User { id: user, name, .. } = &principal.identity else { return Ok(()) };
            let ended =
                self.store.by(by(&principal)).end_session(id.clone(), user, self.clock.now_ms()).await;
            ended.map_err(|error| store_error(&error))?;
            self.known.lock().remove(&id);
            tracing::info!(user = name, "signed out");
        }
        Ok(())
    }

    fn is_in_force(&self, session: &StoredSession) -> bool {
        let now = self.clock.now();
        let idle = TimeDelta::milliseconds(self.lifetimes.idle_ms);
        !session.user.disabled && now < session.expires_at && now < session.used_at + idle
    }

    async fn look_up(&self, id: &str) -> Result<Option<StoredSession>, Error> {
        if let Some((session, at)) = self.known.lock().get(id)
            && at.elapsed() < FRESH
        {
            return Ok(Some(session.clone()));
        }
        let found = self.store.session(id).await.map_err(|error| store_error(&error))?;
        let mut known = self.known.lock();
        if known.len() >= MAX_KEPT {
            known.clear();
        }
        match &found {
            Some(session) => known.insert(id.to_owned(), (session.clone(), Instant::now())),
            None => known.remove(id),
        };
        Ok(found)
    }

    /// Clears the cached look-ups after a change.
    pub(crate) fn forget(&self) {
        self.known.lock().clear();
    }
}

/// Returns the user of a session.
fn principal_of(session: StoredSession) -> Principal {
    let StoredSession { id: session, user, .. } = session;
    let area = area_of_user(&user);
    let identity = Identity::User { id: user.id, name: user.name, session };
    Principal { identity, scope: user.scope, area }
}
