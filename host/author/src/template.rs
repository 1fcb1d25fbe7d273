//! `plugin new`: creates a small folder that builds. The templates are in `sdk/<language>/template/`. The folder
//! also gets the SDK's sources and the contract, so that it builds anywhere.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{AuthorError, Language};

/// The embedded files of this repository with their paths, collected by `embed.rs`.
static EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The subfolder of a plugin's folder for the SDK and the contract.
const VENDOR: &str = "vendor";
/// Files in an SDK's folder that do not belong to its sources.
const NOT_SDK: &[&str] = &["template/", "README"];

/// Writes a new plugin with this name into a folder. Creates the folder if it does not exist. Returns the files
/// that were written, relative to the folder.
///
/// # Errors
///
/// [`AuthorError::Name`], [`AuthorError::Occupied`] or [`AuthorError::Io`].
pub fn begin(name: &str, language: Language, dir: &Path) -> Result<Vec<PathBuf>, AuthorError> {
    check_name(name)?;
    if dir.exists() {
        let mut entries = fs::read_dir(dir).map_err(AuthorError::io(dir))?;
        if entries.next().is_some() {
            return Err(AuthorError::Occupied(dir.to_owned()));
        }
    }
    let files = files(name, language)?;
    let mut written = Vec::new();
    for (path, bytes) in files {
        let file = dir.join(&path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).map_err(AuthorError::io(parent))?;
        }
        fs::write(&file, bytes).map_err(AuthorError::io(&file))?;
        written.push(path);
    }
    written.sort();
    Ok(written)
}

fn check_name(name: &str) -> Result<(), AuthorError> {
    let is_letter = name.starts_with(|first: char| first.is_ascii_lowercase());
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if is_letter && name.len() <= 64 && name.chars().all(fits) {
        Ok(())
    } else {
        Err(AuthorError::Name(name.chars().take(80).collect()))
    }
}

/// Returns the files of the folder, with their paths.
fn files(name: &str, language: Language) -> Result<Vec<(PathBuf, Vec<u8>)>, AuthorError> {
    let template = format!("sdk/{language}/template/");
    let mut files: Vec<(PathBuf, Vec<u8>)> = below(&template)
        .map(|(path, bytes)| (filled(path, name).into(), filled_bytes(bytes, name)))
        .collect();
    let vendor = Path::new(VENDOR);
    files.extend(below("wit/").map(|(path, bytes)| (vendor.join("wit").join(path), bytes.to_vec())));
    if language == Language::Rust {
        // The SDK refers to the contract by a relative path, so its folder is as deep as in this repository.
        let sdk = vendor.join("sdk/rust");
        let sources = below("sdk/rust/src/");
        files.extend(sources.map(|(path, bytes)| (sdk.join("src").join(path), bytes.to_vec())));
        files.push((sdk.join("Cargo.toml"), sdk_manifest()?.into_bytes()));
    } else {
        let is_sdk = |path: &&str| !NOT_SDK.iter().any(|other| path.starts_with(other));
        let sdk = below(&format!("sdk/{language}/")).map(|(path, _)| path).filter(is_sdk);
        for path in sdk {
            files.push((vendor.join(path), bytes_of(&format!("sdk/{language}/{path}"))?.to_vec()));
        }
    }
    Ok(files)
}

/// Returns the embedded files below a folder of the repository, with their paths relative to the folder.
fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> + use<> {
    let folder = folder.to_owned();
    EMBEDDED.iter().filter_map(move |(path, bytes)| Some((path.strip_prefix(&folder)?, *bytes)))
}

fn bytes_of(path: &str) -> Result<&'static [u8], AuthorError> {
    let found = EMBEDDED.iter().find(|(name, _)| *name == path).map(|(_, bytes)| *bytes);
    found.ok_or_else(|| AuthorError::Manifest {
        file: path.into(),
        detail: "this program was built without it".into(),
    })
}

