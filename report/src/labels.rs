//! Labels of real footage: a table of files with their cameras, and the diagnoses that must and may find a fault.
//! The file `labels.csv` in the folder has the columns `file`, `camera`, `find_one_of` and `may`. Other columns
//! are for people.

use std::path::Path;

use anyhow::{Context, ensure};
use serde::{Deserialize, de::DeserializeOwned};

use crate::set::Set;

/// The name of the table in a folder of footage.
pub const FILE: &str = "labels.csv";

/// The label of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The path of the file in the folder.
    pub file: String,
    /// The camera.
    pub camera: String,
    /// Diagnoses of which one must find a fault. Empty if the camera is healthy.
    pub find_one_of: Vec<String>,
    /// Diagnoses that may also find a fault.
    pub may: Vec<String>,
    /// A person's description of the file's content.
    pub seen: String,
}

impl Label {
    /// True if no diagnosis may find a fault, except those in `may`.
    #[must_use]
    pub const fn is_healthy(&self) -> bool {
        self.find_one_of.is_empty()
    }

    /// Returns the set of the camera.
    #[must_use]
    pub fn set(&self) -> Set {
        Set::of(&self.camera)
    }
}

/// A row of the table. Other columns are for people.
#[derive(Debug, Deserialize)]
struct Row {
    file: String,
    camera: String,
    #[serde(default)]
    find_one_of: String,
    #[serde(default)]
    may: String,
    #[serde(default)]
    seen: String,
}

/// Reads the labels of a folder.
///
/// # Errors
///
/// Returns an error if there are no labels, a column is missing, or a row names no file or camera. The error names
/// the line.
pub fn read(dir: &Path) -> anyhow::Result<Vec<Label>> {
    let label = |row: Row| {
        let Row { file, camera, find_one_of, may, seen } = row;
        ensure!(!file.is_empty() && !camera.is_empty(), "the file or the camera is empty");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Ok(Label { file, camera, find_one_of: words(&find_one_of), may: words(&may), seen })
    };
    rows(&dir.join(FILE), label)
}

/// Reads a table of comma-separated values with a heading, row by row.
///
/// # Errors
///
/// Returns an error if the file cannot be read or a row is invalid. The error names the line.
pub(crate) fn rows<R: DeserializeOwned, T>(
    file: &Path,
    read: impl Fn(R) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let shown = || file.display().to_string();
    let mut reader = csv::Reader::from_path(file).with_context(shown)?;
    let heads = reader.headers().with_context(shown)?.clone();
    let one = |record: Result<csv::StringRecord, csv::Error>| {
        // The error of a malformed record names its line already.
        let record = record.with_context(shown)?;
        let line = || format!("{}, line {}", shown(), record.position().map_or(0, csv::Position::line));
        record.deserialize(Some(&heads)).map_err(Into::into).and_then(&read).with_context(line)
    };
    reader.records().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn labels_are_read_by_the_names_of_their_columns() {
        let dir = tempfile::tempdir().expect("a directory");
        let text = "kind,camera,file,may,find_one_of\nfault,gate,gate/1.jpg,clarity contrast,noise\nhealthy,yard,2.mp4,,\n";
        fs::write(dir.path().join(FILE), text).expect("written");
        let labels = read(dir.path()).expect("labels");
        let [gate, yard] = labels.as_slice() else { panic!("{labels:?}") };
        assert_eq!((gate.file.as_str(), gate.camera.as_str()), ("gate/1.jpg", "gate"));
        assert_eq!((gate.find_one_of.len(), gate.may.len(), gate.is_healthy()), (1, 2, false));
        assert!(yard.is_healthy());
    }

    #[test]
    fn a_row_that_makes_no_sense_is_named_by_its_line() {
        let dir = tempfile::tempdir().expect("a directory");
        for (text, said) in [
            ("file,camera\n1.jpg,gate\n2.jpg,\n", "line 3"),
            ("file,camera\n1.jpg,gate,more\n", "line: 2"),
            ("file,place\n1.jpg,gate\n", "camera"),
        ] {
            fs::write(dir.path().join(FILE), text).expect("written");
            let error = format!("{:#}", read(dir.path()).expect_err("refused"));
            assert!(error.contains(said) && error.contains(FILE), "{error}");
        }
        fs::write(dir.path().join(FILE), "").expect("written");
        assert!(read(dir.path()).expect("no rows").is_empty());
    }
}
