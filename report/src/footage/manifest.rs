//! The list of the footage. Each line has a file, its content and its origin. Errors name the line, because people
//! write the list.

use std::{
    collections::HashMap,
    fs::File,
    io::Read,
    path::{Component, Path},
};

use anyhow::{Context, bail, ensure};
use blake3::Hash;
use serde::Deserialize;

use crate::set::Set;

/// Whether a fault must be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No diagnosis may find a fault, except those in `may`.
    Healthy,
    /// At least one of the named diagnoses must find a fault.
    Fault,
}

/// A piece of a clip, copied without encoding it again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// The start of the piece in seconds. ffmpeg begins at the keyframe before this time.
    pub start_s: f64,
    /// The length of the piece in seconds.
    pub seconds: f64,
}

/// The origin of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// `owner/name` on the repository's public host, or the name of a package.
    pub repository: String,
    /// The commit, 40 hexadecimal digits. Empty for a package.
    pub commit: String,
    /// The path of the file in the repository or package.
    pub path: String,
    /// The piece that is cut out. None if the whole file is used.
    pub cut: Option<Cut>,
}

/// One file of the footage.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The path below the footage folder. The files of a camera sort by time.
    pub file: String,
    /// The name of the camera, which determines the set.
    pub camera: String,
    /// Whether a fault must be found.
    pub kind: Kind,
    /// Diagnoses of which at least one must find a fault.
    pub find_one_of: Vec<String>,
    /// Diagnoses that may also find a fault.
    pub may: Vec<String>,
    /// `day`, `night`, `night (IR)` or `n/a`.
    pub light: String,
    /// `indoor`, `outdoor` or `n/a`.
    pub place: String,
    /// The content in a few words.
    pub seen: String,
    /// The origin of the file.
    pub source: Source,
    /// The digest of the file's bytes as they are used.
    pub digest: Hash,
    /// The licence, as far as it is known.
    pub licence: String,
}

impl Entry {
    /// Returns the set of the camera.
    #[must_use]
    pub fn set(&self) -> Set {
        Set::of(&self.camera)
    }
}

/// The list of all footage.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Manifest {
    /// The files, in the order of the list.
    pub entries: Vec<Entry>,
}

impl Manifest {
    /// Reads the list from a file.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, and the errors of [`Manifest::parse`]. The error names the
    /// file.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let opened = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
        Self::parse(opened).with_context(|| file.display().to_string())
    }

    /// Parses the list.
    ///
    /// # Errors
    ///
    /// Returns an error if a column is missing, a line has an invalid value, or two lines name the same file. The
    /// error names the line.
    pub fn parse(text: impl Read) -> anyhow::Result<Self> {
        let mut reader = csv::Reader::from_reader(text);
        let mut lines = HashMap::new();
        let mut entries = Vec::new();
        let headers = reader.headers().context("line 1")?.clone();
        for record in reader.records() {
            // The error of a malformed record names its line already.
            let record = record?;
            let line = record.position().map_or(0, csv::Position::line);
            let row: Row = record.deserialize(Some(&headers)).with_context(|| format!("line {line}"))?;
            let entry = row.entry().with_context(|| format!("line {line}"))?;
            if let Some(earlier) = lines.insert(entry.file.clone(), line) {
                bail!("line {line}: {} is already in line {earlier}", entry.file);
            }
            entries.push(entry);
        }
        Ok(Self { entries })
    }
}

/// A line of the list, before it is checked.
#[derive(Deserialize)]
struct Row {
    file: String,
    camera: String,
    kind: String,
    find_one_of: String,
    may: String,
    light: String,
    place: String,
    seen: String,
    repository: String,
    commit: String,
    path: String,
    start_s: Option<f64>,
    seconds: Option<f64>,
    blake3: String,
    licence: String,
}

impl Row {
    fn entry(self) -> anyhow::Result<Entry> {
        ensure!(stays_below(&self.file), "file is {:?}, expected a relative path without ..", self.file);
        ensure!(!self.camera.is_empty(), "camera is empty");
        let find_one_of = diagnoses("find_one_of", &self.find_one_of)?;
        let kind = match self.kind.as_str() {
            "healthy" => Kind::Healthy,
            "fault" => Kind::Fault,
            other => bail!("kind is {other:?}, expected healthy or fault"),
        };
        ensure!(
            (kind == Kind::Fault) != find_one_of.is_empty(),
            "find_one_of is {:?}, but a fault names the diagnoses that can find it, and a healthy file names none",
            self.find_one_of
        );
        let digest = Hash::from_hex(&self.blake3)
            .with_context(|| format!("blake3 is {:?}, expected 64 hexadecimal digits", self.blake3))?;
        Ok(Entry {
            source: source(self.repository, self.commit, self.path, self.start_s.zip(self.seconds))?,
            may: diagnoses("may", &self.may)?,
            file: self.file,
            camera: self.camera,
            kind,
            find_one_of,
            light: self.light,
            place: self.place,
            seen: self.seen,
            digest,
            licence: self.licence,
        })
    }
}

