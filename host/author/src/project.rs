//! Detects what kind of plugin a folder contains: its language, its name, and the path of its component.

use std::{
    ffi::OsStr,
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::Serialize;

use crate::AuthorError;

/// A language for plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Rust: a folder with a `Cargo.toml`.
    Rust,
    /// Python: a folder with `.py` files.
    Python,
    /// JavaScript: a folder with a `package.json`.
    JavaScript,
    /// C: a folder with `.c` files.
    C,
}

impl Language {
    /// All languages.
    pub const ALL: [Self; 4] = [Self::Rust, Self::Python, Self::JavaScript, Self::C];

    /// Returns the word for the language on the command line. It is also the name of the language's folder in
    /// `sdk/`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::C => "c",
        }
    }

    /// Returns the command that installs the dependencies into a new folder. `None` if the language needs no such
    /// command.
    #[must_use]
    pub const fn preparation(self) -> Option<&'static str> {
        match self {
            Self::Python => Some("python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"),
            Self::JavaScript => Some("npm install"),
            Self::Rust | Self::C => None,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let words = || Self::ALL.map(Self::word).join(", ");
        Self::ALL
            .into_iter()
            .find(|language| language.word() == word)
            .ok_or_else(|| format!("there is no such template; the templates are: {}", words()))
    }
}

/// A folder with a plugin's sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The folder.
    pub dir: PathBuf,
    /// The language.
    pub language: Language,
    /// The name of the component's file, without the extension.
    pub name: String,
}

impl Project {
    /// Detects the plugin in a folder.
    ///
    /// # Errors
    ///
    /// [`AuthorError::NoFolder`] if `dir` is a file, [`AuthorError::NoProject`] if the folder contains no plugin,
    /// [`AuthorError::Manifest`] if the manifest cannot be parsed, [`AuthorError::Io`].
    pub fn find(dir: &Path) -> Result<Self, AuthorError> {
        let dir = dir.canonicalize().map_err(AuthorError::io(dir))?;
        if dir.is_file() {
            return Err(AuthorError::NoFolder(dir));
        }
        let manifest = dir.join("Cargo.toml");
        if manifest.is_file() {
            return Ok(Self { name: cargo_name(&manifest)?, language: Language::Rust, dir });
        }
        let manifest = dir.join("package.json");
        if manifest.is_file() {
            return Ok(Self { name: npm_name(&manifest)?, language: Language::JavaScript, dir });
        }
        let name = dir.file_name().map_or_else(|| "plugin".to_owned(), |n| n.to_string_lossy().into_owned());
        for (suffix, language) in [("py", Language::Python), ("c", Language::C)] {
            if has_files(&dir, suffix)? {
                return Ok(Self { dir, language, name });
            }
        }
        Err(AuthorError::NoProject(dir))
    }

    /// Returns the path at which a build puts the component.
    #[must_use]
    pub fn component(&self) -> PathBuf {
        let place = if self.language == Language::Rust { "target" } else { "build" };
        self.dir.join(place).join(format!("{}.wasm", self.name))
    }
}

fn cargo_name(manifest: &Path) -> Result<String, AuthorError> {
    let wrong = |detail: String| AuthorError::Manifest { file: manifest.to_owned(), detail };
    let text = fs::read_to_string(manifest).map_err(AuthorError::io(manifest))?;
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| wrong(e.to_string()))?;
    let name = table.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    name.map(str::to_owned)
        .ok_or_else(|| wrong("it has no package with a name; give the folder of one plugin".into()))
}

fn npm_name(manifest: &Path) -> Result<String, AuthorError> {
    let wrong = |detail: String| AuthorError::Manifest { file: manifest.to_owned(), detail };
    let text = fs::read_to_string(manifest).map_err(AuthorError::io(manifest))?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    let name = value.get("name").and_then(serde_json::Value::as_str);
    // A name may have a scope: @site/name.
    let name = name.and_then(|name| name.rsplit('/').next()).filter(|name| !name.is_empty());
    name.map(str::to_owned).ok_or_else(|| wrong("it has no `name`".into()))
}

fn has_files(dir: &Path, suffix: &str) -> Result<bool, AuthorError> {
    for entry in fs::read_dir(dir).map_err(AuthorError::io(dir))? {
        let path = entry.map_err(AuthorError::io(dir))?.path();
        if path.is_file() && path.extension() == Some(OsStr::new(suffix)) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Result<(Language, String, PathBuf), String> {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("glare");
        fs::create_dir(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        let project = Project::find(&folder).map_err(|error| error.to_string())?;
        let component = project.component();
        let component = component.strip_prefix(folder.canonicalize().unwrap()).unwrap().to_owned();
        Ok((project.language, project.name, component))
    }

    #[test]
    fn a_folder_is_told_by_what_its_tools_look_for() {
        let cargo = "[package]\nname = \"lens-flare\"\n";
        assert_eq!(
            found(&[("Cargo.toml", cargo), ("tool.py", "")]).unwrap(),
            (Language::Rust, "lens-flare".into(), "target/lens-flare.wasm".into())
        );
        assert_eq!(
            found(&[("package.json", r#"{"name": "@site/flare"}"#)]).unwrap(),
            (Language::JavaScript, "flare".into(), "build/flare.wasm".into())
        );
        assert_eq!(
            found(&[("app.py", "")]).unwrap(),
            (Language::Python, "glare".into(), "build/glare.wasm".into())
        );
        assert_eq!(
            found(&[("plugin.c", "")]).unwrap(),
            (Language::C, "glare".into(), "build/glare.wasm".into())
        );
    }

    #[test]
    fn what_is_no_plugin_s_folder_is_refused_with_the_way_out() {
        assert!(found(&[("notes.txt", "")]).unwrap_err().contains("plugin new"));
        assert!(found(&[("Cargo.toml", "[workspace]\n")]).unwrap_err().contains("one plugin"));
        assert!(found(&[("Cargo.toml", "[package\n")]).unwrap_err().contains("Cargo.toml"));
        assert!(found(&[("package.json", "{}")]).unwrap_err().contains("name"));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(Project::find(file.path()), Err(AuthorError::NoFolder(_))));
        assert!("cobol".parse::<Language>().unwrap_err().contains("rust, python, javascript, c"));
    }
}
