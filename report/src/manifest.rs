//! What the generator made, for whoever judges it: a JSON file beside the cases.

use std::{fs, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::set::Set;

/// Name of the file in the directory of the cases.
pub const FILE: &str = "manifest.json";

/// What a case is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A clip as it came: nothing may be found.
    Healthy,
    /// Looks like a fault and is none: nothing may be found.
    Confounder,
    /// Has a fault that must be found.
    Fault,
}

/// How much of a fault there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Just enough that a person would want to know.
    Mild,
    /// Plain to see.
    Middle,
    /// Hardly a picture any more.
    Strong,
}

impl Severity {
    /// The word in the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mild => "mild",
            Self::Middle => "middle",
            Self::Strong => "strong",
        }
    }
}

/// One clip to judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// The clip, from the directory of the manifest.
    pub file: String,
    /// Name of the healthy clip that it was made of.
    pub source: String,
    /// What it is there for.
    pub role: Role,
    /// What was done: `blur`, `night`, …
    pub kind: String,
    /// Which of several ways of doing it; empty where there is one.
    pub variant: String,
    /// Who made the fault; empty where there is none.
    #[serde(default)]
    pub maker: String,
    /// How much of it; none but for faults.
    pub severity: Option<Severity>,
    /// Diagnoses that must find something.
    pub must: Vec<String>,
    /// Diagnoses that may find something too: the fault has such consequences.
    pub may: Vec<String>,
    /// Healthy clips of the same camera, to be judged before in this order with the same memory; from
    /// the directory of the manifest. None where nothing is known of the camera.
    pub past: Vec<String>,
}

impl Case {
    /// Where it belongs; nowhere where its camera and its maker are of two sets.
    #[must_use]
    pub fn set(&self) -> Option<Set> {
        Set::of_case(&self.source, &self.maker)
    }

    /// A name for people.
    #[must_use]
    pub fn title(&self) -> String {
        let severity = self.severity.map_or("", Severity::as_str);
        let words = [self.source.as_str(), &self.kind, &self.variant, severity];
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// All cases of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// In the order of sources and of the catalogue.
    pub cases: Vec<Case>,
}

impl Manifest {
    /// Reads the manifest of a directory.
    ///
    /// # Errors
    ///
    /// Where there is none or it is not one.
    pub fn read(dir: &Path) -> anyhow::Result<Self> {
        let file = dir.join(FILE);
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        serde_json::from_str(&text).with_context(|| format!("{} is no manifest", file.display()))
    }

    /// Writes the manifest of a directory, in one step.
    ///
    /// # Errors
    ///
    /// Where the directory cannot be written to.
    pub fn write(&self, dir: &Path) -> anyhow::Result<()> {
        let (file, beside) = (dir.join(FILE), dir.join("manifest.tmp"));
        fs::write(&beside, serde_json::to_string_pretty(self)?)
            .and_then(|()| fs::rename(&beside, &file))
            .with_context(|| file.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let case = Case {
            file: "street/blur-mild-0123.mp4".into(),
            source: "street".into(),
            role: Role::Fault,
            kind: "blur".into(),
            variant: String::new(),
            maker: "first_blur".into(),
            severity: Some(Severity::Mild),
            must: vec!["clarity".into(), "focus_blur".into()],
            may: vec!["contrast".into()],
            past: vec!["street/healthy.mp4".into()],
        };
        let healthy = Case { role: Role::Healthy, severity: None, past: Vec::new(), ..case.clone() };
        let manifest = Manifest { cases: vec![case, healthy] };
        let dir = tempfile::tempdir().expect("a directory");
        manifest.write(dir.path()).expect("written");
        assert_eq!(Manifest::read(dir.path()).expect("read"), manifest);
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_its_name() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join(FILE), "[]").expect("written");
        let error = Manifest::read(dir.path()).expect_err("an array is no manifest");
        assert!(format!("{error:#}").contains(FILE), "{error:#}");
    }
}
