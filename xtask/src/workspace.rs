//! Paths of the workspace, and settings from the environment.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Returns the target directory, which host and guests share.
pub(crate) fn target() -> PathBuf {
    let given = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    root().join(given.unwrap_or_else(|| "target".into()))
}

/// Returns rustup's name of the toolchain that runs this command, or None without rustup.
pub(crate) fn toolchain() -> Option<String> {
    env::var_os("RUSTUP_TOOLCHAIN")?.into_string().ok()
}

/// True if rustup must not download anything.
pub(crate) fn without_rustup_downloads() -> bool {
    env::var_os("GUEST_NO_RUSTUP").is_some_and(|value| !value.is_empty())
}

/// Returns the directory for this user's program data.
pub(crate) fn user_data_dir() -> anyhow::Result<PathBuf> {
    let given = env::var_os("XDG_DATA_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    given
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")))
        .context("neither HOME nor XDG_DATA_HOME is set")
}
