//! What the store promises, proved on both databases.
#![cfg(test)]

mod databases;
mod pictures;
mod remembering;

use databases::{LEASE_MS, Node, camera, ended, fan_out, finished, open, plan, run_of, task};
use easysight_protocol::{
    Failure, Incarnation, JobId, JobOutcome, JobResult, JobState, LeaseToken, RunId, RunState, Scope, Status,
    TokenInfo, Trigger, Verdict,
};
use easysight_store::{
    CameraFilter, CameraRepository, Dialect, FindingFilter, FindingRepository, HeartbeatOutcome,
    JobRepository, LeaseRepository, NewRun, NodeRepository, PageRequest, PluginRepository, Registration,
    ResultRepository, RunFilter, RunRepository, Start, Store, StoreError, StoredToken, TaskRepository,
    TokenRepository, UpkeepRepository, WantedLease,
};
use pictures::{a_camera_is_asked_for_a_good_picture_now_and_then, a_good_picture_is_of_one_place};
use remembering::{
    a_lease_has_no_more_jobs_than_their_baselines_leave_room_for,
    a_reset_also_holds_against_jobs_that_are_under_way,
    another_source_is_another_camera_and_another_password_is_not,
    of_two_jobs_on_one_camera_the_one_leased_later_counts, only_the_attempt_that_is_recorded_is_remembered,
    what_a_plugin_remembers_comes_with_the_next_job_on_its_camera, what_is_no_baseline_costs_no_finding,
    what_is_remembered_of_a_camera_goes_with_it, when_a_camera_moved_all_but_the_finder_forget_it,
};
use uuid::Uuid;

/// The same test on both.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $name() {
                if let Some(fresh) = super::open(super::Dialect::Sqlite).await {
                    super::$name(&fresh.store).await;
                    fresh.close().await;
                }
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $name() {
                if let Some(fresh) = super::open(super::Dialect::Postgres).await {
                    super::$name(&fresh.store).await;
                    fresh.close().await;
                }
            })*
        }
    };
}

on_both!(
    cameras_are_kept_grouped_and_paged,
    a_due_task_fires_once_and_a_repeated_request_makes_no_second_run,
    jobs_are_leased_once_by_priority_then_age,
    labels_route_jobs,
    a_result_is_recorded_once,
    an_expired_lease_is_offered_again_and_its_late_result_counts_until_someone_else_has_the_job,
    a_stale_attempt_is_refused,
    a_heartbeat_renews_and_tells_what_was_revoked,
    jobs_lost_on_the_way_are_offered_again_at_once,
    failures_back_off_and_end_in_the_dead_letters_from_which_a_person_takes_them,
    a_returned_job_counts_as_no_attempt,
    a_cancelled_run_takes_no_results,
    a_deadline_gives_up,
    two_processes_with_one_id_are_told_apart,
    a_restarted_node_loses_its_leases_at_once,
    an_unregistered_node_hands_back,
    a_command_that_fails_undoes_itself_alone,
    commands_of_many_callers_do_not_mix,
    plugins_are_activated_and_rolled_back,
    tokens_are_revoked_once,
    history_is_pruned_in_steps,
    one_of_two_masters_leads,
    a_camera_is_asked_for_a_good_picture_now_and_then,
    a_good_picture_is_of_one_place,
    what_a_plugin_remembers_comes_with_the_next_job_on_its_camera,
    only_the_attempt_that_is_recorded_is_remembered,
    of_two_jobs_on_one_camera_the_one_leased_later_counts,
    a_reset_also_holds_against_jobs_that_are_under_way,
    another_source_is_another_camera_and_another_password_is_not,
    what_is_remembered_of_a_camera_goes_with_it,
    when_a_camera_moved_all_but_the_finder_forget_it,
    what_is_no_baseline_costs_no_finding,
    a_lease_has_no_more_jobs_than_their_baselines_leave_room_for,
);

fn page(limit: u32) -> PageRequest {
    PageRequest { after: None, limit }
}

