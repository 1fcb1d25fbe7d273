//! The report for people: Markdown, an HTML page that needs no other file, and a summary for the terminal.

mod cameras;
mod html;
mod language;
mod markdown;
mod sheet;
pub mod sheets;
mod words;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context;

pub use cameras::{Page, summary, sureness, write_pages};
pub use language::Language;
pub use sheet::{Sheet, escaped};

use crate::{
    examiner::Look,
    manifest::{Case, Manifest},
    pictures,
    set::{InSet, Set},
    tally::{Figures, Row, mistakes},
    verdict::Verdict,
};

/// The maximum number of mistakes of a diagnosis that are shown with a picture.
const SHOWN: usize = 6;
/// The maximum number of mistakes of a diagnosis that are listed.
const LISTED: usize = 40;

/// The results of one pass over the cases. A pass checks all cases in the same way (see [`Look`]).
#[derive(Debug)]
pub struct Told {
    /// How the cameras are checked.
    pub look: Look,
    /// The figures of each set.
    pub figures: Vec<InSet<Figures>>,
    /// The verdicts on cases of these sets.
    pub verdicts: Vec<Verdict>,
    /// The sets whose pictures may be shown. The lock box ([`Set::LockBox`]) is never among them: only its figures
    /// are shown.
    pub shown: Vec<Set>,
}

impl Told {
    /// Returns the title of the tables.
    #[must_use]
    pub fn title(&self, language: Language) -> String {
        let words = match self.look {
            Look::First => ("First looks", "首次观察"),
            Look::Picture => ("Single pictures", "单张图片"),
            Look::Remembered => {
                ("With a memory of eight looks over changing light", "有记忆（八次不同光照的观察）")
            }
            Look::Short => ("The same with short looks", "有记忆，且允许短观察"),
        };
        language.of(words.0, words.1).to_owned()
    }

    /// Returns one row for each diagnosis: the row of the first set that may be shown and that has the diagnosis.
    fn rows(&self) -> Vec<&Row> {
        let shown = self.figures.iter().filter(|figures| self.shown.contains(&figures.named().0));
        let mut rows: BTreeMap<&str, &Row> = BTreeMap::new();
        for row in shown.flat_map(|figures| &figures.named().1.diagnoses) {
            rows.entry(&row.diagnosis).or_insert(row);
        }
        rows.into_values().collect()
    }
}

/// Writes the report into a directory: `accuracy.md`, `accuracy.html`, the same in Chinese, `verdicts.jsonl` and
/// pictures. `note` is placed at the top, for example to state that the lock box was opened.
///
/// # Errors
///
/// Returns an error if the directory cannot be written.
pub fn write(
    dir: &Path,
    cases: &Path,
    manifest: &Manifest,
    passes: &[Told],
    note: impl Fn(Language) -> String,
) -> anyhow::Result<()> {
    let pictures_dir = dir.join("pictures");
    fs::create_dir_all(&pictures_dir).with_context(|| pictures_dir.display().to_string())?;
    let by_file: BTreeMap<&str, &Case> =
        manifest.cases.iter().map(|case| (case.file.as_str(), case)).collect();
    let mut pictures: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut lines = String::new();
    for told in passes {
        for row in told.rows() {
            for wrong in mistakes(&told.verdicts, &row.diagnosis).into_iter().take(SHOWN) {
                if pictures.contains_key(&wrong.file) {
                    continue;
                }
                // Some clips have no picture that can be shown.
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
    for language in Language::ALL {
        let (name, note) = (format!("accuracy{}", language.infix()), note(language));
        let markdown = markdown::page(&by_file, passes, &pictures, language, &note);
        fs::write(dir.join(format!("{name}.md")), markdown)?;
        let html = html::page(&by_file, passes, &pictures, language, &note);
        fs::write(dir.join(format!("{name}.html")), html)?;
    }
    Ok(())
}

/// Returns the name of a case's picture in the directory of pictures.
fn picture_name(file: &str) -> String {
    format!("{}.jpg", file.replace(['/', '.'], "_"))
}
