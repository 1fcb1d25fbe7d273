//! The audit log: each change has one entry, each entry belongs to a change, and no entry contains a secret.

use std::sync::Arc;

use easysight_protocol::{
    ActorKind, AuditActor, AuditEntry, AuditOutcome, AuditWay, CameraRequest, KeySignature, PluginSignature,
    RunId, Scope, TaskRequest, TokenInfo, Trigger, UserInfo,
};
use easysight_store::{Actor, Area, AuditFilter, Dialect, NewRun, PageRequest, Start, Store, StoredToken};
use serde_json::{Value, json};

use crate::{
    databases::{Node, anybody, camera, empty, execute, fan_out, plan, published, task},
    page,
};

fn operator() -> Actor {
    Actor {
        who: AuditActor { kind: ActorKind::Token, id: Some("7".into()), name: Some("小林".into()) },
        way: AuditWay::Console,
        address: Some("10.0.0.9".into()),
        forwarded_for: Some("192.168.1.4".into()),
        request_id: Some("r-1".into()),
        area: Area::ALL,
    }
}

/// Returns all entries, latest first.
async fn entries(store: &Store) -> Vec<AuditEntry> {
    store.audit(&AuditFilter::default(), &page(1_000)).await.unwrap().items
}

async fn actions(store: &Store) -> Vec<String> {
    entries(store).await.into_iter().map(|entry| entry.action).collect()
}

fn token(id: &str) -> StoredToken {
    let info = TokenInfo {
        id: id.into(),
        name: "wall".into(),
        scope: Scope::Viewer,
        created_at: chrono::DateTime::from_timestamp_millis(1_000).unwrap(),
        expires_at: None,
        revoked_at: None,
        groups: None,
    };
    StoredToken { info, hash: "0123hash".into(), lifetime_ms: None }
}

fn new_run(task: Option<&str>, key: Option<&str>, definition: TaskRequest) -> NewRun {
    NewRun {
        id: RunId::fresh(),
        task_id: task.map(str::to_owned),
        trigger: if task.is_some() { Trigger::Manual } else { Trigger::Submission },
        fire_time: None,
        idempotency_key: key.map(str::to_owned),
        definition,
        origin: plan().origin,
    }
}

fn submission(source: &str) -> NewRun {
    new_run(None, None, TaskRequest { cameras: vec![source.into()], ..task() })
}

