//! What a person means by sources: addresses and files as they are, folders as the clips in them.

use std::{fs, path::Path};

use anyhow::{Context, bail};

/// Endings of files that hold video or pictures; whatever else lies in a folder is not meant.
const MEDIA: &[&str] = &[
    "264", "265", "asf", "avi", "bmp", "dav", "flv", "gif", "h264", "h265", "hevc", "jpeg", "jpg", "m2ts",
    "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "png", "ps", "tif", "tiff", "ts", "webm", "webp",
    "wmv",
];

/// Folders become the clips and pictures in them, in the order of their names.
///
/// # Errors
///
/// A folder that cannot be read, or holds none.
pub(crate) fn expanded(sources: &[String]) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for source in sources {
        let dir = Path::new(source);
        if !dir.is_dir() {
            all.push(source.clone());
            continue;
        }
        let entries = fs::read_dir(dir)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>());
        let mut files = entries.with_context(|| source.clone())?;
        files.retain(|path| path.is_file());
        let there = files.len();
        files.retain(|path| is_media(path));
        if files.is_empty() {
            bail!("{source}: there is no clip or picture in this folder");
        }
        if files.len() < there {
            eprintln!("easysight: {source}: files passed over that are no clips: {}", there - files.len());
        }
        files.sort();
        all.extend(files.iter().map(|path| path.display().to_string()));
    }
    Ok(all)
}

fn is_media(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && ending.is_some_and(|ending| MEDIA.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_clips() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        fs::write(path("notes.txt"), "x").unwrap();
        assert!(expanded(&[dir.path().display().to_string()]).is_err());
        for name in ["b.MP4", "a.jpg", ".c.mp4", "no-ending"] {
            fs::write(path(name), "x").unwrap();
        }
        fs::create_dir(path("d.mp4")).unwrap();
        let given = ["rtsp://camera".to_owned(), dir.path().display().to_string()];
        assert_eq!(expanded(&given).unwrap(), ["rtsp://camera".to_owned(), path("a.jpg"), path("b.MP4")]);
    }

    #[test]
    fn a_file_that_is_named_is_meant_whatever_it_is_called() {
        assert_eq!(expanded(&["clip.bin".into()]).unwrap(), ["clip.bin"]);
    }
}
