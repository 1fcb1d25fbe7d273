//! The overview and the list of cameras: the standing of each camera, and how cameras are counted, found and sorted.

use std::collections::BTreeSet;

use easysight_protocol::{
    Camera, CameraHealth, CameraRequest, Evidence, Finding, HealthCounts, JobOutcome, Progress, RunId,
    RunState, RunsOverview, Status,
};
use easysight_store::{Area, CameraFilter, CameraOrder, FanOut, PageRequest, RunFilter, Store};

use crate::{
    databases::{Node, anybody, begin, camera, ended, finding, plan, run_of, task},
    page,
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Runs a check of a camera at `now`.
async fn check(store: &Store, node: &mut Node, id: &str, now: i64, findings: Vec<Finding>) {
    let cameras = vec![(Some(id.to_owned()), format!("rtsp://{id}/live"))];
    begin(store, task(), FanOut { plan: plan(), cameras, missing: Vec::new() }, now).await;
    let leased = node.lease(store, 1, now).await;
    let result = ended(&leased, &leased.jobs[0], captured(findings));
    store.record(vec![result], now).await.unwrap();
}

fn captured(findings: Vec<Finding>) -> JobOutcome {
    JobOutcome::Finished {
        findings,
        shadows: Vec::new(),
        decode_ms: 1.0,
        captured_at: None,
        baselines: Vec::new(),
    }
}

fn seen(diagnosis: &str, status: Status) -> Finding {
    Finding { plugin: Some(format!("{diagnosis}@1.0.0")), ..finding(diagnosis, status) }
}

fn with_evidence(finding: Finding, picture: &str) -> Finding {
    let evidence = Evidence { picture: picture.into(), thumbnail: format!("{picture}-small") };
    Finding { evidence: Some(evidence), ..finding }
}

fn without_picture() -> Finding {
    let (loss, connects) = (Some("connect-timed-out".to_owned()), Some(false));
    Finding { loss, connects, ..finding("signal_loss", Status::Critical) }
}

async fn shown(store: &Store, id: &str) -> Camera {
    store.camera(&Area::ALL, id).await.unwrap().unwrap().camera
}

/// Returns the cause, the beginning in milliseconds, and the evidence picture of a camera.
async fn standing(store: &Store, id: &str) -> (Option<String>, Option<i64>, Option<String>) {
    let camera = shown(store, id).await;
    let since = camera.since.map(|at| at.timestamp_millis());
    (camera.cause, since, camera.evidence.map(|one| one.picture))
}

async fn add(store: &Store, id: &str, change: impl FnOnce(&mut CameraRequest)) {
    let mut new = camera(id, &[]);
    change(&mut new);
    store.by(anybody()).create_camera(id.into(), new, 500).await.unwrap();
}

async fn ids(store: &Store, filter: &CameraFilter) -> Vec<String> {
    let found = store.cameras(&Area::ALL, filter, &page(1_000)).await.unwrap();
    assert_eq!(
        store.count_cameras(&Area::ALL, filter).await.unwrap(),
        found.items.len() as u64,
        "{filter:?}"
    );
    found.items.into_iter().map(|one| one.id).collect()
}

/// Creates one camera for each health, named by it, all in the group `all`. Checks are at 10,000 ms.
async fn one_of_each(store: &Store, node: &mut Node) {
    for health in CameraHealth::ALL {
        add(store, health.as_str(), |new| {
            new.enabled = health != CameraHealth::Muted;
            new.groups =
                vec!["all".into(), if health < CameraHealth::Unknown { "bad" } else { "good" }.into()];
        })
        .await;
        let findings = match health {
            CameraHealth::Offline => vec![without_picture()],
            CameraHealth::Critical => vec![seen("dark", Status::Critical)],
            CameraHealth::Error => vec![seen("blur", Status::Error)],
            CameraHealth::Warning => vec![seen("blur", Status::Warning), seen("dark", Status::Normal)],
            CameraHealth::Unknown => vec![Finding::blank("dark")],
            CameraHealth::Normal => vec![seen("dark", Status::Normal)],
            CameraHealth::Muted => vec![seen("dark", Status::Error)],
            CameraHealth::Unchecked => continue,
        };
        check(store, node, health.as_str(), 10_000, findings).await;
    }
}

pub(crate) async fn each_health_is_counted_and_found_by_its_word(store: &Store) {
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    one_of_each(store, &mut node).await;
    for health in CameraHealth::ALL {
        assert_eq!(shown(store, health.as_str()).await.health(), health);
        let filter = CameraFilter { health: vec![health], ..CameraFilter::default() };
        assert_eq!(ids(store, &filter).await, [health.as_str()]);
    }
    let two = vec![CameraHealth::Normal, CameraHealth::Offline];
    let filter = CameraFilter { health: two, ..CameraFilter::default() };
    assert_eq!(ids(store, &filter).await, ["normal", "offline"]);
    let tally = store.tally_cameras(&Area::ALL, 20_000).await.unwrap();
    assert_eq!((tally.counts, tally.old), (HealthCounts::of([1; 8]), 0));
    assert_eq!(tally.newest_check, Some(10_000));
    // The four urgent cameras are in one group, and the others in the other one.
    assert_eq!(tally.groups["bad"].in_order(), [1, 1, 1, 1, 0, 0, 0, 0]);
    assert_eq!(tally.groups["good"].in_order(), [0, 0, 0, 0, 1, 1, 1, 1]);
    let groups = tally.groups();
    let shares: Vec<_> = groups
        .iter()
        .map(|one| (&*one.name, one.total, one.watched, one.online, one.judged, one.intact))
        .collect();
    assert_eq!(shares, [("bad", 4, 4, 3, 4, 0), ("all", 8, 7, 6, 5, 1), ("good", 4, 3, 3, 1, 1)]);
    let causes: Vec<_> = tally.causes().into_iter().map(|one| (one.cause.unwrap(), one.cameras)).collect();
    assert_eq!(
        causes,
        [("blur", 2), ("dark", 1), ("signal_loss", 1)].map(|(cause, n)| (cause.to_owned(), n))
    );
    let filter = CameraFilter { cause: Some("blur".into()), ..CameraFilter::default() };
    assert_eq!(ids(store, &filter).await, ["error", "warning"]);
    let act = store.urgent_cameras(&Area::ALL, 3).await.unwrap();
    assert_eq!(act.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["offline", "critical", "error"]);
    // A day later, the state of every enabled camera that was checked is old.
    assert_eq!(store.tally_cameras(&Area::ALL, 10_000 + DAY_MS).await.unwrap().old, 0);
    assert_eq!(store.tally_cameras(&Area::ALL, 10_001 + DAY_MS).await.unwrap().old, 6);
    let filter = CameraFilter { checked_before: Some(10_001), ..CameraFilter::default() };
    assert_eq!(ids(store, &filter).await.len(), 7);
    let filter = CameraFilter { checked_before: Some(10_000), ..CameraFilter::default() };
    assert_eq!(ids(store, &filter).await.len(), 0);
}

pub(crate) async fn a_camera_s_standing_has_cause_beginning_and_evidence(store: &Store) {
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    add(store, "a", |_| {}).await;
    assert_eq!(standing(store, "a").await, (None, None, None));
    check(store, &mut node, "a", 10_000, vec![seen("dark", Status::Normal)]).await;
    assert_eq!(standing(store, "a").await, (None, Some(10_000), None));
    // The root cause counts, although its consequence is worse.
    let follows = Finding { consequence_of: Some("dark".into()), ..seen("blur", Status::Critical) };
    let dark = |picture| with_evidence(seen("dark", Status::Error), picture);
    check(store, &mut node, "a", 20_000, vec![with_evidence(follows, "no"), dark("p1")]).await;
    let dark_since = |picture: &str| (Some("dark".to_owned()), Some(20_000), Some(picture.to_owned()));
    assert_eq!(standing(store, "a").await, dark_since("p1"));
    check(store, &mut node, "a", 30_000, vec![dark("p2")]).await;
    assert_eq!(standing(store, "a").await, dark_since("p2"));
    // A late result of an earlier clip changes nothing. The node leased the job before the newer check.
    let cameras = || vec![(Some("a".to_owned()), "rtsp://a/live".to_owned())];
    begin(store, task(), FanOut { plan: plan(), cameras: cameras(), missing: Vec::new() }, 31_000).await;
    let late = node.lease(store, 1, 31_000).await;
    check(store, &mut node, "a", 40_000, vec![dark("p3")]).await;
    let mut outcome = captured(vec![seen("dark", Status::Normal)]);
    if let JobOutcome::Finished { captured_at, .. } = &mut outcome {
        *captured_at = chrono::DateTime::from_timestamp_millis(31_500);
    }
    store.record(vec![ended(&late, &late.jobs[0], outcome)], 50_000).await.unwrap();
    assert_eq!(standing(store, "a").await, dark_since("p3"));
    // A recovery removes cause and evidence.
    check(store, &mut node, "a", 60_000, vec![seen("dark", Status::Normal), seen("blur", Status::Normal)])
        .await;
    assert_eq!(standing(store, "a").await, (None, Some(60_000), None));
    // The status of a lost camera begins with its loss, although the status was critical before.
    check(store, &mut node, "a", 70_000, vec![with_evidence(seen("dark", Status::Critical), "p4")]).await;
    check(store, &mut node, "a", 80_000, vec![without_picture()]).await;
    assert_eq!(standing(store, "a").await, (Some("signal_loss".into()), Some(80_000), None));
    let picture = vec![with_evidence(seen("dark", Status::Critical), "p5")];
    check(store, &mut node, "a", 90_000, picture).await;
    assert_eq!(standing(store, "a").await, (Some("dark".into()), Some(70_000), Some("p5".into())));
    // A camera at another address is another camera.
    let moved = CameraRequest { source: "rtsp://elsewhere/live".into(), ..camera("a", &[]) };
    store.by(anybody()).update_camera("a".into(), moved, 91_000).await.unwrap();
    assert_eq!(standing(store, "a").await, (None, None, None));
    assert_eq!(shown(store, "a").await.health(), CameraHealth::Unchecked);
}

pub(crate) async fn cameras_are_sorted_by_every_order_across_pages(store: &Store) {
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    // Many cameras have equal values, so that pages end between equal ones.
    for n in 0..23_i64 {
        let id = format!("c{n:02}");
        add(store, &id, |new| {
            new.name = ["Gate: A", "gate: a", "Yard", "东门"][n as usize % 4].into();
            new.groups = vec![if n % 2 == 0 { "even" } else { "odd" }.into()];
        })
        .await;
        if n % 5 != 0 {
            let status = [Status::Normal, Status::Warning, Status::Error][n as usize % 3];
            check(store, &mut node, &id, 10_000 * (1 + n % 3), vec![seen("dark", status)]).await;
        }
    }
    check(store, &mut node, "c20", 40_000, vec![without_picture()]).await;
    let key = |order, camera: &Camera| -> (String, i64) {
        let time = |at: Option<chrono::DateTime<chrono::Utc>>| at.map_or(0, |at| at.timestamp_millis());
        match order {
            CameraOrder::Id => (camera.id.clone(), 0),
            CameraOrder::Name => (camera.name.to_ascii_lowercase(), 0),
            CameraOrder::Health => (String::new(), camera.health() as i64),
            CameraOrder::CheckedAt => (String::new(), time(camera.checked_at)),
            CameraOrder::Since => (String::new(), time(camera.since)),
        }
    };
    let all = store.cameras(&Area::ALL, &CameraFilter::default(), &page(1_000)).await.unwrap().items;
    assert_eq!(all.len(), 23);
    for order in
        [CameraOrder::Id, CameraOrder::Name, CameraOrder::Health, CameraOrder::CheckedAt, CameraOrder::Since]
    {
        for (descending, group) in [(false, None), (true, None), (false, Some("odd")), (true, Some("even"))] {
            let group = group.map(str::to_owned);
            let filter = CameraFilter { order, descending, group: group.clone(), ..CameraFilter::default() };
            let of_group = |one: &&Camera| group.as_ref().is_none_or(|name| one.groups.contains(name));
            let mut expected: Vec<_> = all.iter().filter(of_group).collect();
            expected.sort_by_key(|one| (key(order, one), one.id.clone()));
            if descending {
                expected.reverse();
            }
            let expected: Vec<_> = expected.iter().map(|one| one.id.as_str()).collect();
            for limit in [1, 4, 23] {
                let (mut found, mut after) = (Vec::new(), None);
                loop {
                    let next =
                        store.cameras(&Area::ALL, &filter, &PageRequest { after, limit }).await.unwrap();
                    assert!(next.items.len() <= limit as usize);
                    found.extend(next.items.into_iter().map(|one| one.id));
                    after = next.next;
                    let Some(mark) = &after else { break };
                    assert!(order.knows(mark), "{mark}");
                }
                assert_eq!(found, expected, "{order:?} {descending} {limit}");
            }
        }
    }
    // Refused: the mark of another order, and a text that is not a mark.
    assert!(!CameraOrder::Name.knows("health:c01:3") && !CameraOrder::Health.knows("health:c01:x"));
    assert!(CameraOrder::Id.knows("c01"));
}

pub(crate) async fn cameras_are_found_by_what_people_remember_but_not_by_passwords(store: &Store) {
    add(store, "gate-100%", |new| new.source = "rtsp://admin:Tr0ub4dor@10.0.0.7/live".into()).await;
    add(store, "b", |new| new.name = "Yard_2 \"north\" 'x' \\".into()).await;
    add(store, "c", |new| {
        new.name = "东门一号".into();
        new.groups = vec!["Hall".into()];
        new.labels = [("site".to_owned(), "Süd".to_owned())].into();
    })
    .await;
    let found = async |words: &str| {
        ids(store, &CameraFilter { words: Some(words.into()), ..CameraFilter::default() }).await
    };
    let by = [
        ("GATE", vec!["gate-100%"]),
        ("100%", vec!["gate-100%"]),
        ("%", vec!["gate-100%"]),
        ("1%0", vec![]),
        ("_", vec!["b"]),
        ("\"North\"", vec!["b"]),
        ("'x' \\", vec!["b"]),
        ("东门", vec!["c"]),
        ("门东", vec![]),
        ("hall", vec!["c"]),
        ("site=sÜd", vec!["c"]),
        ("10.0.0.7", vec!["gate-100%"]),
        ("RTSP://***@10", vec!["gate-100%"]),
        ("Tr0ub4dor", vec![]),
        ("admin:", vec![]),
        ("secret", vec![]),
        ("gate-100%\nb", vec![]),
    ];
    for (words, expected) in by {
        assert_eq!(found(words).await, expected, "{words}");
    }
    assert_eq!(found(&"东".repeat(10_000)).await, Vec::<String>::new());
    // The searched text changes with the camera.
    store.by(anybody()).update_camera("c".into(), camera("c", &[]), 1_000).await.unwrap();
    assert_eq!((found("东门").await.len(), found("floor=1").await.len()), (0, 3));
    let renamed = CameraRequest { name: "新门".into(), ..camera("b", &[]) };
    store.by(anybody()).import_cameras(vec![("b".into(), renamed)], 1_000).await.unwrap();
    assert_eq!((found("yard").await.len(), found("新门").await), (0, vec!["b".to_owned()]));
    assert!(store.by(anybody()).delete_camera("b".into(), 9_000).await.unwrap());
    assert_eq!(found("新门").await, Vec::<String>::new());
    assert_eq!(store.fill_words().await.unwrap(), 0);
}

pub(crate) async fn the_census_is_taken_once_an_hour_and_kept_for_400_days(store: &Store) {
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let day = |days: i64, ms: i64| days * DAY_MS + ms;
    assert_eq!(store.census_near(&Area::ALL, day(1_000, 0)).await.unwrap(), None);
    one_of_each(store, &mut node).await;
    assert!(store.take_census(day(1_000, 300)).await.unwrap());
    assert!(!store.take_census(day(1_000, HOUR_MS - 1)).await.unwrap());
    store.by(anybody()).delete_camera("normal".into(), 9_000).await.unwrap();
    assert!(store.take_census(day(1_000, HOUR_MS)).await.unwrap());
    let near = async |at: i64| {
        store
            .census_near(&Area::ALL, at)
            .await
            .unwrap()
            .map(|one| (one.taken_at - day(1_000, 0), one.counts.total()))
    };
    assert_eq!(near(day(1_000, 10)).await, Some((300, 8)));
    assert_eq!(near(day(1_000, HOUR_MS / 2 + 200)).await, Some((HOUR_MS, 7)));
    assert_eq!(near(day(1_000, 2 * HOUR_MS)).await, Some((HOUR_MS, 7)));
    assert_eq!(near(day(1_000, 2 * HOUR_MS + 1)).await, None);
    let since = async |group: Option<&str>| {
        let hours = store.census_since(&Area::ALL, day(1_000, 0), group).await.unwrap();
        hours.iter().map(|one| one.counts.in_order()).collect::<Vec<_>>()
    };
    assert_eq!(since(None).await, [[1; 8], [1, 1, 1, 1, 1, 1, 0, 1]]);
    assert_eq!(since(Some("good")).await, [[0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1, 0, 1]]);
    assert_eq!(since(Some("no such group")).await, Vec::<[u64; 8]>::new());
    assert_eq!(store.prune_census(day(1_400, 0)).await.unwrap(), 0);
    assert_eq!(store.prune_census(day(1_400, HOUR_MS)).await.unwrap(), 1);
    assert_eq!(since(None).await.len(), 1);
    // Counts that were taken while the clock was ahead are removed with the repair of the clock.
    store.take_census(day(1_030, 0)).await.unwrap();
    store.bring_back(day(1_001, 0), 8_000).await.unwrap();
    assert_eq!(since(None).await.len(), 1);
}

pub(crate) async fn runs_of_a_day_are_counted(store: &Store) {
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let now = 10 * DAY_MS;
    assert_eq!(store.run_counts(&Area::ALL, now).await.unwrap(), RunsOverview::default());
    // A run that ended more than a day ago does not count.
    add(store, "a", |_| {}).await;
    check(store, &mut node, "a", now - DAY_MS - 1, vec![seen("dark", Status::Normal)]).await;
    check(store, &mut node, "a", now - DAY_MS, vec![seen("dark", Status::Normal)]).await;
    let cancelled = run_of(store, task(), 2, now - 1_000).await;
    store.by(anybody()).cancel_run(cancelled, now - 900).await.unwrap();
    // A run with a dead job.
    let mut once = task();
    once.max_attempts = 1;
    let failed = run_of(store, once, 1, now - 800).await;
    let leased = node.lease(store, 1, now - 800).await;
    let failure = easysight_protocol::Failure { kind: "capture".into(), detail: "no".into() };
    let result = ended(&leased, &leased.jobs[0], JobOutcome::Failed { failure });
    store.record(vec![result], now - 700).await.unwrap();
    let progress = store.run(&Area::ALL, failed).await.unwrap().unwrap().run.progress;
    assert_eq!(progress, Progress { total: 1, dead: 1, ..Progress::default() });
    run_of(store, task(), 3, now - 600).await;
    let counts = store.run_counts(&Area::ALL, now).await.unwrap();
    let expected = RunsOverview { waiting: 0, running: 1, finished: 2, cancelled: 1, with_failures: 1 };
    assert_eq!(counts, expected);
    let queue = store.queue_counts(&Area::ALL, now).await.unwrap();
    assert_eq!((queue.queued, queue.running, queue.dead), (3, 0, 1));
    // The filters of the list find the runs that are counted.
    let recent = RunFilter { since: Some(now - DAY_MS), ..RunFilter::default() };
    assert_eq!(listed(store, &Area::ALL, &recent).await.len(), 4);
    for (state, count) in
        [(RunState::Waiting, 0), (RunState::Running, 1), (RunState::Finished, 2), (RunState::Cancelled, 1)]
    {
        let filter = RunFilter { state: Some(state), ..recent.clone() };
        assert_eq!(listed(store, &Area::ALL, &filter).await.len(), count, "{state:?}");
    }
    let filter = RunFilter { failed: true, ..recent.clone() };
    assert_eq!(listed(store, &Area::ALL, &filter).await, [failed]);
    let filter = RunFilter { failed: true, ..RunFilter::default() };
    assert_eq!(listed(store, &Area::ALL, &filter).await, [failed]);
    let later = RunFilter { failed: true, since: Some(now - 699), ..RunFilter::default() };
    assert!(listed(store, &Area::ALL, &later).await.is_empty());
    // A run whose dead jobs are tried again has not ended.
    store.by(anybody()).retry_run(failed, now).await.unwrap();
    assert!(listed(store, &Area::ALL, &filter).await.is_empty());
    assert_eq!(store.run_counts(&Area::ALL, now).await.unwrap().with_failures, 0);
}

/// Returns the runs of a filter, read in pages of one.
async fn listed(store: &Store, area: &Area, filter: &RunFilter) -> Vec<RunId> {
    let (mut runs, mut after) = (Vec::new(), None);
    loop {
        let page = store.runs(area, filter, &PageRequest { after, limit: 1 }).await.unwrap();
        runs.extend(page.items.into_iter().map(|run| run.id));
        after = page.next;
        if after.is_none() {
            return runs;
        }
    }
}

pub(crate) async fn a_page_goes_on_where_the_last_one_ended_although_cameras_come_and_go(store: &Store) {
    for id in ["b", "d", "f", "h"] {
        add(store, id, |new| new.name = "same".into()).await;
    }
    let filter = CameraFilter { order: CameraOrder::Name, ..CameraFilter::default() };
    let first = store.cameras(&Area::ALL, &filter, &page(2)).await.unwrap();
    // The last camera of the page is deleted, and one before it and one after it are new.
    store.by(anybody()).delete_camera("d".into(), 9_000).await.unwrap();
    for id in ["a", "e"] {
        add(store, id, |new| new.name = "same".into()).await;
    }
    let rest =
        store.cameras(&Area::ALL, &filter, &PageRequest { after: first.next, limit: 9 }).await.unwrap();
    let rest: BTreeSet<_> = rest.items.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(rest, BTreeSet::from(["e", "f", "h"]));
}
