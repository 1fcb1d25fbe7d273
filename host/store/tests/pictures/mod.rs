//! Tests of the cameras' last good pictures, and of the records of all stored pictures.

use easysight_store::{Area, Store};

use crate::databases::{Node, anybody, camera, finished, run_of, task};

pub(crate) async fn a_camera_is_asked_for_a_good_picture_now_and_then(store: &Store) {
    let mut node = Node::new("n1");
    node.register(store, 1_000).await;
    store.by(anybody()).create_camera("c0".into(), camera("c0", &[]), 1_000).await.unwrap();
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
    let shown = store.camera(&Area::ALL, "c0").await.unwrap().unwrap().camera.last_good_picture.unwrap();
    assert_eq!((shown.digest, shown.taken_at.timestamp_millis()), ("d".repeat(64), 21_000));
}

pub(crate) async fn a_good_picture_is_of_one_place(store: &Store) {
    let mut there = camera("a", &[]);
    store.by(anybody()).create_camera("a".into(), there.clone(), 1_000).await.unwrap();
    store.note_good_picture("a".into(), "d".repeat(64), 2_000).await.unwrap();
    there.name = "renamed".into();
    store.by(anybody()).update_camera("a".into(), there.clone(), 3_000).await.unwrap();
    assert!(store.camera(&Area::ALL, "a").await.unwrap().unwrap().camera.last_good_picture.is_some());
    there.source = "rtsp://elsewhere/live".into();
    store.by(anybody()).update_camera("a".into(), there, 4_000).await.unwrap();
    assert!(store.camera(&Area::ALL, "a").await.unwrap().unwrap().camera.last_good_picture.is_none());
}

pub(crate) async fn the_oldest_pictures_come_first_and_good_ones_of_cameras_never(store: &Store) {
    let name = |letter: &str| letter.repeat(64);
    let put = async |letter: &str, bytes: u64, now: i64| {
        store.keep_pictures(vec![(name(letter), bytes)], now).await.unwrap()
    };
    assert_eq!((put("b", 20, 2_000).await, put("a", 10, 3_000).await, put("c", 30, 1_000).await), (1, 1, 1));
    assert_eq!(store.picture_bytes().await.unwrap(), 60);
    let oldest = async |before: i64, limit: u32| {
        let all = store.oldest_pictures(before, limit).await.unwrap();
        all.into_iter().map(|(digest, bytes)| (digest[..1].to_owned(), bytes)).collect::<Vec<_>>()
    };
    assert_eq!(oldest(i64::MAX, 2).await, [("c".to_owned(), 30), ("b".to_owned(), 20)]);
    assert_eq!(oldest(2_000, 9).await, [("c".to_owned(), 30)]);
    // A picture that is stored again becomes the newest one.
    assert_eq!(put("c", 30, 4_000).await, 0);
    assert_eq!(oldest(i64::MAX, 1).await, [("b".to_owned(), 20)]);
    store.by(anybody()).create_camera("a".into(), camera("a", &[]), 1_000).await.unwrap();
    store.note_good_picture("a".into(), name("b"), 2_000).await.unwrap();
    assert_eq!(oldest(i64::MAX, 1).await, [("a".to_owned(), 10)]);
    let known = store.known_pictures(vec![name("a"), name("x")]).await.unwrap();
    assert_eq!(known.into_iter().collect::<Vec<_>>(), [name("a")]);
    store.forget_pictures(vec![name("a"), name("x")]).await.unwrap();
    assert_eq!(store.picture_bytes().await.unwrap(), 50);
    // This picture was stored while the clock was ahead.
    put("d", 40, 9_000_000).await;
    store.bring_back(10_000, 5_000).await.unwrap();
    assert_eq!(oldest(10_001, 1).await.len(), 1);
    assert_eq!(oldest(10_001, 9).await.last(), Some(&("d".to_owned(), 40)));
}
