//! End-to-end tests live in `tests/` of this crate. They start the real programs, which
//! `cargo xtask test` builds first.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// Where tests keep compiled plugins: most workers of the tests run the same ones, and compiling all of them
/// takes a worker many seconds. `target_tmp` is cargo's directory for what tests leave,
/// `env!("CARGO_TARGET_TMPDIR")`.
///
/// # Errors
///
/// Where it cannot be made.
pub fn compiled_code(target_tmp: &str) -> io::Result<PathBuf> {
    let dir = Path::new(target_tmp).join("compiled");
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// Lets a worker with this data directory take compiled plugins that other tests left, and leave its own.
///
/// # Errors
///
/// Where the link cannot be made.
pub fn share_compiled_code(data: &Path, target_tmp: &str) -> io::Result<()> {
    fs::create_dir_all(data)?;
    match symlink(compiled_code(target_tmp)?, data.join("compiled")) {
        // The worker is started again.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}
