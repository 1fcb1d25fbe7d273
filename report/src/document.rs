//! The report for people: Markdown, a page of HTML that needs no other file, and a summary for the
//! terminal.

mod html;
mod markdown;
mod words;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context;

pub use words::summary;

use crate::{
    manifest::{Case, Manifest},
    pictures,
    tally::{Row, mistakes},
    verdict::Verdict,
};

/// Mistakes of a diagnosis that are shown with a picture.
const SHOWN: usize = 6;
/// Mistakes of a diagnosis that are listed at all.
const LISTED: usize = 40;

/// What is told of one pass.
#[derive(Debug)]
pub struct Told {
    /// Over the table.
    pub title: String,
    /// What was counted.
    pub rows: Vec<Row>,
    /// What was said.
    pub verdicts: Vec<Verdict>,
}

/// Writes the report into a directory: `accuracy.md`, `accuracy.html`, `verdicts.jsonl` and pictures.
///
/// # Errors
///
/// Where the directory cannot be written to.
pub fn write(dir: &Path, cases: &Path, manifest: &Manifest, passes: &[Told]) -> anyhow::Result<()> {
    let pictures_dir = dir.join("pictures");
    fs::create_dir_all(&pictures_dir).with_context(|| pictures_dir.display().to_string())?;
    let by_file: BTreeMap<&str, &Case> =
        manifest.cases.iter().map(|case| (case.file.as_str(), case)).collect();
    let mut pictures: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut lines = String::new();
    for told in passes {
        for row in &told.rows {
            for wrong in mistakes(&told.verdicts, &row.diagnosis).into_iter().take(SHOWN) {
                if pictures.contains_key(&wrong.file) {
                    continue;
                }
                // A clip without a picture has none to show.
                if let Ok(jpeg) = pictures::thumbnail(&cases.join(&wrong.file)) {
                    fs::write(pictures_dir.join(picture_name(&wrong.file)), &jpeg)?;
                    pictures.insert(wrong.file.clone(), jpeg);
                }
            }
        }
        for verdict in &told.verdicts {
            lines.push_str(&serde_json::to_string(verdict)?);
            lines.push('\n');
        }
    }
    fs::write(dir.join("verdicts.jsonl"), lines)?;
    fs::write(dir.join("accuracy.md"), markdown::page(&by_file, passes, &pictures))?;
    fs::write(dir.join("accuracy.html"), html::page(&by_file, passes, &pictures))?;
    Ok(())
}

/// The name of a case's picture in the directory of pictures.
fn picture_name(file: &str) -> String {
    format!("{}.jpg", file.replace(['/', '.'], "_"))
}
