//! Sources on the command line: addresses and files stand for themselves, folders for the clips in them.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use easysight_address::masked;
use easysight_capture::{Source, SourceError};

/// Endings of files that contain video or pictures. Other files in a folder are ignored.
const MEDIA: &[&str] = &[
    "264", "265", "asf", "avi", "bmp", "dav", "flv", "gif", "h264", "h265", "hevc", "jpeg", "jpg", "m2ts",
    "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "png", "ps", "tif", "tiff", "ts", "webm", "webp",
    "wmv",
];

/// One source that a person named.
#[derive(Debug)]
pub(crate) struct Meant {
    /// The source's name in the output. Names are unique, and secrets are masked.
    pub(crate) shown: String,
    /// The source, or the reason why it is not valid.
    pub(crate) source: Result<Source, SourceError>,
}

/// Returns the sources for the words of the command line. A folder stands for the clips and pictures in it, in the
/// order of their names. If a file with the name exists, the word is that file, even if it looks like an address.
///
/// # Errors
///
/// Returns an error if a folder cannot be read, or contains no clip or picture.
pub(crate) fn expanded(words: &[OsString]) -> anyhow::Result<Vec<Meant>> {
    let mut all = Vec::new();
    for word in words {
        let path = Path::new(word);
        if path.is_dir() {
            all.extend(clips(path)?.into_iter().map(|file| of_file(&file)));
        } else if path.exists() {
            all.push(of_file(path));
        } else {
            all.push(match word.to_str() {
                Some(text) => of_text(text),
                None => of_file(path),
            });
        }
    }
    tell_apart(&mut all);
    Ok(all)
}

fn of_file(path: &Path) -> Meant {
    let source = Source::from(path);
    Meant { shown: source.to_string(), source: Ok(source) }
}

fn of_text(text: &str) -> Meant {
    let source: Result<Source, _> = text.parse();
    let shown = source.as_ref().map_or_else(|_| masked(text), ToString::to_string);
    Meant { shown, source }
}

/// Numbers different sources whose masked names are equal, such as two addresses that differ only in a token.
fn tell_apart(all: &mut [Meant]) {
    let mut known: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for one in all {
        let Ok(source) = &one.source else { continue };
        let identity = source.identity();
        let same = known.entry(one.shown.clone()).or_default();
        let at = same.iter().position(|other| *other == identity).unwrap_or_else(|| {
            same.push(identity);
            same.len() - 1
        });
        if at > 0 {
            one.shown = format!("{} ({})", one.shown, at + 1);
        }
    }
}

/// Lists the clips and pictures of a folder.
fn clips(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let shown = Source::from(dir);
    let entries = fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>());
    let mut files = entries.with_context(|| shown.to_string())?;
    files.retain(|path| path.is_file());
    let there = files.len();
    files.retain(|path| is_media(path));
    if files.is_empty() {
        bail!("{shown}: there are no clips or pictures in this folder");
    }
    if files.len() < there {
        eprintln!(
            "easysight: {shown}: skipped files that are neither clips nor pictures: {}",
            there - files.len()
        );
    }
    files.sort();
    Ok(files)
}

fn is_media(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    // A space at the end of the name is part of the name.
    let ending = ending.map(|ending| ending.trim().to_ascii_lowercase());
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && ending.is_some_and(|ending| MEDIA.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    use super::*;

    fn shown(words: &[&OsStr]) -> Vec<String> {
        let words: Vec<OsString> = words.iter().map(|word| (*word).to_owned()).collect();
        expanded(&words).unwrap().into_iter().map(|one| one.shown).collect()
    }

    #[test]
    fn a_folder_stands_for_its_clips() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        fs::write(path("notes.txt"), "x").unwrap();
        assert!(expanded(&[dir.path().into()]).is_err());
        for name in ["b.MP4", "a.jpg", ".c.mp4", "no-ending"] {
            fs::write(path(name), "x").unwrap();
        }
        fs::create_dir(path("d.mp4")).unwrap();
        let given = [OsStr::new("rtsp://camera"), dir.path().as_os_str()];
        assert_eq!(shown(&given), ["rtsp://camera".to_owned(), path("a.jpg"), path("b.MP4")]);
    }

    #[test]
    fn files_are_found_whatever_file_systems_let_them_be_called() {
        let dir = tempfile::tempdir().unwrap();
        let names: [&[u8]; 4] = [b" a.mp4 ", b"a\nb.mp4", b"\xb1\xb1.mp4", b"\xb2\xb2.mp4"];
        for name in names {
            fs::write(dir.path().join(OsStr::from_bytes(name)), "x").unwrap();
        }
        let found = expanded(&[dir.path().into()]).unwrap();
        let named: Vec<OsString> =
            names.iter().map(|name| dir.path().join(OsStr::from_bytes(name)).into()).collect();
        for meant in [found, expanded(&named).unwrap()] {
            let there = |one: &Meant| matches!(&one.source, Ok(Source::File(path)) if path.exists());
            assert!(meant.len() == 4 && meant.iter().all(there), "{meant:?}");
            let shown: std::collections::BTreeSet<_> = meant.iter().map(|one| &one.shown).collect();
            assert!(shown.len() == 4 && !shown.iter().any(|one| one.contains('\n')), "{shown:?}");
        }
    }

    #[test]
    fn a_file_that_is_named_is_meant_whatever_it_is_called() {
        assert_eq!(shown(&[OsStr::new("clip.bin")]), ["clip.bin"]);
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("admin:a@b.mp4");
        fs::write(&odd, "x").unwrap();
        assert_eq!(shown(&[odd.as_os_str()]), [odd.display().to_string()]);
    }

    #[test]
    fn sources_that_differ_in_a_secret_alone_are_told_apart() {
        let words = ["http://r/?token=A", "http://r/?token=B", "http://r/?token=A"].map(OsStr::new);
        assert_eq!(shown(&words), ["http://r/?token=***", "http://r/?token=*** (2)", "http://r/?token=***"]);
    }

    #[test]
    fn what_cannot_be_told_apart_is_no_source_and_shows_no_password() {
        let words = ["rtsp://admin:12#s3cret@camera/1".into(), "gopher://admin:s3cret@camera/1".into()];
        for meant in expanded(&words).unwrap() {
            assert!(meant.source.is_err() && !meant.shown.contains("s3cret"), "{meant:?}");
        }
    }
}
