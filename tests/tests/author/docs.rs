//! Every command of the authors' documents runs: all blocks marked `sh` of a document, one after the other, in
//! an empty folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    programs::{has_ffmpeg, program},
    terminal::{as_author, text},
};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs")
}

/// The content of all blocks marked `sh`.
fn commands(document: &str) -> String {
    let text = fs::read_to_string(docs().join(document)).unwrap();
    let mut commands = String::new();
    let mut within = false;
    for line in text.lines() {
        match line.trim() {
            "```sh" => within = true,
            "```" => within = false,
            _ if within => commands.extend([line, "\n"]),
            _ => {}
        }
    }
    assert!(!commands.is_empty(), "{document} has no commands");
    commands
}

/// Runs a document's commands as a person would type them.
fn run(document: &str) {
    if !has_ffmpeg() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let bin = PathBuf::from(program("easysight").get_program()).canonicalize().unwrap();
    let path = env::join_paths(
        [bin.parent().unwrap().to_owned()].into_iter().chain(env::split_paths(&env::var_os("PATH").unwrap())),
    );
    let mut bash = Command::new("bash");
    as_author(&mut bash).current_dir(home.path()).env("PATH", path.unwrap());
    let output = bash.args(["-euxo", "pipefail", "-c", &commands(document)]).output().unwrap();
    assert!(output.status.success(), "{document}:\n{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn the_commands_of_writing_a_plugin_run() {
    run("writing-a-plugin.md");
}

#[test]
fn the_commands_of_testing_a_plugin_run() {
    run("testing-a-plugin.md");
}

#[test]
fn both_languages_tell_the_same_commands() {
    for document in ["writing-a-plugin", "testing-a-plugin"] {
        let (en, zh) = (commands(&format!("{document}.md")), commands(&format!("{document}.zh-CN.md")));
        assert_eq!(en, zh, "{document}");
    }
}