fn text(path: &str) -> Result<&'static str, AuthorError> {
    let wrong = |e: std::str::Utf8Error| AuthorError::Manifest { file: path.into(), detail: e.to_string() };
    std::str::from_utf8(bytes_of(path)?).map_err(wrong)
}

/// Replaces the placeholders: `{{name}}` with the name, and `{{Title}}` with the name for people. For the name
/// `lens_flare`, the name for people is `Lens flare`.
fn filled(text: &str, name: &str) -> String {
    let mut title = name.replace('_', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text.replace("{{name}}", name).replace("{{Title}}", &title)
}

/// Replaces the placeholders in a text file. A binary file is not changed.
fn filled_bytes(bytes: &[u8], name: &str) -> Vec<u8> {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.to_vec(), |text| filled(text, name).into_bytes())
}

/// Returns the SDK's manifest without references to the workspace of this repository.
fn sdk_manifest() -> Result<String, AuthorError> {
    standalone(text("sdk/rust/Cargo.toml")?, text("Cargo.toml")?)
        .map_err(|detail| AuthorError::Manifest { file: "sdk/rust/Cargo.toml".into(), detail })
}

/// Replaces inherited values with the workspace's values. Lints and development dependencies are removed, because
/// only the workspace needs them.
fn standalone(package: &str, workspace: &str) -> Result<String, String> {
    let parse = |text: &str| text.parse::<toml::Table>().map_err(|e| e.to_string());
    let (mut package, workspace) = (parse(package)?, parse(workspace)?);
    let workspace = workspace.get("workspace").ok_or("there is no workspace to inherit from")?;
    for section in ["lints", "dev-dependencies"] {
        package.remove(section);
    }
    for (section, inherited) in [("package", "package"), ("dependencies", "dependencies")] {
        let fields = package.get_mut(section).and_then(toml::Value::as_table_mut);
        for (key, value) in fields.into_iter().flatten() {
            if value.get("workspace").is_none() {
                continue;
            }
            let given = workspace.get(inherited).and_then(|section| section.get(key));
            *value = given.ok_or_else(|| format!("`{key}` is not in the workspace"))?.clone();
        }
    }
    toml::to_string(&package).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_not_do_are_refused() {
        for name in ["glare", "lens_flare2", "a"] {
            check_name(name).unwrap();
        }
        for name in ["", "Glare", "2d", "lens-flare", "a b", "../x", "_x", "眩光", &"x".repeat(65)] {
            assert!(check_name(name).unwrap_err().to_string().contains("a-z"), "{name}");
        }
    }

    #[test]
    fn a_folder_that_holds_something_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let written = begin("glare", Language::Rust, &dir.path().join("glare")).unwrap();
        assert!(written.contains(&"Cargo.toml".into()) && written.contains(&"vendor/wit/world.wit".into()));
        assert!(matches!(begin("glare", Language::Rust, dir.path()), Err(AuthorError::Occupied(_))));
        let empty = dir.path().join("empty");
        fs::create_dir(&empty).unwrap();
        begin("glare", Language::Rust, &empty).unwrap();
    }

    #[test]
    fn no_placeholder_is_left() {
        for language in Language::ALL {
            let files = files("lens_flare", language).unwrap();
            assert!(files.iter().any(|(path, _)| path.as_path() == Path::new("cases.toml")), "{language}");
            for (path, bytes) in files {
                let text = String::from_utf8_lossy(&bytes);
                assert!(!text.contains("{{name}}") && !text.contains("{{Title}}"), "{}", path.display());
                assert!(!path.display().to_string().contains("{{"));
            }
        }
        assert_eq!(filled("{{Title}}: {{name}}", "lens_flare"), "Lens flare: lens_flare");
    }

    #[test]
    fn what_is_inherited_is_written_out() {
        let manifest = sdk_manifest().unwrap();
        assert!(!manifest.contains("workspace") && !manifest.contains("proptest"), "{manifest}");
        assert!(manifest.contains("wit-bindgen = \"") && manifest.contains("edition = \""), "{manifest}");
        assert!(standalone("[package]\nname.workspace = true", "[workspace.package]").is_err());
    }
}
