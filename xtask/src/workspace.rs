//! Where things are, and what the environment says.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// The repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The target directory that host and guests share.
pub(crate) fn target() -> PathBuf {
    let given = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    root().join(given.unwrap_or_else(|| "target".into()))
}

/// The toolchain that runs this command, as rustup calls it; none without rustup.
pub(crate) fn toolchain() -> Option<String> {
    env::var_os("RUSTUP_TOOLCHAIN")?.into_string().ok()
}

/// Whether rustup must not be asked to download anything.
pub(crate) fn without_rustup_downloads() -> bool {
    env::var_os("GUEST_NO_RUSTUP").is_some_and(|value| !value.is_empty())
}

/// Where programs keep data of this user.
pub(crate) fn user_data_dir() -> anyhow::Result<PathBuf> {
    let given = env::var_os("XDG_DATA_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    given
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")))
        .context("neither HOME nor XDG_DATA_HOME is set")
}
