//! Users, their sessions, the delays after failed sign-ins, and the link for the first administrator.

use chrono::{DateTime, TimeDelta};
use easysight_protocol::{Scope, TokenInfo, UserChange, UserInfo};
use easysight_store::{
    Changed, Dialect, NewSession, SignIn, Store, StoreError, StoredToken, StoredUser, Welcomed,
};

use crate::databases::{anybody, empty, execute};

const DAY: i64 = 86_400_000;
/// A time at which all tests begin.
const NOW: i64 = 1_000 * DAY;

fn user(id: &str, scope: Scope) -> StoredUser {
    let info = UserInfo {
        id: id.into(),
        name: format!("User {id}"),
        scope,
        disabled: false,
        created_at: DateTime::from_timestamp_millis(NOW).unwrap(),
        last_signed_in_at: None,
        groups: None,
    };
    StoredUser { info, password: format!("hash of {id}") }
}

fn session(id: &str) -> NewSession {
    NewSession { id: id.into(), hash: format!("hash of {id}"), expires_at: NOW + 7 * DAY }
}

fn from(address: &str) -> SignIn {
    SignIn::new("user a", address)
}

async fn opens(store: &Store, id: &str, user: &str, password: &str) -> bool {
    store
        .by(anybody())
        .open_session(session(id), user.into(), password.into(), from("10.0.0.1"), NOW)
        .await
        .unwrap()
}

fn disabled(is: bool) -> UserChange {
    UserChange { disabled: Some(is), ..UserChange::default() }
}

async fn change(store: &Store, id: &str, change: UserChange) -> Changed {
    store.by(anybody()).change_user(id.into(), change, None, NOW).await.unwrap()
}

pub(crate) async fn a_name_belongs_to_one_user_however_it_is_written(store: &Store) {
    assert_eq!(store.count_users().await.unwrap(), (0, 0));
    store.by(anybody()).create_user(user("a", Scope::Viewer)).await.unwrap();
    let mut same = user("b", Scope::Viewer);
    same.info.name = " uSER A".into();
    let taken = store.by(anybody()).create_user(same.clone()).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict(_)), "{taken}");
    store.by(anybody()).create_user(user("b", Scope::Operator)).await.unwrap();
    let renamed = |name: &str| UserChange { name: Some(name.into()), ..UserChange::default() };
    let taken = store.by(anybody()).change_user("b".into(), renamed("USER A"), None, NOW).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict(_)), "{taken}");
    let own = change(store, "a", renamed("USER A")).await;
    assert!(matches!(own, Changed::Done(user) if user.name == "USER A"));
    assert_eq!(store.user_named("  user a ").await.unwrap().unwrap().info.id, "a");
    assert_eq!(store.user_named("nobody").await.unwrap(), None);
    assert_eq!(store.user("b").await.unwrap(), Some(user("b", Scope::Operator)));
    assert_eq!(change(store, "c", disabled(true)).await, Changed::Missing);
    change(store, "b", disabled(true)).await;
    assert_eq!(store.count_users().await.unwrap(), (2, 1));
    let names: Vec<_> = store.users().await.unwrap().into_iter().map(|one| one.info.name).collect();
    assert_eq!(names, ["USER A", "User b"]);
}

