//! Reads files of public repositories from a folder with copies of these repositories. A copy is a git directory
//! (made by `git clone --mirror`) or a folder of plain downloaded files. This module does not use the network.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::manifest::Source;

/// A folder with copies of repositories.
#[derive(Debug, Clone)]
pub struct Mirrors {
    root: PathBuf,
}

impl Mirrors {
    /// Uses the copies below a folder. A repository `owner/name` is searched for as `owner+name` and as
    /// `owner/name`. Each may be a git directory (the folder itself, `.git`, `repo`, `repo/.git` or `*.git` in the
    /// folder, or the folder's name followed by `.git`) or a folder of plain files.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Returns the whole file, before a piece is cut out.
    ///
    /// # Errors
    ///
    /// Returns the reason, for people, if no copy has the file.
    pub fn bytes(&self, source: &Source) -> Result<Vec<u8>, String> {
        let names = [source.repository.replace('/', "+"), source.repository.clone()];
        let folders: Vec<PathBuf> = names.iter().map(|name| self.root.join(name)).collect();
        let mut reasons = Vec::new();
        for git in folders.iter().flat_map(|folder| git_directories(folder)) {
            match blob(&git, source) {
                Ok(bytes) => return Ok(bytes),
                Err(reason) => reasons.push(reason),
            }
        }
        let plain = folders.iter().map(|folder| folder.join(&source.path)).find(|file| file.is_file());
        if let Some(file) = plain {
            return fs::read(&file).map_err(|error| format!("{}: {error}", file.display()));
        }
        if reasons.is_empty() {
            reasons.push(format!("no copy of {} below {}", source.repository, self.root.display()));
        }
        Err(reasons.join("; "))
    }
}

/// Returns the possible places of a repository's git directory that exist.
fn git_directories(folder: &Path) -> Vec<PathBuf> {
    let mut beside = folder.as_os_str().to_owned();
    beside.push(".git");
    let mut places = vec![folder.to_owned(), PathBuf::from(beside)];
    places.extend([".git", "repo", "repo/.git"].map(|inner| folder.join(inner)));
    let inner = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut bare: Vec<PathBuf> =
        inner.filter(|path| path.extension().is_some_and(|extension| extension == "git")).collect();
    bare.sort();
    places.extend(bare);
    places.retain(|place| place.join("HEAD").is_file() && place.join("objects").is_dir());
    places
}

/// Returns the file at its commit, or else at the newest commit, because a shallow copy may contain only the
/// newest commit. The digest shows whether the bytes are the same.
fn blob(git: &Path, source: &Source) -> Result<Vec<u8>, String> {
    let mut reason = String::new();
    for commit in [source.commit.as_str(), "HEAD"].into_iter().filter(|commit| !commit.is_empty()) {
        let output = Command::new("git")
            .arg("--git-dir")
            .arg(git)
            .args(["cat-file", "blob", &format!("{commit}:{}", source.path)])
            // Prevents git from fetching missing large files over the network.
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("git does not start: {error}"))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        if reason.is_empty() {
            reason = format!("{}: {}", git.display(), String::from_utf8_lossy(&output.stderr).trim());
        }
    }
    Err(reason)
}
