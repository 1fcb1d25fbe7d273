//! Rebuilds the footage from copies of its repositories. Each file is checked against its digest before it gets
//! its final name. A file that cannot be obtained is reported, and the other files are still written.

use std::{
    fmt, fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::Context;

use super::{
    manifest::{Cut, Entry, Manifest},
    mirror::Mirrors,
};

/// The result for all files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The number of files that were written.
    pub written: usize,
    /// The number of files that existed already, with the right bytes.
    pub kept: usize,
    /// The files that cannot be obtained.
    pub missing: Vec<Missing>,
}

/// A file that cannot be obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The file's name in the list.
    pub file: String,
    /// The reason, for people.
    pub reason: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { written, kept, missing } = self;
        write!(formatter, "{written} files written, {kept} already there, {} missing", missing.len())?;
        for Missing { file, reason } in missing {
            write!(formatter, "\n  {file}: {reason}")?;
        }
        Ok(())
    }
}

impl Manifest {
    /// Writes the files below `out`, from the copies of repositories below `mirrors` (see [`Mirrors`]).
    ///
    /// # Errors
    ///
    /// Returns an error if `out` cannot be written. A file that cannot be obtained is not an error: the outcome
    /// names the file.
    pub fn rebuild(&self, mirrors: &Path, out: &Path) -> anyhow::Result<Outcome> {
        let mirrors = Mirrors::below(mirrors);
        let mut outcome = Outcome::default();
        for entry in &self.entries {
            let target = out.join(&entry.file);
            if fs::read(&target).is_ok_and(|bytes| blake3::hash(&bytes) == entry.digest) {
                outcome.kept += 1;
                continue;
            }
            let folder = target.parent().unwrap_or(out);
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be created", folder.display()))?;
            match obtain(entry, &mirrors, folder) {
                Ok(bytes) => {
                    put(&target, &bytes)?;
                    outcome.written += 1;
                }
                Err(reason) => outcome.missing.push(Missing { file: entry.file.clone(), reason }),
            }
        }
        Ok(outcome)
    }
}

/// Returns the checked bytes of a file. Pieces of clips are cut in the folder of the target file.
fn obtain(entry: &Entry, mirrors: &Mirrors, folder: &Path) -> Result<Vec<u8>, String> {
    let whole = mirrors.bytes(&entry.source)?;
    let (bytes, how) = match entry.source.cut {
        Some(piece) => (
            cut(&whole, piece, &entry.file, folder)?,
            "; another version of ffmpeg may write a piece differently",
        ),
        None => (whole, ""),
    };
    let digest = blake3::hash(&bytes);
    if digest == entry.digest {
        Ok(bytes)
    } else {
        Err(format!("not the bytes that were judged: blake3 {digest}, expected {}{how}", entry.digest))
    }
}

/// Copies a piece of a clip without encoding it again.
fn cut(whole: &[u8], piece: Cut, file: &str, folder: &Path) -> Result<Vec<u8>, String> {
    let extension = Path::new(file).extension().unwrap_or_default().to_string_lossy();
    let [from, to] = ["from", "to"].map(|end| folder.join(format!(".cutting-{end}.{extension}")));
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::write(&from, whole).map_err(told)?;
    let Cut { start_s, seconds } = piece;
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-nostdin", "-y", "-ss", &start_s.to_string()]).arg("-i").arg(&from);
    ffmpeg.args(["-t", &seconds.to_string(), "-map", "0:v:0", "-c", "copy"]);
    // The file must not contain a date or a program version, because its bytes are compared.
    ffmpeg.args(["-avoid_negative_ts", "make_zero", "-map_metadata", "-1", "-fflags", "+bitexact"]);
    let output = ffmpeg.arg(&to).stdin(Stdio::null()).output();
    let result = match output {
        Err(error) => Err(format!("ffmpeg does not start: {error}")),
        Ok(output) if output.status.success() => fs::read(&to).map_err(told),
        Ok(output) => Err(format!("ffmpeg: {}", String::from_utf8_lossy(&output.stderr).trim())),
    };
    // One of the files may not exist, which is not an error.
    let _gone = [fs::remove_file(&from), fs::remove_file(&to)];
    result
}