async fn cameras_are_kept_grouped_and_paged(store: &Store) {
    for (id, groups) in [("a", &["hall"][..]), ("b", &["hall", "north"]), ("c", &[])] {
        store.create_camera(id.into(), camera(id, groups), 1_000).await.unwrap();
    }
    let taken = store.create_camera("a".into(), camera("again", &[]), 1_000).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict(_)), "{taken}");
    let first = store.cameras(&CameraFilter::default(), &page(2)).await.unwrap();
    assert_eq!(first.items.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(first.items[0].source, "rtsp://***@a/live");
    let next = PageRequest { after: first.next, limit: 2 };
    let second = store.cameras(&CameraFilter::default(), &next).await.unwrap();
    assert_eq!((second.items.len(), second.next), (1, None));
    let filter = CameraFilter { group: Some("north".into()), ..CameraFilter::default() };
    assert_eq!(store.cameras(&filter, &page(9)).await.unwrap().items[0].groups, ["hall", "north"]);
    let groups = store.camera_groups().await.unwrap();
    assert_eq!((groups[0].name.as_str(), groups[0].cameras), ("hall", 2));
    let (found, missing) =
        store.cameras_of_task(&["c".into(), "x".into()], &["hall".into(), "empty".into()]).await.unwrap();
    assert_eq!(found.iter().map(|c| c.camera.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(found[0].source, "rtsp://user:secret@a/live");
    assert_eq!(missing, ["camera `x`", "a camera in the group `empty`"]);
    let imported = vec![("a".to_owned(), camera("a2", &[])), ("d".to_owned(), camera("d", &[]))];
    let done = store.import_cameras(imported, 2_000).await.unwrap();
    assert_eq!((done.created, done.updated), (1, 1));
    assert_eq!(store.camera("a").await.unwrap().unwrap().camera.groups, Vec::<String>::new());
    assert!(store.delete_camera("a".into()).await.unwrap());
    assert!(!store.delete_camera("a".into()).await.unwrap());
    assert!(store.camera("a").await.unwrap().is_none());
}

async fn a_due_task_fires_once_and_a_repeated_request_makes_no_second_run(store: &Store) {
    store.create_task("t".into(), task(), Some(5_000), 1_000).await.unwrap();
    assert!(store.due_tasks(4_999, 10).await.unwrap().is_empty());
    let due = store.due_tasks(5_000, 10).await.unwrap();
    assert_eq!(due[0].id, "t");
    assert_eq!(store.next_due().await.unwrap(), Some(5_000));
    let new = |fire_time, key: Option<&str>| NewRun {
        id: RunId::fresh(),
        task_id: Some("t".into()),
        trigger: Trigger::Schedule,
        fire_time,
        idempotency_key: key.map(str::to_owned),
        definition: task(),
        origin: plan().origin,
    };
    let waits = || Start::Waits(vec!["a camera".into()]);
    let (first, made) = store.create_run(new(Some(5_000), None), waits(), 5_001).await.unwrap();
    let (second, again) = store.create_run(new(Some(5_000), None), waits(), 5_002).await.unwrap();
    assert_eq!((first, made, again), (second, true, false));
    let (keyed, made) = store.create_run(new(None, Some("k")), waits(), 5_003).await.unwrap();
    let (same, again) = store.create_run(new(None, Some("k")), waits(), 5_004).await.unwrap();
    assert_eq!((keyed, made, again), (same, true, false));
    assert!(store.advance_task("t".into(), 5_000, Some(9_000)).await.unwrap());
    assert!(!store.advance_task("t".into(), 5_000, Some(9_000)).await.unwrap());
    let waiting = store.waiting_runs(10).await.unwrap();
    assert_eq!((waiting.len(), &waiting[0].origin), (2, &plan().origin));
    assert_eq!(waiting[0].run.request_id.as_deref(), Some("asked"));
    store.set_waits_for(keyed, vec!["a plugin for `x`".into()]).await.unwrap();
    assert_eq!(store.run(keyed).await.unwrap().unwrap().run.waits_for, ["a plugin for `x`"]);
    let filter = RunFilter { task_id: Some("t".into()), state: Some(RunState::Waiting) };
    assert_eq!(store.runs(&filter, &page(10)).await.unwrap().items[0].id, keyed);
    assert_eq!(store.fan_out(keyed, fan_out(2), 6_000).await.unwrap(), Some(2));
    assert_eq!(store.fan_out(keyed, fan_out(2), 6_000).await.unwrap(), None);
    let begun = store.run(keyed).await.unwrap().unwrap().run;
    assert_eq!((begun.state, begun.progress.total, begun.waits_for), (RunState::Running, 2, Vec::new()));
    assert_eq!(store.fan_out(first, fan_out(0), 6_000).await.unwrap(), Some(0));
    assert_eq!(store.run(first).await.unwrap().unwrap().run.state, RunState::Finished);
}

async fn jobs_are_leased_once_by_priority_then_age(store: &Store) {
    let low = run_of(store, task(), 3, 1_000).await;
    let urgent = easysight_protocol::TaskRequest { priority: 5, ..task() };
    run_of(store, urgent, 2, 2_000).await;
    let (mut a, mut b) = (Node::new("a"), Node::new("b"));
    a.register(store, 2_000).await;
    b.register(store, 2_000).await;
    let first = a.lease(store, 3, 2_000).await;
    let cameras: Vec<_> = first.jobs.iter().map(|job| job.camera_id.clone().unwrap()).collect();
    assert_eq!(cameras, ["c0", "c1", "c0"]);
    assert_eq!(first.plans.len(), 2);
    assert_eq!(first.plans[first.jobs[0].plan], plan());
    let second = b.lease(store, 10, 2_000).await;
    assert_eq!(second.jobs.len(), 2);
    assert!(b.lease(store, 10, 2_000).await.jobs.is_empty());
    let progress = store.run(low).await.unwrap().unwrap().run.progress;
    assert_eq!((progress.total, progress.running), (3, 3));
    let stranger = WantedLease {
        node_id: "a".into(),
        incarnation: Incarnation(Uuid::new_v4()),
        poll: 1,
        labels: Default::default(),
        max_jobs: 1,
        good_pictures_before: None,
    };
    assert!(store.lease(stranger, 2_000, LEASE_MS).await.unwrap().is_none());
}

async fn labels_route_jobs(store: &Store) {
    let labelled = easysight_protocol::TaskRequest {
        required_labels: [("site".to_owned(), "north".to_owned())].into(),
        ..task()
    };
    run_of(store, labelled, 1, 1_000).await;
    let (mut plain, mut north) = (Node::new("plain"), Node::new("north"));
    north.labels = [("site".to_owned(), "north".to_owned()), ("gpu".to_owned(), "1".to_owned())].into();
    plain.register(store, 1_000).await;
    north.register(store, 1_000).await;
    assert!(!store.has_work(&plain.labels, 1_000).await.unwrap());
    assert!(store.has_work(&north.labels, 1_000).await.unwrap());
    assert!(plain.lease(store, 5, 1_000).await.jobs.is_empty());
    assert_eq!(north.lease(store, 5, 1_000).await.jobs.len(), 1);
}

async fn a_result_is_recorded_once(store: &Store) {
    store.create_camera("c0".into(), camera("c0", &[]), 500).await.unwrap();
    let run = run_of(store, task(), 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 2, 1_000).await;
    let results = vec![
        finished(&leased, &leased.jobs[0], Status::Error),
        finished(&leased, &leased.jobs[0], Status::Error),
        JobResult { job_id: JobId(Uuid::now_v7()), ..finished(&leased, &leased.jobs[1], Status::Normal) },
        JobResult { lease: LeaseToken(Uuid::new_v4()), ..finished(&leased, &leased.jobs[1], Status::Normal) },
    ];
    let recorded = store.record(results.clone(), 2_000).await.unwrap();
    use Verdict::{Duplicate, Recorded, Stale, Unknown};
    assert_eq!(recorded.verdicts, [Recorded, Duplicate, Unknown, Stale]);
    assert_eq!(recorded.findings.len(), 1);
    let again = store.record(results, 3_000).await.unwrap();
    assert_eq!(again.verdicts, [Duplicate, Duplicate, Unknown, Stale]);
    assert!(again.findings.is_empty() && recorded.finished_runs.is_empty());
    let last = store.record(vec![finished(&leased, &leased.jobs[1], Status::Normal)], 4_000).await.unwrap();
    assert_eq!(last.finished_runs, [run]);
    let run = store.run(run).await.unwrap().unwrap().run;
    assert_eq!((run.state, run.progress.finished), (RunState::Finished, 2));
    let filter = FindingFilter { status: Some("error".into()), ..FindingFilter::default() };
    let found = store.findings(&filter, &page(10)).await.unwrap().items;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].finding.fuel, found[0].finding.message.en.as_str()), (7, "dark 'quoted' \"twice\""));
    let camera = store.camera("c0").await.unwrap().unwrap().camera;
    assert_eq!((camera.status, camera.checked_at.unwrap().timestamp_millis()), (Some(Status::Error), 2_000));
    let job = store.job(leased.jobs[0].id).await.unwrap().unwrap();
    assert_eq!((job.decode_ms, job.node_id.as_deref()), (Some(12.5), Some("n")));
}

