//! Starts the program as an author does.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::programs::program;

/// The shared target directory of the tests' plugins. Their dependencies are compiled once.
fn shared_target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("author")
}

/// Gives a command the environment of an author: without cargo's variables for tests, and without access to
/// crates that are not downloaded yet.
pub(crate) fn as_author(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_cargo_s = text.starts_with("CARGO") && text != "CARGO_HOME";
        if is_cargo_s || text.starts_with("NEXTEST") || text == "RUSTUP_TOOLCHAIN" {
            command.env_remove(name);
        }
    }
    command.env("CARGO_TARGET_DIR", shared_target()).env("CARGO_NET_OFFLINE", "true")
}

/// Makes the command `easysight plugin …`, to run in this folder.
pub(crate) fn plugin(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = program("easysight");
    as_author(&mut command).current_dir(dir).arg("plugin").args(arguments);
    command
}

/// Returns the exit code and the output of `easysight plugin …`.
pub(crate) fn answer(dir: &Path, arguments: &[&str]) -> (i32, Output) {
    let output = plugin(dir, arguments).output().unwrap();
    (output.status.code().unwrap(), output)
}

/// Returns the JSON output. Asserts that the command ends with this exit code.
pub(crate) fn json(dir: &Path, code: i32, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--format", "json"]].concat();
    let (found, output) = answer(dir, &arguments);
    let said = || format!("{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(found, code, "{}", said());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said()))
}

/// Returns the text on standard error. Asserts that the command fails with exit code 2.
pub(crate) fn refusal(dir: &Path, arguments: &[&str]) -> String {
    let (code, output) = answer(dir, arguments);
    assert_eq!(code, 2, "{arguments:?}: {}", text(&output.stderr));
    text(&output.stderr)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