/// Writes a temporary file and renames it, so that a file with its final name is always complete.
fn put(target: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut beside = target.as_os_str().to_owned();
    beside.push(".part");
    fs::write(&beside, bytes).with_context(|| format!("{} cannot be written", target.display()))?;
    fs::rename(&beside, target)
        .with_context(|| format!("the finished file cannot be renamed to {}", target.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::footage::{Kind, Source};

    fn git(folder: &Path, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main", "-C"])
            .arg(folder)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Makes a repository in which a second commit overwrites `a.jpg`. Returns the first commit.
    fn repository(folder: &Path) -> String {
        fs::create_dir_all(folder).unwrap();
        git(folder, &["init", "-q"]);
        fs::write(folder.join("a.jpg"), "first").unwrap();
        git(folder, &["add", "."]);
        git(folder, &["commit", "-qm", "one"]);
        let first = git(folder, &["rev-parse", "HEAD"]);
        fs::write(folder.join("a.jpg"), "second").unwrap();
        git(folder, &["commit", "-qam", "two"]);
        first
    }

    fn entry(file: &str, repository: &str, commit: &str, path: &str, bytes: &[u8]) -> Entry {
        let source =
            Source { repository: repository.into(), commit: commit.into(), path: path.into(), cut: None };
        Entry {
            file: file.into(),
            camera: "gate".into(),
            kind: Kind::Healthy,
            find_one_of: Vec::new(),
            may: Vec::new(),
            light: "day".into(),
            place: "outdoor".into(),
            seen: "a gate".into(),
            source,
            digest: blake3::hash(bytes),
            licence: "MIT".into(),
        }
    }

    #[test]
    fn a_file_comes_from_its_commit_of_a_mirror() {
        let home = tempfile::tempdir().unwrap();
        let first = repository(&home.path().join("work"));
        let bare = home.path().join("mirrors/owner+name/name.git");
        git(home.path(), &["clone", "-q", "--mirror", "work", bare.to_str().unwrap()]);
        let manifest =
            Manifest { entries: vec![entry("healthy/gate/a.jpg", "owner/name", &first, "a.jpg", b"first")] };
        let (mirrors, out) = (home.path().join("mirrors"), home.path().join("out"));

        let outcome = manifest.rebuild(&mirrors, &out).unwrap();
        assert_eq!(outcome, Outcome { written: 1, ..Outcome::default() });
        assert_eq!(fs::read(out.join("healthy/gate/a.jpg")).unwrap(), b"first");

        let again = manifest.rebuild(&mirrors, &out).unwrap();
        assert_eq!(again, Outcome { kept: 1, ..Outcome::default() });
    }

    #[test]
    fn what_cannot_be_had_is_told_and_the_rest_is_written() {
        let home = tempfile::tempdir().unwrap();
        let first = repository(&home.path().join("mirrors/owner/name"));
        fs::create_dir_all(home.path().join("mirrors/some+package/usr")).unwrap();
        fs::write(home.path().join("mirrors/some+package/usr/b.avi"), "plain").unwrap();
        let entries = vec![
            entry("a.jpg", "no/where", &first, "a.jpg", b"first"),
            entry("b.jpg", "owner/name", &first, "lost.jpg", b"first"),
            entry("c.jpg", "owner/name", &first, "a.jpg", b"another"),
            entry("d.avi", "some/package", "", "usr/b.avi", b"plain"),
            entry("e.jpg", "owner/name", &"0".repeat(40), "a.jpg", b"second"),
        ];
        let outcome =
            Manifest { entries }.rebuild(&home.path().join("mirrors"), &home.path().join("out")).unwrap();
        assert_eq!(outcome.written, 2, "{outcome}");
        let told = outcome.to_string();
        for wanted in
            ["3 missing", "a.jpg: no copy of no/where", "b.jpg: ", "c.jpg: not the bytes that were judged"]
        {
            assert!(told.contains(wanted), "{told}");
        }
        assert!(!home.path().join("out/c.jpg").exists());
    }

    #[test]
    fn a_piece_of_a_clip_is_copied_and_not_encoded_again() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("mirrors/owner/name");
        fs::create_dir_all(&folder).unwrap();
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=4"])
            .args(["-c:v", "mpeg4", "-g", "10"])
            .arg(folder.join("v.mp4"))
            .status();
        if !made.is_ok_and(|status| status.success()) {
            assert!(
                std::env::var_os("CI").is_none(),
                "ffmpeg is not installed, and is needed to make and cut a clip"
            );
            eprintln!("SKIPPED: ffmpeg is not installed, and is needed to make and cut a clip");
            return;
        }
        let mut piece = entry("v.mp4", "owner/name", "", "v.mp4", b"");
        piece.source.cut = Some(Cut { start_s: 1.0, seconds: 2.0 });
        let whole = fs::read(folder.join("v.mp4")).unwrap();
        let wanted = cut(&whole, Cut { start_s: 1.0, seconds: 2.0 }, "v.mp4", home.path()).unwrap();
        assert!(wanted.len() < whole.len());
        piece.digest = blake3::hash(&wanted);

        let out = home.path().join("out");
        let outcome = Manifest { entries: vec![piece] }.rebuild(&home.path().join("mirrors"), &out).unwrap();
        assert_eq!(outcome, Outcome { written: 1, ..Outcome::default() }, "{outcome}");
        let left: Vec<_> = fs::read_dir(&out).unwrap().flatten().map(|file| file.file_name()).collect();
        assert_eq!(left, ["v.mp4"]);
    }
}