async fn an_expired_lease_is_offered_again_and_its_late_result_counts_until_someone_else_has_the_job(
    store: &Store,
) {
    run_of(store, task(), 2, 1_000).await;
    let (mut dead, mut other) = (Node::new("dead"), Node::new("other"));
    dead.register(store, 1_000).await;
    other.register(store, 1_000).await;
    let lost = dead.lease(store, 2, 1_000).await;
    assert_eq!(store.reap(1_000 + LEASE_MS).await.unwrap().expired, 0);
    assert_eq!(store.reap(1_001 + LEASE_MS).await.unwrap().expired, 2);
    let late = store.record(vec![finished(&lost, &lost.jobs[0], Status::Normal)], 9_500).await.unwrap();
    assert_eq!(late.verdicts, [Verdict::Recorded]);
    let taken = other.lease(store, 5, 9_600).await;
    assert_eq!(taken.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [lost.jobs[1].id]);
    assert_eq!(taken.jobs[0].attempt, 2);
    let stale = store.record(vec![finished(&lost, &lost.jobs[1], Status::Error)], 9_700).await.unwrap();
    assert_eq!(stale.verdicts, [Verdict::Stale]);
    let good = store.record(vec![finished(&taken, &taken.jobs[0], Status::Normal)], 9_800).await.unwrap();
    assert_eq!((good.verdicts, good.finished_runs.len()), (vec![Verdict::Recorded], 1));
    assert_eq!(store.findings(&FindingFilter::default(), &page(10)).await.unwrap().items.len(), 2);
}

