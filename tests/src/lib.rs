//! Support for the end-to-end tests in `tests/` of this crate. They start the real programs, which `cargo xtask
//! test` builds first.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// Returns the directory in which tests share compiled plugins. Most workers of the tests run the same plugins, and
/// compiling all of them takes a worker many seconds. `target_tmp` is cargo's directory for files of tests,
/// `env!("CARGO_TARGET_TMPDIR")`.
///
/// # Errors
///
/// Returns an error if the directory cannot be made.
pub fn compiled_code(target_tmp: &str) -> io::Result<PathBuf> {
    let dir = Path::new(target_tmp).join("compiled");
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// Lets a worker with this data directory share compiled plugins with other tests.
///
/// # Errors
///
/// Returns an error if the link cannot be made.
pub fn share_compiled_code(data: &Path, target_tmp: &str) -> io::Result<()> {
    fs::create_dir_all(data)?;
    match symlink(compiled_code(target_tmp)?, data.join("compiled")) {
        // The worker is started again, and the link exists.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}
