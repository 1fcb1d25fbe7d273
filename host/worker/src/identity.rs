//! The id of this node. It is made once and kept in the data directory.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use anyhow::{Context, bail};
use tempfile::NamedTempFile;
use uuid::Uuid;

const FILE: &str = "node-id";

/// Returns the node's id: the given one, else the stored one, else a new one. If two processes make an id at the
/// same time, both use the id that was stored first.
pub(crate) fn node_id(given: Option<&str>, data_dir: &Path) -> anyhow::Result<String> {
    if let Some(id) = given {
        return Ok(id.to_owned());
    }
    let path = data_dir.join(FILE);
    let read = || -> io::Result<String> { Ok(fs::read_to_string(&path)?.trim().to_owned()) };
    match read() {
        Ok(id) if !id.is_empty() && id.len() <= 128 && !id.contains(char::is_control) => Ok(id),
        Ok(_) => bail!("{} contains no node id; remove it to get a new one", path.display()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let id = Uuid::new_v4().to_string();
            let written = || -> io::Result<String> {
                let mut file = NamedTempFile::new_in(data_dir)?;
                writeln!(file, "{id}")?;
                file.as_file().sync_all()?;
                match file.persist_noclobber(&path) {
                    Ok(_) => Ok(id),
                    Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => read(),
                    Err(e) => Err(e.error),
                }
            };
            written().with_context(|| format!("the node id cannot be stored in {}", path.display()))
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let first = node_id(None, dir.path()).unwrap();
        assert_eq!(node_id(None, dir.path()).unwrap(), first);
        assert_eq!(node_id(Some("mine"), dir.path()).unwrap(), "mine");
        fs::write(dir.path().join(FILE), "").unwrap();
        assert!(node_id(None, dir.path()).unwrap_err().to_string().contains("remove it"));
    }
}
