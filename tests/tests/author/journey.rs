//! The steps from `plugin new` to a finding, as the README in a new plugin's folder describes them.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use serde_json::{Value, json};

use crate::{
    programs::{has_ffmpeg, make_clip, program},
    terminal::{as_author, json as ask, refusal, text},
};

/// Returns the names of the failed checks.
fn failing(conformance: &Value) -> Vec<&str> {
    let checks = conformance["checks"].as_array().unwrap();
    let failing = checks.iter().filter(|check| check["verdict"] == "fail");
    failing.map(|check| check["name"].as_str().unwrap()).collect()
}

#[test]
fn a_new_plugin_in_rust_is_built_checked_tested_measured_and_run() {
    let home = tempfile::tempdir().unwrap();
    let begun = ask(home.path(), 0, &["new", "journey", "--language", "rust"]);
    assert!(begun["files"].as_array().unwrap().contains(&json!("src/lib.rs")), "{begun}");
    let dir = home.path().join("journey");

    let built = ask(&dir, 0, &["build"]);
    let component = dir.join("target/journey.wasm");
    assert_eq!(Path::new(built["component"].as_str().unwrap()), component.canonicalize().unwrap());
    assert_eq!(built["size_bytes"], json!(fs::metadata(&component).unwrap().len()));
    assert!(built["with"].as_str().unwrap().contains("--target wasm32-"), "{built}");

    let conformance = ask(&dir, 0, &["check"]);
    assert_eq!(failing(&conformance), Vec::<&str>::new(), "{conformance}");
    assert_eq!(conformance["digest"], built["digest"]);
    assert!(conformance["imports"].as_array().unwrap().contains(&json!("easysight:diagnosis/video@1.2.0")));
    assert!(conformance["costs"]["fuel_per_frame"].as_u64().unwrap() > 1_000, "{conformance}");
    assert!(conformance["costs"]["memory_bytes"].as_u64().unwrap() > 65_536);

    the_cases_pass_and_fail(&dir);

    let out = dir.join("profile.json");
    let measured = ask(&dir, 0, &["bench", "--runs", "3", "--profile", "--out", "profile.json"]);
    let spread = &measured["measured"]["fuel"];
    assert_eq!(spread["min"], spread["max"], "the same clip costs the same fuel");
    let functions = measured["profile"]["functions"].as_array().unwrap();
    let named = |part: &str| functions.iter().any(|share| share["function"].as_str().unwrap().contains(part));
    assert!(named("journey") || named("easysight_sdk"), "{functions:?}");
    let profile: Value = serde_json::from_slice(&fs::read(out).unwrap()).unwrap();
    assert_eq!(profile["threads"][0]["samples"]["length"], measured["profile"]["samples"]);

    if has_ffmpeg() {
        on_a_clip(&dir);
    }
}

fn the_cases_pass_and_fail(dir: &Path) {
    let outcomes = ask(dir, 0, &["test"]);
    assert_eq!(outcomes.as_array().unwrap().len(), 3, "{outcomes}");
    let cases = fs::read_to_string(dir.join("cases.toml")).unwrap();
    let other = |text: &str| fs::write(dir.join("other.toml"), text).unwrap();
    other(&cases.replace("metrics = { dark_share = [0, 0.5] }", "metrics = { dark_share = [0.9, 1] }"));
    let outcomes = ask(dir, 1, &["test", "--cases", "other.toml"]);
    assert_eq!((&outcomes[0]["passed"], &outcomes[1]["passed"]), (&json!(false), &json!(true)));
    assert!(outcomes[0]["offences"][0].as_str().unwrap().contains("dark_share is 0."), "{outcomes}");
    other("[[case]]\nrender = \"dark\"\nexpect = { status = \"bad\" }\n");
    assert!(
        refusal(dir, &["test", "--cases", "other.toml"]).contains("other.toml:3: case 1: expect: status")
    );
    other(
        "[[case]]\nname = \"x\"\nrender = \"dark\"\nconfig = { drak = 1 }\nexpect = { status = \"normal\" }\n",
    );
    assert!(refusal(dir, &["test", "--cases", "other.toml"]).contains("other.toml:1: x: the configuration"));
}

/// Checks that `plugin run` and `diagnose` return the same finding.
fn on_a_clip(dir: &Path) {
    let clip = make_clip(dir, "dark.mp4", "lutyuv=y=16+(val-16)*0.12");
    let clip = clip.display().to_string();
    let ran = ask(dir, 1, &["run", &clip, "--config", "@config.json"]);
    assert_eq!(ran["findings"][0]["status"], "warning", "{ran}");
    let mut diagnose = program("easysight");
    as_author(&mut diagnose).current_dir(dir).args([
        "diagnose",
        "--plugins-dir",
        "target",
        "--format",
        "json",
    ]);
    let output = diagnose.arg(&clip).output().unwrap();
    let found: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    assert_eq!(found[0]["diagnosis"], "journey");
    assert_eq!(
        (&found[0]["score"], &found[0]["fuel"]),
        (&ran["findings"][0]["score"], &ran["findings"][0]["fuel"])
    );
}

#[test]
fn what_cannot_be_begun_or_built_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    assert!(refusal(dir, &["new", "Lens-Flare"]).contains("a-z, 0-9 and _"));
    assert!(refusal(dir, &["new", "x", "--language", "cobol"]).contains("rust, python"));
    fs::write(dir.join("notes.txt"), "x").unwrap();
    assert!(refusal(dir, &["new", "glare", "--dir", "."]).contains("not empty"));
    assert!(refusal(dir, &["build"]).contains("plugin new"));
    assert!(refusal(dir, &["check", "missing.wasm"]).contains("missing.wasm"));
    assert!(refusal(dir, &["test"]).contains("cases.toml"));
    // If the build tool of a language is missing, the error message explains how to install it.
    for (file, content, remedy) in [
        ("Cargo.toml", "[package]\nname = \"x\"\n", "rustup"),
        ("diagnosis.py", "", "pip install -r requirements.txt, which names componentize-py"),
        ("package.json", "{\"name\": \"x\"}", "nodejs"),
        ("x.c", "", "apt install clang-19"),
    ] {
        let project = dir.join(file.replace('.', "_"));
        fs::create_dir(&project).unwrap();
        fs::write(project.join(file), content).unwrap();
        let mut command = crate::terminal::plugin(&project, &["build"]);
        let output =
            command.env("PATH", "/nowhere").env_remove("VIRTUAL_ENV").env_remove("WASI_SDK_PATH").output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(remedy), "{file}: {}", text(&output.stderr));
    }
}

#[test]
fn a_node_that_is_too_old_is_told_by_its_version() {
    let home = tempfile::tempdir().unwrap();
    ask(home.path(), 0, &["new", "aged", "--language", "javascript"]);
    let tools = home.path().join("tools");
    fs::create_dir(&tools).unwrap();
    let node = tools.join("node");
    let version = |version: &str| {
        fs::write(&node, format!("#!/bin/sh\necho {version}\n")).unwrap();
        fs::set_permissions(&node, Permissions::from_mode(0o755)).unwrap();
        let mut build = crate::terminal::plugin(&home.path().join("aged"), &["build"]);
        let output = build.env("PATH", &tools).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        text(&output.stderr)
    };
    let said = version("v18.20.8");
    assert!(said.contains("Node.js 18.20.8 is too old") && said.contains("20 or later"), "{said}");
    // This version is new enough, so the build fails only because the library is missing.
    let said = version("v20.0.0");
    assert!(said.contains("npm install") && !said.contains("too old"), "{said}");
}
