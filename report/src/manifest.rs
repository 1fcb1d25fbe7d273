//! The manifest: a JSON file beside the cases that describes each case for the examiner.

use std::{fs, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::set::Set;

/// The name of the file in the directory of the cases.
pub const FILE: &str = "manifest.json";

/// The purpose of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An unchanged clip. No diagnosis may find a fault.
    Healthy,
    /// A clip that looks faulty but is healthy. No diagnosis may find a fault.
    Confounder,
    /// A clip with a fault that must be found.
    Fault,
}

/// The severity of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Just severe enough that a person would want an alarm.
    Mild,
    /// Clearly visible.
    Middle,
    /// The picture is hardly recognisable.
    Strong,
}

impl Severity {
    /// Returns the name in the manifest.
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
    /// The clip's file, relative to the directory of the manifest.
    pub file: String,
    /// The name of the healthy clip that the case was made from.
    pub source: String,
    /// The purpose of the case.
    pub role: Role,
    /// The kind of change: `blur`, `night`, …
    pub kind: String,
    /// The variant of this kind. Empty if the kind has only one variant.
    pub variant: String,
    /// The maker of the fault. Empty if there is no fault.
    #[serde(default)]
    pub maker: String,
    /// The severity of the fault. None if there is no fault.
    pub severity: Option<Severity>,
    /// Diagnoses that must find a fault.
    pub must: Vec<String>,
    /// Diagnoses that may also find a fault, as a consequence of the case's fault.
    pub may: Vec<String>,
    /// Healthy clips of the same camera, relative to the directory of the manifest. They are judged before the
    /// case, in this order and with the same baselines. Empty if nothing is known about the camera.
    pub past: Vec<String>,
}

impl Case {
    /// Returns the set of the case. Returns None if its camera and its maker belong to different sets.
    #[must_use]
    pub fn set(&self) -> Option<Set> {
        Set::of_case(&self.source, &self.maker)
    }

    /// Returns a name of the case for people.
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
    /// The cases, in the order of sources and of the catalogue.
    pub cases: Vec<Case>,
}

impl Manifest {
    /// Reads the manifest of a directory.
    ///
    /// # Errors
    ///
    /// Returns an error if the manifest is missing or invalid.
    pub fn read(dir: &Path) -> anyhow::Result<Self> {
        let file = dir.join(FILE);
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a manifest", file.display()))
    }

    /// Writes the manifest of a directory atomically.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory cannot be written.
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
