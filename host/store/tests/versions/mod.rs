//! Versions of definitions: of several changes that are based on the same version, exactly one is made.

use chrono::DateTime;
use easysight_protocol::{CameraRequest, Status, TaskRequest};
use easysight_store::{Area, Dialect, Precondition, Store, StoreError, Version, Versions};
use futures::future::join_all;

use crate::{
    databases::{Node, anybody, camera, finished, open, run_of, task},
    page,
};

async fn version_of_task(store: &Store) -> Version {
    let task = store.task(&Area::ALL, "t").await.unwrap().unwrap();
    Version::of(task.created_at, task.updated_at)
}

async fn version_of_camera(store: &Store, id: &str) -> Version {
    let camera = store.camera(&Area::ALL, id).await.unwrap().unwrap().camera;
    Version::of(camera.created_at, camera.updated_at)
}

fn is_changed(result: &Result<bool, StoreError>, stored: Version) -> bool {
    matches!(result, Err(StoreError::Changed { version, .. }) if *version == stored)
}

/// A task that differs from others by its priority.
fn of_priority(priority: i32) -> TaskRequest {
    TaskRequest { priority, ..task() }
}

pub(crate) async fn a_version_changes_with_the_definition_and_with_nothing_else(store: &Store) {
    let by = store.by(anybody());
    by.create_task("t".into(), task(), Some(5_000), 1_000).await.unwrap();
    by.create_camera("c0".into(), camera("c0", &[]), 1_000).await.unwrap();
    let (mut tasks, mut cameras) =
        (vec![version_of_task(store).await], vec![version_of_camera(store, "c0").await]);
    // Several changes in the same millisecond, and one of a master whose clock is behind.
    for (priority, now) in [(1, 1_000), (2, 1_000), (3, 900), (4, 1_000), (5, 2_000)] {
        assert!(by.update_task("t".into(), of_priority(priority), Some(5_000), now).await.unwrap());
        tasks.push(version_of_task(store).await);
        by.update_camera("c0".into(), camera(&format!("name {priority}"), &[]), now).await.unwrap();
        cameras.push(version_of_camera(store, "c0").await);
    }
    by.import_cameras(vec![("c0".into(), camera("imported", &[]))], 2_000).await.unwrap();
    cameras.push(version_of_camera(store, "c0").await);
    for versions in [&tasks, &cameras] {
        let texts: std::collections::BTreeSet<String> = versions.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), versions.len(), "{versions:?}");
    }
    // A run of the task, a check of the camera and a reset of its baselines change no definition.
    assert!(store.advance_task("t".into(), 5_000, Some(6_000)).await.unwrap());
    let mut node = Node::new("n");
    node.register(store, 3_000).await;
    run_of(store, task(), 1, 3_000).await;
    let leased = node.lease(store, 1, 3_100).await;
    let result = finished(&leased, &leased.jobs[0], Status::Error);
    store.record(vec![result], 4_000).await.unwrap();
    assert!(store.camera(&Area::ALL, "c0").await.unwrap().unwrap().camera.status.is_some());
    by.reset_baselines("c0".into(), None, 4_100).await.unwrap();
    assert_eq!(version_of_task(store).await, *tasks.last().unwrap());
    assert_eq!(version_of_camera(store, "c0").await, *cameras.last().unwrap());
    // A time that a clock far ahead has written is not continued.
    by.update_task("t".into(), of_priority(6), None, 9_000_000).await.unwrap();
    by.update_task("t".into(), of_priority(7), None, 5_000).await.unwrap();
    let updated = store.task(&Area::ALL, "t").await.unwrap().unwrap().updated_at;
    assert_eq!(Some(updated), DateTime::from_timestamp_millis(5_000));
}