async fn a_stale_attempt_is_refused(store: &Store) {
    run_of(store, task(), 1, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 1, 1_000).await;
    let wrong = JobResult { attempt: 2, ..finished(&leased, &leased.jobs[0], Status::Normal) };
    assert_eq!(store.record(vec![wrong], 1_100).await.unwrap().verdicts, [Verdict::Stale]);
    assert_eq!(store.job(leased.jobs[0].id).await.unwrap().unwrap().state, JobState::Running);
}

async fn a_heartbeat_renews_and_tells_what_was_revoked(store: &Store) {
    let run = run_of(store, task(), 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 2, 1_000).await;
    let beat = store.heartbeat("n".into(), node.beat(&leased.jobs), 8_000, LEASE_MS).await.unwrap();
    assert_eq!(beat, HeartbeatOutcome::Noted { revoked: Vec::new(), lost: 0 });
    assert_eq!(store.reap(15_000).await.unwrap().expired, 0);
    assert!(store.cancel_run(run, 15_100).await.unwrap());
    let beat = store.heartbeat("n".into(), node.beat(&leased.jobs), 15_200, LEASE_MS).await.unwrap();
    let mut all: Vec<_> = leased.jobs.iter().map(|job| job.id).collect();
    all.sort();
    assert_eq!(beat, HeartbeatOutcome::Noted { revoked: all, lost: 0 });
    let unknown = store.heartbeat("x".into(), node.beat(&[]), 15_200, LEASE_MS).await.unwrap();
    assert_eq!(unknown, HeartbeatOutcome::Unknown);
}

