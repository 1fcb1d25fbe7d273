//! Access control: a caller needs a token or the session of a user, with a sufficient scope. A master that listens on
//! loopback only, and has neither tokens nor users, is open to everyone on the machine.

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
use tokio::sync::watch;

use crate::{
    clock::Clock,
    principal::{Identity, Principal, area_of, area_of_user},
    problems::store_error,
    sessions::{Lifetimes, Sessions},
};

/// The time for which a look-up of a token is valid. A token may still work for this time after it is revoked.
pub(crate) const FRESH: Duration = Duration::from_secs(5);
/// The largest number of cached look-ups.
pub(crate) const MAX_KEPT: usize = 10_000;
const PREFIX: &str = "es_";
/// The longest lifetime of a token in seconds: a hundred years.
pub(crate) const MAX_LIFETIME_S: u64 = 3_153_600_000;

/// The credentials of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Credentials<'a> {
    /// No credentials.
    Missing,
    /// A token from the header `Authorization`, or from a cookie if the request only reads.
    Bearer(&'a str),
    /// The secret of a user's session, from a cookie.
    Session(&'a str),
    /// The cookie of a user's session, without the header that proves that a page of this master sent the request.
    Unproven,
}

/// Authenticates the callers of requests.
pub(crate) struct Access {
    store: Store,
    clock: Arc<Clock>,
    loopback: bool,
    open: AtomicBool,
    known: Mutex<HashMap<String, (StoredToken, Instant)>>,
    /// Changes when tokens or users have changed.
    changes: watch::Sender<()>,
    /// The sessions of users.
    pub(crate) sessions: Sessions,
}

impl Access {
    pub(crate) fn new(store: Store, clock: Arc<Clock>, loopback: bool, lifetimes: Lifetimes) -> Self {
        let sessions = Sessions::new(store.clone(), Arc::clone(&clock), lifetimes);
        let open = AtomicBool::new(false);
        let changes = watch::Sender::new(());
        Self { store, clock, loopback, open, known: Mutex::default(), changes, sessions }
    }

    /// Returns true if the master was open at the last check.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// Checks again whether tokens or users exist. Returns true if the master is open. Everyone on the machine may do
    /// everything on an open master.
    pub(crate) async fn refresh(&self) -> Result<bool, StoreError> {
        let open = self.loopback && !self.is_guarded().await?;
        let was_open = self.open.swap(open, Ordering::Relaxed);
        if was_open && !open {
            tracing::info!(
                "a token or a user exists now; requests without credentials are refused from now on"
            );
        }
        Ok(open)
    }

    /// Returns true if there is a user, or a token that was not revoked. A disabled user and an expired token count
    /// too. Otherwise, the master would become open when its last token expires, or when a clock is ahead.
    async fn is_guarded(&self) -> Result<bool, StoreError> {
        self.store.has_credentials().await
    }

    /// Returns true if somebody has access: a user who is not disabled, or a token that is valid now.
    pub(crate) async fn is_accessible(&self) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let (_, enabled) = self.store.count_users().await?;
        Ok(enabled > 0 || self.store.tokens().await?.iter().any(|token| is_in_force(&token.info, now)))
    }

    /// Returns the principal of these credentials.
    ///
    /// # Errors
    ///
    /// Returns 401 if the credentials are missing or not valid, 403 if a cookie is not sufficient, 503 if the database
    /// is unavailable.
    pub(crate) async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Principal, Error> {
        // An open master accepts requests with any credentials and requests without credentials.
        if self.is_open() {
            return Ok(Principal::ANYBODY);
        }
        match credentials {
            Credentials::Missing => {
                let detail = "sign in, or send a token: Authorization: Bearer …; `easysight-master user create` \
                              creates a user, `easysight-master token create` a token";
                Err(Error::new(StatusCode::UNAUTHORIZED, "unauthorized", detail))
            }
            Credentials::Bearer(token) => self.holder_of(token).await,
            Credentials::Session(secret) => self.sessions.holder_of(secret).await,
            Credentials::Unproven => {
                let detail = "a change with the cookie of a session needs the header X-EasySight-Request, with any \
                              value: it proves that no page of another site sends the request";
                Err(Error::new(StatusCode::FORBIDDEN, "missing-header", detail))
            }
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
        let TokenInfo { id, name, scope, groups, .. } = token.info;
        let area = area_of(&id, scope, groups.as_deref());
        Ok(Principal { identity: Identity::Token { id, name }, scope, area })
    }

    /// Returns true if a principal is still valid. Long requests check this again after they were admitted. The answer
    /// may be out of date by up to [`FRESH`].
    ///
    /// # Errors
    ///
    /// Returns 503 if the database is unavailable.
    pub(crate) async fn still_knows(&self, principal: &Principal) -> Result<bool, Error> {
        match &principal.identity {
            Identity::Anybody => Ok(self.is_open()),
            Identity::User { session, .. } => {
                let session = self.sessions.current(session).await?;
                // A request does not outlive a change of its user's scope or area.
                Ok(session.is_some_and(|session| {
                    session.user.scope == principal.scope && area_of_user(&session.user) == principal.area
                }))
            }
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
        self.sessions.forget();
        self.changes.send_replace(());
    }

    /// Returns a receiver that is notified when tokens or users have changed through this master.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }
}

fn is_in_force(token: &TokenInfo, now: DateTime<Utc>) -> bool {
    token.revoked_at.is_none() && token.expires_at.is_none_or(|end| now < end)
}

/// Hashes a secret. A fast hash is sufficient, since the secret has 256 random bits and cannot be guessed.
pub(crate) fn hash(secret: &str) -> String {
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
        groups: request.groups,
    };
    let lifetime_ms = lifetime.map(|lifetime| lifetime.num_milliseconds());
    by.create_token(StoredToken { info: info.clone(), hash: hash(&secret), lifetime_ms }).await?;
    Ok(NewToken { token: format!("{PREFIX}{id}_{secret}"), info })
}

pub(crate) fn random_hex<const N: usize>() -> anyhow::Result<String> {
    Ok(random_bytes::<N>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Returns random bytes of the operating system.
pub(crate) fn random_bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the operating system returned no random bytes: {error}"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use easysight_protocol::{ActorKind, Scope, UserChange, UserInfo};
    use easysight_store::{Actor, Area, SignIn, StoredUser};

    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const LIFETIMES: Lifetimes = Lifetimes { idle_ms: 12 * HOUR_MS, longest_ms: 168 * HOUR_MS };

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
        (Access::new(store.clone(), Clock::new(), loopback, LIFETIMES), store, dir)
    }

    fn request(scope: Scope) -> TokenRequest {
        TokenRequest { name: "t".into(), scope, expires_at: None, lifetime_s: None, groups: None }
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
        assert_eq!(known, Principal { identity, scope: Scope::Viewer, area: Area::ALL });
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

    #[tokio::test]
    async fn a_token_with_an_area_names_its_cameras() {
        let (access, store, _dir) = access(false).await;
        let groups = Some(vec!["yard".to_owned(), "gates".to_owned(), "yard".to_owned()]);
        let limited = TokenRequest { groups: groups.clone(), ..request(Scope::Operator) };
        let limited = make_token(&store, limited, easysight_protocol::now()).await.unwrap();
        let holder = access.authenticate(Credentials::Bearer(&limited.token)).await.unwrap();
        assert_eq!(holder.area, Area::of(&limited.info.id, groups.as_deref()));
        assert!(!holder.area.is_all() && access.still_knows(&holder).await.unwrap());
    }

    async fn add_user(store: &Store, disabled: bool) -> String {
        let id = random_hex::<8>().unwrap();
        let info = UserInfo {
            id: id.clone(),
            name: format!("user {id}"),
            scope: Scope::Operator,
            disabled,
            created_at: easysight_protocol::now(),
            last_signed_in_at: None,
            groups: None,
        };
        store.by(nobody()).create_user(StoredUser { info, password: "hash".into() }).await.unwrap();
        id
    }

    /// Opens a session that begins `ago_ms` before now. Returns its secret.
    async fn sign_in(access: &Access, store: &Store, user: &str, ago_ms: i64) -> String {
        let now = easysight_protocol::now().timestamp_millis() - ago_ms;
        let (session, secret) = access.sessions.make(now).unwrap();
        let sign_in = SignIn::new("user", "10.0.0.1");
        let by = store.by(nobody());
        assert!(by.open_session(session, user.into(), "hash".into(), sign_in, now).await.unwrap());
        secret
    }

    #[tokio::test]
    async fn a_user_guards_a_master_as_a_token_does() {
        let (access, store, _dir) = access(true).await;
        assert!(access.refresh().await.unwrap());
        add_user(&store, true).await;
        assert!(!access.refresh().await.unwrap());
        assert!(!access.is_accessible().await.unwrap());
        add_user(&store, false).await;
        assert!(access.is_accessible().await.unwrap());
    }

    #[tokio::test]
    async fn a_session_ends_when_it_is_idle_when_it_is_old_and_with_its_user() {
        let (access, store, _dir) = access(false).await;
        let user = add_user(&store, false).await;
        let holder = async |secret: &str| access.authenticate(Credentials::Session(secret)).await.ok();
        let fresh = sign_in(&access, &store, &user, 0).await;
        let known = holder(&fresh).await.unwrap();
        assert_eq!((known.scope, access.still_knows(&known).await.unwrap()), (Scope::Operator, true));
        assert_eq!(holder(&format!("{fresh}0")).await, None);
        assert_eq!(holder(fresh.replace("us_", "es_").as_str()).await, None);
        let nearly_idle = sign_in(&access, &store, &user, 12 * HOUR_MS - 60_000).await;
        let idle = sign_in(&access, &store, &user, 12 * HOUR_MS).await;
        assert!(holder(&nearly_idle).await.is_some());
        assert_eq!(holder(&idle).await, None);
        // The last request of this session was recorded, so the session is valid again.
        access.forget();
        let id = nearly_idle.split('_').nth(1).unwrap();
        let used_at = store.session(id).await.unwrap().unwrap().used_at;
        assert!(easysight_protocol::now() - used_at < TimeDelta::hours(1));
        let old = sign_in(&access, &store, &user, 168 * HOUR_MS).await;
        let now = easysight_protocol::now().timestamp_millis();
        store.touch_session(old.split('_').nth(1).unwrap().into(), now).await.unwrap();
        assert_eq!(holder(&old).await, None);
        let change = UserChange { disabled: Some(true), ..UserChange::default() };
        store.by(nobody()).change_user(user, change, None, now).await.unwrap();
        access.forget();
        assert_eq!(holder(&fresh).await, None);
        assert!(!access.still_knows(&known).await.unwrap());
    }
}
