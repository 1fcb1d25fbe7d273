//! Areas: a caller who is limited to some groups sees and changes only the cameras of these groups, and their data.

mod tasks;

pub(crate) use tasks::{
    a_submission_is_seen_by_who_made_it, a_submitter_without_a_run_is_forgotten_with_the_history,
    an_area_shows_its_part_of_runs, an_area_shows_its_part_of_tasks_and_changes_only_its_own,
};

use chrono::DateTime;
use easysight_protocol::{
    Baseline, CameraRequest, Evidence, Finding, HealthCounts, JobOutcome, RunId, RunState, Scope, Status,
    TaskRequest, UserChange, UserInfo,
};
use easysight_store::{
    Actor, Area, AuditFilter, CameraFilter, Changed, Dialect, FanOut, FindingFilter, PageRequest, RunFilter,
    Span, Store, StoreError, StoredUser,
};
use serde_json::json;

use crate::databases::{Node, anybody, begin, camera, empty, ended, execute, finding, plan};

const HOUR_MS: i64 = 3_600_000;

fn page(limit: u32) -> PageRequest {
    PageRequest { after: None, limit }
}

fn of(groups: &[&str]) -> Area {
    let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
    Area::of("ada", Some(&groups))
}

fn hall() -> Area {
    of(&["hall"])
}

/// A caller who is limited to the hall.
fn ada() -> Actor {
    Actor { area: hall(), ..anybody() }
}

fn definition(cameras: &[&str], groups: &[&str]) -> TaskRequest {
    serde_json::from_value(json!({"name": "t", "cameras": cameras, "groups": groups, "max_attempts": 1}))
        .unwrap()
}

fn jobs_of(cameras: &[&str]) -> FanOut {
    let cameras = cameras.iter().map(|id| (Some((*id).to_owned()), format!("rtsp://{id}/live"))).collect();
    FanOut { plan: plan(), cameras, missing: vec!["camera `b-gone`".into()] }
}

/// Stores cameras: `a` in the hall, `b` in the yard, `both` in both, and `none` in no group.
async fn add_cameras(store: &Store) {
    let groups: [(&str, &[&str]); 4] =
        [("a", &["hall"]), ("b", &["yard"]), ("both", &["hall", "yard"]), ("none", &[])];
    for (id, groups) in groups {
        store.by(anybody()).create_camera(id.into(), camera(id, groups), 1_000).await.unwrap();
    }
}

/// The evidence pictures of a camera have its name.
fn seen(camera: &str) -> Finding {
    let evidence =
        Evidence { picture: format!("picture of {camera}."), thumbnail: format!("small {camera}.") };
    let plugin = Some("brightness@1.0.0".into());
    Finding { evidence: Some(evidence), plugin, ..finding("brightness", Status::Error) }
}

/// Checks cameras in a run of a task. All jobs have a finding, except that of the camera `fails`. Returns the run.
async fn check(store: &Store, node: &mut Node, task: TaskRequest, cameras: &[&str], fails: &str) -> RunId {
    let run = begin(store, task, jobs_of(cameras), 10_000).await;
    let leased = node.lease(store, 100, 10_000).await;
    assert_eq!(leased.jobs.len(), cameras.len());
    let mut results = Vec::new();
    for job in &leased.jobs {
        let camera = job.camera_id.as_deref().unwrap();
        let outcome = if camera == fails {
            let failure = serde_json::from_value(json!({"kind": "odd", "detail": "why"})).unwrap();
            JobOutcome::Failed { failure }
        } else {
            JobOutcome::Finished {
                findings: vec![seen(camera)],
                shadows: Vec::new(),
                decode_ms: 1.0,
                captured_at: None,
                baselines: vec![Baseline { plugin: "brightness".into(), data: "AAAA".into() }],
            }
        };
        results.push(ended(&leased, job, outcome));
    }
    store.record(results, 11_000).await.unwrap();
    run
}

async fn ids(store: &Store, area: &Area, filter: &CameraFilter) -> Vec<String> {
    let found = store.cameras(area, filter, &page(100)).await.unwrap();
    assert_eq!(store.count_cameras(area, filter).await.unwrap(), found.items.len() as u64, "{filter:?}");
    found.items.into_iter().map(|camera| camera.id).collect()
}