pub(crate) async fn a_change_has_an_entry_that_says_who_and_what(store: &Store) {
    let by = store.by(operator());
    let made = by.create_camera("gate".into(), camera("gate", &["hall"]), 1_000).await.unwrap();
    assert_eq!(made.camera.name, "gate");
    let renamed = CameraRequest { name: "Gate".into(), ..camera("gate", &["hall"]) };
    assert!(by.update_camera("gate".into(), renamed.clone(), 2_000).await.unwrap());
    // An update that changes nothing has no entry.
    assert!(by.update_camera("gate".into(), renamed, 3_000).await.unwrap());
    let found = entries(store).await;
    let [update, create] = found.as_slice() else { panic!("{found:?}") };
    assert!(update.id > create.id);
    assert_eq!((create.action.as_str(), update.action.as_str()), ("camera.create", "camera.update"));
    assert_eq!(update.at.timestamp_millis(), 2_000);
    assert_eq!((&update.actor, update.way), (&operator().who, AuditWay::Console));
    assert_eq!((update.object.kind.as_str(), update.object.id.as_deref()), ("camera", Some("gate")));
    assert_eq!(
        (&update.address, &update.forwarded_for, &update.request_id),
        (&operator().address, &operator().forwarded_for, &operator().request_id)
    );
    assert_eq!(update.outcome, AuditOutcome::Done);
    assert_eq!(json!(update.before), json!({"name": "gate"}));
    assert_eq!(json!(update.after), json!({"name": "Gate"}));
    assert_eq!(create.before, None);
    let whole = json!({"name": "gate", "source": "rtsp://***@gate/live", "enabled": true, "labels": {"floor": "1"},
        "groups": ["hall"]});
    assert_eq!(json!(create.after), whole);

    by.create_task("t".into(), task(), None, 4_000).await.unwrap();
    let paused = TaskRequest { enabled: false, ..task() };
    assert!(by.update_task("t".into(), paused.clone(), None, 4_100).await.unwrap());
    assert!(by.update_task("t".into(), task(), None, 4_200).await.unwrap());
    assert!(by.update_task("t".into(), TaskRequest { priority: 5, ..paused }, None, 4_300).await.unwrap());
    assert!(by.reset_baselines("gate".into(), None, 4_400).await.unwrap().is_some());
    let done = actions(store).await;
    let wanted = ["camera.reset_baselines", "task.update", "task.resume", "task.pause", "task.create"];
    assert_eq!(done.get(..5).unwrap(), wanted);

    by.publish(published("tint", "1.0.0", "a")).await.unwrap();
    by.publish(published("tint", "1.1.0", "b")).await.unwrap();
    assert!(!by.publish(published("tint", "1.1.0", "b")).await.unwrap());
    by.activate(vec!["tint".into()], Some("a".into()), 5_000).await.unwrap();
    by.shadow("b".into(), vec!["tint".into()], 5_100).await.unwrap();
    by.shadow("b".into(), vec!["tint".into()], 5_200).await.unwrap();
    by.end_shadow("b".into(), vec!["tint".into()], 5_300).await.unwrap();
    by.end_shadow("b".into(), vec!["tint".into()], 5_400).await.unwrap();
    by.activate(vec!["tint".into()], Some("b".into()), 5_500).await.unwrap();
    by.roll_back("tint".into(), 5_600).await.unwrap().unwrap();
    by.activate(vec!["tint".into()], None, 5_700).await.unwrap();
    by.activate(Vec::new(), None, 5_800).await.unwrap();
    let filter = AuditFilter { action: Some("plugin".into()), ..AuditFilter::default() };
    let found = store.audit(&filter, &page(100)).await.unwrap().items;
    let seen: Vec<_> =
        found.iter().rev().map(|one| (one.action.as_str(), one.object.id.as_deref().unwrap())).collect();
    let wanted = [
        ("plugin.publish", "a"),
        ("plugin.publish", "b"),
        ("plugin.activate", "a"),
        ("plugin.begin_shadow", "b"),
        ("plugin.end_shadow", "b"),
        ("plugin.activate", "b"),
        ("plugin.roll_back", "a"),
        ("plugin.deactivate", "a"),
    ];
    assert_eq!(seen, wanted);
    let rolled = &found[1];
    assert_eq!((json!(rolled.before), json!(rolled.after)), (json!({"tint": "b"}), json!({"tint": "a"})));
    assert_eq!(json!(found[0].after), json!({"tint": null}));
}

pub(crate) async fn a_change_that_fails_leaves_no_entry(store: &Store) {
    let by = store.by(operator());
    by.create_camera("gate".into(), camera("gate", &[]), 1_000).await.unwrap();
    by.create_task("t".into(), task(), None, 1_000).await.unwrap();
    by.publish(published("tint", "1.0.0", "a")).await.unwrap();
    by.publish(published("tint", "1.1.0", "b")).await.unwrap();
    by.shadow("a".into(), vec!["hue".into()], 1_000).await.unwrap();
    let before = actions(store).await;
    assert!(by.create_camera("gate".into(), camera("other", &[]), 2_000).await.is_err());
    assert!(!by.update_camera("nobody".into(), camera("other", &[]), 2_000).await.unwrap());
    assert!(!by.delete_camera("nobody".into(), 2_000).await.unwrap());
    assert_eq!(by.reset_baselines("nobody".into(), None, 2_000).await.unwrap(), None);
    assert!(by.create_task("t".into(), task(), None, 2_000).await.is_err());
    assert!(!by.update_task("nobody".into(), task(), None, 2_000).await.unwrap());
    assert!(!by.delete_task("nobody".into(), 2_000).await.unwrap());
    assert!(by.publish(published("tint", "1.0.0", "c")).await.is_err());
    assert_eq!(by.roll_back("tint".into(), 2_000).await.unwrap(), None);
    // The first of the two diagnoses is free. It gets no candidate, because the second one is taken.
    assert!(by.shadow("b".into(), vec!["tint".into(), "hue".into()], 2_000).await.is_err());
    assert!(!by.revoke_token("nobody".into(), 2_000).await.unwrap());
    assert!(!by.cancel_run(RunId::fresh(), 2_000).await.unwrap());
    assert!(!by.forget_node("nobody".into(), 2_000, 2_000).await.unwrap());
    assert_eq!(actions(store).await, before);
}

