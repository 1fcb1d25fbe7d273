//! Access control: a caller needs a token with a sufficient scope. A master that listens on loopback only, and has
//! no token, is open to everyone on the machine.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use easysight_daemon::problem::Error;
use easysight_protocol::{NewToken, TokenInfo, TokenRequest};
use easysight_store::{Acting, Store, StoreError, StoredToken};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use crate::{
    clock::Clock,
    principal::{Identity, Principal},
    problems::store_error,
};

/// The time for which a look-up of a token is valid. A token may still work for this time after it is revoked.
pub(crate) const FRESH: Duration = Duration::from_secs(5);
/// The largest number of cached look-ups.
const MAX_KEPT: usize = 10_000;
const PREFIX: &str = "es_";
/// The longest lifetime of a token in seconds: a hundred years.
pub(crate) const MAX_LIFETIME_S: u64 = 3_153_600_000;

/// The credentials of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Credentials<'a> {
    /// No credentials.
    Missing,
    /// A token from the header `Authorization`.
    Bearer(&'a str),
}

/// Authenticates the callers of requests.
pub(crate) struct Access {
    store: Store,
    clock: Arc<Clock>,
    loopback: bool,
    open: AtomicBool,
    known: Mutex<HashMap<String, (StoredToken, Instant)>>,
}

impl Access {
    pub(crate) fn new(store: Store, clock: Arc<Clock>, loopback: bool) -> Self {
        Self { store, clock, loopback, open: AtomicBool::new(false), known: Mutex::default() }
    }

    /// Checks again whether tokens exist. Returns true if the master is open. Everyone on the machine may do
    /// everything on an open master.
    pub(crate) async fn refresh(&self) -> Result<bool, StoreError> {
        let open = self.loopback && !self.is_guarded().await?;
        let was_open = self.open.swap(open, Ordering::Relaxed);
        if was_open && !open {
            tracing::info!("a token exists now; requests without a token are refused from now on");
        }
        Ok(open)
    }

    /// Returns true if a token exists that was not revoked. An expired token counts too. Otherwise, the master would
    /// open when its last token expires, or when a clock is ahead.
    async fn is_guarded(&self) -> Result<bool, StoreError> {
        Ok(self.store.tokens().await?.iter().any(|token| token.info.revoked_at.is_none()))
    }

    /// Returns true if a token exists that is valid now.
    pub(crate) async fn has_tokens(&self) -> Result<bool, StoreError> {
        let now = self.clock.now();
        Ok(self.store.tokens().await?.iter().any(|token| is_in_force(&token.info, now)))
    }

    /// Returns the principal of these credentials.
    ///
    /// # Errors
    ///
    /// Returns 401 if the credentials are missing or not valid, 503 if the database is unavailable.
    pub(crate) async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Principal, Error> {
        // An open master accepts requests with any token and requests without a token.
        if self.open.load(Ordering::Relaxed) {
            return Ok(Principal::ANYBODY);
        }
        match credentials {
            Credentials::Missing => {
                let detail =
                    "send a token: Authorization: Bearer …; `easysight-master token create` creates one";
                Err(Error::new(StatusCode::UNAUTHORIZED, "unauthorized", detail))
            }
            Credentials::Bearer(token) => self.holder_of(token).await,
        }
    }

    async fn holder_of(&self, bearer: &str) -> Result<Principal, Error> {
        let unknown = || {
            let detail = "this token is unknown, has expired or was revoked";
            Error::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        };
        let (id, secret) =
            bearer.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or_else(unknown)?;
        let token = self.look_up(id).await?.ok_or_else(unknown)?;
        let matches = hash(secret).as_bytes().ct_eq(token.hash.as_bytes());
        if !bool::from(matches) || !is_in_force(&token.info, self.clock.now()) {
            return Err(unknown());
        }
        let TokenInfo { id, name, scope, .. } = token.info;
        Ok(Principal { identity: Identity::Token { id, name }, scope })
    }

    /// Returns true if a principal is still valid. Long requests check this again after they were admitted. The answer
    /// may be out of date by up to [`FRESH`].
    ///
    /// # Errors
    ///
    /// Returns 503 if the database is unavailable.
    pub(crate) async fn still_knows(&self, principal: &Principal) -> Result<bool, Error> {
        match &principal.identity {
            Identity::Anybody => Ok(self.open.load(Ordering::Relaxed)),
            Identity::Token { id, .. } => {
                let token = self.look_up(id).await?;
                Ok(token.is_some_and(|token| is_in_force(&token.info, self.clock.now())))
            }
        }
    }

    async fn look_up(&self, id: &str) -> Result<Option<StoredToken>, Error> {
        if let Some((token, at)) = self.known.lock().get(id)
            && at.elapsed() < FRESH
        {
            return Ok(Some(token.clone()));
        }
        let found = self.store.token(id).await.map_err(|error| store_error(&error))?;
        let mut known = self.known.lock();
        if known.len() >= MAX_KEPT {
            known.clear();
        }
        match &found {
            Some(token) => known.insert(id.to_owned(), (token.clone(), Instant::now())),
            None => known.remove(id),
        };
        Ok(found)
    }

    /// Clears the cached look-ups after a change.
    pub(crate) fn forget(&self) {
        self.known.lock().clear();
    }
}

fn is_in_force(token: &TokenInfo, now: DateTime<Utc>) -> bool {
    token.revoked_at.is_none() && token.expires_at.is_none_or(|end| now < end)
}