pub(crate) async fn somebody_can_always_administer(store: &Store) {
    store.by(anybody()).create_user(user("a", Scope::Admin)).await.unwrap();
    store.by(anybody()).create_user(user("v", Scope::Viewer)).await.unwrap();
    let demoted = UserChange { scope: Some(Scope::Operator), ..UserChange::default() };
    assert_eq!(change(store, "a", disabled(true)).await, Changed::LastAdministrator);
    assert_eq!(change(store, "a", demoted.clone()).await, Changed::LastAdministrator);
    assert_eq!(store.by(anybody()).delete_user("a".into(), NOW).await.unwrap(), Changed::LastAdministrator);
    let admin = store.user("a").await.unwrap().unwrap().info;
    assert_eq!((admin.scope, admin.disabled), (Scope::Admin, false));
    assert!(matches!(store.by(anybody()).delete_user("v".into(), NOW).await.unwrap(), Changed::Done(_)));
    // Only one of two administrators can be disabled, even if requests disable both at the same moment.
    store.by(anybody()).create_user(user("b", Scope::Admin)).await.unwrap();
    let (one, other) = (store.clone(), store.clone());
    let (acting_one, acting_other) = (one.by(anybody()), other.by(anybody()));
    let (one, other) = tokio::join!(
        acting_one.change_user("a".into(), disabled(true), None, NOW),
        acting_other.change_user("b".into(), disabled(true), None, NOW),
    );
    let gone = [one.unwrap(), other.unwrap()].iter().filter(|end| matches!(end, Changed::Done(_))).count();
    assert_eq!(gone, 1);
    let left = if store.user("a").await.unwrap().unwrap().info.disabled { "b" } else { "a" };
    // A token can administer too, until it expires.
    let info = TokenInfo {
        id: "t".into(),
        name: "t".into(),
        scope: Scope::Admin,
        created_at: DateTime::UNIX_EPOCH,
        expires_at: DateTime::from_timestamp_millis(NOW),
        revoked_at: None,
        groups: None,
    };
    let token = StoredToken { info, hash: "h".into(), lifetime_ms: None };
    store.by(anybody()).create_token(token).await.unwrap();
    assert_eq!(change(store, left, demoted.clone()).await, Changed::LastAdministrator);
    let earlier = store.by(anybody()).change_user(left.into(), demoted, None, NOW - 1).await.unwrap();
    assert!(matches!(earlier, Changed::Done(user) if user.scope == Scope::Operator));
    // Now the token is the only administrator, so it cannot be revoked.
    let kept = store.by(anybody()).revoke_token("t".into(), NOW - 1).await;
    assert!(matches!(kept, Err(StoreError::Conflict(_))), "{kept:?}");
    change(store, left, UserChange { scope: Some(Scope::Admin), ..UserChange::default() }).await;
    assert!(store.by(anybody()).revoke_token("t".into(), NOW - 1).await.unwrap());
}

pub(crate) async fn a_session_belongs_to_a_user_with_this_password(store: &Store) {
    store.by(anybody()).create_user(user("a", Scope::Admin)).await.unwrap();
    store.by(anybody()).create_user(user("b", Scope::Viewer)).await.unwrap();
    assert!(!opens(store, "s", "b", "an old hash").await);
    assert!(!opens(store, "s", "nobody", "hash of b").await);
    assert_eq!(store.session("s").await.unwrap(), None);
    assert!(opens(store, "s", "b", "hash of b").await);
    let open = store.session("s").await.unwrap().unwrap();
    assert_eq!((open.hash.as_str(), open.user.id.as_str()), ("hash of s", "b"));
    assert_eq!(open.used_at.timestamp_millis(), NOW);
    assert_eq!(open.user.last_signed_in_at, DateTime::from_timestamp_millis(NOW));
    store.touch_session("s".into(), NOW + 5).await.unwrap();
    // A request that was slow does not make the session look older.
    store.touch_session("s".into(), NOW + 3).await.unwrap();
    assert_eq!(store.session("s").await.unwrap().unwrap().used_at.timestamp_millis(), NOW + 5);
    assert!(store.by(anybody()).end_session("s".into(), "b", NOW).await.unwrap());
    assert!(!store.by(anybody()).end_session("s".into(), "b", NOW).await.unwrap());
    change(store, "b", disabled(true)).await;
    assert!(!opens(store, "s", "b", "hash of b").await);
}

