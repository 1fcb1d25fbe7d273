//! Labels of real footage: a table of files, whose camera each is of, and what must and may be said of it.
//! A file `labels.csv` in the folder has the columns `file`, `camera`, `find_one_of` and `may`; others are for
//! people.

use std::{fs, path::Path};

use anyhow::{Context, ensure};

use crate::set::Set;

/// Name of the table in a folder of footage.
pub const FILE: &str = "labels.csv";

/// One file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// From the folder.
    pub file: String,
    /// Whose it is.
    pub camera: String,
    /// Diagnoses of which one must find something; none where the camera is healthy.
    pub find_one_of: Vec<String>,
    /// Diagnoses that may find something too.
    pub may: Vec<String>,
    /// What a person sees.
    pub seen: String,
}

impl Label {
    /// Whether nothing but what it may must be found.
    #[must_use]
    pub const fn is_healthy(&self) -> bool {
        self.find_one_of.is_empty()
    }

    /// The set of its camera.
    #[must_use]
    pub fn set(&self) -> Set {
        Set::of(&self.camera)
    }
}

/// Reads the labels of a folder.
///
/// # Errors
///
/// Where there are none, or a column is missing.
pub fn read(dir: &Path) -> anyhow::Result<Vec<Label>> {
    let file = dir.join(FILE);
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let mut rows = table(&text).into_iter();
    let heads = rows.next().unwrap_or_default();
    let column = |name: &str| heads.iter().position(|head| head == name);
    let [at, camera] = ["file", "camera"].map(column);
    let (at, camera) =
        at.zip(camera).with_context(|| format!("{}: no column file or camera", file.display()))?;
    let [find, may, seen] = ["find_one_of", "may", "seen"].map(column);
    let labels = rows.map(|row| {
        let cell =
            |column: Option<usize>| column.and_then(|column| row.get(column)).cloned().unwrap_or_default();
        let words = |column| cell(column).split_whitespace().map(str::to_owned).collect();
        let (file, camera) = (cell(Some(at)), cell(Some(camera)));
        ensure!(!file.is_empty() && !camera.is_empty(), "{FILE}: a row without a file or a camera");
        Ok(Label { file, camera, find_one_of: words(find), may: words(may), seen: cell(seen) })
    });
    labels.collect()
}

/// Rows of comma-separated values (RFC 4180): quotes hold commas and, doubled, quotes.
#[must_use]
pub fn table(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            other => cell.push(other),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_commas_and_quotes() {
        let rows = table("a,b\r\n\"x, \"\"y\"\"\",z\n\n");
        assert_eq!(rows, [["a", "b"], ["x, \"y\"", "z"]]);
    }

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
}