pub(crate) async fn an_area_shows_its_cameras_and_hides_their_other_groups(store: &Store) {
    add_cameras(store).await;
    let (hall, all) = (hall(), CameraFilter::default());
    assert_eq!(ids(store, &hall, &all).await, ["a", "both"]);
    assert_eq!(ids(store, &of(&["hall", "yard"]), &all).await, ["a", "b", "both"]);
    assert_eq!(ids(store, &of(&["no such group"]), &all).await, Vec::<String>::new());
    assert_eq!(ids(store, &of(&[]), &all).await, Vec::<String>::new());
    for (words, found) in [("HALL", vec!["a"]), ("yard", vec![]), ("both", vec!["both"]), ("rtsp", vec!["a"])]
    {
        let filter = CameraFilter { words: Some(words.into()), ..CameraFilter::default() };
        assert_eq!(ids(store, &hall, &filter).await, found, "{words}");
    }
    for (group, found) in [("hall", vec!["a", "both"]), ("yard", vec![])] {
        let filter = CameraFilter { group: Some(group.into()), ..CameraFilter::default() };
        assert_eq!(ids(store, &hall, &filter).await, found, "{group}");
    }
    assert_eq!(store.camera(&hall, "b").await.unwrap(), None);
    assert_eq!(store.camera(&hall, "none").await.unwrap(), None);
    assert_eq!(store.camera(&hall, "both").await.unwrap().unwrap().camera.groups, ["hall"]);
    let named = ["a", "b", "both", "none"].map(str::to_owned);
    let mut found = store.cameras_named(&hall, &named).await.unwrap();
    found.sort_by(|one, other| one.camera.id.cmp(&other.camera.id));
    let found: Vec<_> =
        found.iter().map(|one| (one.camera.id.as_str(), one.camera.groups.join(", "))).collect();
    assert_eq!(found, [("a", "hall".to_owned()), ("both", "hall".to_owned())]);
    let groups = store.camera_groups(&of(&["hall", "new"])).await.unwrap();
    let groups: Vec<_> = groups.iter().map(|one| (one.name.as_str(), one.cameras)).collect();
    assert_eq!(groups, [("hall", 2), ("new", 0)]);
    let tally = store.tally_cameras(&hall, 20_000).await.unwrap();
    assert_eq!(tally.counts.total(), 2);
    assert_eq!(tally.groups.keys().collect::<Vec<_>>(), ["hall"]);
}

/// If some groups of a camera are hidden, only its id and its name are searched, whatever their letters are.
pub(crate) async fn a_camera_with_hidden_groups_is_found_by_its_id_and_name_only(store: &Store) {
    let camera = camera("Ärztehaus Süd", &["hall", "YÜRD"]);
    store.by(anybody()).create_camera("Both-2".into(), camera, 1_000).await.unwrap();
    for (words, is_own) in [
        ("ärztehaus", true),
        ("ÄRZTEHAUS SÜD", true),
        ("both-2", true),
        ("BOTH-2", true),
        ("hall", false),
        ("yürd", false),
        ("rtsp", false),
        ("floor", false),
    ] {
        let filter = CameraFilter { words: Some(words.into()), ..CameraFilter::default() };
        assert_eq!(ids(store, &hall(), &filter).await.len(), usize::from(is_own), "{words}");
        assert_eq!(ids(store, &Area::ALL, &filter).await, ["Both-2"], "{words}");
    }
}

/// A task of the yard also checks a camera that is in the hall too.
pub(crate) async fn findings_do_not_name_a_task_that_names_nothing_of_the_area(store: &Store) {
    add_cameras(store).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let hidden = check(store, &mut node, definition(&[], &["yard"]), &["b", "both"], "").await;
    let own = check(store, &mut node, definition(&["both"], &[]), &["both"], "").await;
    let found = async |area: &Area, filter: FindingFilter| -> Vec<_> {
        let page = store.findings(area, &filter, &page(9)).await.unwrap();
        page.items.into_iter().map(|one| (one.camera_id.unwrap(), one.task_id.is_some())).collect()
    };
    let both = |named: bool| ("both".to_owned(), named);
    assert_eq!(found(&hall(), FindingFilter::default()).await, [both(true), both(false)]);
    assert_eq!(found(&Area::ALL, FindingFilter::default()).await.iter().filter(|one| one.1).count(), 3);
    for (run, mine, all) in [(hidden, 0, 2), (own, 1, 1)] {
        let of_run = || FindingFilter { run_id: Some(run), ..FindingFilter::default() };
        assert_eq!(
            (found(&hall(), of_run()).await.len(), found(&Area::ALL, of_run()).await.len()),
            (mine, all)
        );
    }
    let of_task = FindingFilter { task_id: Some("t".into()), ..FindingFilter::default() };
    assert_eq!(found(&hall(), of_task).await, [both(true)]);
}