async fn jobs_lost_on_the_way_are_offered_again_at_once(store: &Store) {
    run_of(store, task(), 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let kept = node.lease(store, 1, 1_000).await;
    // The answer to this poll never arrives; the node has begun no other one yet.
    let lost = node.lease(store, 1, 1_000).await;
    let early = easysight_protocol::HeartbeatRequest { last_poll: 1, ..node.beat(&kept.jobs) };
    let beat = store.heartbeat("n".into(), early, 1_500, LEASE_MS).await.unwrap();
    assert_eq!(beat, HeartbeatOutcome::Noted { revoked: Vec::new(), lost: 0 });
    let beat = store.heartbeat("n".into(), node.beat(&kept.jobs), 2_000, LEASE_MS).await.unwrap();
    assert_eq!(beat, HeartbeatOutcome::Noted { revoked: Vec::new(), lost: 1 });
    let again = node.lease(store, 5, 2_000).await;
    assert_eq!((again.jobs[0].id, again.jobs[0].attempt), (lost.jobs[0].id, 2));
    assert_eq!(store.job(lost.jobs[0].id).await.unwrap().unwrap().failures, 0);
}

async fn failures_back_off_and_end_in_the_dead_letters_from_which_a_person_takes_them(store: &Store) {
    let run = run_of(store, easysight_protocol::TaskRequest { max_attempts: 2, ..task() }, 1, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let failed =
        || JobOutcome::Failed { failure: Failure { kind: "no-such-file".into(), detail: "x".into() } };
    let first = node.lease(store, 1, 1_000).await;
    let report = ended(&first, &first.jobs[0], failed());
    let recorded = store.record(vec![report.clone()], 2_000).await.unwrap();
    assert_eq!((recorded.requeued, recorded.verdicts), (1, vec![Verdict::Recorded]));
    // The same report again is no second failure.
    assert_eq!(store.record(vec![report], 2_001).await.unwrap().verdicts, [Verdict::Duplicate]);
    assert!(node.lease(store, 1, 2_700).await.jobs.is_empty());
    let second = node.lease(store, 1, 3_300).await;
    assert_eq!(second.jobs[0].attempt, 2);
    let recorded = store.record(vec![ended(&second, &second.jobs[0], failed())], 4_000).await.unwrap();
    assert_eq!(recorded.finished_runs, [run]);
    let job = store.job(second.jobs[0].id).await.unwrap().unwrap();
    assert_eq!((job.state, job.failures), (JobState::Dead, 2));
    assert_eq!(job.failure.unwrap().kind, "no-such-file");
    assert_eq!(store.queue_state(5_000).await.unwrap().dead, 1);
    assert_eq!(store.retry_run(run, 5_000).await.unwrap(), 1);
    assert_eq!(store.run(run).await.unwrap().unwrap().run.state, RunState::Running);
    let third = node.lease(store, 1, 5_000).await;
    let good = store.record(vec![finished(&third, &third.jobs[0], Status::Normal)], 6_000).await.unwrap();
    assert_eq!((good.verdicts, good.finished_runs), (vec![Verdict::Recorded], vec![run]));
}

async fn a_returned_job_counts_as_no_attempt(store: &Store) {
    run_of(store, easysight_protocol::TaskRequest { max_attempts: 1, ..task() }, 1, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    for _ in 0..3 {
        let leased = node.lease(store, 1, 1_000).await;
        let back = ended(&leased, &leased.jobs[0], JobOutcome::Returned);
        assert_eq!(store.record(vec![back], 1_100).await.unwrap().verdicts, [Verdict::Recorded]);
    }
    let leased = node.lease(store, 1, 1_000).await;
    assert_eq!(store.job(leased.jobs[0].id).await.unwrap().unwrap().failures, 0);
}

async fn a_cancelled_run_takes_no_results(store: &Store) {
    let run = run_of(store, task(), 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 1, 1_000).await;
    assert!(store.cancel_run(run, 1_500).await.unwrap());
    assert!(!store.cancel_run(run, 1_500).await.unwrap());
    let refused =
        store.record(vec![finished(&leased, &leased.jobs[0], Status::Normal)], 2_000).await.unwrap();
    assert_eq!(refused.verdicts, [Verdict::Stale]);
    assert!(node.lease(store, 5, 2_000).await.jobs.is_empty());
    let run = store.run(run).await.unwrap().unwrap().run;
    assert_eq!((run.state, run.progress.cancelled), (RunState::Cancelled, 2));
}

async fn a_deadline_gives_up(store: &Store) {
    let hurried = easysight_protocol::TaskRequest { deadline_ms: Some(5_000), ..task() };
    let run = run_of(store, hurried, 2, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    assert_eq!(node.lease(store, 1, 1_000).await.jobs[0].deadline_ms, Some(5_000));
    assert_eq!(store.reap(6_000).await.unwrap().overdue, 0);
    let reaped = store.reap(6_001).await.unwrap();
    assert_eq!((reaped.overdue, reaped.finished_runs), (2, vec![run]));
}

async fn two_processes_with_one_id_are_told_apart(store: &Store) {
    let (first, second) = (Node::new("n"), Node::new("n"));
    first.register(store, 1_000).await;
    let refused = store.register_node(second.registration(), 2_000, LEASE_MS).await.unwrap();
    assert_eq!(refused, Registration::InUse { hostname: "host".into(), heard_ms_ago: 1_000 });
    // Once the first one was silent for the time of a lease, the second may have the name.
    second.register(store, 1_000 + LEASE_MS).await;
    let beat = store.heartbeat("n".into(), first.beat(&[]), 10_000, LEASE_MS).await.unwrap();
    assert_eq!(beat, HeartbeatOutcome::Superseded);
}

async fn a_restarted_node_loses_its_leases_at_once(store: &Store) {
    run_of(store, task(), 1, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    node.lease(store, 1, 1_000).await;
    let mut again = Node::new("n");
    let request =
        easysight_protocol::RegisterRequest { replaces: Some(node.incarnation), ..again.registration() };
    let answer = store.register_node(request, 1_100, LEASE_MS).await.unwrap();
    assert_eq!(answer, Registration::Accepted { requeued: 1 });
    assert_eq!(again.lease(store, 1, 1_100).await.jobs[0].attempt, 2);
}

async fn an_unregistered_node_hands_back(store: &Store) {
    run_of(store, task(), 1, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 1, 1_000).await;
    assert!(store.unregister_node("n".into(), node.incarnation, 1_100).await.unwrap());
    assert!(!store.unregister_node("n".into(), node.incarnation, 1_100).await.unwrap());
    assert_eq!(store.job(leased.jobs[0].id).await.unwrap().unwrap().state, JobState::Queued);
    let nodes = store.nodes(1_200, LEASE_MS).await.unwrap();
    assert_eq!(nodes[0].status, easysight_protocol::NodeState::Offline);
    assert!(store.forget_node("n".into(), 1_200, LEASE_MS).await.unwrap());
}

async fn a_command_that_fails_undoes_itself_alone(store: &Store) {
    let (store_a, store_b) = (store.clone(), store.clone());
    store.create_camera("taken".into(), camera("taken", &[]), 1).await.unwrap();
    let (good, bad) = tokio::join!(
        store_a.create_camera("good".into(), camera("good", &["g"]), 1),
        store_b.create_camera("taken".into(), camera("other", &["g"]), 1),
    );
    assert!(good.is_ok() && bad.is_err());
    assert_eq!(store.camera("taken").await.unwrap().unwrap().camera.name, "taken");
    assert_eq!(store.camera_groups().await.unwrap()[0].cameras, 1);
}

async fn commands_of_many_callers_do_not_mix(store: &Store) {
    run_of(store, task(), 400, 1_000).await;
    let mut callers = tokio::task::JoinSet::new();
    for name in 0..20 {
        let store = store.clone();
        callers.spawn(async move {
            let mut node = Node::new(&format!("n{name}"));
            node.register(&store, 1_000).await;
            let mut done = Vec::new();
            loop {
                let leased = node.lease(&store, 7, 1_000).await;
                if leased.jobs.is_empty() {
                    return done;
                }
                let results = leased.jobs.iter().map(|job| finished(&leased, job, Status::Normal)).collect();
                let recorded = store.record(results, 1_000).await.unwrap();
                assert!(recorded.verdicts.iter().all(|verdict| *verdict == Verdict::Recorded));
                done.extend(leased.jobs.iter().map(|job| job.id));
            }
        });
    }
    let mut all: Vec<JobId> = callers.join_all().await.into_iter().flatten().collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 400);
    let runs = store.runs(&RunFilter::default(), &page(1)).await.unwrap();
    assert_eq!((runs.items[0].state, runs.items[0].progress.finished), (RunState::Finished, 400));
}

async fn plugins_are_activated_and_rolled_back(store: &Store) {
    let plugin = |version: &str, digest: &str| easysight_protocol::PublishedPlugin {
        digest: digest.into(),
        name: "brightness".into(),
        version: version.into(),
        size_bytes: 3,
        diagnoses: Vec::new(),
        config_schema: serde_json::json!({"type": "object"}),
        published_at: chrono::DateTime::UNIX_EPOCH,
        active_for: Vec::new(),
    };
    assert!(store.publish(plugin("1.0.0", "a")).await.unwrap());
    assert!(!store.publish(plugin("1.0.0", "a")).await.unwrap());
    assert!(matches!(store.publish(plugin("1.0.0", "b")).await, Err(StoreError::Conflict(_))));
    assert!(store.publish(plugin("1.1.0", "b")).await.unwrap());
    assert!(store.publish(plugin("1.2.0", "c")).await.unwrap());
    assert_eq!(store.roll_back("brightness".into(), 1).await.unwrap(), None);
    for digest in ["a", "b", "c"] {
        store.activate(vec!["brightness".into()], Some(digest.into()), 1).await.unwrap();
    }
    let now = |store: Store| async move { store.activations().await.unwrap()[0].digest.clone() };
    assert_eq!(now(store.clone()).await.as_deref(), Some("c"));
    assert_eq!(store.roll_back("brightness".into(), 2).await.unwrap().unwrap().digest.as_deref(), Some("b"));
    assert_eq!(store.roll_back("brightness".into(), 3).await.unwrap().unwrap().digest.as_deref(), Some("a"));
    assert_eq!(store.roll_back("brightness".into(), 4).await.unwrap(), None);
    assert_eq!(store.plugins().await.unwrap().iter().filter(|p| !p.active_for.is_empty()).count(), 1);
    store.activate(vec!["brightness".into()], None, 5).await.unwrap();
    assert_eq!(now(store.clone()).await, None);
}

async fn tokens_are_revoked_once(store: &Store) {
    let info = TokenInfo {
        id: "1".into(),
        name: "ci".into(),
        scope: Scope::Publisher,
        created_at: chrono::DateTime::UNIX_EPOCH,
        expires_at: None,
        revoked_at: None,
    };
    store.create_token(StoredToken { info, hash: "h".into() }).await.unwrap();
    assert_eq!(store.token("1").await.unwrap().unwrap().info.scope, Scope::Publisher);
    assert!(store.revoke_token("1".into(), 9).await.unwrap());
    assert!(!store.revoke_token("1".into(), 9).await.unwrap());
    assert!(store.tokens().await.unwrap()[0].info.revoked_at.is_some());
    assert!(store.token("2").await.unwrap().is_none());
}

async fn history_is_pruned_in_steps(store: &Store) {
    run_of(store, task(), 700, 1_000).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let leased = node.lease(store, 1_000, 1_000).await;
    let results: Vec<_> = leased.jobs.iter().map(|job| finished(&leased, job, Status::Normal)).collect();
    store.record(results, 2_000).await.unwrap();
    let open = run_of(store, task(), 1, 2_000).await;
    let kept = store.count_findings().await.unwrap();
    assert_eq!((kept, store.prune_oldest(kept - 600).await.unwrap()), (700, 100));
    assert_eq!(store.count_findings().await.unwrap(), 600);
    assert_eq!(store.prune(1_000_000, 3_000).await.unwrap(), 0);
    let mut steps = 0;
    while store.prune(10, 3_000).await.unwrap() > 0 {
        steps += 1;
    }
    assert_eq!(steps, 2);
    let left = store.runs(&RunFilter::default(), &page(10)).await.unwrap().items;
    assert_eq!(left.iter().map(|run| run.id).collect::<Vec<_>>(), [open]);
}

async fn one_of_two_masters_leads(store: &Store) {
    assert!(store.lead("scheduler", "a".into(), 60_000).await.unwrap());
    assert!(!store.lead("scheduler", "b".into(), 60_000).await.unwrap());
    assert!(store.lead("scheduler", "a".into(), -1).await.unwrap());
    assert!(store.lead("scheduler", "b".into(), 60_000).await.unwrap());
}
