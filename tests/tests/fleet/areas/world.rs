//! A master with two areas: `Alpha`, to which the user Ada is limited, and `Quokka`, of which Ada must see nothing.

use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::{
    bare_node::{Node, result},
    process::{Master, read},
    users::{Browser, PASSWORD},
};

pub(super) const CAMERAS: &str = "/api/v1/diagnosis/cameras";
pub(super) const TASKS: &str = "/api/v1/diagnosis/tasks";
pub(super) const RUNS: &str = "/api/v1/diagnosis/runs";
pub(super) const RESULTS: &str = "/api/v1/diagnosis/results";
pub(super) const SUBMISSIONS: &str = "/api/v1/diagnosis/submissions";

/// The camera and the task of the other area.
pub(super) const CAMERA: &str = "pangolin-7";
pub(super) const TASK: &str = "wombat-task";
/// Words that occur only in things of the other area.
const WORDS: [&str; 8] =
    ["pangolin", "wombat", "Quokka", "Ostrich", "narwhal", "echidna", "numbat", "axolotl"];

pub(super) struct World {
    pub(super) master: Master,
    /// An administrator.
    root: Browser,
    /// An operator who is limited to the group `Alpha`.
    pub(super) ada: Browser,
    pub(super) ada_id: String,
    /// Things of the other area: a run that has ended with a dead job, its job, a run with a job that is queued, a
    /// finding's picture, and somebody's submission.
    pub(super) dead_run: String,
    pub(super) job: String,
    pub(super) open_run: String,
    pub(super) picture: String,
    pub(super) submission: String,
    /// A run of the task `mixed`, whose cameras are in both areas.
    pub(super) mixed_run: String,
    /// The plugin `brightness`.
    pub(super) plugin: String,
    /// A picture of the camera `alpha-1`.
    pub(super) own_picture: String,
}