pub(crate) async fn an_area_shows_what_was_found_of_its_cameras(store: &Store) {
    add_cameras(store).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    let run = check(store, &mut node, definition(&[], &["hall", "yard"]), &["a", "b", "both"], "").await;
    let hall = hall();
    let found = async |area: &Area, filter: &FindingFilter| {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let next = store.findings(area, filter, &PageRequest { after, limit: 1 }).await.unwrap();
            all.extend(next.items.into_iter().filter_map(|one| one.camera_id));
            after = next.next;
            if after.is_none() {
                all.sort();
                return all;
            }
        }
    };
    let none = FindingFilter::default;
    for filter in [
        none(),
        FindingFilter { run_id: Some(run), ..none() },
        FindingFilter { task_id: Some("t".into()), ..none() },
        FindingFilter { diagnosis: Some("brightness".into()), ..none() },
        FindingFilter { status: Some("error".into()), ..none() },
        FindingFilter { status: Some("error".into()), diagnosis: Some("brightness".into()), ..none() },
        FindingFilter { since: Some(0), until: Some(20_000), ..none() },
    ] {
        assert_eq!(found(&hall, &filter).await, ["a", "both"], "{filter:?}");
        assert_eq!(found(&Area::ALL, &filter).await, ["a", "b", "both"], "{filter:?}");
    }
    let of_b = FindingFilter { camera_id: Some("b".into()), ..none() };
    assert_eq!(found(&hall, &of_b).await, Vec::<String>::new());
    let span = Span { since: 0, until: 20_000, points: 10 };
    for (id, is_there) in [("a", true), ("both", true), ("b", false), ("none", false)] {
        let timeline = store.timeline(&hall, id, span, 20_000).await.unwrap();
        let series = store.series(&hall, id, "brightness", &[], span, 20_000).await.unwrap();
        let baselines = store.baselines(&hall, id).await.unwrap();
        let told = (timeline.is_some(), series.is_some(), baselines.len());
        assert_eq!(told, (is_there, is_there, usize::from(is_there)), "{id}");
        for picture in [format!("picture of {id}."), format!("small {id}.")] {
            assert_eq!(store.may_see_picture(&hall, &picture).await.unwrap(), is_there, "{picture}");
            assert!(store.may_see_picture(&Area::ALL, &picture).await.unwrap());
        }
    }
    store.note_good_picture("b".into(), "good of b".into(), 12_000).await.unwrap();
    store.note_good_picture("a".into(), "good of a".into(), 12_000).await.unwrap();
    assert!(store.may_see_picture(&hall, "good of a").await.unwrap());
    assert!(!store.may_see_picture(&hall, "good of b").await.unwrap());
    let act = store.urgent_cameras(&hall, 9).await.unwrap();
    assert_eq!(act.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["a", "both"]);
    assert_eq!(store.tally_cameras(&hall, 20_000).await.unwrap().causes.values().sum::<u64>(), 2);
    // If a camera leaves the area, its findings and pictures leave the area too.
    store.by(anybody()).update_camera("a".into(), camera("a", &["yard"]), 13_000).await.unwrap();
    assert_eq!(found(&hall, &none()).await, ["both"]);
    assert!(!store.may_see_picture(&hall, "good of a").await.unwrap());
    // Records of pictures that never arrived are removed.
    assert_eq!(store.forget_subjects(11_000, 100).await.unwrap(), 0);
    assert!(store.forget_subjects(12_001, 100).await.unwrap() > 0);
    assert_eq!(store.forget_subjects(12_001, 100).await.unwrap(), 0);
}

