//! Tasks, runs and submissions: a caller who is limited to some groups sees its part of them, and changes only its own.

use easysight_protocol::{Ids, JobOutcome, RunId, RunState, TaskRequest, Trigger};
use easysight_store::{
    Area, Dialect, FanOut, FindingFilter, NewRun, PageRequest, Retried, RunFilter, Start, Store, StoreError,
};

use super::{ada, add_cameras, check, definition, hall, page, seen};
use crate::databases::{Node, anybody, empty, ended, execute, plan};

pub(crate) async fn an_area_shows_its_part_of_runs(store: &Store) {
    add_cameras(store).await;
    let (mut node, hall) = (Node::new("n"), hall());
    node.register(store, 1_000).await;
    let mixed = check(store, &mut node, definition(&["a", "b"], &[]), &["a", "b"], "b").await;
    let own = check(store, &mut node, definition(&["both"], &["hall"]), &["a", "both"], "both").await;
    let other = check(store, &mut node, definition(&["b"], &["yard"]), &["b"], "b").await;
    let listed = store.runs(&hall, &RunFilter::default(), &page(9)).await.unwrap().items;
    assert_eq!(listed.iter().map(|run| run.id).collect::<Vec<_>>(), [own, mixed]);
    assert_eq!(store.run(&hall, other).await.unwrap(), None);
    assert_eq!(store.runs_within(&hall, vec![mixed, own, other]).await.unwrap(), [mixed, own].into());
    for (run, total, dead, waits) in [(mixed, 1, 0, 0), (own, 2, 1, 1)] {
        let one = store.run(&hall, run).await.unwrap().unwrap().run;
        assert_eq!(one, listed.iter().find(|one| one.id == run).unwrap().clone());
        assert_eq!((one.progress.total, one.progress.dead, one.waits_for.len()), (total, dead, waits));
    }
    let jobs = store.jobs(&hall, mixed, None, &page(9)).await.unwrap().items;
    assert_eq!(jobs.iter().filter_map(|job| job.camera_id.as_deref()).collect::<Vec<_>>(), ["a"]);
    assert!(store.jobs(&hall, other, None, &page(9)).await.unwrap().items.is_empty());
    for job in store.jobs(&Area::ALL, mixed, None, &page(9)).await.unwrap().items {
        let is_there = store.job(&hall, job.id).await.unwrap().is_some();
        assert_eq!(is_there, job.camera_id.as_deref() == Some("a"));
    }
    let counts = store.run_counts(&hall, 20_000).await.unwrap();
    assert_eq!((counts.finished, counts.with_failures), (2, 1));
    let failed = RunFilter { failed: true, since: Some(0), ..RunFilter::default() };
    let of_hall = store.runs(&hall, &failed, &page(9)).await.unwrap().items;
    assert_eq!(of_hall.iter().map(|run| run.id).collect::<Vec<_>>(), [own]);
    assert_eq!(store.runs(&Area::ALL, &failed, &page(9)).await.unwrap().items.len(), 3);
    assert_eq!(store.queue_counts(&hall, 20_000).await.unwrap().dead, 1);
    assert_eq!(store.queue_counts(&Area::ALL, 20_000).await.unwrap().dead, 3);
    // Only a run that is completely in the area can be changed. A run of which nothing is in the area does not exist
    // for the caller.
    let refused = store.by(ada()).retry_run(mixed, 21_000).await.unwrap_err();
    assert!(matches!(refused, StoreError::Outside { .. }), "{refused}");
    assert_eq!(store.by(ada()).retry_run(other, 21_000).await.unwrap(), Retried::Unknown);
    assert_eq!(store.by(ada()).retry_run(own, 21_000).await.unwrap(), Retried::Queued(1));
    for run in [mixed, other] {
        assert_eq!(store.by(anybody()).retry_run(run, 21_000).await.unwrap(), Retried::Queued(1));
    }
    let leased = node.lease(store, 9, 21_000).await;
    let nodes = store.nodes(&hall, 0).await.unwrap();
    assert_eq!((leased.jobs.len(), nodes[0].current_tasks.len()), (3, 1));
    let shown: Vec<_> = nodes[0].jobs.iter().map(|job| (job.id, job.run_id)).collect();
    assert_eq!(shown, [(nodes[0].current_tasks[0], own)]);
    assert!(matches!(store.by(ada()).cancel_run(mixed, 22_000).await, Err(StoreError::Outside { .. })));
    assert!(!store.by(ada()).cancel_run(other, 22_000).await.unwrap());
    assert!(store.by(ada()).cancel_run(own, 22_000).await.unwrap());
    let state = async |run| store.run(&Area::ALL, run).await.unwrap().unwrap().run.state;
    assert_eq!((state(mixed).await, state(other).await), (RunState::Running, RunState::Running));
}