fn source(
    repository: String,
    commit: String,
    path: String,
    cut: Option<(f64, f64)>,
) -> anyhow::Result<Source> {
    ensure!(stays_below(&repository), "repository is {repository:?}, expected owner/name");
    ensure!(stays_below(&path), "path is {path:?}, expected a relative path without ..");
    let hexadecimal = commit.len() == 40 && commit.bytes().all(|digit| digit.is_ascii_hexdigit());
    ensure!(hexadecimal || commit.is_empty(), "commit is {commit:?}, expected 40 hexadecimal digits");
    let cut = cut.map(|(start_s, seconds)| Cut { start_s, seconds });
    if let Some(Cut { start_s, seconds }) = cut {
        let sensible = start_s.is_finite() && start_s >= 0.0 && seconds.is_finite() && seconds > 0.0;
        ensure!(sensible, "start_s is {start_s} and seconds is {seconds}, expected a piece of the clip");
    }
    Ok(Source { repository, commit, path, cut })
}

fn diagnoses(column: &str, text: &str) -> anyhow::Result<Vec<String>> {
    let plain = |id: &str| id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if let Some(odd) = text.split_whitespace().find(|id| !plain(id)) {
        bail!("{column} names {odd:?}, expected ids of diagnoses, separated by spaces");
    }
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

/// True if a path cannot lead out of the folder that it is joined to.
fn stays_below(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "file,camera,kind,find_one_of,may,light,place,seen,repository,commit,path,start_s,seconds,blake3,licence\n";
    const COMMIT: &str = "0123456789012345678901234567890123456789";
    const DIGEST: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

    fn line(file: &str, kind: &str, find: &str, cut: &str) -> String {
        format!(
            "{file},gate,{kind},{find},noise contrast,day,outdoor,\"rain, dusk\",a/b,{COMMIT},v.mp4,{cut},{DIGEST},MIT\n"
        )
    }

    fn parse(lines: &[String]) -> anyhow::Result<Manifest> {
        Manifest::parse(format!("{HEADER}{}", lines.concat()).as_bytes())
    }

    fn complaint(lines: &[String]) -> String {
        format!("{:#}", parse(lines).unwrap_err())
    }

    #[test]
    fn a_line_says_what_was_seen_and_where_it_comes_from() {
        let manifest = parse(&[line("faults/gate/v.mp4", "fault", "lens_dirty clarity", "2.5,10")]).unwrap();
        let entry = &manifest.entries[0];
        assert_eq!(
            (entry.kind, entry.seen.as_str(), entry.set()),
            (Kind::Fault, "rain, dusk", Set::of("gate"))
        );
        assert_eq!(entry.find_one_of, ["lens_dirty", "clarity"]);
        assert_eq!(entry.may, ["noise", "contrast"]);
        assert_eq!(entry.source.cut, Some(Cut { start_s: 2.5, seconds: 10.0 }));
        assert_eq!(entry.digest, blake3::hash(b""));
    }

    #[test]
    fn the_wrong_line_is_named() {
        let good = line("healthy/a.jpg", "healthy", "", ",");
        let cases = [
            (line("healthy/b.jpg", "sick", "", ","), "line 3: kind is \"sick\""),
            (line("healthy/b.jpg", "healthy", "noise", ","), "line 3: find_one_of is \"noise\""),
            (line("faults/b.jpg", "fault", "", ","), "line 3: find_one_of is \"\""),
            (line("faults/b.jpg", "fault", "Lens-Dirty", ","), "line 3: find_one_of names \"Lens-Dirty\""),
            (line("../b.jpg", "healthy", "", ","), "line 3: file is \"../b.jpg\""),
            (line("/b.jpg", "healthy", "", ","), "line 3: file is \"/b.jpg\""),
            (line("healthy/b.mp4", "healthy", "", "0,-1"), "line 3: start_s is 0 and seconds is -1"),
            (line("healthy/b.mp4", "healthy", "", "now,1"), "line 3"),
            (good.clone(), "line 3: healthy/a.jpg is already in line 2"),
        ];
        for (wrong, wanted) in cases {
            let told = complaint(&[good.clone(), wrong]);
            assert!(told.contains(wanted), "{told}");
        }
    }

    #[test]
    fn a_digest_or_a_commit_cut_short_is_no_digest_or_commit() {
        let good = line("healthy/a.jpg", "healthy", "", ",");
        assert!(complaint(&[good.replace(DIGEST, "af13")]).contains("line 2: blake3 is \"af13\""));
        assert!(complaint(&[good.replace(COMMIT, "0123")]).contains("line 2: commit is \"0123\""));
    }

    #[test]
    fn a_missing_column_is_named() {
        let text =
            HEADER.replace(",licence", "") + &line("healthy/a.jpg", "healthy", "", ",").replace(",MIT", "");
        assert!(format!("{:#}", Manifest::parse(text.as_bytes()).unwrap_err()).contains("licence"));
    }

    #[test]
    fn the_list_in_this_repository_can_be_read() {
        let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("footage/manifest.csv");
        assert!(Manifest::read(&list).unwrap().entries.len() > 1000);
    }
}