pub(crate) async fn a_user_s_sessions_end_with_the_password(store: &Store) {
    store.by(anybody()).create_user(user("a", Scope::Viewer)).await.unwrap();
    store.by(anybody()).create_user(user("b", Scope::Viewer)).await.unwrap();
    let replace = async |before: &str, after: &str, session: &str| {
        let (before, after, session) = (before.to_owned(), after.to_owned(), session.to_owned());
        store.by(anybody()).replace_password("a".into(), before, after, session, NOW).await.unwrap()
    };
    let open = async |ids: &[&str]| {
        let mut open = Vec::new();
        for id in ids {
            if store.session(id).await.unwrap().is_some() {
                open.push((*id).to_owned());
            }
        }
        open.join(" ")
    };
    for id in ["1", "2", "3"] {
        assert!(opens(store, id, "a", "hash of a").await);
    }
    assert!(opens(store, "other", "b", "hash of b").await);
    assert!(!replace("another hash", "new", "2").await);
    assert_eq!(open(&["1", "2", "3", "other"]).await, "1 2 3 other");
    assert!(replace("hash of a", "new", "2").await);
    assert_eq!(open(&["1", "2", "3", "other"]).await, "2 other");
    let set = UserChange::default();
    store.by(anybody()).change_user("a".into(), set, Some("newer".into()), NOW).await.unwrap();
    assert_eq!(open(&["2", "other"]).await, "other");
    assert_eq!(store.user("a").await.unwrap().unwrap().password, "newer");
    for id in ["1", "2"] {
        assert!(opens(store, id, "a", "newer").await);
    }
    assert_eq!(store.by(anybody()).end_sessions_of("a".into(), NOW).await.unwrap(), 2);
    assert!(opens(store, "1", "a", "newer").await);
    change(store, "a", disabled(true)).await;
    assert_eq!(open(&["1", "other"]).await, "other");
    store.by(anybody()).delete_user("b".into(), NOW).await.unwrap();
    assert_eq!(open(&["other"]).await, "");
}

pub(crate) async fn guesses_at_the_same_moment_are_all_counted(store: &Store) {
    store.by(anybody()).create_user(user("a", Scope::Admin)).await.unwrap();
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let store = store.clone();
        guesses.spawn(async move { store.count_sign_in(from("10.0.0.1"), NOW).await.unwrap() });
    }
    let waits = guesses.join_all().await;
    assert_eq!(waits.iter().filter(|wait| wait.is_none()).count(), 5);
    assert!(waits.iter().flatten().all(|wait| *wait == 2_000), "{waits:?}");
    // Another address need not wait.
    assert_eq!(store.sign_in_wait(&from("10.0.0.1"), NOW + 500).await.unwrap(), Some(1_500));
    assert_eq!(store.sign_in_wait(&from("10.0.0.2"), NOW + 500).await.unwrap(), None);
    // A guess that was refused because of the delay does not extend the delay. A wrong guess doubles it.
    assert_eq!(store.count_sign_in(from("10.0.0.1"), NOW + 2_000).await.unwrap(), None);
    assert_eq!(store.count_sign_in(from("10.0.0.1"), NOW + 2_000).await.unwrap(), Some(4_000));
    // The right password ends the delay, and makes the address known.
    let now = NOW + 6_000;
    assert_eq!(store.count_sign_in(from("10.0.0.1"), now).await.unwrap(), None);
    let (password, one) = ("hash of a".to_owned(), session("s"));
    assert!(
        store.by(anybody()).open_session(one, "a".into(), password, from("10.0.0.1"), now).await.unwrap()
    );
    assert_eq!(store.sign_in_wait(&from("10.0.0.1"), now).await.unwrap(), None);
    // Strangers guess from many addresses, until every stranger must wait. The user at the known address need not wait.
    for at in 0..30 {
        store.count_sign_in(from(&format!("10.0.1.{at}")), now).await.unwrap();
    }
    assert!(store.sign_in_wait(&from("10.0.2.1"), now).await.unwrap().is_some());
    assert_eq!(
        store.count_sign_in(from("10.0.1.99"), now).await.unwrap(),
        store.sign_in_wait(&from("10.0.2.1"), now).await.unwrap()
    );
    assert_eq!(store.sign_in_wait(&from("10.0.0.1"), now).await.unwrap(), None);
    assert_eq!(store.count_sign_in(from("10.0.0.1"), now).await.unwrap(), None);
    store.forgive_sign_in(from("10.0.0.1"), now).await.unwrap();
    // After a day, failures no longer count.
    let later = now + DAY + 1;
    assert_eq!(store.sign_in_wait(&from("10.0.2.1"), later).await.unwrap(), None);
    for _ in 0..5 {
        assert_eq!(store.count_sign_in(from("10.0.1.1"), later).await.unwrap(), None);
    }
    assert_eq!(store.sign_in_wait(&from("10.0.1.1"), later).await.unwrap(), Some(2_000));
}