/// Makes the audit log unavailable, so that no entry can be written.
pub(crate) async fn a_change_without_its_entry_is_undone(dialect: Dialect) {
    async fn rename(dialect: Dialect, url: &str, from: &str, to: &str) {
        execute(dialect, url, format!("ALTER TABLE {from} RENAME TO {to}")).await;
    }
    let Some(empty) = empty(dialect).await else { return };
    let url = empty.url.clone();
    let fresh = empty.store().await;
    let (store, by) = (&fresh.store, fresh.store.by(operator()));
    by.create_camera("gate".into(), camera("gate", &[]), 1_000).await.unwrap();
    by.create_token(token("1")).await.unwrap();
    rename(dialect, &url, "audit", "hidden").await;
    assert!(by.create_camera("new".into(), camera("new", &[]), 2_000).await.is_err());
    assert!(by.update_camera("gate".into(), camera("changed", &[]), 2_000).await.is_err());
    assert!(by.delete_camera("gate".into(), 2_000).await.is_err());
    assert!(by.import_cameras(vec![("c".into(), camera("c", &[]))], 2_000).await.is_err());
    assert!(by.create_task("t".into(), task(), None, 2_000).await.is_err());
    assert!(by.publish(published("tint", "1.0.0", "a")).await.is_err());
    assert!(by.revoke_token("1".into(), 2_000).await.is_err());
    let run = submission("rtsp://camera/live");
    let id = run.id;
    assert!(by.create_run(run, Start::Now(fan_out(1)), 2_000).await.is_err());
    rename(dialect, &url, "hidden", "audit").await;
    for (id, name) in [("gate", Some("gate")), ("new", None), ("c", None)] {
        let found = store.camera(&Area::ALL, id).await.unwrap().map(|one| one.camera.name);
        assert_eq!(found.as_deref(), name, "{id}");
    }
    assert_eq!(store.task(&Area::ALL, "t").await.unwrap(), None);
    assert!(store.plugins().await.unwrap().is_empty());
    assert_eq!(store.token("1").await.unwrap().unwrap().info.revoked_at, None);
    assert!(store.run(&Area::ALL, id).await.unwrap().is_none());
    assert_eq!(actions(store).await, ["token.create", "camera.create"]);
    fresh.close().await;
}

pub(crate) async fn what_is_removed_stays_in_the_audit_log(store: &Store) {
    let by = store.by(operator());
    by.create_camera("gate".into(), camera("gate", &["hall"]), 1_000).await.unwrap();
    by.create_task("t".into(), TaskRequest { enabled: false, ..task() }, None, 1_000).await.unwrap();
    let node = Node::new("n1");
    node.register(store, 1_000).await;
    by.create_token(token("1")).await.unwrap();
    assert!(by.delete_camera("gate".into(), 9_000).await.unwrap());
    assert!(by.delete_task("t".into(), 9_100).await.unwrap());
    assert!(by.forget_node("n1".into(), 9_000, 9_200).await.unwrap());
    assert!(by.revoke_token("1".into(), 9_300).await.unwrap());
    let found = entries(store).await;
    let removed: Vec<_> = found.iter().take(4).map(|one| (one.action.as_str(), json!(one.before))).collect();
    assert_eq!(removed[0], ("token.revoke", json!({"name": "wall", "scope": "viewer"})));
    assert_eq!(removed[1], ("node.remove", json!({"name": "n1", "labels": {}})));
    assert_eq!((removed[2].0, &removed[2].1["enabled"]), ("task.delete", &json!(false)));
    assert_eq!(removed[2].1["groups"], json!(["hall"]));
    assert_eq!((removed[3].0, &removed[3].1["name"]), ("camera.delete", &json!("gate")));
    assert!(found.iter().take(4).all(|one| one.after.is_none()));
}

pub(crate) async fn an_import_has_one_entry_with_what_was_written(store: &Store) {
    let by = store.by(operator());
    let list = |named: &str| -> Vec<(String, CameraRequest)> {
        (0..1_200)
            .map(|at| {
                let id = format!("c{at:04}");
                let name = if at == 1_100 { named } else { "camera" };
                let request = CameraRequest { name: name.into(), ..camera(&id, &["hall"]) };
                (id, request)
            })
            .collect()
    };
    by.import_cameras(list("camera"), 1_000).await.unwrap();
    by.import_cameras(list("camera"), 2_000).await.unwrap();
    by.import_cameras(list("renamed"), 3_000).await.unwrap();
    let found = entries(store).await;
    let [second, first] = found.as_slice() else { panic!("{} entries", found.len()) };
    assert_eq!((first.action.as_str(), first.object.id.as_deref()), ("camera.import", None));
    let after = json!(first.after);
    assert_eq!((&after["created"], &after["updated"]), (&json!(1_200), &json!(0)));
    assert_eq!(after["created_ids"].as_array().unwrap().len(), 1_000);
    assert_eq!(second.at.timestamp_millis(), 3_000);
    let after = json!(second.after);
    let wanted = json!({"created": 0, "created_ids": [], "updated": 1, "updated_ids": ["c1100"],
        "updated_fields": {"name": 1}, "unchanged": 1_199});
    assert_eq!(after, wanted);
}