pub(crate) async fn an_area_shows_its_part_of_tasks_and_changes_only_its_own(store: &Store) {
    add_cameras(store).await;
    let tasks: [(&str, &[&str], &[&str]); 5] = [
        ("1-own", &["both"], &["hall"]),
        ("2-other", &["b", "none"], &["yard"]),
        ("3-groups", &[], &["hall", "yard"]),
        ("4-cameras", &["a", "b"], &[]),
        ("5-camera", &["both"], &["yard"]),
    ];
    for (id, cameras, groups) in tasks {
        store.by(anybody()).create_task(id.into(), definition(cameras, groups), None, 1_000).await.unwrap();
    }
    // PostgreSQL refuses to read such a text as JSON.
    let config = [("odd".to_owned(), serde_json::json!({"text": "\0 and \\u0000"}))].into();
    let odd = TaskRequest { config, ..definition(&["b"], &["yard"]) };
    store.by(anybody()).create_task("0-odd".into(), odd, None, 1_000).await.unwrap();
    let (hall, by) = (hall(), store.by(ada()));
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let next = store.tasks(&hall, &PageRequest { after, limit: 1 }).await.unwrap();
        listed.extend(
            next.items.into_iter().map(|one| (one.id, one.definition.cameras, one.definition.groups)),
        );
        after = next.next;
        if after.is_none() {
            break;
        }
    }
    let shown = |id: &str, cameras: &[&str], groups: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        (id.to_owned(), texts(cameras), texts(groups))
    };
    let expected = [
        shown("1-own", &["both"], &["hall"]),
        shown("3-groups", &[], &["hall"]),
        shown("4-cameras", &["a"], &[]),
        shown("5-camera", &["both"], &[]),
    ];
    assert_eq!(listed, expected);
    assert_eq!(store.task(&hall, "2-other").await.unwrap(), None);
    assert_eq!(store.task_to_change(&hall, "2-other").await.unwrap(), None);
    assert_eq!(store.task(&hall, "4-cameras").await.unwrap().unwrap().definition.cameras, ["a"]);
    assert!(store.task_to_change(&hall, "1-own").await.unwrap().is_some());
    let is_outside = |refused: &StoreError| matches!(refused, StoreError::Outside { .. });
    let narrowed = definition(&[], &["hall"]);
    for id in ["3-groups", "4-cameras", "5-camera"] {
        assert!(is_outside(&store.task_to_change(&hall, id).await.unwrap_err()), "{id}");
        assert!(
            is_outside(&by.update_task(id.into(), narrowed.clone(), None, 2_000).await.unwrap_err()),
            "{id}"
        );
        assert!(is_outside(&by.delete_task(id.into(), 2_000).await.unwrap_err()), "{id}");
    }
    assert!(!by.update_task("2-other".into(), narrowed.clone(), None, 2_000).await.unwrap());
    assert!(!by.delete_task("2-other".into(), 2_000).await.unwrap());
    for (id, cameras, groups) in tasks {
        let task = store.task(&Area::ALL, id).await.unwrap().unwrap();
        assert_eq!(task.definition, definition(cameras, groups));
        assert_eq!(task.updated_at.timestamp_millis(), 1_000);
    }
    // Names that do not exist are refused like names outside of the area, because they may exist later.
    for (cameras, groups, field) in [
        (&["a", "b"][..], &[][..], "/cameras/1"),
        (&["a", "no-such"], &[], "/cameras/1"),
        (&[], &["yard"], "/groups/0"),
        (&["b"], &["hall", "no such group"], "/groups/1"),
    ] {
        let task = definition(cameras, groups);
        for refused in [
            by.create_task("6".into(), task.clone(), None, 2_000).await.unwrap_err(),
            by.update_task("1-own".into(), task.clone(), None, 2_000).await.map(drop).unwrap_err(),
        ] {
            let StoreError::Outside { field: found, .. } = refused else { panic!("{refused}") };
            assert_eq!(found, field, "{cameras:?} {groups:?}");
        }
    }
    // A camera that was removed keeps nobody from changing a task, and may stay in it.
    store.by(anybody()).create_task("7".into(), definition(&["a", "gone"], &[]), None, 2_000).await.unwrap();
    assert_eq!(store.task(&hall, "7").await.unwrap().unwrap().definition.cameras, ["a"]);
    let renamed = TaskRequest { priority: 7, ..definition(&["a", "gone"], &[]) };
    assert!(by.update_task("7".into(), renamed, None, 2_000).await.unwrap());
    assert!(by.update_task("1-own".into(), definition(&["a"], &[]), None, 2_000).await.unwrap());
    by.create_task("6".into(), definition(&["a", "both"], &["hall"]), None, 2_000).await.unwrap();
    assert!(by.delete_task("1-own".into(), 2_000).await.unwrap());
}

