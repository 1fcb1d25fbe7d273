//! Hashes and compares passwords with Argon2id. A hash costs memory and time by design, so only a few are computed at
//! the same time, and none on the threads that serve requests. Sign-ins wait for their turn. One address, or guesses of
//! one name, can occupy only a few places of the queue, and none of the place for people who have signed in already.

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::anyhow;
use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::{self, phc::PasswordHash},
};
use axum::http::StatusCode;
use easysight_daemon::problem::Error;
use easysight_protocol::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS, Password};
use parking_lot::Mutex;
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
/// The number of hashes for sign-ins that are computed at the same time. With the hash for somebody who has signed in
/// already, they need 57 MiB.
const AT_ONCE: usize = 2;
/// The largest number of sign-ins from one address, and with one name, that wait or are compared.
const MOST_WAITING: usize = 8;
/// The time after which a client may try again if too many of its sign-ins wait.
const AGAIN: Duration = Duration::from_secs(1);
/// The longest time that a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hashes and compares passwords.
pub(crate) struct Passwords {
    /// The places for sign-ins.
    places: Arc<Semaphore>,
    /// The place for people who have signed in already.
    reserved: Arc<Semaphore>,
    queue: Arc<Queue>,
    /// The hash that is compared if no user has the name, so that the answer takes as long as for a known name.
    nobody: String,
    /// The longest time that a request waits for its turn.
    patience: Duration,
}

/// The right to compute one hash.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    _turn: Option<Turn>,
}

/// The number of sign-ins that wait or are compared, by address and by name.
#[derive(Debug, Default)]
struct Queue(Mutex<HashMap<String, usize>>);

/// A sign-in in the queue.
#[derive(Debug)]
struct Turn {
    queue: Arc<Queue>,
    keys: [String; 2],
}

impl Turn {
    /// Joins the queue. Returns None if too many sign-ins from this address or with this name are in it.
    fn take(queue: &Arc<Queue>, login: &str, address: &str) -> Option<Self> {
        let keys = [format!("name {login}"), format!("address {address}")];
        let mut waiting = queue.0.lock();
        if keys.iter().any(|key| waiting.get(key).is_some_and(|count| *count >= MOST_WAITING)) {
            return None;
        }
        for key in &keys {
            *waiting.entry(key.clone()).or_default() += 1;
        }
        Some(Self { queue: Arc::clone(queue), keys })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut waiting = self.queue.0.lock();
        for key in &self.keys {
            match waiting.get_mut(key) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(waiting.remove(key)),
            }
        }
    }
}

impl Passwords {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let unknown: String = random_bytes::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect();
        let nobody = hash(&Password::new(unknown))?;
        Ok(Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            reserved: Arc::new(Semaphore::new(1)),
            queue: Arc::default(),
            nobody,
            patience: PATIENCE,
        })
    }

    /// Returns the hash to compare if no user has the name.
    pub(crate) fn nobody(&self) -> &str {
        &self.nobody
    }

    /// Waits for the place of somebody who has signed in already.
    ///
    /// # Errors
    ///
    /// Returns 503 if too many requests wait.
    pub(crate) async fn place(&self) -> Result<Place, Error> {
        self.wait_for(&self.reserved, None).await
    }

    /// Waits for a place for a sign-in with this name, as it is compared, from this address.
    ///
    /// # Errors
    ///
    /// Returns 429 at once if too many sign-ins from the address or with the name wait, 503 if too many requests wait.
    pub(crate) async fn place_of(&self, login: &str, address: &str) -> Result<Place, Error> {
        let Some(turn) = Turn::take(&self.queue, login, address) else {
            let detail =
                "too many sign-ins from this address or with this name are waiting; try again in a second";
            return Err(
                Error::new(StatusCode::TOO_MANY_REQUESTS, "too-many-sign-ins", detail).retry_after(AGAIN)
            );
        };
        self.wait_for(&self.places, Some(turn)).await
    }

    async fn wait_for(&self, places: &Arc<Semaphore>, turn: Option<Turn>) -> Result<Place, Error> {
        match timeout(self.patience, Arc::clone(places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Place { _permit: permit, _turn: turn }),
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
    use std::pin::Pin;

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
        let held = [passwords.place_of("a", "1").await.unwrap(), passwords.place_of("b", "2").await.unwrap()];
        let refused = passwords.place_of("c", "3").await.unwrap_err();
        assert!(refused.detail().contains("too many people"), "{refused:?}");
        // Somebody who has signed in already does not wait for them.
        assert!(passwords.place().await.is_ok());
        drop(held);
        assert!(passwords.place_of("c", "3").await.is_ok());
    }

    #[tokio::test]
    async fn one_address_and_one_name_occupy_only_a_part_of_the_queue() {
        let passwords = Passwords::new().unwrap();
        let held = [passwords.place_of("a", "1").await.unwrap(), passwords.place_of("b", "2").await.unwrap()];
        let mut waiting = Vec::new();
        for number in 1..MOST_WAITING {
            let (login, address) = (format!("guess {number}"), format!("10.0.0.{number}"));
            let from_one: Pin<Box<dyn Future<Output = _>>> = {
                let (passwords, login) = (&passwords, login.clone());
                Box::pin(async move { passwords.place_of(&login, "1").await })
            };
            let with_one: Pin<Box<dyn Future<Output = _>>> = {
                let passwords = &passwords;
                Box::pin(async move { passwords.place_of("b", &address).await })
            };
            for mut one in [from_one, with_one] {
                assert!(futures::poll!(&mut one).is_pending());
                waiting.push(one);
            }
        }
        // The next ones are refused at once.
        for (login, address) in [("another", "1"), ("b", "another")] {
            let refused = passwords.place_of(login, address).await.unwrap_err();
            assert!(refused.detail().contains("are waiting"), "{refused:?}");
        }
        let mut other = Box::pin(passwords.place_of("other", "other"));
        assert!(futures::poll!(&mut other).is_pending());
        // Whoever gives up makes room, and so does whoever has finished.
        waiting.truncate(2);
        drop(held);
        assert!(waiting.remove(0).await.is_ok() && waiting.remove(0).await.is_ok() && other.await.is_ok());
        assert!(passwords.queue.0.lock().is_empty());
        assert!(passwords.place_of("another", "1").await.is_ok());
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