pub(crate) async fn no_secret_gets_into_the_audit_log(store: &Store) {
    let by = store.by(operator());
    let of = |source: &str| CameraRequest { source: source.into(), ..camera("gate", &[]) };
    by.create_camera("gate".into(), of("rtsp://user:pw-first@gate/live"), 1_000).await.unwrap();
    by.update_camera("gate".into(), of("rtsp://user:pw-second@gate/live"), 1_100).await.unwrap();
    by.update_camera("gate".into(), of("http://gate/snap?password=pw-third"), 1_200).await.unwrap();
    let list = vec![("gate".into(), of("rtsp://user:pw-fourth@gate/live"))];
    by.import_cameras(list, 1_300).await.unwrap();
    by.delete_camera("gate".into(), 1_400).await.unwrap();
    by.create_token(token("1")).await.unwrap();
    let run = submission("rtsp://user:pw-fifth@gate/live");
    by.create_run(run, Start::Now(fan_out(1)), 1_500).await.unwrap();
    by.publish(published("tint", "1.0.0", "a")).await.unwrap();
    let one =
        KeySignature { key: "k1".into(), descriptor: "sig-descriptor".into(), signature: "sig-x".into() };
    let signed = PluginSignature { digest: "a".into(), signatures: vec![one] };
    by.add_signatures(signed.clone(), 1_600).await.unwrap();
    by.add_signatures(signed, 1_700).await.unwrap();
    let found = entries(store).await;
    assert_eq!(found.len(), 9, "{found:?}");
    let text = serde_json::to_string(&found).unwrap();
    for secret in ["pw-", "user:", "0123hash", "sig-"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let second = found.iter().find(|one| one.at.timestamp_millis() == 1_100).unwrap();
    assert_eq!(json!(second.before), json!({"source": "rtsp://***@gate/live"}));
    assert_eq!(json!(second.after), json!({"source": "rtsp://***@gate/live", "secrets": "changed"}));
}

pub(crate) async fn runs_are_recorded_once_and_only_if_a_person_starts_them(store: &Store) {
    let by = store.by(operator());
    let waits = || Start::Waits(vec!["a camera".into()]);
    // A schedule starts this run.
    store.create_run(new_run(Some("t"), None, task()), waits(), 1_000).await.unwrap();
    assert_eq!(actions(store).await, Vec::<String>::new());
    let (first, made) =
        by.create_run(new_run(Some("t"), Some("k"), task()), Start::Now(fan_out(2)), 1_000).await.unwrap();
    assert!(made);
    let (again, made) =
        by.create_run(new_run(Some("t"), Some("k"), task()), Start::Now(fan_out(2)), 1_100).await.unwrap();
    assert_eq!((again.id, made), (first.id, false));
    let found = entries(store).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].action.as_str(), found[0].object.id.as_deref()), ("task.submit", Some("t")));
    assert_eq!(json!(found[0].after)["run"], json!(first.id));
    // Runs that are submitted at the same moment, some with more jobs than one statement creates.
    let many = (0..6).map(|at| by.create_run(submission("/clip.mp4"), Start::Now(fan_out(at * 500)), 2_000));
    for done in futures::future::join_all(many).await {
        assert!(done.unwrap().1);
    }
    let filter = AuditFilter { action: Some("submission.create".into()), ..AuditFilter::default() };
    let found = store.audit(&filter, &page(100)).await.unwrap().items;
    assert_eq!(found.len(), 6);
    assert!(found.iter().all(|one| json!(one.after)["source"] == "/clip.mp4"));
    assert!(by.cancel_run(first.id, 3_000).await.unwrap());
    assert!(!by.cancel_run(first.id, 3_100).await.unwrap());
    let found = entries(store).await;
    assert_eq!(found.len(), 8);
    assert_eq!(json!(found[0].after), json!({"task": "t", "state": "cancelled"}));
}

