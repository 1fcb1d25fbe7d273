//! `easysight diagnose` as people and scripts use it.

#![cfg(test)]

mod programs;

use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Output,
};

use easysight_tests::compiled_code;
use programs::{has_ffmpeg, make_clip, plugins, program};
use serde_json::Value;

fn easysight(cache: &Path, arguments: &[&OsStr]) -> Output {
    let mut command = program("easysight");
    command.arg("diagnose").arg("--plugins-dir").arg(plugins()).args(arguments);
    command.env("XDG_CACHE_HOME", cache).output().unwrap()
}

fn words<'a>(words: &'a [&'a str]) -> Vec<&'a OsStr> {
    words.iter().map(OsStr::new).collect()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the status of a diagnosis of one source.
fn status(lines: &[Value], diagnosis: &str) -> String {
    let line = lines.iter().find(|line| line["diagnosis"] == diagnosis).unwrap();
    line["status"].as_str().unwrap_or("none").to_owned()
}

#[test]
fn healthy_cameras_raise_no_alarm() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let clips = env::var_os("EASYSIGHT_CLIPS").map_or_else(|| here.join("../../shared/clips"), PathBuf::from);
    let Ok(entries) = fs::read_dir(&clips) else {
        eprintln!("SKIPPED: no healthy clips in {} (EASYSIGHT_CLIPS)", clips.display());
        return;
    };
    if !has_ffmpeg() {
        return;
    }
    let files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "mp4"))
        .collect();
    let cache = compiled_code(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut arguments = words(&["--format", "jsonl", "--native-check"]);
    arguments.extend(files.iter().map(|file| file.as_os_str()));
    let output = easysight(&cache, &arguments);
    let lines = lines(&output);
    // The output has one line for each pair of a clip and a diagnosis.
    assert_eq!(lines.len() % files.len(), 0);
    assert!(lines.len() >= 2 * files.len());
    // The clips may show no clock, so `clock` may be inconclusive.
    let has_no_clock =
        |line: &&Value| line["diagnosis"] == "clock" && line["failure"]["kind"] == "inconclusive";
    for line in lines.iter().filter(|line| !has_no_clock(line)) {
        assert_eq!(line["status"], "normal", "{line}");
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn dark_bright_and_frozen_are_told_apart_from_healthy() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for (name, filter, brightness, freeze) in [
        ("healthy", "null", "normal", "normal"),
        ("dark", "lutyuv=y=16+(val-16)*0.12", "error", "normal"),
        ("bright", "lutyuv=y=235-(235-val)*0.1", "error", "none"),
        ("frozen", "loop=loop=-1:size=1:start=0,setpts=N/25/TB,trim=0:5", "normal", "error"),
    ] {
        let file = make_clip(dir.path(), &format!("{name}.mp4"), filter);
        // Other diagnoses are not run, because a test picture is not the picture of a camera.
        let arguments = ["--format", "jsonl", "--diagnosis", "brightness", "--diagnosis", "freeze"];
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).chain([file.as_os_str()]).collect();
        let output = easysight(dir.path(), &arguments);
        let lines = lines(&output);
        assert_eq!(status(&lines, "brightness"), brightness, "{name}: {lines:?}");
        if freeze != "none" {
            assert_eq!(status(&lines, "freeze"), freeze, "{name}: {lines:?}");
        }
        assert_eq!(output.status.code(), Some(i32::from(name != "healthy")), "{name}");
    }
}

#[test]
fn a_folder_of_clips_becomes_a_table_of_what_is_wrong() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let clips = dir.path().join("clips");
    fs::create_dir(&clips).unwrap();
    make_clip(&clips, "a-dark.mp4", "lutyuv=y=16+(val-16)*0.12");
    make_clip(&clips, "b-well.mp4", "null");
    fs::write(clips.join("c-torn.mp4"), "no video").unwrap();
    fs::write(clips.join("notes.txt"), "no clip").unwrap();
    let arguments = words(&["--lang", "en", "--diagnosis", "brightness", "--diagnosis", "freeze"]);
    let run = |more: &[&str]| {
        let arguments: Vec<&OsStr> =
            arguments.iter().copied().chain(words(more)).chain([clips.as_os_str()]).collect();
        easysight(dir.path(), &arguments)
    };
    let output = run(&[]);
    let table = String::from_utf8(output.stdout).unwrap();
    let row = |name: &str| {
        let rows: Vec<&str> = table.lines().filter(|line| line.contains(name)).collect();
        assert_eq!(rows.len(), 1, "{name}: {table}");
        rows[0].split('┆').map(|cell| cell.trim_matches(['│', ' ']).to_owned()).collect::<Vec<_>>()
    };
    let dark = row("a-dark.mp4");
    assert_eq!((dark[1].as_str(), dark[2].as_str()), ("error", "Brightness"), "{table}");
    assert!(dark[3].contains("too dark") && dark[4].contains("lighting"), "{table}");
    assert_eq!(row("b-well.mp4")[1..3], ["normal", "–"]);
    assert_eq!(row("c-torn.mp4")[1], "failed");
    assert!(!table.contains("notes.txt"), "{table}");
    assert_eq!(output.status.code(), Some(2), "one file could not be read");
    // `--all` prints every finding: two diagnoses of each of the three clips.
    let whole = String::from_utf8(run(&["--all"]).stdout).unwrap();
    assert_eq!(whole.lines().filter(|line| line.contains(".mp4")).count(), 6, "{whole}");
}

