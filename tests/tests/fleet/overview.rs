//! The overview and the list of cameras, as a client sees them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    bare_node::{Node, result},
    process::{Master, read},
};

const CAMERAS: &str = "/api/v1/diagnosis/cameras";

fn finding(diagnosis: &str, status: &str, more: &Value) -> Value {
    let mut finding = json!({
        "diagnosis": diagnosis, "status": status, "score": 1.0, "decision": null,
        "message": {"zh": "暗", "en": "dark"}, "failure": null, "fuel": 1, "compute_ms": 1.0,
        "plugin": format!("{diagnosis}@1.0.0"), "digest": null,
    });
    finding.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    finding
}

fn found(findings: &[Value]) -> Value {
    json!({"kind": "finished", "findings": findings, "decode_ms": 1.0})
}

/// Adds the cameras c0 to c4 and `gate`. c0 is lost, c1 has the status `error` and a picture, c2 is normal, and the
/// others are not checked.
async fn checked(master: &Master) {
    master.publish_standard().await;
    master.add_cameras(5, "rtsp://admin:Tr0ub4dor@10.0.0.9/live").await;
    let named = json!({"id": "gate", "name": "东门", "source": "/clips/gate.mp4", "groups": ["北区"]});
    assert_eq!(master.post(CAMERAS, &named).await.0, 201);
    let cameras = json!(["c0", "c1", "c2"]);
    master.add_task(json!({"id": "t", "name": "t", "cameras": cameras, "diagnoses": ["brightness"]})).await;
    let (mut node, status, _) = Node::register(master, "n", json!({"capacity": 7})).await;
    assert_eq!(status, 200);
    master.submit("t").await;
    let lease = node.lease(5_000).await;
    let evidence = json!({"evidence": {"picture": "a".repeat(64), "thumbnail": "b".repeat(64)}});
    let outcome = |camera: &str| match camera {
        "c0" => found(&[finding(
            "signal_loss",
            "critical",
            &json!({"loss": "connect-timed-out", "plugin": null}),
        )]),
        "c1" => found(&[
            finding("brightness", "error", &evidence),
            finding("clarity", "critical", &json!({"consequence_of": "brightness"})),
        ]),
        _ => found(&[finding("brightness", "normal", &json!({}))]),
    };
    let jobs = lease["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 3, "{lease}");
    let results: Vec<_> = jobs
        .iter()
        .enumerate()
        .map(|(at, job)| result(&lease, at, &outcome(job["camera_id"].as_str().unwrap())))
        .collect();
    assert_eq!(node.report(json!(results)).await, json!(["recorded", "recorded", "recorded"]));
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_overview_says_in_one_answer_how_things_stand() {
    let master = Master::start();
    let empty = master.get("/api/v1/overview").await;
    assert_eq!(
        (&empty["yesterday"], &empty["newest_check"], &empty["act"]),
        (&json!(null), &json!(null), &json!([]))
    );
    checked(&master).await;
    let told = master.get("/api/v1/overview").await;
    let counts = json!({"offline": 1, "critical": 0, "error": 1, "warning": 0, "unknown": 0, "unchecked": 3,
        "normal": 1, "muted": 0});
    assert_eq!(told["now"], counts, "{told}");
    assert_eq!((&told["yesterday"], &told["old"]), (&json!(null), &json!(0)));
    assert_eq!(
        told["groups"],
        json!([
            {"name": "hall", "total": 5, "watched": 5, "online": 4, "judged": 3, "intact": 1},
            {"name": "北区", "total": 1, "watched": 1, "online": 1, "judged": 0, "intact": 0},
        ])
    );
    let causes = json!([{"cause": "brightness", "cameras": 1}, {"cause": "signal_loss", "cameras": 1}]);
    assert_eq!(told["causes"], causes);
    assert_eq!(told["queue"], json!({"queued": 0, "running": 0, "dead": 0}));
    assert_eq!(told["nodes"], json!({"ready": 1, "draining": 0, "silent": 0, "places": 7, "busy": 0}));
    let runs = json!({"waiting": 0, "running": 0, "finished": 1, "cancelled": 0, "with_failures": 0});
    assert_eq!(told["runs"], runs);
    let act = told["act"].as_array().unwrap();
    let lost = master.get(&format!("{CAMERAS}/c0")).await;
    assert_eq!((act.len(), &act[0]), (2, &lost));
    assert_eq!((&lost["cause"], &lost["since"]), (&json!("signal_loss"), &lost["lost"]["since"]));
    assert_eq!(
        (&act[1]["id"], &act[1]["status"], &act[1]["cause"]),
        (&json!("c1"), &json!("error"), &json!("brightness"))
    );
    let captured_at = &act[1]["checked_at"];
    let evidence =
        json!({"picture": "a".repeat(64), "thumbnail": "b".repeat(64), "captured_at": captured_at});
    assert_eq!(act[1]["evidence"], evidence);
    assert_eq!((&act[1]["since"], &told["newest_check"]), (&act[1]["checked_at"], &act[1]["checked_at"]));
    assert!(act[1]["source"].as_str().unwrap().starts_with("rtsp://***@"), "{}", act[1]);
    assert_eq!(master.get("/api/v1/overview?act=1").await["act"].as_array().unwrap().len(), 1);
    for refused in ["?act=0", "?act=201", "?act=x"] {
        assert_eq!(read(master.request(Method::GET, &format!("/api/v1/overview{refused}"))).await.0, 400);
    }
}

/// The console links the overview's numbers to these lists.
#[tokio::test]
async fn the_runs_that_the_overview_counts_can_be_listed() {
    let master = Master::start();
    checked(&master).await;
    let failing = json!({"id": "f", "name": "f", "cameras": ["c3"], "diagnoses": ["brightness"],
        "max_attempts": 1});
    master.add_task(failing).await;
    let (mut node, status, _) = Node::register(&master, "other", json!({})).await;
    assert_eq!(status, 200);
    let failed = master.submit("f").await;
    let lease = node.lease(5_000).await;
    let outcome = json!({"kind": "failed", "failure": {"kind": "capture", "detail": "no"}});
    assert_eq!(node.report(json!([result(&lease, 0, &outcome)])).await, json!(["recorded"]));
    let open = master.submit("t").await;
    let told = master.get("/api/v1/overview").await;
    let runs = json!({"waiting": 0, "running": 1, "finished": 2, "cancelled": 0, "with_failures": 1});
    assert_eq!(told["runs"], runs);
    let at = told["at"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let since = (at - chrono::TimeDelta::days(1)).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let list = async |query: &str| {
        let page = master.get(&format!("/api/v1/diagnosis/runs?{query}")).await;
        ids(&page).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(list(&format!("failed=true&since={since}")).await, [failed.as_str()]);
    assert_eq!(list("failed=true").await, [failed.as_str()]);
    assert_eq!(list(&format!("since={since}&state=finished")).await.len(), 2);
    assert_eq!(list(&format!("since={since}&failed=false")).await.len(), 3);
    assert_eq!(list("since=2999-01-01T00:00:00Z").await, [open.as_str()]);
    for refused in ["failed=maybe", "since=yesterday"] {
        let path = format!("/api/v1/diagnosis/runs?{refused}");
        assert_eq!(read(master.request(Method::GET, &path)).await.0, 400, "{refused}");
    }
}

#[tokio::test]
async fn the_days_of_the_overview_are_counted_by_the_master_itself() {
    let master = Master::start();
    checked(&master).await;
    // The master counts the cameras on its own, within seconds of its start and then once an hour. Here the first count
    // may come before the cameras exist.
    let is_counted = |days: &Value| days[29]["hours"].as_u64() >= Some(1);
    let days = master.until(Duration::from_secs(60), "/api/v1/overview/days", is_counted).await;
    assert_eq!(days.as_array().unwrap().len(), 30);
    assert_eq!(
        (&days[0]["hours"], &days[0]["online"], &days[0]["intact"]),
        (&json!(0), &json!(null), &json!(null))
    );
    let one = master.get("/api/v1/overview/days?days=1&time_zone=Asia/Shanghai").await;
    assert_eq!(one.as_array().unwrap().len(), 1);
    let none = master.get("/api/v1/overview/days?days=2&group=nobody").await;
    assert_eq!((&none[0]["hours"], &none[1]["hours"]), (&json!(0), &json!(0)));
    let ask = async |query: &str| {
        read(master.request(Method::GET, &format!("/api/v1/overview/days?{query}"))).await
    };
    let (status, problem) = ask("time_zone=Moon").await;
    assert_eq!((status, &problem["field"]), (422, &json!("/time_zone")), "{problem}");
    for refused in ["days=0", "days=401", "group=%00"] {
        assert_eq!(ask(refused).await.0, 400, "{refused}");
    }
}

#[tokio::test]
async fn cameras_are_searched_filtered_sorted_and_counted() {
    let master = Master::start();
    checked(&master).await;
    let list = async |query: &str| master.get(&format!("{CAMERAS}?{query}")).await;
    for (query, expected) in [
        ("", vec!["c0", "c1", "c2", "c3", "c4", "gate"]),
        ("direction=descending&limit=2", vec!["gate", "c4"]),
        ("health=offline&health=error", vec!["c0", "c1"]),
        ("health=normal", vec!["c2"]),
        ("cause=brightness", vec!["c1"]),
        ("cause=clarity", vec![]),
        ("q=%E4%B8%9C%E9%97%A8", vec!["gate"]),
        ("q=CAMERA%203", vec!["c3"]),
        ("q=10.0.0.9&health=unchecked", vec!["c3", "c4"]),
        ("q=Tr0ub4dor", vec![]),
        ("q=%20%20", vec!["c0", "c1", "c2", "c3", "c4", "gate"]),
        ("q=%25", vec![]),
        ("sort=health", vec!["c0", "c1", "c3", "c4", "gate", "c2"]),
        ("checked_before=2020-01-01T00:00:00Z", vec![]),
        ("checked_before=2999-01-01T00:00:00Z", vec!["c0", "c1", "c2"]),
    ] {
        let page = list(query).await;
        assert_eq!(ids(&page), expected, "{query}");
        // A page has `total` only if the request asks for it.
        assert_eq!(page.get("total"), None, "{query}");
    }
    let page = list("sort=name&direction=descending&limit=4&count=true").await;
    assert_eq!((ids(&page), &page["total"]), (vec!["gate", "c4", "c3", "c2"], &json!(6)));
    let next =
        url::form_urlencoded::byte_serialize(page["next"].as_str().unwrap().as_bytes()).collect::<String>();
    let rest = list(&format!("sort=name&direction=descending&after={next}")).await;
    assert_eq!((ids(&rest), &rest["next"]), (vec!["c1", "c0"], &json!(null)));
    let ask = async |query: &str| read(master.request(Method::GET, &format!("{CAMERAS}?{query}"))).await;
    let (status, problem) = ask(&format!("sort=health&after={next}")).await;
    assert_eq!((status, &problem["field"]), (422, &json!("/after")), "{problem}");
    let long = "x".repeat(4_097);
    for refused in
        ["health=dead", "health=", "sort=source", "direction=up", "count=2", "q=a%00b", &format!("q={long}")]
    {
        let (status, problem) = ask(refused).await;
        assert_eq!(status, 400, "{refused}: {problem}");
    }
}