pub(crate) async fn the_audit_log_is_searched_paged_and_pruned(store: &Store) {
    for at in 0..5_i64 {
        let id = format!("c{at}");
        let by = store.by(if at % 2 == 0 { operator() } else { anybody() });
        by.create_camera(id.clone(), camera(&id, &["100%"]), 1_000 * at).await.unwrap();
    }
    store.by(operator()).create_task("t".into(), task(), None, 5_000).await.unwrap();
    store.by(operator()).note_refusal("DELETE /api/v1/tokens/{id}".into(), 6_000).await.unwrap();
    let count = async |filter: AuditFilter| store.audit(&filter, &page(100)).await.unwrap().items.len();
    let none = AuditFilter::default;
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(count(AuditFilter { who: some("小林"), ..none() }).await, 5);
    assert_eq!(count(AuditFilter { who: some("7"), ..none() }).await, 5);
    assert_eq!(count(AuditFilter { action: some("camera"), ..none() }).await, 5);
    assert_eq!(count(AuditFilter { action: some("task.create"), ..none() }).await, 1);
    assert_eq!(count(AuditFilter { object: some("c1"), ..none() }).await, 1);
    assert_eq!(count(AuditFilter { since: Some(1_000), until: Some(3_000), ..none() }).await, 2);
    assert_eq!(count(AuditFilter { text: some("GROUPS"), ..none() }).await, 6);
    assert_eq!(count(AuditFilter { text: some("100%"), ..none() }).await, 5);
    assert_eq!(count(AuditFilter { text: some("10_%"), ..none() }).await, 0);
    assert_eq!(count(AuditFilter { text: some("tokens/{id}"), ..none() }).await, 1);
    let refused = entries(store).await.remove(0);
    assert_eq!((refused.action.as_str(), refused.outcome), ("request.refuse", AuditOutcome::Refused));
    let first = store.audit(&none(), &page(4)).await.unwrap();
    let rest = PageRequest { after: first.next, limit: 4 };
    let rest = store.audit(&none(), &rest).await.unwrap();
    assert_eq!((first.items.len(), rest.items.len(), rest.next), (4, 3, None));
    assert!(first.items[3].id > rest.items[0].id);
    assert_eq!(store.prune_audit(3_000, 5_000).await.unwrap(), 2);
    assert_eq!(store.prune_audit(3_000, 5_000).await.unwrap(), 0);
    assert_eq!(entries(store).await.len(), 5);
    let left: Value = json!(entries(store).await.last().unwrap().object.id);
    assert_eq!(left, json!("c2"));
}

pub(crate) async fn refused_sign_ins_share_an_entry_that_counts_them(store: &Store) {
    let user = UserInfo {
        id: "u".into(),
        name: "x".repeat(200),
        scope: Scope::Viewer,
        disabled: false,
        created_at: chrono::DateTime::UNIX_EPOCH,
        last_signed_in_at: None,
        groups: None,
    };
    let known = Arc::new(store.refused_sign_ins(operator(), Some(&user), "wrong-password", 1_000));
    let unknown = Arc::new(store.refused_sign_ins(operator(), None, "too-early", 2_000));
    store.note_refused_sign_ins(Arc::clone(&known)).await.unwrap();
    store.note_refused_sign_ins(unknown).await.unwrap();
    assert_eq!((known.add(), known.add()), (2, 3));
    store.note_refused_sign_ins(known).await.unwrap();
    let entries = entries(store).await;
    let told: Vec<_> = entries
        .iter()
        .map(|one| (one.object.id.as_deref(), one.outcome, serde_json::to_value(&one.after).unwrap()))
        .collect();
    let (refused, name) = (AuditOutcome::Refused, "x".repeat(64));
    assert_eq!(
        told,
        [
            (None, refused, json!({"reason": "too-early", "attempts": 1})),
            (Some("u"), refused, json!({"reason": "wrong-password", "attempts": 3, "name": name})),
        ]
    );
    assert!(entries.iter().all(|one| one.action == "session.refuse" && one.object.kind == "session"));
}

pub(crate) async fn the_audit_log_is_searched_alike_on_both_databases(store: &Store) {
    store.by(operator()).create_camera("umlaut".into(), camera("Ärztehaus ΣΟΦΙΑ", &[]), 1).await.unwrap();
    for (text, found) in [("Ärztehaus", 1), ("ÄrZTEHAUS", 1), ("ΣΟΦΙΑ", 1), ("ärztehaus", 0), ("σοφια", 0)]
    {
        let filter = AuditFilter { text: Some(text.to_owned()), ..AuditFilter::default() };
        assert_eq!(store.audit(&filter, &page(9)).await.unwrap().items.len(), found, "{text}");
    }
}