pub(crate) async fn nothing_outside_of_an_area_is_changed(store: &Store) {
    add_cameras(store).await;
    let mut node = Node::new("n");
    node.register(store, 1_000).await;
    check(store, &mut node, definition(&["b"], &[]), &["b"], "").await;
    let by = store.by(ada());
    let outside = |refused: StoreError| match refused {
        StoreError::Outside { field, .. } => field,
        other => panic!("{other}"),
    };
    let before = store.camera(&Area::ALL, "b").await.unwrap();
    assert!(!by.update_camera("b".into(), camera("new name", &["hall"]), 2_000).await.unwrap());
    assert!(!by.delete_camera("b".into(), 2_000).await.unwrap());
    assert_eq!(by.reset_baselines("b".into(), None, 2_000).await.unwrap(), None);
    let taken = by.create_camera("b".into(), camera("new name", &["hall"]), 2_000).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict(_)), "{taken}");
    let own = by.create_camera("a".into(), camera("again", &["hall"]), 2_000).await.unwrap_err();
    assert_eq!(own.to_string().replace("`a`", "`b`"), taken.to_string());
    let many =
        vec![("c".to_owned(), camera("c", &["hall"])), ("b".to_owned(), camera("new name", &["hall"]))];
    assert!(matches!(by.import_cameras(many, 2_000).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.camera(&Area::ALL, "b").await.unwrap(), before);
    assert_eq!(store.baselines(&Area::ALL, "b").await.unwrap().len(), 1);
    // No camera leaves the area, or enters a group outside of it.
    for (groups, field) in [(&["hall", "yard"][..], "/groups/1"), (&["yard"], "/groups/0"), (&[], "/groups")]
    {
        let refused = by.create_camera("d".into(), camera("d", groups), 2_000).await.unwrap_err();
        assert_eq!(outside(refused), field, "{groups:?}");
        let refused = by.update_camera("a".into(), camera("d", groups), 2_000).await.unwrap_err();
        assert_eq!(outside(refused), field, "{groups:?}");
        let refused = by.import_cameras(vec![("d".into(), camera("d", groups))], 2_000).await.unwrap_err();
        assert_eq!(outside(refused), field, "{groups:?}");
    }
    assert_eq!(ids(store, &Area::ALL, &CameraFilter::default()).await, ["a", "b", "both", "none"]);
    // Within the area, the caller may do the same as others, and hidden groups stay.
    let made = by.create_camera("d".into(), camera("d", &["hall"]), 3_000).await.unwrap();
    assert_eq!(made.camera.groups, ["hall"]);
    let renamed = CameraRequest { name: "renamed".into(), ..camera("both", &["hall"]) };
    assert!(by.update_camera("both".into(), renamed, 3_000).await.unwrap());
    let both = store.camera(&Area::ALL, "both").await.unwrap().unwrap().camera;
    assert_eq!((both.name.as_str(), both.groups), ("renamed", vec!["hall".to_owned(), "yard".to_owned()]));
    assert!(by.delete_camera("a".into(), 3_000).await.unwrap());
    // A caller does not get the findings of a removed camera by using its id again.
    assert!(store.by(anybody()).delete_camera("b".into(), 4_000).await.unwrap());
    let asked = ["b", "none", "d", "new"].map(str::to_owned);
    assert_eq!(store.foreign_ids(&hall(), &asked).await.unwrap(), ["b".to_owned(), "none".to_owned()].into());
    assert!(store.foreign_ids(&Area::ALL, &asked).await.unwrap().is_empty());
    let refused = by.create_camera("b".into(), camera("b", &["hall"]), 5_000).await.unwrap_err();
    // Nothing tells whether the camera still exists.
    assert_eq!(refused.to_string(), taken.to_string());
    store.by(anybody()).create_camera("b".into(), camera("b", &["hall"]), 5_000).await.unwrap();
}

