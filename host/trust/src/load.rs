//! Loads plugins. If trusted keys are given, the signatures of the plugins are checked first.

use std::{fs, io, path::Path, path::PathBuf, sync::Arc};

use easysight_protocol::PluginSignature;
use easysight_sandbox::{Digest, LoadError, Plugin, Sandbox};

use crate::{
    MAX_SIGNATURE_BYTES, TrustedKeys, Untrusted,
    signature::{describes, read_signature},
};

/// Why a plugin is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum RefusedPlugin {
    /// No trusted key signed the plugin.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// The component is not a usable plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Loads a component. If `keys` are given, no part of the component is compiled or run before a signature by one of
/// these keys is verified. The component's descriptor must then equal the signed descriptor. This function blocks while
/// the component is compiled.
///
/// # Errors
///
/// [`RefusedPlugin`].
pub fn load(
    sandbox: &Sandbox,
    component: &[u8],
    keys: Option<&TrustedKeys>,
    signed: Option<&PluginSignature>,
) -> Result<Arc<Plugin>, RefusedPlugin> {
    let vouched = keys.map(|keys| keys.check(Digest::of(component), signed)).transpose()?;
    let plugin = sandbox.load(component)?;
    match vouched {
        Some(one) if !describes(one, &plugin) => Err(Untrusted::OtherDescriptor.into()),
        _ => Ok(plugin),
    }
}

/// Returns the path of a component's signature: `NAME.wasm.sig` beside `NAME.wasm`.
#[must_use]
pub fn signature_path(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

/// Reads the signature file beside a component. Returns `None` if the file does not exist.
///
/// # Errors
///
/// Errors of the disk, and [`io::ErrorKind::InvalidData`] if the file is not a signature.
pub fn signature_beside(component: &Path) -> io::Result<Option<PluginSignature>> {
    let path = signature_path(component);
    let size = match fs::metadata(&path) {
        Ok(facts) => facts.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let invalid =
        |detail: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {detail}", path.display()));
    if size > MAX_SIGNATURE_BYTES as u64 {
        return Err(invalid(format!("it has {size} bytes; the limit is {MAX_SIGNATURE_BYTES}")));
    }
    read_signature(&fs::read(&path)?).map(Some).map_err(|error| invalid(error.to_string()))
}