#[test]
fn a_line_has_what_programs_rely_on_and_is_the_same_every_time() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = make_clip(dir.path(), "a.mp4", "null");
    let arguments = ["--format", "jsonl", "--native-check", "--exit-zero"];
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).chain([file.as_os_str()]).collect();
    // The second run has an empty cache, and the third run a full one.
    let caches = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let runs: Vec<Vec<Value>> = [0, 1, 1]
        .into_iter()
        .map(|cache| {
            let output = easysight(caches[cache].path(), &arguments);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let mut lines = lines(&output);
            for line in &mut lines {
                let mut keys: BTreeSet<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
                // This key is present only if the finding is a consequence of another one.
                keys.remove("consequence_of");
                let wanted = "source diagnosis status score metric threshold message metrics fuel compute_ms decode_ms plugin digest";
                assert_eq!(keys, wanted.split(' ').collect());
                assert!(line["fuel"].as_u64().unwrap() > 1_000);
                assert!(line["compute_ms"].as_f64().unwrap() > 0.0);
                // Times differ between runs. Everything else must be equal.
                line["compute_ms"] = Value::Null;
                line["decode_ms"] = Value::Null;
            }
            lines
        })
        .collect();
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[1], runs[2]);
}

#[test]
fn what_a_diagnosis_says_depends_on_no_other_one() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    // At twelve frames per second no frame is at the times that most diagnoses request.
    let file = make_clip(dir.path(), "a.mp4", "fps=12");
    let cache = compiled_code(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let said = |diagnosis: Option<&str>| {
        let mut arguments = words(&["--format", "jsonl", "--exit-zero"]);
        arguments.extend(diagnosis.into_iter().flat_map(|id| [OsStr::new("--diagnosis"), OsStr::new(id)]));
        arguments.push(file.as_os_str());
        let mut lines = lines(&easysight(&cache, &arguments));
        for line in &mut lines {
            // Times differ. A finding is a consequence only if the other diagnosis is run too.
            for key in ["compute_ms", "decode_ms", "consequence_of"] {
                line.as_object_mut().unwrap().remove(key);
            }
        }
        lines
    };
    let in_company = said(None);
    assert!(in_company.len() > 10);
    for line in in_company {
        let id = line["diagnosis"].as_str().unwrap();
        assert_eq!(said(Some(id)), std::slice::from_ref(&line), "{id}");
    }
}

#[test]
fn a_dead_camera_is_a_finding() {
    if !has_ffmpeg() {
        return;
    }
    let cache = compiled_code(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let source = format!("rtsp://admin:s3cretword@{closed}/live");
    let output = easysight(&cache, &words(&["--format", "jsonl", &source]));
    let lines = lines(&output);
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (lines[0]["diagnosis"].as_str(), lines[0]["status"].as_str()),
        (Some("signal_loss"), Some("critical"))
    );
    assert!(lines[0]["message"].as_str().unwrap().contains("connection-refused"));
    assert_eq!(output.status.code(), Some(1));
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(!String::from_utf8_lossy(&said).contains("s3cretword"));
    let zero = easysight(&cache, &words(&["--exit-zero", &source]));
    assert_eq!(zero.status.code(), Some(0));
    assert!(!String::from_utf8_lossy(&zero.stdout).contains("s3cretword"));
}

#[test]
fn what_a_person_got_wrong_is_said_and_ends_with_2() {
    let cache = compiled_code(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (arguments, said) in [
        (&["/nowhere/clip.mp4"][..], "no such file"),
        (&["ftp://camera/a"][..], "ftp"),
        (&["--diagnosis", "brightnes", "a.mp4"][..], "brightness, clarity"),
        (&["--config", "{", "a.mp4"][..], "--config"),
        (&["--config", "{\"brightness\": {\"dark_p95\": 300}}", "a.mp4"][..], "/config/brightness/dark_p95"),
        (&["--config", "@/nowhere.json", "a.mp4"][..], "/nowhere.json"),
        (&["--ffmpeg", "no-such-ffmpeg", "/etc/hostname"][..], "install"),
        (&[][..], "Usage"),
    ] {
        let output = easysight(&cache, &words(arguments));
        let stderr = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(stderr.contains(&said.to_lowercase()), "{arguments:?}: {stderr}");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_snapshot_is_judged_as_far_as_it_goes() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let clip = make_clip(dir.path(), "a.mp4", "null");
    let picture = dir.path().join("a.jpg");
    let mut ffmpeg = std::process::Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(clip).args(["-frames:v", "1"]).arg(&picture);
    assert!(ffmpeg.status().unwrap().success());
    let arguments = ["--format", "json", "--diagnosis", "brightness", "--diagnosis", "freeze"];
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).chain([picture.as_os_str()]).collect();
    let output = easysight(dir.path(), &arguments);
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status(findings.as_array().unwrap(), "brightness"), "normal");
    assert_eq!(findings[1]["failure"]["kind"], "unsupported-clip");
    assert!(output.status.success());
}
