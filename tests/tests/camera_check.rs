//! `easysight camera check`, as a person runs it on a camera that misbehaves.

#![cfg(test)]

#[expect(dead_code, reason = "no plugin is needed here")]
mod programs;

use std::{env, process::Output, sync::Arc};

use easysight_cameras::{Camera, Kind, Media, PASSWORD, Row, Told, USER, Way, http, rows, rtsp};
use programs::{has_ffmpeg, program};
use serde_json::Value;

/// Secrets other than the password: in a path, in a query, in the address of a redirect.
const OTHERS: [&str; 3] = ["p4thword", "t0kenword", "m0vedword"];

fn media() -> Option<Arc<Media>> {
    if !has_ffmpeg() {
        assert!(env::var_os("CI").is_none(), "ffmpeg is missing");
        return None;
    }
    Some(Arc::new(Media::make().unwrap()))
}

/// Returns a camera of the bench by its name.
fn row(name: &str) -> Row {
    rows::all().into_iter().find(|row| row.name == name).unwrap()
}

/// Runs the command while the camera is served.
async fn check(words: &[&str]) -> (i32, String, Output) {
    let mut command = program("easysight");
    command.args(["camera", "check", "--timeout", "6", "--span", "2"]).args(words);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let shown = [&*output.stdout, &*output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(shown).unwrap(), output)
}

async fn start(row: &Row, media: &Arc<Media>) -> Camera {
    row.start(media).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_told_of_step_by_step_to_people_and_to_programs() {
    let Some(media) = media() else { return };
    let camera = start(&Row { knows_password: true, ..row("udp-only") }, &media).await;
    let (code, shown, _) = check(&["--lang", "en", &camera.url]).await;
    assert_eq!(code, 0, "{shown}");
    for words in [
        "DESCRIBE rtsp://",
        "461 Unsupported Transport",
        "client_port=",
        "[udp-only]",
        "h264",
        "→",
        "Result: ",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let (_, shown, _) = check(&["--lang", "zh", &camera.url]).await;
    assert!(shown.contains("可以判断") && shown.contains("首个关键帧"), "{shown}");
    let (code, _, output) = check(&["--format", "json", "--lang", "en", &camera.url]).await;
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((code, &told["judged"], &told["stream"]["transport"]), (0, &Value::Bool(true), &"udp".into()));
    assert_eq!(told["quirks"][0]["code"], "udp-only", "{told}");
    let steps: Vec<_> =
        told["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    for step in [
        "resolve",
        "connect",
        "request",
        "content",
        "first-packet",
        "first-keyframe",
        "decoder",
        "first-picture",
    ] {
        assert!(steps.contains(&step), "{step}: {steps:?}");
    }
    // Only the requested transport is tried.
    let (code, shown, _) = check(&["--lang", "en", "--rtsp-transport", "tcp", &camera.url]).await;
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("[server-error]") && !shown.contains("client_port="), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_camera_lacks_and_what_this_machine_lacks_are_told_apart() {
    let Some(media) = media() else { return };
    let camera = start(&row("nobody-publishes"), &media).await;
    let (code, shown, _) = check(&["--lang", "en", &camera.url]).await;
    assert!(code == 1 && shown.contains("[not-found]") && shown.contains("404 Not Found"), "{shown}");
    let (code, shown, _) = check(&["--lang", "en", "no-such-file.mp4"]).await;
    assert!(code == 2 && shown.contains("[no-such-file]"), "{shown}");
    let (code, shown, _) = check(&["rtsp://admin:12#s3cretword@camera/"]).await;
    assert!(code == 2 && shown.contains("not encoded") && !shown.contains(PASSWORD), "{shown}");
}

/// Answers a request, and quotes its path and credentials in every possible place.
fn quoting(request: &http::Request, _: &Media) -> http::Answer {
    let quoted = format!("{} {} {USER}:{PASSWORD}", request.path, request.authorization);
    match (request.path.as_str(), request.authorization.as_str()) {
        (_, "") => http::Answer::asking(&[Way::Basic]),
        ("/moved", _) => http::Answer::of("200 OK", "text/plain", quoted.clone().into_bytes())
            .with("Server", Some(&quoted)),
        _ => http::Answer::to(&format!("http://{USER}:{PASSWORD}@{}/moved?token=m0vedword", request.own))
            .with("Server", Some(&quoted)),
    }
}

/// Quotes a request in the same way, over RTSP.
fn quoting_rtsp(habits: &mut rtsp::Habits) {
    habits.asks = &[Way::Basic];
    habits.answers = |request, answer| {
        let quoted = format!("{} {} {USER}:{PASSWORD}", request.uri, request.header("authorization"));
        answer.set("Server", Some(&quoted));
        if request.method == "SETUP" && !request.header("authorization").is_empty() {
            answer.refuse(&format!("500 No {quoted}"));
        }
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_shown_wherever_it_stands_and_whatever_a_camera_quotes() {
    let Some(media) = media() else { return };
    let plain = row("plain");
    let told = Told::Judged(&[]);
    let cameras = [
        Row {
            kind: Kind::Http(quoting),
            path: "/user=admin_password=p4thword_channel=1?token=t0kenword",
            told,
            ..plain
        },
        Row { kind: Kind::Rtsp(quoting_rtsp), path: "/live?token=t0kenword&pwd=p4thword", told, ..plain },
        Row { path: "/live.m3u8?token=t0kenword", ..row("playlist") },
    ];
    for camera in cameras {
        let camera = start(&Row { knows_password: true, ..camera }, &media).await;
        for format in ["table", "json"] {
            for verbose in [&[][..], &["-v"]] {
                let words = [&["--format", format, &camera.url], verbose].concat();
                let (_, shown, _) = check(&words).await;
                assert!(shown.contains("***@"), "{shown}");
                // The Base64 form of user and password, as in the header of Basic authentication.
                let basic = "YWRtaW46czNjcmV0d29yZA";
                for secret in OTHERS.iter().chain(&[PASSWORD, basic]) {
                    assert!(!shown.contains(secret), "{secret}: {shown}");
                }
            }
        }
    }
}