pub(crate) async fn a_change_is_made_only_of_the_version_that_it_names(store: &Store) {
    let by = store.by(anybody());
    by.create_task("t".into(), task(), None, 1_000).await.unwrap();
    by.create_camera("a".into(), camera("a", &["hall"]), 1_000).await.unwrap();
    let (old_task, old_camera) = (version_of_task(store).await, version_of_camera(store, "a").await);
    let only_if = |version| store.by(anybody()).only_if(Precondition::is(version));
    assert!(only_if(old_task).update_task("t".into(), of_priority(1), None, 2_000).await.unwrap());
    assert!(only_if(old_camera).update_camera("a".into(), camera("b", &["hall"]), 2_000).await.unwrap());
    let (new_task, new_camera) = (version_of_task(store).await, version_of_camera(store, "a").await);
    let entries = store.audit(&Default::default(), &page(100)).await.unwrap().items.len();

    // Another address would remove what is known of the camera.
    let moved = CameraRequest { source: "rtsp://other/live".into(), ..camera("c", &[]) };
    let (of_task, of_camera) = (only_if(old_task), only_if(old_camera));
    assert!(is_changed(&of_task.update_task("t".into(), of_priority(2), None, 3_000).await, new_task));
    assert!(is_changed(&of_task.delete_task("t".into(), 3_000).await, new_task));
    assert!(is_changed(&of_camera.update_camera("a".into(), moved, 3_000).await, new_camera));
    assert!(is_changed(&of_camera.delete_camera("a".into(), 3_000).await, new_camera));
    let exists = Precondition { is_not_among: Some(Versions::Any), ..Precondition::default() };
    let create = store.by(anybody()).only_if(exists);
    assert!(is_changed(&create.update_task("t".into(), of_priority(2), None, 3_000).await, new_task));
    let task = store.task(&Area::ALL, "t").await.unwrap().unwrap();
    let camera = store.camera(&Area::ALL, "a").await.unwrap().unwrap();
    assert_eq!((task.definition.priority, version_of_task(store).await), (1, new_task));
    assert_eq!(
        (camera.camera.name.as_str(), camera.camera.groups.as_slice()),
        ("b", &["hall".to_owned()][..])
    );
    assert_eq!(camera.source, "rtsp://user:secret@b/live");
    assert_eq!(store.audit(&Default::default(), &page(100)).await.unwrap().items.len(), entries);

    // What does not exist, or not in the caller's area, has no version.
    let any = Precondition { is_among: Some(Versions::Any), ..Precondition::default() };
    let other = easysight_store::Actor { area: Area::of("ada", Some(&["yard".into()])), ..anybody() };
    let other = store.by(other).only_if(any.clone());
    assert!(!other.delete_camera("a".into(), 3_000).await.unwrap());
    assert!(!other.delete_task("t".into(), 3_000).await.unwrap());
    assert!(!store.by(anybody()).only_if(any.clone()).delete_camera("nobody".into(), 3_000).await.unwrap());
    assert!(store.by(anybody()).only_if(any).delete_camera("a".into(), 3_000).await.unwrap());
    assert!(only_if(new_task).delete_task("t".into(), 3_000).await.unwrap());
    // An object that is created again has another version.
    store.by(anybody()).create_task("t".into(), crate::task(), None, 4_000).await.unwrap();
    assert_ne!(version_of_task(store).await, old_task);
}

/// Lets several callers change the same version at once, through each of the stores, for some rounds.
async fn race(stores: &[&Store]) {
    const CALLERS: i32 = 6;
    let store = stores[0];
    store.by(anybody()).create_task("t".into(), task(), None, 1_000).await.unwrap();
    store.by(anybody()).create_camera("a".into(), camera("a", &[]), 1_000).await.unwrap();
    for round in 1..=10 {
        let (task, camera_is) = (version_of_task(store).await, version_of_camera(store, "a").await);
        let changes = (0..CALLERS).map(|caller| {
            let store = stores[caller as usize % stores.len()];
            async move {
                let (priority, name) = (round * 10 + caller - 50, format!("{round}-{caller}"));
                let by = store.by(anybody()).only_if(Precondition::is(task));
                let of_task = by.update_task("t".into(), of_priority(priority), None, 1_000).await;
                let by = store.by(anybody()).only_if(Precondition::is(camera_is));
                let of_camera = by.update_camera("a".into(), camera(&name, &[]), 1_000).await;
                let made = |result: Result<bool, StoreError>| match result {
                    Ok(made) => made,
                    Err(StoreError::Changed { .. }) => false,
                    Err(error) => panic!("{error}"),
                };
                (made(of_task).then_some(priority), made(of_camera).then_some(name))
            }
        });
        let made = join_all(changes).await;
        let tasks: Vec<i32> = made.iter().filter_map(|(task, _)| *task).collect();
        let cameras: Vec<&String> = made.iter().filter_map(|(_, camera)| camera.as_ref()).collect();
        let (task, camera) =
            (store.task(&Area::ALL, "t").await.unwrap(), store.camera(&Area::ALL, "a").await.unwrap());
        assert_eq!(tasks, [task.unwrap().definition.priority], "round {round}");
        assert_eq!(cameras, [&camera.unwrap().camera.name], "round {round}");
    }
    // Of those that delete, one succeeds; for the others, the object does not exist any more.
    let (task, camera_is) = (version_of_task(store).await, version_of_camera(store, "a").await);
    let deletions = stores.iter().chain(stores).map(|store| async move {
        let (of_task, of_camera) = (Precondition::is(task), Precondition::is(camera_is));
        let (of_task, of_camera) =
            (store.by(anybody()).only_if(of_task), store.by(anybody()).only_if(of_camera));
        let task_gone = of_task.delete_task("t".into(), 1_000).await.unwrap();
        (task_gone, of_camera.delete_camera("a".into(), 1_000).await.unwrap())
    });
    let gone = join_all(deletions).await;
    assert_eq!(gone.iter().filter(|(task, _)| *task).count(), 1, "{gone:?}");
    assert_eq!(gone.iter().filter(|(_, camera)| *camera).count(), 1, "{gone:?}");
}

pub(crate) async fn of_changes_of_one_version_exactly_one_is_made(store: &Store) {
    race(&[store]).await;
}

pub(crate) async fn of_changes_through_two_masters_exactly_one_is_made() {
    let Some(fresh) = open(Dialect::Postgres).await else { return };
    let other = fresh.another().await;
    race(&[&fresh.store, &other]).await;
    drop(other);
    fresh.close().await;
}
