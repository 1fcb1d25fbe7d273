//! The requests with which Ada, a user limited to one area, tries to read or change the other area, for each route.

use reqwest::{Method, RequestBuilder, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::world::{CAMERA, CAMERAS, RESULTS, RUNS, SUBMISSIONS, TASK, TASKS, World};

/// The place of an id or a word in a path or a body.
const HERE: &str = "HERE";

/// What Ada tries to do.
pub(super) enum Try {
    /// Something that she may do. The request succeeds, and its answer shows nothing of the other area.
    Look(Ask),
    /// Something with an object of the other area, which the first word names. The answer has this status, and is the
    /// same as for the second word, which names an object that does not exist.
    Name(Ask, u16, String, &'static str),
    /// Something that her scope does not allow.
    Refused(Ask),
    /// Something that another test tries, for this reason.
    Elsewhere(&'static str),
}

/// A request.
pub(super) struct Ask {
    path: String,
    body: Body,
}

enum Body {
    None,
    Json(Value),
    Csv(&'static str),
}

impl Ask {
    /// Makes the request. `word` takes the place of the placeholder.
    pub(super) fn request(&self, world: &World, method: &Method, word: &str) -> RequestBuilder {
        let request = world.ada.request(&world.master, method.clone(), &self.path.replace(HERE, word));
        match &self.body {
            Body::None => request,
            Body::Json(body) => {
                request.header(CONTENT_TYPE, "application/json").body(body.to_string().replace(HERE, word))
            }
            Body::Csv(body) => request.header(CONTENT_TYPE, "text/csv").body(body.replace(HERE, word)),
        }
    }
}

fn at(path: impl Into<String>) -> Ask {
    Ask { path: path.into(), body: Body::None }
}

fn with(path: impl Into<String>, body: Value) -> Ask {
    Ask { path: path.into(), body: Body::Json(body) }
}

const NO_RUN: &str = "01890000-0000-7000-8000-000000000000";
const NO_PICTURE: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Returns what Ada tries with a route. None if the route is not known.
pub(super) fn tries(world: &World, method: &str, path: &str) -> Option<Vec<Try>> {
    let camera = |ask: Ask, status| Try::Name(ask, status, CAMERA.to_owned(), "cuttlefish-7");
    let task = |ask: Ask, status| Try::Name(ask, status, TASK.to_owned(), "cuttle-task");
    let group = |ask: Ask, status| Try::Name(ask, status, "Quokka".to_owned(), "Kiwi");
    let run = |ask: Ask, status, run: &String| Try::Name(ask, status, run.clone(), NO_RUN);
    let job = |ask: Ask, status| Try::Name(ask, status, world.job.clone(), NO_RUN);
    let own_camera = json!({"name": "Fox", "source": "rtsp://fox.example/live", "groups": ["Alpha"]});
    let own_task = json!({"name": "fox", "groups": ["Alpha"], "diagnoses": ["brightness"]});
    let refused = || vec![Try::Refused(at(path.replace(['{', '}'], "")))];
    Some(match (method, path) {
        ("GET", "/api/v1/overview") => vec![Try::Look(at(path)), Try::Look(at(format!("{path}?act=200")))],
        ("GET", "/api/v1/overview/days") => {
            vec![Try::Look(at(path)), group(at(format!("{path}?days=2&group={HERE}")), 200)]
        }
        ("GET", CAMERAS) => {
            let mut all = vec![group(at(format!("{path}?count=true&group={HERE}")), 200)];
            for query in [
                "",
                "?count=true",
                "?sort=health",
                "?sort=name&direction=descending&limit=1",
                "?health=error",
            ] {
                all.push(Try::Look(at(format!("{path}{query}"))));
            }
            for word in ["pangolin", "Ostrich", "quokka", "narwhal", "keeper=echidna"] {
                let ask = at(format!("{path}?count=true&q={HERE}"));
                all.push(Try::Name(ask, 200, word.to_owned(), "cuttlefish"));
            }
            all
        }
        ("POST", CAMERAS) => vec![group(
            with(path, json!({"name": "x", "source": "rtsp://fox.example/x", "groups": ["Alpha", HERE]})),
            403,
        )],
        ("POST", "/api/v1/diagnosis/cameras/import") => {
            let list = "name,source,groups\nx,rtsp://fox.example/x,HERE\n";
            vec![
                group(Ask { path: path.to_owned(), body: Body::Csv(list) }, 200),
                group(Ask { path: format!("{path}?dry_run=true"), body: Body::Csv(list) }, 200),
            ]
        }
        ("GET", "/api/v1/diagnosis/camera-groups") => vec![Try::Look(at(path))],
        ("GET", "/api/v1/diagnosis/cameras/{id}") => {
            vec![camera(at(format!("{CAMERAS}/{HERE}")), 404), Try::Look(at(format!("{CAMERAS}/alpha-1")))]
        }
        ("PUT", "/api/v1/diagnosis/cameras/{id}") => {
            let moved = json!({"name": "Fox", "source": "rtsp://fox.example/live", "groups": [HERE]});
            vec![
                camera(with(format!("{CAMERAS}/{HERE}"), own_camera), 404),
                group(with(format!("{CAMERAS}/alpha-1"), moved), 403),
            ]
        }
        ("DELETE", "/api/v1/diagnosis/cameras/{id}") => vec![camera(at(format!("{CAMERAS}/{HERE}")), 404)],
        ("GET", "/api/v1/diagnosis/cameras/{id}/baseline") => {
            vec![camera(at(format!("{CAMERAS}/{HERE}/baseline")), 404)]
        }
        ("POST", "/api/v1/diagnosis/cameras/{id}/baseline/reset") => {
            vec![camera(at(format!("{CAMERAS}/{HERE}/baseline/reset")), 404)]
        }
        ("GET", "/api/v1/diagnosis/cameras/{id}/series") => {
            vec![camera(at(format!("{CAMERAS}/{HERE}/series?diagnosis=brightness")), 404)]
        }
        ("GET", "/api/v1/diagnosis/cameras/{id}/timeline") => {
            vec![camera(at(format!("{CAMERAS}/{HERE}/timeline")), 404)]
        }
        ("GET", "/api/v1/diagnosis/replay/limits") => {
            let ask = |what: &str| at(format!("{path}?diagnosis=brightness{what}"));
            vec![
                camera(ask(&format!("&camera={HERE}")), 404),
                task(ask(&format!("&task={HERE}")), 404),
                Try::Look(ask("&group=Quokka")),
                Try::Look(ask("")),
            ]
        }
        ("GET", "/api/v1/diagnosis/replay") => {
            let ask = |what: &str| at(format!("{path}?diagnosis=brightness&metric=mean&threshold=1{what}"));
            vec![
                camera(ask(&format!("&camera={HERE}")), 404),
                task(ask(&format!("&task={HERE}")), 404),
                group(ask(&format!("&group={HERE}")), 404),
            ]
        }
        ("GET", "/api/v1/diagnosis/jobs/{id}") => {
            vec![job(at(format!("/api/v1/diagnosis/jobs/{HERE}")), 404)]
        }
        ("GET", "/api/v1/diagnosis/pictures/{digest}") => {
            let picture = at(format!("/api/v1/diagnosis/pictures/{HERE}"));
            let own = at(format!("/api/v1/diagnosis/pictures/{}", world.own_picture));
            vec![Try::Name(picture, 404, world.picture.clone(), NO_PICTURE), Try::Look(own)]
        }
        ("GET", RESULTS) => {
            let mut all = vec![
                camera(at(format!("{path}?camera_id={HERE}")), 200),
                task(at(format!("{path}?task_id={HERE}")), 200),
                run(at(format!("{path}?run_id={HERE}")), 200, &world.dead_run),
                job(at(format!("{path}?job_id={HERE}")), 200),
            ];
            let mixed = format!("?run_id={}", world.mixed_run);
            for query in [
                "",
                "?format=csv",
                "?status=error",
                "?diagnosis=brightness",
                "?limit=1",
                "?task_id=mixed",
                &mixed,
            ] {
                all.push(Try::Look(at(format!("{path}{query}"))));
            }
            all
        }
        ("GET", RUNS) => vec![
            task(at(format!("{path}?task_id={HERE}")), 200),
            Try::Look(at(path)),
            Try::Look(at(format!("{path}?state=running"))),
            Try::Look(at(format!("{path}?limit=1"))),
        ],
        ("GET", "/api/v1/diagnosis/runs/{id}") => vec![
            run(at(format!("{RUNS}/{HERE}")), 404, &world.dead_run),
            Try::Look(at(format!("{RUNS}/{}", world.mixed_run))),
        ],
        ("POST", "/api/v1/diagnosis/runs/{id}/cancel") => {
            vec![run(at(format!("{RUNS}/{HERE}/cancel")), 404, &world.open_run)]
        }
        ("POST", "/api/v1/diagnosis/runs/{id}/retry") => {
            vec![run(at(format!("{RUNS}/{HERE}/retry")), 404, &world.dead_run)]
        }
        ("GET", "/api/v1/diagnosis/runs/{id}/jobs") => vec![
            run(at(format!("{RUNS}/{HERE}/jobs")), 200, &world.dead_run),
            Try::Look(at(format!("{RUNS}/{}/jobs", world.mixed_run))),
        ],
        ("POST", SUBMISSIONS) => {
            vec![Try::Look(with(path, json!({"source": "rtsp://fox.example/try"})))]
        }
        ("GET", "/api/v1/diagnosis/submissions/{id}") => {
            vec![run(at(format!("{SUBMISSIONS}/{HERE}")), 404, &world.submission)]
        }
        ("GET", TASKS) => vec![Try::Look(at(path)), Try::Look(at(format!("{path}?limit=1")))],
        ("POST", TASKS) => vec![
            group(
                with(path, json!({"name": "x", "groups": ["Alpha", HERE], "diagnoses": ["brightness"]})),
                403,
            ),
            camera(
                with(path, json!({"name": "x", "cameras": ["alpha-1", HERE], "diagnoses": ["brightness"]})),
                403,
            ),
        ],
        ("GET", "/api/v1/diagnosis/camera-filters") => vec![Try::Look(at(path))],
        ("POST", "/api/v1/diagnosis/camera-filters") => {
            vec![Try::Look(with(path, json!({"name": "mine", "filter": {"group": "Alpha"}})))]
        }
        ("PUT" | "DELETE", "/api/v1/diagnosis/camera-filters/{id}") => {
            vec![Try::Elsewhere("filters belong to their owner; `filters_belong_to_their_owner` tests it")]
        }
        ("GET", "/api/v1/diagnosis/schedules/next") => {
            vec![Try::Look(at(format!("{path}?kind=interval&every_s=60&count=3")))]
        }
        ("GET", "/api/v1/diagnosis/tasks/{id}") => {
            vec![task(at(format!("{TASKS}/{HERE}")), 404), Try::Look(at(format!("{TASKS}/mixed")))]
        }
        ("PUT", "/api/v1/diagnosis/tasks/{id}") => {
            let widened = json!({"name": "fox", "groups": ["Alpha", HERE], "diagnoses": ["brightness"]});
            vec![
                task(with(format!("{TASKS}/{HERE}"), own_task), 404),
                group(with(format!("{TASKS}/alpha-task"), widened), 403),
            ]
        }
        ("DELETE", "/api/v1/diagnosis/tasks/{id}") => vec![task(at(format!("{TASKS}/{HERE}")), 404)],
        ("POST", "/api/v1/diagnosis/tasks/{id}/pause") => {
            vec![task(at(format!("{TASKS}/{HERE}/pause")), 404)]
        }
        ("POST", "/api/v1/diagnosis/tasks/{id}/resume") => {
            vec![task(at(format!("{TASKS}/{HERE}/resume")), 404)]
        }
        ("GET", "/api/v1/diagnosis/tasks/{id}/runs") => {
            vec![task(at(format!("{TASKS}/{HERE}/runs")), 200), Try::Look(at(format!("{TASKS}/mixed/runs")))]
        }
        ("POST", "/api/v1/diagnosis/tasks/{id}/submit") => {
            vec![task(with(format!("{TASKS}/{HERE}/submit"), json!({})), 404)]
        }
        (
            "GET",
            "/api/v1/diagnosis/workers/distributed"
            | "/api/v1/diagnosis/workers/status"
            | "/api/v1/plugins"
            | "/api/v1/plugins/diagnoses"
            | "/api/v1/session",
        ) => {
            vec![Try::Look(at(path))]
        }
        (
            "GET",
            "/api/v1/plugins/{digest}"
            | "/api/v1/plugins/{digest}/component"
            | "/api/v1/plugins/{digest}/usage",
        ) => {
            vec![Try::Look(at(path.replace("{digest}", &world.plugin)))]
        }
        ("GET", "/api/v1/plugins/{digest}/signature") => {
            let ask = at(path.replace("{digest}", HERE));
            vec![Try::Name(ask, 404, NO_PICTURE.to_owned(), NO_PICTURE)]
        }
        ("GET", "/api/v1/events") => {
            vec![Try::Elsewhere("the stream is endless; `events_of_an_area_only` reads it")]
        }
        ("POST" | "DELETE", "/api/v1/session") | ("DELETE", "/api/v1/session/all") => {
            vec![Try::Elsewhere("the request only opens or ends sessions of the caller")]
        }
        ("PUT", "/api/v1/session/password") => {
            vec![Try::Elsewhere("the request only changes the caller's password")]
        }
        ("POST", "/api/v1/welcome") => vec![Try::Elsewhere("the request needs a master without users")],
        // Routes for administrators, publishers and nodes only.
        (
            _,
            "/api/v1/audit"
            | "/api/v1/tokens"
            | "/api/v1/tokens/{id}"
            | "/api/v1/users"
            | "/api/v1/users/{id}"
            | "/api/v1/status/storage",
        )
        | ("POST", "/api/v1/plugins")
        | (_, "/api/v1/plugins/{digest}/shadow")
        | ("POST", "/api/v1/plugins/{digest}/activate" | "/api/v1/plugins/{digest}/deactivate")
        | ("POST", "/api/v1/plugins/diagnoses/{diagnosis}/rollback")
        | ("PUT", "/api/v1/diagnosis/pictures/{digest}")
        | ("GET", "/api/v1/diagnosis/jobs/{id}/upload")
        | ("POST", "/api/v1/diagnosis/workers/register")
        | ("DELETE", "/api/v1/diagnosis/workers/{node_id}")
        | (
            "POST",
            "/api/v1/diagnosis/workers/{node_id}/heartbeat"
            | "/api/v1/diagnosis/workers/{node_id}/leases"
            | "/api/v1/diagnosis/workers/{node_id}/drain"
            | "/api/v1/diagnosis/workers/{node_id}/resume"
            | "/api/v1/diagnosis/workers/{node_id}/results",
        ) => refused(),
        _ => return None,
    })
}
