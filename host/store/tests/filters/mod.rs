//! Saved filters of the list of cameras.

use chrono::DateTime;
use easysight_protocol::{CameraListFilter, SavedFilter, SavedFilterRequest, Scope, TokenInfo, UserInfo};
use easysight_store::{FilterChanged, FilterOwner, MAX_FILTERS, Store, StoreError, StoredToken, StoredUser};

use crate::databases::anybody;

const NOW: i64 = 1_700_000_000_000;

fn request(name: &str, group: &str) -> SavedFilterRequest {
    let filter = CameraListFilter { group: Some(group.into()), ..CameraListFilter::default() };
    SavedFilterRequest { name: name.into(), filter }
}

fn owner(user: &str) -> FilterOwner {
    FilterOwner::User(user.into())
}

async fn save(store: &Store, of: &FilterOwner, name: &str) -> Option<SavedFilter> {
    let id = easysight_protocol::fresh_id().to_string();
    store.save_camera_filter(of.clone(), id, request(name, "Yard"), NOW).await.unwrap()
}

async fn names(store: &Store, of: &FilterOwner) -> Vec<String> {
    store.camera_filters(of).await.unwrap().into_iter().map(|one| one.name).collect()
}

async fn add_user(store: &Store, id: &str) {
    let info = UserInfo {
        id: id.into(),
        name: id.into(),
        scope: Scope::Viewer,
        disabled: false,
        created_at: DateTime::from_timestamp_millis(NOW).unwrap(),
        last_signed_in_at: None,
        groups: None,
    };
    store.by(anybody()).create_user(StoredUser { info, password: "hash".into() }).await.unwrap();
}

async fn add_token(store: &Store, id: &str) {
    let info = TokenInfo {
        id: id.into(),
        name: id.into(),
        scope: Scope::Viewer,
        created_at: DateTime::from_timestamp_millis(NOW).unwrap(),
        expires_at: None,
        revoked_at: None,
        groups: None,
    };
    let token = StoredToken { info, hash: "hash".into(), lifetime_ms: None };
    store.by(anybody()).create_token(token).await.unwrap();
}

pub(crate) async fn a_filter_is_its_owner_s_alone(store: &Store) {
    let owners = [owner("a"), FilterOwner::Token("a".into()), FilterOwner::Anybody];
    for one in &owners {
        assert_eq!(names(store, one).await, [""; 0]);
        let saved = save(store, one, "Yard").await.unwrap();
        assert_eq!((saved.name.as_str(), saved.filter.group.as_deref()), ("Yard", Some("Yard")));
        assert_eq!(saved.created_at.timestamp_millis(), NOW);
        assert_eq!(save(store, one, "Yard").await, None, "the name is taken");
        assert_eq!(store.camera_filters(one).await.unwrap(), [saved]);
    }
    let [first, second, _] = &owners;
    let id = store.camera_filters(first).await.unwrap()[0].id.clone();
    let changed = store.change_camera_filter(second.clone(), id.clone(), request("Mine", "x"), NOW).await;
    assert_eq!(changed.unwrap(), FilterChanged::Missing);
    assert!(!store.remove_camera_filter(second.clone(), id.clone()).await.unwrap());
    save(store, first, "Gates").await.unwrap();
    let change =
        |name: &str| store.change_camera_filter(first.clone(), id.clone(), request(name, "Hall"), NOW + 1);
    assert_eq!(change("Gates").await.unwrap(), FilterChanged::NameTaken);
    let FilterChanged::Done(renamed) = change("Yard 2").await.unwrap() else { panic!("not changed") };
    assert_eq!((renamed.name.as_str(), renamed.filter.group.as_deref()), ("Yard 2", Some("Hall")));
    assert_eq!((renamed.updated_at - renamed.created_at).num_milliseconds(), 1);
    assert_eq!(names(store, first).await, ["Gates", "Yard 2"]);
    assert!(store.remove_camera_filter(first.clone(), id.clone()).await.unwrap());
    assert!(!store.remove_camera_filter(first.clone(), id).await.unwrap());
    assert_eq!(names(store, first).await, ["Gates"]);
    assert_eq!(names(store, second).await, ["Yard"]);
}

pub(crate) async fn an_owner_has_at_most_fifty_filters(store: &Store) {
    let own = owner("a");
    for at in 0..MAX_FILTERS - 1 {
        save(store, &own, &format!("{at:02}")).await.unwrap();
    }
    // Of two that are saved at the same moment, one finds no room.
    let both = tokio::join!(
        store.save_camera_filter(own.clone(), "x".into(), request("x", "x"), NOW),
        store.save_camera_filter(own.clone(), "y".into(), request("y", "y"), NOW)
    );
    let refused: Vec<_> = [both.0, both.1].into_iter().filter_map(Result::err).collect();
    assert!(matches!(refused.as_slice(), [StoreError::Conflict(_)]), "{refused:?}");
    assert_eq!(names(store, &own).await.len() as u64, MAX_FILTERS);
    assert!(save(store, &owner("b"), "x").await.is_some());
}

pub(crate) async fn filters_go_with_their_owner(store: &Store) {
    let token = FilterOwner::Token("t".into());
    add_user(store, "a").await;
    add_user(store, "b").await;
    add_token(store, "t").await;
    // This user and this token were removed by a master that knows no filters.
    let gone = [owner("gone"), FilterOwner::Token("gone".into())];
    let kept = [owner("b"), FilterOwner::Anybody];
    for one in [owner("a"), token.clone()].iter().chain(&gone).chain(&kept) {
        save(store, one, "Yard").await.unwrap();
    }
    store.by(anybody()).delete_user("a".into(), NOW).await.unwrap();
    assert_eq!(names(store, &owner("a")).await, [""; 0]);
    assert_eq!(names(store, &token).await, ["Yard"]);
    store.by(anybody()).revoke_token("t".into(), NOW).await.unwrap();
    assert_eq!(names(store, &token).await, [""; 0]);
    store.prune_sessions(1_000, NOW).await.unwrap();
    for one in &gone {
        assert_eq!(names(store, one).await, [""; 0], "{one:?}");
    }
    for one in &kept {
        assert_eq!(names(store, one).await, ["Yard"], "{one:?}");
    }
}