pub(crate) async fn the_census_of_an_area_counts_each_camera_once(store: &Store) {
    add_cameras(store).await;
    store
        .by(anybody())
        .create_camera("all".into(), camera("all", &["hall", "roof", "yard"]), 1_000)
        .await
        .unwrap();
    let at = 1_000 * HOUR_MS;
    assert!(store.take_census(at).await.unwrap());
    let count = async |groups: &[&str]| {
        let near = store.census_near(&of(groups), at).await.unwrap();
        let since = store.census_since(&of(groups), at, None).await.unwrap();
        assert_eq!(near.into_iter().collect::<Vec<_>>(), since);
        since.first().map(|hour| hour.counts)
    };
    let unchecked = |unchecked| Some(HealthCounts { unchecked, ..HealthCounts::default() });
    for (groups, cameras) in [
        (&["hall"][..], 3),
        (&["roof"], 1),
        (&["hall", "yard"], 4),
        (&["hall", "roof", "yard"], 4),
        (&["hall", "no such group"], 3),
    ] {
        assert_eq!(count(groups).await, unchecked(cameras), "{groups:?}");
        let tally = store.tally_cameras(&of(groups), at).await.unwrap();
        assert_eq!(Some(tally.counts), unchecked(cameras), "{groups:?}");
    }
    assert_eq!(count(&["no such group"]).await, None);
    let since = store.census_since(&hall(), at, Some("yard")).await.unwrap();
    assert_eq!(since, []);
    let since = store.census_since(&hall(), at, Some("hall")).await.unwrap();
    assert_eq!(since.len(), 1);
}

pub(crate) async fn only_operators_and_viewers_are_limited(store: &Store) {
    let info = |id: &str, scope, groups: Option<&[&str]>| UserInfo {
        id: id.into(),
        name: id.into(),
        scope,
        disabled: false,
        created_at: DateTime::from_timestamp_millis(1_000).unwrap(),
        last_signed_in_at: None,
        groups: groups.map(|groups| groups.iter().map(|group| (*group).to_owned()).collect()),
    };
    for user in
        [info("root", Scope::Admin, None), info("ada", Scope::Operator, Some(&["yard", "hall", "yard"]))]
    {
        store.by(anybody()).create_user(StoredUser { info: user, password: "hash".into() }).await.unwrap();
    }
    let groups = async || store.user("ada").await.unwrap().unwrap().info.groups;
    assert_eq!(groups().await.unwrap(), ["hall", "yard"]);
    let change = async |change: UserChange| {
        store.by(anybody()).change_user("ada".into(), change, None, 2_000).await.unwrap()
    };
    let none = UserChange::default;
    let limit = |groups: &[&str]| Some(groups.iter().map(|group| (*group).to_owned()).collect());
    // Another scope keeps the area, if it can have one.
    let done = change(UserChange { scope: Some(Scope::Viewer), ..none() }).await;
    assert!(
        matches!(done, Changed::Done(user) if user.groups.as_ref().is_some_and(|groups| groups.len() == 2))
    );
    for scope in [Scope::Admin, Scope::Publisher] {
        let refused = change(UserChange { scope: Some(scope), ..none() }).await;
        assert_eq!(refused, Changed::Unlimitable(scope));
    }
    assert_eq!(store.user("ada").await.unwrap().unwrap().info.scope, Scope::Viewer);
    let refused = change(UserChange { scope: Some(Scope::Admin), groups: limit(&["hall"]), ..none() }).await;
    assert_eq!(refused, Changed::Unlimitable(Scope::Admin));
    change(UserChange { groups: limit(&["roof"]), ..none() }).await;
    assert_eq!(groups().await.unwrap(), ["roof"]);
    change(UserChange { scope: Some(Scope::Admin), everywhere: Some(true), ..none() }).await;
    assert_eq!(groups().await, None);
    let refused = change(UserChange { groups: limit(&["hall"]), ..none() }).await;
    assert_eq!(refused, Changed::Unlimitable(Scope::Admin));
    let filter = AuditFilter { object: Some("ada".into()), ..AuditFilter::default() };
    let entries = store.audit(&filter, &page(9)).await.unwrap().items;
    let changed = |field: &str, at: usize| {
        let of = |side: &Option<std::collections::BTreeMap<String, serde_json::Value>>| {
            side.as_ref().and_then(|fields| fields.get(field).cloned())
        };
        (of(&entries[at].before), of(&entries[at].after))
    };
    assert_eq!(changed("groups", 0), (Some(json!(["roof"])), None));
    assert_eq!(changed("groups", 1), (Some(json!(["hall", "yard"])), Some(json!(["roof"]))));
    assert_eq!(changed("groups", 3).1, Some(json!(["hall", "yard"])));
}