pub(crate) async fn a_submission_is_seen_by_who_made_it(store: &Store) {
    add_cameras(store).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let new = |source: &str| NewRun {
        id: RunId::fresh(),
        task_id: None,
        trigger: Trigger::Submission,
        fire_time: None,
        idempotency_key: None,
        // The source looks like the id of a camera.
        definition: definition(&[source], &[]),
        origin: plan().origin,
    };
    let start = || {
        let cameras = vec![(None, "a".to_owned())];
        Start::Now(FanOut { plan: plan(), cameras, missing: Vec::new() })
    };
    let (mine, _) = store.by(ada()).create_run(new("a"), start(), 1_000).await.unwrap();
    let (other, _) = store.by(anybody()).create_run(new("a"), start(), 1_000).await.unwrap();
    let leased = node.lease(store, 2, 2_000).await;
    for (job, picture) in leased.jobs.iter().zip(["first", "second"]) {
        let findings = vec![seen(picture)];
        let (shadows, baselines) = (Vec::new(), Vec::new());
        let outcome =
            JobOutcome::Finished { findings, shadows, decode_ms: 1.0, captured_at: None, baselines };
        store.record(vec![ended(&leased, job, outcome)], 3_000).await.unwrap();
    }
    let hall = hall();
    let bob = Area::of("bob", Some(&["hall".to_owned()]));
    let sees = async |area: &Area, run: RunId| store.submission(area, run).await.unwrap().is_some();
    assert_eq!((sees(&hall, mine.id).await, sees(&hall, other.id).await), (true, false));
    assert_eq!((sees(&bob, mine.id).await, sees(&bob, other.id).await), (false, false));
    assert_eq!((sees(&Area::ALL, mine.id).await, sees(&Area::ALL, other.id).await), (true, true));
    assert!(store.runs(&hall, &RunFilter::default(), &page(9)).await.unwrap().items.is_empty());
    assert!(store.findings(&hall, &FindingFilter::default(), &page(9)).await.unwrap().items.is_empty());
    assert!(store.may_see_picture(&hall, "picture of first.").await.unwrap());
    assert!(!store.may_see_picture(&hall, "picture of second.").await.unwrap());
    assert!(!store.may_see_picture(&bob, "picture of first.").await.unwrap());
}

pub(crate) async fn a_submitter_without_a_run_is_forgotten_with_the_history(dialect: Dialect) {
    let Some(empty) = empty(dialect).await else { return };
    let url = empty.url.clone();
    let fresh = empty.store().await;
    let (store, ids) = (&fresh.store, Ids::default());
    let new = NewRun {
        id: RunId(ids.next(1_000)),
        task_id: None,
        trigger: Trigger::Submission,
        fire_time: None,
        idempotency_key: None,
        definition: definition(&["rtsp://a/live"], &[]),
        origin: plan().origin,
    };
    let jobs = FanOut { plan: plan(), cameras: vec![(None, "a".to_owned())], missing: Vec::new() };
    let (mine, _) = store.by(ada()).create_run(new, Start::Now(jobs), 1_000).await.unwrap();
    // The run of this submission was not created.
    let failed = ids.next(1_001);
    let sql = format!("INSERT INTO submitters (run_id, user_id) VALUES ('{failed}', 'ada')");
    assert_eq!(execute(dialect, &url, sql).await, 1);
    assert_eq!(store.prune(10_000, 11_000).await.unwrap(), 0, "nothing is old");
    assert_eq!(store.prune(10_000, 12_000).await.unwrap(), 1);
    assert_eq!(store.prune(10_000, 12_000).await.unwrap(), 0);
    assert!(store.submission(&hall(), mine.id).await.unwrap().is_some());
    fresh.close().await;
}
