//! Cameras' last good pictures: when one is requested, and what is recorded.

use easysight_store::Store;

use crate::databases::{Node, camera, finished, run_of, task};

pub(crate) async fn a_camera_is_asked_for_a_good_picture_now_and_then(store: &Store) {
    let mut node = Node::new("n1");
    node.register(store, 1_000).await;
    store.create_camera("c0".into(), camera("c0", &[]), 1_000).await.unwrap();
    assert!(!store.note_good_picture("nobody".into(), "d".into(), 1_000).await.unwrap());
    for (now, noted_at, asked) in [(20_000, None, true), (30_000, Some(21_000), false), (40_000, None, true)]
    {
        if let Some(at) = noted_at {
            assert!(store.note_good_picture("c0".into(), "d".repeat(64), at).await.unwrap());
        }
        // The run has two cameras, and the second one does not exist.
        run_of(store, task(), 2, now).await;
        node.good_pictures_before = now - 10_000;
        let leased = node.lease(store, 2, now).await;
        let asks: Vec<_> =
            leased.jobs.iter().map(|job| (job.camera_id.as_deref(), job.good_picture)).collect();
        assert_eq!(asks, [(Some("c0"), asked), (Some("c1"), false)], "{now}");
        let results =
            leased.jobs.iter().map(|job| finished(&leased, job, easysight_protocol::Status::Normal));
        store.record(results.collect(), now).await.unwrap();
    }
    let shown = store.camera("c0").await.unwrap().unwrap().camera.last_good_picture.unwrap();
    assert_eq!((shown.digest, shown.taken_at.timestamp_millis()), ("d".repeat(64), 21_000));
}

pub(crate) async fn a_good_picture_is_of_one_place(store: &Store) {
    let mut there = camera("a", &[]);
    store.create_camera("a".into(), there.clone(), 1_000).await.unwrap();
    store.note_good_picture("a".into(), "d".repeat(64), 2_000).await.unwrap();
    assert!(store.good_pictures().await.unwrap().contains(&"d".repeat(64)));
    there.name = "renamed".into();
    store.update_camera("a".into(), there.clone(), 3_000).await.unwrap();
    assert!(store.camera("a").await.unwrap().unwrap().camera.last_good_picture.is_some());
    there.source = "rtsp://elsewhere/live".into();
    store.update_camera("a".into(), there, 4_000).await.unwrap();
    assert!(store.camera("a").await.unwrap().unwrap().camera.last_good_picture.is_none());
    assert!(store.good_pictures().await.unwrap().is_empty());
}
