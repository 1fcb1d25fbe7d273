//! Hashes and compares passwords with Argon2id. A hash costs memory and time by design, so only a few are computed at
//! the same time, and none on the threads that serve requests.

use std::{sync::Arc, time::Duration};

use anyhow::anyhow;
use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::{self, phc::PasswordHash},
};
use axum::http::StatusCode;
use easysight_daemon::problem::Error;
use easysight_protocol::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS, Password};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};

use crate::access::random_bytes;

/// The memory of one hash in KiB, and the number of passes over this memory: OWASP's recommendation for Argon2id with
/// one thread.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
/// The number of hashes that are computed at the same time. Together they need 38 MiB.
const AT_ONCE: usize = 2;
/// The longest time that a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hashes and compares passwords.
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    /// The hash that is compared if no user has the name, so that the answer takes as long as for a known name.
    nobody: String,
    /// The longest time that a request waits for its turn.
    patience: Duration,
}

/// The right to compute one hash.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Passwords {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let unknown: String = random_bytes::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let nobody = hash(&Password::new(unknown))?;
        Ok(Self { places: Arc::new(Semaphore::new(AT_ONCE)), nobody, patience: PATIENCE })
    }

    /// Returns the hash to compare if no user has the name.
    pub(crate) fn nobody(&self) -> &str {
        &self.nobody
    }

    /// Waits for a place.
    ///
    /// # Errors
    ///
    /// Returns 503 if too many requests wait.
    pub(crate) async fn place(&self) -> Result<Place, Error> {
        match timeout(self.patience, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Place { _permit: permit }),
            Ok(Err(_)) | Err(_) => {
                let detail = "too many people sign in at this moment; try again in a few seconds";
                Err(Error::new(StatusCode::SERVICE_UNAVAILABLE, "sign-in-busy", detail)
                    .retry_after(self.patience))
            }
        }
    }
}

impl Place {
    /// Compares a password with a hash.
    ///
    /// # Errors
    ///
    /// Returns 500 if the hash cannot be read.
    pub(crate) async fn matches(self, password: Password, hash: String) -> Result<bool, Error> {
        // If the client disconnects, the computation continues, so the place stays occupied until the computation ends.
        let compared = spawn_blocking(move || {
            let matched = matches(&password, &hash);
            drop(self);
            matched
        });
        compared
            .await
            .map_err(anyhow::Error::from)
            .and_then(|matched| matched)
            .map_err(|error| broken(&error))
    }

    /// Hashes a password.
    ///
    /// # Errors
    ///
    /// Returns 500 if the operating system has no random bytes.
    pub(crate) async fn hash(self, password: Password) -> Result<String, Error> {
        let hashed = spawn_blocking(move || {
            let hashed = hash(&password);
            drop(self);
            hashed
        });
        hashed.await.map_err(anyhow::Error::from).and_then(|hashed| hashed).map_err(|error| broken(&error))
    }
}

fn broken(error: &anyhow::Error) -> Error {
    tracing::error!("a password cannot be processed: {error:#}");
    let detail = format!("the password cannot be processed: {error:#}");
    Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
}

fn argon2() -> anyhow::Result<Argon2<'static>> {
    let parameters = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| anyhow!("{error}"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

/// Hashes a password with a new salt. The text contains the salt and the parameters.
///
/// # Errors
///
/// Returns an error if the operating system has no random bytes.
pub(crate) fn hash(password: &Password) -> anyhow::Result<String> {
    let salt = random_bytes::<16>()?;
    let hashed: PasswordHash = argon2()?
        .hash_password_with_salt(password.reveal().as_bytes(), &salt)
        .map_err(|error| anyhow!("the password cannot be hashed: {error}"))?;
    Ok(hashed.to_string())
}

fn matches(password: &Password, hash: &str) -> anyhow::Result<bool> {
    let hash = PasswordHash::new(hash).map_err(|error| anyhow!("the stored hash cannot be read: {error}"))?;
    match argon2()?.verify_password(password.reveal().as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(anyhow!("the stored hash cannot be used: {error}")),
    }
}

/// Checks the rules for a new password.
///
/// # Errors
///
/// Returns the reason why the password is refused.
pub(crate) fn check(password: &Password) -> Result<(), String> {
    let text = password.reveal();
    if text.chars().count() < MIN_PASSWORD_CHARS {
        return Err(format!("a password has at least {MIN_PASSWORD_CHARS} characters"));
    }
    if text.len() > MAX_PASSWORD_BYTES {
        return Err(format!("a password has at most {MAX_PASSWORD_BYTES} bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_password_matches_its_hash() {
        let passwords = Passwords::new().unwrap();
        let right = password("correct horse");
        let hash = passwords.place().await.unwrap().hash(right.clone()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let matches = async |given: &Password, hash: &str| {
            passwords.place().await.unwrap().matches(given.clone(), hash.to_owned()).await
        };
        assert!(matches(&right, &hash).await.unwrap());
        assert!(!matches(&password("correct horsf"), &hash).await.unwrap());
        assert!(!matches(&right, passwords.nobody()).await.unwrap());
        assert!(matches(&right, "no hash").await.is_err());
        let again = passwords.place().await.unwrap().hash(right).await.unwrap();
        assert_ne!(hash, again, "each hash has its own salt");
    }

    #[tokio::test]
    async fn a_storm_of_sign_ins_waits_for_its_turn_and_is_then_refused() {
        let passwords = Passwords { patience: Duration::ZERO, ..Passwords::new().unwrap() };
        let held = [passwords.place().await.unwrap(), passwords.place().await.unwrap()];
        assert!(passwords.place().await.is_err());
        drop(held);
        assert!(passwords.place().await.is_ok());
    }

    #[test]
    fn a_password_is_long_enough_and_not_endless() {
        assert!(check(&password("123456789")).is_err());
        assert!(check(&password("1234567890")).is_ok());
        assert!(check(&password("摄像机在东门的屋檐下")).is_ok());
        assert!(check(&password(&"x".repeat(1_024))).is_ok());
        assert!(check(&password(&"x".repeat(1_025))).is_err());
    }
}