pub(crate) async fn sign_ins_do_not_keep_old_failures_alive(store: &Store) {
    let hour = DAY / 24;
    // Several people at one address mistype their passwords, until strangers at this address must wait.
    let guess = |name: usize| SignIn::new(&format!("person {name}"), "10.0.0.1");
    for name in 0..51 {
        store.count_sign_in(guess(name), NOW).await.unwrap();
    }
    assert!(store.sign_in_wait(&guess(99), NOW).await.unwrap().is_some());
    // One person signs in at this address every few hours.
    for at in 1..=4 {
        let now = NOW + at * 6 * hour;
        assert_eq!(store.count_sign_in(guess(1), now).await.unwrap(), None);
        store.forgive_sign_in(guess(1), now).await.unwrap();
    }
    // A day after the last failure, no earlier failure counts: the next one is the first.
    let now = NOW + DAY + hour;
    assert_eq!(store.count_sign_in(guess(2), now).await.unwrap(), None);
    assert_eq!(store.sign_in_wait(&guess(99), now).await.unwrap(), None);
}

pub(crate) async fn a_link_for_the_first_administrator_works_once_and_only_for_the_first(store: &Store) {
    let welcome = async |link: &str, id: &str, now: i64| {
        store.by(anybody()).welcome(link.into(), user(id, Scope::Admin), session(id), now).await
    };
    let valid = async |link: &str, now: i64| store.is_welcome(link, now).await.unwrap();
    for link in ["one", "other"] {
        store.create_welcome(link.into(), NOW, NOW + DAY).await.unwrap();
    }
    assert!(valid("one", NOW).await && !valid("unknown", NOW).await && !valid("one", NOW + DAY).await);
    assert_eq!(welcome("unknown", "a", NOW).await.unwrap(), Welcomed::Void);
    assert_eq!(welcome("one", "a", NOW + DAY).await.unwrap(), Welcomed::Void);
    // A user who is not an administrator does not make the link invalid, but the name of this user is taken.
    store.by(anybody()).create_user(user("v", Scope::Viewer)).await.unwrap();
    let taken = welcome("one", "v", NOW).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict(_)), "{taken}");
    let (one, other) = tokio::join!(welcome("one", "a", NOW), welcome("other", "b", NOW));
    let ends = [one.unwrap(), other.unwrap()];
    assert_eq!(ends.iter().filter(|end| **end == Welcomed::Done).count(), 1, "{ends:?}");
    let admins: Vec<_> = store.users().await.unwrap();
    let admin = admins.iter().find(|one| one.info.scope == Scope::Admin).unwrap();
    assert_eq!(store.session(&admin.info.id).await.unwrap().unwrap().user.id, admin.info.id);
    assert_eq!(admin.info.last_signed_in_at, DateTime::from_timestamp_millis(NOW));
    assert_eq!(welcome("one", "c", NOW).await.unwrap(), Welcomed::Void);
    // Another start of the master made a link although an administrator exists.
    store.create_welcome("late".into(), NOW, NOW + DAY).await.unwrap();
    assert!(!valid("late", NOW).await);
    assert_eq!(welcome("late", "c", NOW).await.unwrap(), Welcomed::Void);
}

