//! The link with which the first administrator is created. A master that requires credentials, and to which nobody has
//! access, makes a link when it starts and writes the link to the log. The secret of the link is in the fragment of the
//! address, which browsers do not send. The link is valid once, for one day, and only until the master has an
//! administrator or a valid token with the scope `admin`.

use std::net::SocketAddr;

use axum::http::StatusCode;
use easysight_daemon::problem::Error;
use easysight_protocol::{Scope, UserInfo, WelcomeRequest};
use easysight_store::{Actor, Store, StoredUser, Welcomed};

use crate::{
    access::{hash, random_hex},
    master::Master,
    problems::store_error,
    sign_in::unmade,
};

/// The time for which a link is valid, in milliseconds.
const LIFETIME_MS: i64 = 24 * 3_600_000;

/// Makes a link and stores its hash. Returns its secret.
///
/// # Errors
///
/// Returns an error if the operating system has no random bytes, or if the database fails.
pub(crate) async fn invite(store: &Store, now: i64) -> anyhow::Result<String> {
    let secret = random_hex::<32>()?;
    store.create_welcome(hash(&secret), now, now.saturating_add(LIFETIME_MS)).await?;
    Ok(secret)
}

/// Returns the link as an address that a browser on this machine can open.
pub(crate) fn address(scheme: &str, listening: SocketAddr, secret: &str) -> String {
    let host = if listening.ip().is_unspecified() {
        format!("localhost:{}", listening.port())
    } else {
        listening.to_string()
    };
    format!("{scheme}://{host}/#/welcome/{secret}")
}

/// Uses a link: creates the first administrator and opens a session. Returns the secret of the session. The name and
/// the password have been checked.
///
/// # Errors
///
/// Returns 404 if the link is not valid, 409 if a user has this name already, 503 if too many people sign in at the
/// same time or the database is unavailable.
pub(crate) async fn welcome(master: &Master, request: WelcomeRequest, actor: Actor) -> Result<String, Error> {
    let failed = |error| store_error(&error);
    let link = hash(request.secret.reveal());
    // The link is checked before the password is hashed, so that guesses of strangers cost little.
    if !master.store.is_welcome(&link, master.now_ms()).await.map_err(failed)? {
        return Err(void());
    }
    let password = master.passwords.place().await?.hash(request.password).await?;
    let created_at = master.clock.now();
    let info = UserInfo {
        id: easysight_protocol::fresh_id().to_string(),
        name: request.name.trim().to_owned(),
        scope: Scope::Admin,
        disabled: false,
        created_at,
        last_signed_in_at: None,
        groups: None,
    };
    let name = info.name.clone();
    let now = created_at.timestamp_millis();
    let (session, secret) = master.access.sessions.make(now).map_err(|error| unmade(&error))?;
    let user = StoredUser { info, password };
    match master.store.by(actor).welcome(link, user, session, now).await.map_err(failed)? {
        Welcomed::Void => Err(void()),
        Welcomed::Done => {
            tracing::info!(user = name, "the first administrator was created");
            master.access.refresh().await.map_err(failed)?;
            Ok(secret)
        }
    }
}

fn void() -> Error {
    let detail = "this link is not valid: it was used, it is older than a day, or somebody may administer the master \
                  already; `easysight-master user create` creates a user in any case";
    Error::new(StatusCode::NOT_FOUND, "no-such-welcome", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_can_be_opened_on_this_machine() {
        let at = |listening: &str| address("http", listening.parse().unwrap(), "s");
        assert_eq!(at("10.0.0.1:8000"), "http://10.0.0.1:8000/#/welcome/s");
        assert_eq!(at("0.0.0.0:8000"), "http://localhost:8000/#/welcome/s");
        assert_eq!(at("[::]:8000"), "http://localhost:8000/#/welcome/s");
        assert_eq!(at("[::1]:8000"), "http://[::1]:8000/#/welcome/s");
    }
}