/// Sends a request that succeeds. Returns the answer.
async fn done(master: &Master, path: &str, body: &Value) -> Value {
    let (status, answer) = master.post(path, body).await;
    assert!((200..300).contains(&status), "{path} {body}: {status} {answer}");
    answer
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Stores a picture. Returns its digest.
async fn put_picture(master: &Master, content: &[u8]) -> String {
    let bytes = [&[0xFF, 0xD8, 0xFF][..], content, &[0xFF, 0xD9]].concat();
    let digest = blake3::hash(&bytes).to_hex().to_string();
    let path = format!("/api/v1/diagnosis/pictures/{digest}");
    let request = master.request(Method::PUT, &path).header(CONTENT_TYPE, "image/jpeg").body(bytes);
    assert_eq!(read(request).await.0, 201);
    digest
}

fn found(word: &str, picture: &str) -> Value {
    json!({"kind": "finished", "decode_ms": 1.0, "findings": [{
        "diagnosis": "brightness", "status": "error", "score": 1.0,
        "decision": {"metric": "mean", "threshold": 40.0}, "metrics": {"mean": {"value": 12.0}},
        "message": {"zh": word, "en": word}, "failure": null, "fuel": 1, "compute_ms": 1.0,
        "plugin": "brightness@1.0.0", "digest": null,
        "evidence": {"picture": picture, "thumbnail": picture},
    }], "baselines": [{"plugin": "brightness", "data": "AAAA"}]})
}

impl World {
    pub(super) async fn new() -> Self {
        let master = Master::start();
        master.publish_standard().await;
        let camera = |id: &str, name: &str, group: &str, host: &str| {
            json!({"id": id, "name": name, "groups": [group], "source": format!("rtsp://u:p@{host}/live"),
                "labels": {"keeper": if group == "Quokka" { "echidna" } else { "fox" }}})
        };
        done(&master, CAMERAS, &camera("alpha-1", "Fox", "Alpha", "fox.example")).await;
        done(&master, CAMERAS, &camera(CAMERA, "Ostrich", "Quokka", "narwhal.example")).await;
        let task = |id: &str, name: &str, groups: &[&str]| json!({"id": id, "name": name, "groups": groups, "diagnoses": ["brightness"], "max_attempts": 1});
        for task in [
            task("alpha-task", "fox", &["Alpha"]),
            task(TASK, "numbat", &["Quokka"]),
            task("mixed", "mixed", &["Alpha", "Quokka"]),
        ] {
            master.add_task(task).await;
        }
        let (mut node, status, _) = Node::register(&master, "n", json!({})).await;
        assert_eq!(status, 200);
        let picture = put_picture(&master, b"axolotl").await;
        let own_picture = put_picture(&master, b"fox").await;
        let failed = json!({"kind": "failed", "failure": {"kind": "odd", "detail": "axolotl"}});
        let (mut runs, mut job) = (Vec::new(), String::new());
        // The run of the task `mixed` comes first, so that the camera's last state is that of the second run.
        for (task, fails) in [("mixed", false), ("alpha-task", false), (TASK, true)] {
            runs.push(master.submit(task).await);
            let lease = node.lease(5_000).await;
            let mut results = Vec::new();
            for (at, one) in lease["jobs"].as_array().unwrap().iter().enumerate() {
                let outcome = match (one["camera_id"] == CAMERA, fails) {
                    (true, true) => failed.clone(),
                    (true, false) => found("axolotl", &picture),
                    (false, _) => found("fox", &own_picture),
                };
                job = text(&one["id"]);
                results.push(result(&lease, at, &outcome));
            }
            assert!(!results.is_empty(), "{lease}");
            node.report(json!(results)).await;
        }
        let [mixed_run, _, dead_run]: [String; 3] = runs.try_into().unwrap();
        let source = json!({"source": "rtsp://narwhal.example/live"});
        let submission = text(&done(&master, SUBMISSIONS, &source).await["id"]);
        let open_run = master.submit(TASK).await;
        let plugins = master.get("/api/v1/plugins").await;
        let plugin = text(&plugins[0]["digest"]);
        // From now on, the master requires credentials.
        let user = |name: &str, scope: &str, groups: Value| json!({"name": name, "scope": scope, "password": PASSWORD, "groups": groups});
        done(&master, "/api/v1/users", &user("root", "admin", Value::Null)).await;
        let root = Browser::sign_in(&master, "root", PASSWORD).await;
        let request = root.request(&master, Method::POST, "/api/v1/users");
        let (status, made) = read(request.json(&user("Ada", "operator", json!(["Alpha"])))).await;
        assert_eq!((status, &made["groups"]), (201, &json!(["Alpha"])), "{made}");
        let ada = Browser::sign_in(&master, "Ada", PASSWORD).await;
        let ada_id = text(&made["id"]);
        Self {
            master,
            root,
            ada,
            ada_id,
            dead_run,
            job,
            open_run,
            picture,
            submission,
            mixed_run,
            plugin,
            own_picture,
        }
    }

    /// Sends a request of the administrator.
    pub(super) async fn by_root(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let request = self.root.request(&self.master, method, path);
        read(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// Returns everything of the other area that could be changed.
    pub(super) async fn outside(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for path in [
            format!("{CAMERAS}/{CAMERA}"),
            format!("{CAMERAS}/{CAMERA}/baseline"),
            format!("{CAMERAS}?group=Quokka&count=true"),
            format!("{TASKS}/{TASK}"),
            format!("{TASKS}/mixed"),
            format!("{TASKS}/{TASK}/runs"),
            format!("{TASKS}/mixed/runs"),
            format!("{RUNS}/{}/jobs", self.dead_run),
            format!("{RUNS}/{}/jobs", self.open_run),
            format!("{RESULTS}?camera_id={CAMERA}"),
            format!("{SUBMISSIONS}/{}", self.submission),
            "/api/v1/users".to_owned(),
            "/api/v1/tokens".to_owned(),
            "/api/v1/plugins/diagnoses".to_owned(),
        ] {
            let (status, answer) = self.by_root(Method::GET, &path, None).await;
            assert_eq!(status, 200, "{path}: {answer}");
            all.push(answer);
        }
        all
    }

    /// Returns a word of the other area that the answer contains. None if there is none. Words in `sent`, the content
    /// of the request, may occur in the answer and do not count.
    pub(super) fn leak<'a>(&'a self, answer: &str, sent: &str) -> Option<&'a str> {
        let ids = [&self.dead_run, &self.job, &self.open_run, &self.picture, &self.submission];
        let answer = answer.to_lowercase();
        WORDS
            .into_iter()
            .chain(ids.into_iter().map(String::as_str))
            .find(|word| answer.contains(&word.to_lowercase()) && !sent.contains(word))
    }
}
