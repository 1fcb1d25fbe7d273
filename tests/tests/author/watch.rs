//! `plugin run --watch`.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
};

use serde_json::Value;

use crate::{
    programs::{has_ffmpeg, make_clip},
    terminal::{json as ask, plugin},
};

/// A process that is killed when the test ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn change(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(file, text.replace(from, to)).unwrap();
}

#[test]
fn a_change_is_built_and_run_and_a_broken_one_is_waited_out() {
    if !has_ffmpeg() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    ask(home.path(), 0, &["new", "watched"]);
    let dir = home.path().join("watched");
    let source = dir.join("src/lib.rs");
    let clip = make_clip(home.path(), "dark.mp4", "lutyuv=y=16+(val-16)*0.12").display().to_string();
    let mut command = plugin(&dir, &["run", "--watch", &clip, "--format", "json"]);
    let mut child = Ended(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut findings = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut said = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let mut status = || {
        let line: Value = serde_json::from_str(&findings.next().unwrap().unwrap()).unwrap();
        line["findings"][0]["status"].as_str().unwrap().to_owned()
    };
    // Reads standard error up to the line "waiting for a change", so that the pipe does not fill up.
    let mut waits = || -> String {
        let mut text = String::new();
        for line in said.by_ref() {
            let line = line.unwrap();
            text.push_str(&line);
            if line.contains("waiting for a change") {
                return text;
            }
        }
        panic!("the program ended: {text}");
    };
    waits();
    assert_eq!(status(), "warning");
    change(&source, "dark_share: 0.8", "dark_share: 1.0");
    waits();
    assert_eq!(status(), "normal");
    change(&source, "dark_share: 1.0", "dark_share: one");
    assert!(waits().contains("failed"), "the failed build is not reported");
    change(&source, "dark_share: one", "dark_share: 0.5");
    waits();
    assert_eq!(status(), "warning");
}
