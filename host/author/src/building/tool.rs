//! Finds and runs external tools.

use std::{
    env,
    io::{self, IsTerminal},
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::AuthorError;

/// Finds a program by name: first in these folders, then in the search path.
pub(super) fn find(program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = folders.iter().cloned().chain(env::split_paths(&path)).collect();
    places.into_iter().map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// Finds a program by name, or returns an error with instructions for installing the program.
pub(super) fn need(program: &str, folders: &[PathBuf], remedy: &str) -> Result<PathBuf, AuthorError> {
    find(program, folders)
        .ok_or_else(|| AuthorError::MissingTool { tool: program.to_owned(), remedy: remedy.to_owned() })
}

/// Runs a tool. All its output goes to standard error, because standard output is for the results of this program.
pub(super) fn run(command: &mut Command) -> Result<(), AuthorError> {
    let said = io::stderr().as_fd().try_clone_to_owned().map_err(AuthorError::io("standard error"))?;
    let status =
        command.stdin(Stdio::null()).stdout(said).status().map_err(AuthorError::io(program(command)))?;
    if status.success() { Ok(()) } else { Err(failed(command, &status.to_string())) }
}

/// Runs a tool and returns its standard output.
pub(super) fn output(command: &mut Command) -> Result<String, AuthorError> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(AuthorError::io(program(command)))?;
    if !output.status.success() {
        return Err(failed(command, &output.status.to_string()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Returns true if the tool runs and succeeds.
pub(super) fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Returns the option for coloured output of tools.
pub(super) fn colour() -> &'static str {
    if io::stderr().is_terminal() { "always" } else { "never" }
}

fn program(command: &Command) -> &Path {
    Path::new(command.get_program())
}

fn failed(command: &Command, status: &str) -> AuthorError {
    let name = program(command).file_name().unwrap_or_default();
    let words: Vec<String> = std::iter::once(name)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    AuthorError::ToolFailed { command: words.join(" "), status: status.to_owned() }
}
