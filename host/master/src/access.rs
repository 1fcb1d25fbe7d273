//! Who may call: the holder of a token whose scope suffices. A master that listens on loopback only,
//! and has no token, is open to everyone on the machine.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use easysight_daemon::problem::Error;
use easysight_protocol::{NewToken, Scope, TokenInfo, TokenRequest};
use easysight_store::{Store, StoreError, StoredToken, TokenRepository};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use crate::{clock, problems::store_error};

/// How long a look-up counts; a revoked token works for so long at the most.
const FRESH: Duration = Duration::from_secs(5);
/// Look-ups that are kept.
const MAX_KEPT: usize = 10_000;
const PREFIX: &str = "es_";

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// To look at cameras, tasks, results and nodes.
    View,
    /// To change cameras, tasks and runs.
    Operate,
    /// To be a worker.
    Work,
    /// To fetch a plugin.
    Fetch,
    /// To publish and activate plugins.
    Publish,
    /// To make and revoke tokens.
    Administer,
}

impl Need {
    const fn is_met_by(self, scope: Scope) -> bool {
        match self {
            Self::View => matches!(scope, Scope::Admin | Scope::Operator | Scope::Viewer),
            Self::Operate => matches!(scope, Scope::Admin | Scope::Operator),
            Self::Work => matches!(scope, Scope::Admin | Scope::Worker),
            Self::Fetch => true,
            Self::Publish => matches!(scope, Scope::Admin | Scope::Publisher),
            Self::Administer => matches!(scope, Scope::Admin),
        }
    }
}

/// Decides.
pub(crate) struct Access {
    store: Store,
    loopback: bool,
    open: AtomicBool,
    known: Mutex<HashMap<String, (StoredToken, Instant)>>,
}

impl Access {
    pub(crate) fn new(store: Store, loopback: bool) -> Self {
        Self { store, loopback, open: AtomicBool::new(false), known: Mutex::default() }
    }

    /// Looks again whether there are tokens. True where everyone may do everything.
    pub(crate) async fn refresh(&self) -> Result<bool, StoreError> {
        let open = self.loopback && !self.has_tokens().await?;
        let was_open = self.open.swap(open, Ordering::Relaxed);
        if was_open && !open {
            tracing::info!("there is a token now: requests without one are refused from here on");
        }
        Ok(open)
    }

    /// True where someone could show a token.
    pub(crate) async fn has_tokens(&self) -> Result<bool, StoreError> {
        let now = clock::now();
        Ok(self.store.tokens().await?.iter().any(|token| is_in_force(&token.info, now)))
    }

    /// Lets a request pass that shows `bearer`, or says why not.
    pub(crate) async fn check(&self, bearer: Option<&str>, need: Need) -> Result<(), Error> {
        let Some(bearer) = bearer else {
            if self.open.load(Ordering::Relaxed) {
                return Ok(());
            }
            let detail = "send a token: Authorization: Bearer …; `easysight-master token create` makes one";
            return Err(Error::new(StatusCode::UNAUTHORIZED, "unauthorized", detail));
        };
        // With an open master any token does, as none does.
        if self.open.load(Ordering::Relaxed) {
            return Ok(());
        }
        let unknown = || {
            let detail = "this token is not known, has expired or was revoked";
            Error::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
        };
        let (id, secret) =
            bearer.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')).ok_or_else(unknown)?;
        let token = self.look_up(id).await?.ok_or_else(unknown)?;
        let matches = hash(secret).as_bytes().ct_eq(token.hash.as_bytes());
        if !bool::from(matches) || !is_in_force(&token.info, clock::now()) {
            return Err(unknown());
        }
        if need.is_met_by(token.info.scope) {
            return Ok(());
        }
        let detail = format!(
            "the token `{}` has the scope {}, which does not do here",
            token.info.name,
            token.info.scope.as_str()
        );
        Err(Error::new(StatusCode::FORBIDDEN, "forbidden", detail))
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

    /// Forgets look-ups, after a change.
    pub(crate) fn forget(&self) {
        self.known.lock().clear();
    }
}

fn is_in_force(token: &TokenInfo, now: DateTime<Utc>) -> bool {
    token.revoked_at.is_none() && token.expires_at.is_none_or(|end| now < end)
}

/// The secret has 256 random bits, so that a fast hash does: there is nothing to guess.
fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

/// Makes a token and keeps its hash.
pub(crate) async fn make_token(store: &Store, request: TokenRequest) -> anyhow::Result<NewToken> {
    let (id, secret) = (random_hex::<8>()?, random_hex::<32>()?);
    let info = TokenInfo {
        id: id.clone(),
        name: request.name,
        scope: request.scope,
        created_at: clock::now(),
        expires_at: request.expires_at,
        revoked_at: None,
    };
    store.create_token(StoredToken { info: info.clone(), hash: hash(&secret) }).await?;
    Ok(NewToken { token: format!("{PREFIX}{id}_{secret}"), info })
}

fn random_hex<const N: usize>() -> anyhow::Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn access(loopback: bool) -> (Access, Store, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let (store, _writing) =
            Store::open(&format!("sqlite://{}/t.db", dir.path().display())).await.unwrap();
        (Access::new(store.clone(), loopback), store, dir)
    }

    fn request(scope: Scope) -> TokenRequest {
        TokenRequest { name: "t".into(), scope, expires_at: None }
    }

    #[tokio::test]
    async fn open_only_on_loopback_and_only_without_tokens() {
        let (access, store, _dir) = access(true).await;
        assert!(access.refresh().await.unwrap());
        assert!(access.check(None, Need::Administer).await.is_ok());
        make_token(&store, request(Scope::Viewer)).await.unwrap();
        assert!(!access.refresh().await.unwrap());
        assert!(access.check(None, Need::View).await.is_err());
        let (beyond, _store, _dir) = super::tests::access(false).await;
        assert!(!beyond.refresh().await.unwrap());
        assert!(beyond.check(None, Need::View).await.is_err());
    }

    #[tokio::test]
    async fn a_token_opens_what_its_scope_says_until_it_ends() {
        let (access, store, _dir) = access(false).await;
        let viewer = make_token(&store, request(Scope::Viewer)).await.unwrap();
        let passes = async |token: &str, need| access.check(Some(token), need).await.is_ok();
        assert!(passes(&viewer.token, Need::View).await);
        assert!(!passes(&viewer.token, Need::Operate).await);
        assert!(!passes(&viewer.token, Need::Work).await);
        let other = format!("{}0", viewer.token.get(..viewer.token.len() - 1).unwrap());
        assert_eq!(passes(&other, Need::View).await, other == viewer.token);
        assert!(!passes("es_nobody_x", Need::View).await);
        let past = Some(Utc::now() - chrono::TimeDelta::seconds(1));
        let over = TokenRequest { expires_at: past, ..request(Scope::Admin) };
        let over = make_token(&store, over).await.unwrap();
        assert!(!passes(&over.token, Need::View).await);
        store.revoke_token(viewer.info.id, 1).await.unwrap();
        access.forget();
        assert!(!passes(&viewer.token, Need::View).await);
    }
}
