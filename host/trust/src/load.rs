//! A plugin is made ready only where it may run.

use std::{fs, io, path::Path, path::PathBuf, sync::Arc};

use easysight_protocol::PluginSignature;
use easysight_sandbox::{Digest, LoadError, Plugin, Sandbox};

use crate::{
    MAX_SIGNATURE_BYTES, TrustedKeys, Untrusted,
    signature::{describes, read_signature},
};

/// Why a plugin is not made ready.
#[derive(Debug, thiserror::Error)]
pub enum RefusedPlugin {
    /// Nobody whom we trust vouches for it.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// It is no usable plugin.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Loads a component. Where keys are demanded, nothing of it is compiled or run before one of them
/// vouches for it, and what it says of itself must be what was signed. Blocks while it is compiled.
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

/// Where a component's signature is: `NAME.wasm.sig` beside `NAME.wasm`.
#[must_use]
pub fn signature_path(component: &Path) -> PathBuf {
    let mut name = component.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

/// The signature beside a component; none where there is no such file.
///
/// # Errors
///
/// Those of the disk, and [`io::ErrorKind::InvalidData`] where the file is no signature.
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
        return Err(invalid(format!("it has {size} bytes, and at most {MAX_SIGNATURE_BYTES} are taken")));
    }
    read_signature(&fs::read(&path)?).map(Some).map_err(|error| invalid(error.to_string()))
}
