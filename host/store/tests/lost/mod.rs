//! Cameras that give no picture: the stored data about them, and which checks spare them. A check that spares a camera
//! only tests whether the camera accepts a connection.

use chrono::{TimeZone, Utc};
use easysight_protocol::{Finding, JobOutcome, JobPlan, LeasedJob, Look, Lost, Status};
use easysight_store::{Area, CameraFilter, FanOut, Store};

use crate::{
    databases::{Node, anybody, begin, camera, ended, finding, finished, plan, run_of, task},
    page,
};

/// The outcome of a job whose camera gives no picture.
fn without_picture(reason: &str, connects: bool, look: Option<Look>) -> JobOutcome {
    let loss = Some(reason.to_owned());
    let finding =
        Finding { loss, connects: Some(connects), look, ..finding("signal_loss", Status::Critical) };
    JobOutcome::Finished {
        findings: vec![finding],
        shadows: Vec::new(),
        decode_ms: 1.0,
        captured_at: None,
        baselines: Vec::new(),
    }
}

/// Runs a check of the camera with this outcome. Returns the job that the node was given.
async fn check(store: &Store, node: &mut Node, spares: bool, now: i64, outcome: JobOutcome) -> LeasedJob {
    let plan = JobPlan { spares_lost: spares, ..plan() };
    let jobs =
        FanOut { plan, cameras: vec![(Some("a".into()), "rtsp://a/live".into())], missing: Vec::new() };
    begin(store, task(), jobs, now).await;
    let leased = node.lease(store, 1, now).await;
    store.record(vec![ended(&leased, &leased.jobs[0], outcome)], now).await.unwrap();
    leased.jobs[0].clone()
}

async fn known(store: &Store) -> Option<Lost> {
    store.camera(&Area::ALL, "a").await.unwrap().unwrap().camera.lost
}

pub(crate) async fn a_camera_without_a_picture_is_spared_until_it_gives_one(store: &Store) {
    store.by(anybody()).create_camera("a".into(), camera("a", &["hall"]), 500).await.unwrap();
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let timed_out = || without_picture("connect-timed-out", false, None);
    assert_eq!(check(store, &mut node, true, 10_000, timed_out()).await.lost, None);
    // One failure may be an accident: the next check asks again.
    assert_eq!(check(store, &mut node, true, 20_000, timed_out()).await.lost, None);
    let lost = known(store).await.unwrap();
    let at = |ms| Utc.timestamp_millis_opt(ms).unwrap();
    assert_eq!((lost.reason.as_str(), lost.connects, lost.looks), ("connect-timed-out", false, 2));
    assert_eq!((lost.since, lost.looked_at), (at(10_000), at(20_000)));
    let next = lost.next_full_look_at.timestamp_millis();
    assert!((65_000..=80_000).contains(&next), "{next}");
    assert_eq!(store.lost_cameras().await.unwrap(), 1);
    for (filter, found) in [(Some(true), 1), (Some(false), 0), (None, 1)] {
        let filter = CameraFilter { lost: filter, ..CameraFilter::default() };
        assert_eq!(
            store.cameras(&Area::ALL, &filter, &page(9)).await.unwrap().items.len(),
            found,
            "{filter:?}"
        );
    }
    // The job of a scheduled check contains the camera's loss, so the check only tests the connection. The loss stays
    // unchanged.
    let connect = without_picture("connection-refused", false, Some(Look::Connect));
    let told = check(store, &mut node, true, 30_000, connect.clone()).await;
    assert_eq!((told.lost, known(store).await), (Some(lost.clone()), Some(lost)));
    // The job does not contain the loss if a person requested the check, or if the pause is over.
    assert_eq!(check(store, &mut node, false, 31_000, connect.clone()).await.lost, None);
    assert_eq!(check(store, &mut node, true, next, timed_out()).await.lost, None);
    let later = known(store).await.unwrap();
    assert!((later.next_full_look_at - later.looked_at).num_milliseconds() >= 90_000, "{later:?}");
    assert_eq!((later.looks, later.since), (3, at(10_000)));
    // The first picture of the camera ends the loss.
    run_of(store, task(), 1, next + 1_000).await;
    let leased = node.lease(store, 1, next + 1_000).await;
    let mut seen = finished(&leased, &leased.jobs[0], Status::Normal);
    if let JobOutcome::Finished { findings, .. } = &mut seen.outcome {
        findings[0].plugin = Some("brightness@1.0.0".into());
    }
    // This job was on another camera, so its picture does not change the loss.
    store.record(vec![seen.clone()], next + 1_000).await.unwrap();
    assert!(known(store).await.is_some());
    check(store, &mut node, true, next + 2_000, seen.outcome).await;
    assert_eq!(known(store).await, None);
    assert_eq!(store.lost_cameras().await.unwrap(), 0);
}

pub(crate) async fn a_camera_that_was_changed_is_asked_at_once(store: &Store) {
    let mut there = camera("a", &[]);
    store.by(anybody()).create_camera("a".into(), there.clone(), 500).await.unwrap();
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    for now in [10_000, 20_000] {
        check(store, &mut node, true, now, without_picture("unauthorized", true, None)).await;
    }
    there.name = "gate".into();
    store.by(anybody()).update_camera("a".into(), there.clone(), 21_000).await.unwrap();
    let connect = || without_picture("unauthorized", true, Some(Look::Connect));
    assert!(check(store, &mut node, true, 22_000, connect()).await.lost.is_some());
    // With another password the camera is still lost, but the next check asks it for a picture.
    there.source = "rtsp://user:other@a/live".into();
    store.by(anybody()).update_camera("a".into(), there.clone(), 23_000).await.unwrap();
    assert_eq!(known(store).await.unwrap().looks, 0);
    assert_eq!(check(store, &mut node, true, 24_000, connect()).await.lost, None);
    there.source = "rtsp://elsewhere/live".into();
    store.by(anybody()).update_camera("a".into(), there, 25_000).await.unwrap();
    assert_eq!(known(store).await, None);
}

pub(crate) async fn cameras_whose_check_has_not_ended_are_known_by_their_task(store: &Store) {
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let run = run_of(store, task(), 3, 1_000).await;
    let under_way = async |task: &str| {
        let mut cameras: Vec<_> = store.cameras_under_way(task).await.unwrap().into_iter().collect();
        cameras.sort();
        cameras
    };
    assert_eq!(under_way("t").await, ["c0", "c1", "c2"]);
    assert!(under_way("other").await.is_empty());
    let leased = node.lease(store, 1, 2_000).await;
    assert_eq!(under_way("t").await.len(), 3);
    store.record(vec![finished(&leased, &leased.jobs[0], Status::Normal)], 3_000).await.unwrap();
    assert_eq!(under_way("t").await, ["c1", "c2"]);
    store.by(anybody()).cancel_run(run, 4_000).await.unwrap();
    assert!(under_way("t").await.is_empty());
}