/// Hashes a secret. A fast hash is sufficient, since the secret has 256 random bits and cannot be guessed.
fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// Makes a token at the time `created_at` and stores its hash.
pub(crate) async fn make_token(
    by: &Acting<'_>,
    request: TokenRequest,
    created_at: DateTime<Utc>,
) -> anyhow::Result<NewToken> {
    let (id, secret) = (random_hex::<8>()?, random_hex::<32>()?);
    let lifetime = request.lifetime_s.map(|seconds| TimeDelta::seconds(seconds.min(MAX_LIFETIME_S) as i64));
    let info = TokenInfo {
        id: id.clone(),
        name: request.name,
        scope: request.scope,
        created_at,
        expires_at: lifetime.map(|lifetime| created_at + lifetime).or(request.expires_at),
        revoked_at: None,
    };
    let lifetime_ms = lifetime.map(|lifetime| lifetime.num_milliseconds());
    by.create_token(StoredToken { info: info.clone(), hash: hash(&secret), lifetime_ms }).await?;
    Ok(NewToken { token: format!("{PREFIX}{id}_{secret}"), info })
}

fn random_hex<const N: usize>() -> anyhow::Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the operating system returned no random bytes: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use easysight_protocol::{ActorKind, Scope};
    use easysight_store::Actor;

    use super::*;

    fn nobody() -> Actor {
        Actor::on_this_machine(ActorKind::CommandLine, None)
    }

    async fn make_token(
        store: &Store,
        request: TokenRequest,
        created_at: DateTime<Utc>,
    ) -> anyhow::Result<NewToken> {
        super::make_token(&store.by(nobody()), request, created_at).await
    }

    async fn access(loopback: bool) -> (Access, Store, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let (store, _writing) =
            Store::open(&format!("sqlite://{}/t.db", dir.path().display())).await.unwrap();
        (Access::new(store.clone(), Clock::new(), loopback), store, dir)
    }

    fn request(scope: Scope) -> TokenRequest {
        TokenRequest { name: "t".into(), scope, expires_at: None, lifetime_s: None }
    }

    #[tokio::test]
    async fn open_only_on_loopback_and_only_without_tokens() {
        let (access, store, _dir) = access(true).await;
        assert!(access.refresh().await.unwrap());
        let anybody = access.authenticate(Credentials::Missing).await.unwrap();
        assert_eq!(anybody, Principal::ANYBODY);
        assert!(access.still_knows(&anybody).await.unwrap());
        make_token(&store, request(Scope::Viewer), easysight_protocol::now()).await.unwrap();
        assert!(!access.refresh().await.unwrap());
        assert!(access.authenticate(Credentials::Missing).await.is_err());
        assert!(!access.still_knows(&anybody).await.unwrap());
        let (beyond, _store, _dir) = super::tests::access(false).await;
        assert!(!beyond.refresh().await.unwrap());
        assert!(beyond.authenticate(Credentials::Missing).await.is_err());
    }

    #[tokio::test]
    async fn a_master_does_not_open_when_its_last_token_expires() {
        let (access, store, _dir) = access(true).await;
        let over = TokenRequest {
            expires_at: Some(easysight_protocol::now() - TimeDelta::days(1)),
            ..request(Scope::Admin)
        };
        let over = make_token(&store, over, easysight_protocol::now()).await.unwrap();
        assert!(!access.refresh().await.unwrap());
        assert!(access.authenticate(Credentials::Missing).await.is_err());
        store.by(nobody()).revoke_token(over.info.id, 1).await.unwrap();
        assert!(access.refresh().await.unwrap());
    }

    #[tokio::test]
    async fn a_lifetime_is_counted_from_when_the_token_is_made() {
        let (_access, store, _dir) = access(false).await;
        let day = TokenRequest { lifetime_s: Some(86_400), ..request(Scope::Viewer) };
        let made = make_token(&store, day, easysight_protocol::now()).await.unwrap().info;
        assert_eq!(made.expires_at, Some(made.created_at + TimeDelta::days(1)));
    }

    #[tokio::test]
    async fn a_token_names_its_holder_until_it_ends() {
        let (access, store, _dir) = access(false).await;
        let viewer = make_token(&store, request(Scope::Viewer), easysight_protocol::now()).await.unwrap();
        let holder = async |token: &str| access.authenticate(Credentials::Bearer(token)).await.ok();
        let known = holder(&viewer.token).await.unwrap();
        let identity = Identity::Token { id: viewer.info.id.clone(), name: "t".into() };
        assert_eq!(known, Principal { identity, scope: Scope::Viewer });
        assert!(access.still_knows(&known).await.unwrap());
        let other = format!("{}0", viewer.token.get(..viewer.token.len() - 1).unwrap());
        assert_eq!(holder(&other).await.is_some(), other == viewer.token);
        assert_eq!(holder("es_nobody_x").await, None);
        let past = Some(easysight_protocol::now() - chrono::TimeDelta::seconds(1));
        let over = TokenRequest { expires_at: past, ..request(Scope::Admin) };
        let over = make_token(&store, over, easysight_protocol::now()).await.unwrap();
        assert_eq!(holder(&over.token).await, None);
        store.by(nobody()).revoke_token(viewer.info.id, 1).await.unwrap();
        access.forget();
        assert_eq!(holder(&viewer.token).await, None);
        assert!(!access.still_knows(&known).await.unwrap());
    }
}