pub(crate) async fn sessions_of_a_clock_that_was_ahead_are_brought_back(store: &Store) {
    store.by(anybody()).create_user(user("a", Scope::Admin)).await.unwrap();
    let year = 365 * DAY;
    let ahead = NOW + year;
    let expires_at = ahead + 7 * DAY;
    let made = NewSession { expires_at, ..session("s") };
    for _ in 0..6 {
        store.count_sign_in(from("10.0.0.9"), ahead).await.unwrap();
    }
    let password = "hash of a".to_owned();
    assert!(
        store.by(anybody()).open_session(made, "a".into(), password, from("10.0.0.1"), ahead).await.unwrap()
    );
    store.create_welcome("link".into(), ahead, ahead + DAY).await.unwrap();
    store.bring_back(NOW, 8_000).await.unwrap();
    let session = store.session("s").await.unwrap().unwrap();
    assert_eq!(session.used_at.timestamp_millis(), NOW);
    assert_eq!(session.expires_at - session.used_at, TimeDelta::days(7));
    assert_eq!(store.sign_in_wait(&from("10.0.0.9"), NOW).await.unwrap(), Some(2_000));
    assert_eq!(store.sign_in_wait(&from("10.0.0.9"), NOW + 2_000).await.unwrap(), None);
}

pub(crate) async fn what_is_over_is_pruned(store: &Store) {
    store.by(anybody()).create_user(user("a", Scope::Admin)).await.unwrap();
    for id in ["idle", "used"] {
        assert!(opens(store, id, "a", "hash of a").await);
    }
    store.touch_session("used".into(), NOW + 2 * DAY).await.unwrap();
    store.create_welcome("link".into(), NOW, NOW + DAY).await.unwrap();
    assert_eq!(store.prune_sessions(DAY, NOW + DAY - 1).await.unwrap(), 0);
    assert_eq!(store.prune_sessions(DAY, NOW + DAY).await.unwrap(), 1);
    assert_eq!(store.session("idle").await.unwrap(), None);
    assert_eq!(store.prune_sessions(DAY, NOW + DAY).await.unwrap(), 0);
    store.touch_session("used".into(), NOW + 7 * DAY - 1).await.unwrap();
    assert_eq!(store.prune_sessions(DAY, NOW + 7 * DAY).await.unwrap(), 1);
    assert_eq!(store.session("used").await.unwrap(), None);
}

fn token_with(groups: &[&str]) -> StoredToken {
    let info = TokenInfo {
        id: "t".into(),
        name: "wall".into(),
        scope: Scope::Viewer,
        created_at: DateTime::UNIX_EPOCH,
        expires_at: None,
        revoked_at: None,
        groups: Some(groups.iter().map(|one| (*one).to_owned()).collect()),
    };
    StoredToken { info, hash: "0123".into(), lifetime_ms: None }
}

pub(crate) async fn the_area_of_a_token_is_kept_sorted(store: &Store) {
    store.by(anybody()).create_token(token_with(&["yard", "gate", "yard"])).await.unwrap();
    let stored = token_with(&["gate", "yard"]);
    assert_eq!(store.token("t").await.unwrap(), Some(stored.clone()));
    assert_eq!(store.tokens().await.unwrap(), [stored]);
}

/// A master that knows no areas of tokens compares the stored hash with the hash of the secret.
pub(crate) async fn masters_that_know_no_areas_refuse_a_token_with_an_area(dialect: Dialect) {
    let Some(empty) = empty(dialect).await else { return };
    let url = empty.url.clone();
    let fresh = empty.store().await;
    fresh.store.by(anybody()).create_token(token_with(&["yard"])).await.unwrap();
    let known_to_them = "UPDATE tokens SET name = name WHERE hash = '0123'".to_owned();
    assert_eq!(execute(dialect, &url, known_to_them).await, 0);
    // Whatever they change, a token never loses its area without becoming invalid.
    assert_eq!(execute(dialect, &url, "UPDATE tokens SET area = NULL".to_owned()).await, 1);
    assert!(matches!(fresh.store.token("t").await, Err(StoreError::Corrupt(_))));
    fresh.close().await;
}