/// A list examines a limited number of rows for each page, so that it takes the same time however long the history is.
pub(crate) async fn lists_of_an_area_look_back_step_by_step(dialect: Dialect) {
    let Some(empty) = empty(dialect).await else { return };
    let url = empty.url.clone();
    let fresh = empty.store().await;
    let store = &fresh.store;
    let finding = serde_json::to_string(&[seen("x")]).unwrap().replace('\'', "''");
    let document = match dialect {
        Dialect::Sqlite => format!("CAST('{finding}' AS BLOB)"),
        Dialect::Postgres => format!("convert_to('{finding}', 'UTF8')"),
    };
    let id = |kind: u8, number: u32| format!("019{kind:05}-0000-7000-8000-{number:012}");
    let insert = async |table: &str, rows: Vec<String>| {
        for rows in rows.chunks(500) {
            execute(dialect, &url, format!("INSERT INTO {table} VALUES {}", rows.join(", "))).await;
        }
    };
    // The hall has 150 cameras, which were checked long ago. Since then, only a camera of the yard was checked.
    let camera = |number: u32| format!("('c{number}', 'c', 'rtsp://c/live', 1, '{{}}', '[]', 1, 1)");
    let columns = "cameras (id, name, source, enabled, labels, group_names, created_at, updated_at)";
    insert(columns, (0..151).map(camera).collect()).await;
    let group = |number: u32| format!("('{}', 'c{number}')", if number < 150 { "hall" } else { "yard" });
    insert("camera_groups (name, camera_id)", (0..151).map(group).collect()).await;
    let run = |number: u32| {
        let group = if number < 3 { "hall" } else { "yard" };
        format!(
            "('{}', 't', 'manual', 'finished', 0, '{{\"name\": \"t\", \"groups\": [\"{group}\"]}}', '[]', 1, '{{}}')",
            id(1, number)
        )
    };
    let columns =
        "runs (id, task_id, started_by, state, priority, definition, waits_for, created_at, origin)";
    insert(columns, (0..5_100).map(run).collect()).await;
    let report = |number: u32| {
        let camera = number.min(150);
        format!(
            "('{}', '{}', '{}', 't', 'c{camera}', 1, 1, 0, 1, {document})",
            id(2, number),
            id(3, number),
            id(1, number.min(150) / 50)
        )
    };
    let columns = "reports (id, job_id, run_id, task_id, camera_id, captured_at, recorded_at, kind, findings, document)";
    insert(columns, (0..5_300).map(report).collect()).await;
    let (hall, one) = (hall(), of(&["yard"]));
    let mut next = store.findings(&hall, &FindingFilter::default(), &page(100)).await.unwrap();
    assert!(next.items.is_empty() && next.next.is_some(), "{} findings", next.items.len());
    let mut found = Vec::new();
    while let Some(after) = next.next {
        let page = PageRequest { after: Some(after), limit: 100 };
        next = store.findings(&hall, &FindingFilter::default(), &page).await.unwrap();
        found.extend(next.items.into_iter().map(|one| one.camera_id.unwrap()));
    }
    let expected: Vec<_> = (0..150).rev().map(|number| format!("c{number}")).collect();
    assert_eq!(found, expected);
    // Before and after the time of all reports there is nothing to look through.
    let at = 0x0190_0002_0000;
    for (since, until) in [(Some(at + 1), None), (None, Some(at))] {
        let filter = FindingFilter { since, until, ..FindingFilter::default() };
        let none = store.findings(&hall, &filter, &page(100)).await.unwrap();
        assert_eq!((none.items.len(), none.next), (0, None), "{since:?} {until:?}");
    }
    // The reports of few cameras are read from the index.
    assert_eq!(store.findings(&one, &FindingFilter::default(), &page(100)).await.unwrap().items.len(), 100);
    let open = RunFilter { state: Some(RunState::Running), ..RunFilter::default() };
    let none = store.runs(&hall, &open, &page(100)).await.unwrap();
    assert_eq!((none.items.len(), none.next), (0, None));
    let filter = RunFilter::default();
    let first = store.runs(&hall, &filter, &page(100)).await.unwrap();
    assert!(first.items.is_empty() && first.next.is_some(), "{} runs", first.items.len());
    let rest = store.runs(&hall, &filter, &PageRequest { after: first.next, limit: 100 }).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (3, None));
    let of_task = RunFilter { task_id: Some("t".into()), ..RunFilter::default() };
    assert_eq!(store.runs(&hall, &of_task, &page(100)).await.unwrap().items.len(), 3);
    fresh.close().await;
}
