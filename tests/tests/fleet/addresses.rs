//! Camera addresses that contain secrets. The secrets are masked in all answers. If a client sends back a masked
//! address, the stored secrets are kept. A masked address whose secrets cannot be restored is refused.

use reqwest::Method;
use serde_json::{Value, json};

use crate::process::{Master, read};

const CAMERAS: &str = "/api/v1/diagnosis/cameras";
const IMPORT: &str = "/api/v1/diagnosis/cameras/import";

async fn put(master: &Master, id: &str, source: &str) -> (u16, Value) {
    let body = json!({ "name": id, "source": source });
    read(master.request(Method::PUT, &format!("{CAMERAS}/{id}")).json(&body)).await
}

async fn import(master: &Master, query: &str, csv: impl Into<reqwest::Body>) -> Value {
    let (status, answer) = read(master.request(Method::POST, &format!("{IMPORT}{query}")).body(csv)).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn what_is_not_encoded_is_refused_at_every_way_in_and_shown_nowhere() {
    let master = Master::start();
    for source in
        ["rtsp://admin:12#s3cret@192.0.2.1/live", "rtsp://***@192.0.2.1/live", "admin:s3cret@192.0.2.1/1"]
    {
        for (path, body) in [
            (CAMERAS, json!({ "name": "c", "source": source })),
            ("/api/v1/diagnosis/submissions", json!({ "source": source })),
        ] {
            let (status, problem) = master.post(path, &body).await;
            assert_eq!((status, problem["field"].as_str()), (422, Some("/source")), "{problem}");
            assert!(!problem.to_string().contains("s3cret"), "{problem}");
        }
        let answer = import(&master, "", format!("name,source\nA,{source}\n")).await;
        assert_eq!((&answer["refused"], &answer["problems"][0]["line"]), (&json!(1), &json!(2)), "{answer}");
        assert!(!answer.to_string().contains("s3cret"), "{answer}");
    }
    let task = json!({ "name": "t", "cameras": ["rtsp://admin:s3cret@192.0.2.1/live"] });
    let (status, problem) = master.post("/api/v1/diagnosis/tasks", &task).await;
    assert_eq!((status, problem["field"].as_str()), (422, Some("/cameras/0")));
    assert!(!problem.to_string().contains("s3cret"), "{problem}");
}

#[tokio::test]
async fn a_masked_source_that_comes_back_never_overwrites_what_is_kept() {
    let master = Master::start();
    let add = async |id: &str, source: &str| {
        let (status, made) = master.post(CAMERAS, &json!({ "id": id, "name": id, "source": source })).await;
        assert_eq!(status, 201, "{made}");
        assert!(!made.to_string().contains("s3cret"), "{made}");
    };
    add("a", "rtsp://admin:s3cret@192.0.2.1/live1").await;
    add("b", "rtsp://192.0.2.2/user=admin_password=s3cret_channel=1_stream=0.sdp").await;
    let (status, changed) = put(&master, "a", "rtsp://***@192.0.2.1/live2").await;
    assert_eq!((status, &changed["source"]), (200, &json!("rtsp://***@192.0.2.1/live2")));
    assert!(changed["note"].is_string(), "{changed}");
    // An unchanged address gets no note.
    assert_eq!(put(&master, "a", "rtsp://***@192.0.2.1/live2").await.1["note"], Value::Null);
    let (status, _) =
        put(&master, "b", "rtsp://192.0.2.2/user=***_password=***_channel=2_stream=0.sdp").await;
    assert_eq!(status, 200);
    for (id, source) in [
        ("a", "rtsp://***@192.0.2.9/live2"),
        ("a", "rtsp://bob:***@192.0.2.1/live2"),
        ("b", "rtsp://***@192.0.2.2/live"),
        ("b", "rtsp://192.0.2.2/live?pwd=***"),
    ] {
        let (status, problem) = put(&master, id, source).await;
        assert_eq!((status, problem["field"].as_str()), (422, Some("/source")), "{source} {problem}");
    }
    let csv = "id,name,source\na,A,rtsp://***@192.0.2.1/live3\nb,B,rtsp://***@192.0.2.7/1\nc,C,rtsp://***@192.0.2.3/1\n";
    let answer = import(&master, "", csv).await;
    let lines: Vec<_> = answer["problems"].as_array().unwrap().iter().map(|one| &one["line"]).collect();
    assert_eq!((&answer["updated"], lines), (&json!(1), vec![&json!(3), &json!(4)]), "{answer}");
}

/// The console says in its own language what is wrong with a line.
#[tokio::test]
async fn what_is_wrong_with_a_line_has_a_code_and_values() {
    let master = Master::start();
    let made = json!({ "id": "a", "name": "A", "source": "rtsp://admin:s3cret@192.0.2.1/live" });
    assert_eq!(master.post(CAMERAS, &made).await.0, 201);
    let long = "x".repeat(201);
    let (name, source) = ("N", "rtsp://192.0.2.2/1");
    let lines = [
        ("-", name, source, "id-invalid", json!({"most": 128})),
        ("c,,,", "", source, "name-missing", json!({"most": 200})),
        ("c,,,", long.as_str(), source, "name-too-long", json!({"most": 200})),
        ("c,,,", name, "", "source-missing", json!({"most": 4_096})),
        ("c,,,", name, "gopher://x", "source-scheme", json!({})),
        ("c,,,", name, "rtsp://admin:12#3@192.0.2.2/1", "source-not-encoded", json!({})),
        ("c,,,", name, "rtsp://***@192.0.2.2/1", "source-masked", json!({})),
        ("a,,,", name, "rtsp://***@192.0.2.9/1", "source-secret", json!({})),
        ("c,maybe,,", name, source, "enabled-invalid", json!({})),
        ("c,,floor,", name, source, "label-form", json!({"at": 1})),
        ("c,,ä=1,", name, source, "label-key", json!({"most": 64})),
        ("c,,floor=,", name, source, "label-value", json!({"key": "floor", "most": 128})),
        ("c,,,GROUP", name, source, "group-invalid", json!({"most": 200})),
    ];
    let mut csv = "id,enabled,labels,groups,name,source\n".to_owned();
    for (rest, name, source, ..) in &lines {
        let rest =
            if rest.starts_with('-') { "not an id,,,".to_owned() } else { rest.replace("GROUP", &long) };
        csv += &format!("{rest},{name},{source}\n");
    }
    let answer = import(&master, "?dry_run=true", csv).await;
    let problems = answer["problems"].as_array().unwrap();
    assert_eq!(problems.len(), lines.len(), "{answer}");
    for (at, (problem, (_, _, _, code, values))) in problems.iter().zip(&lines).enumerate() {
        assert_eq!(problem["line"], json!(at + 2));
        assert_eq!((problem["code"].as_str(), &problem["values"]), (Some(*code), values), "{problem}");
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_list_is_tried_without_changing_anything() {
    let master = Master::start();
    let made = json!({ "id": "a", "name": "A", "source": "rtsp://admin:s3cret@192.0.2.1/live" });
    assert_eq!(master.post(CAMERAS, &made).await.0, 201);
    let list = "sep=;\r\n编号;名称;地址\r\na;东门;rtsp://***@192.0.2.1/live\r\nb;西门;rtsp://admin:s3cret@192.0.2.2/1\r\n;;\r\nd;北门;gopher://x\r\n";
    let utf_16: Vec<u8> =
        "\u{feff}".encode_utf16().chain(list.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let answer = import(&master, "?dry_run=true", utf_16.clone()).await;
    assert_eq!(answer["dry_run"], json!(true));
    assert_eq!((&answer["encoding"], &answer["separator"]), (&json!("UTF-16LE"), &json!(";")));
    assert_eq!(
        (&answer["created"], &answer["updated"], &answer["refused"]),
        (&json!(1), &json!(1), &json!(1))
    );
    let lines = answer["lines"].as_array().unwrap();
    let told: Vec<_> = lines.iter().map(|line| (&line["line"], &line["action"], &line["source"])).collect();
    assert_eq!(
        told,
        [
            (&json!(3), &json!("update"), &json!("rtsp://***@192.0.2.1/live")),
            (&json!(4), &json!("create"), &json!("rtsp://***@192.0.2.2/1")),
        ]
    );
    assert_eq!(answer["problems"][0]["line"], json!(6));
    assert_eq!(master.get(CAMERAS).await["items"].as_array().unwrap().len(), 1);
    import(&master, "", utf_16).await;
    let cameras = master.get(CAMERAS).await;
    let names: Vec<_> = cameras["items"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, [&json!("东门"), &json!("西门")]);
}
