//! Checks the documents of this repository: their links lead to existing files, the documents in `docs` exist in both
//! languages, and both versions of `docs/architecture.md` name the same files, which exist.

#![cfg(test)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The folders of the files that `docs/architecture.md` names. If it names a file without a folder, the file may be in
/// any of these folders.
const ROOMS: &[&str] = &[
    "",
    "host/master/src",
    "host/store/src",
    "host/worker/src",
    "host/worker/src/distributed",
    "host/capture/src",
    "host/sandbox/src",
    "host/diagnose/src",
    "host/trust/src",
    "host/address/src",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns all documents: the Markdown files of the root and of these folders.
fn documents() -> Vec<PathBuf> {
    let folders = [
        "",
        "docs",
        "docs/decisions",
        "deploy",
        "report/footage",
        "sdk",
        "sdk/c",
        "sdk/c/template",
        "sdk/javascript",
        "sdk/javascript/template",
        "sdk/python",
        "sdk/python/template",
        "sdk/rust/template",
        "training",
        "web",
    ];
    let all = folders.iter().flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let documents = all.map(|entry| entry.unwrap().path());
    documents.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect()
}

/// Returns the text between each pair of `open` and `close`.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open).skip(1).filter_map(move |rest| Some(rest.split_once(close)?.0))
}

/// Returns the texts between backticks, line by line. The lines that begin or end a code block are left out.
fn code(document: &str) -> BTreeSet<String> {
    let lines = document.lines().filter(|line| !line.starts_with("```"));
    let spans = lines.flat_map(|line| line.split('`').skip(1).step_by(2));
    spans.map(str::to_owned).collect()
}

#[test]
fn every_link_leads_to_a_file() {
    let mut checked = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in between(&text, "](", ")") {
            let path = link.split('#').next().unwrap();
            if path.is_empty() || link.contains("://") {
                continue;
            }
            let target = document.parent().unwrap().join(path);
            assert!(target.exists(), "{}: {link}", document.display());
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn every_document_of_the_folder_docs_is_there_in_both_languages() {
    for folder in ["docs", "docs/decisions"] {
        let names: BTreeSet<String> = fs::read_dir(root().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".md"))
            .collect();
        for name in &names {
            let other = match name.strip_suffix(".zh-CN.md") {
                Some(stem) => format!("{stem}.md"),
                None => name.replace(".md", ".zh-CN.md"),
            };
            assert!(names.contains(&other), "{folder}/{name} has no {other}");
        }
    }
}

/// If a file is moved or renamed, its name in the text must change too.
#[test]
fn every_file_that_the_architecture_names_is_there() {
    let text = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let is_path = |span: &&String| span.ends_with(".rs") || span.ends_with('/') && !span.contains('<');
    let named = code(&text);
    let paths: Vec<&String> = named.iter().filter(is_path).collect();
    assert!(paths.len() > 60, "{paths:?}");
    for path in paths {
        let programs = ["host/master/src", "host/worker/src"];
        let of_each_program = ["service.rs", "metrics.rs", "settings/keys.rs"].contains(&path.as_str());
        let rooms = if of_each_program { &programs[..] } else { ROOMS };
        let found = rooms.iter().filter(|room| root().join(room).join(path).exists()).count();
        assert!(if of_each_program { found == rooms.len() } else { found > 0 }, "there is no {path}");
    }
}

#[test]
fn both_languages_of_the_architecture_name_the_same_files() {
    let files = |name: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(root().join("docs").join(name)).unwrap();
        code(&text).into_iter().filter(|span| span.ends_with(".rs")).collect()
    };
    assert_eq!(files("architecture.md"), files("architecture.zh-CN.md"));
}
