//! Turns core modules into components without an external tool. The bindings have embedded the description of the
//! contract in the core module.

use std::{fs, path::Path};

use wit_component::ComponentEncoder;

use crate::AuthorError;

/// The first bytes of a component. A core module differs in the last four of these bytes.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Returns the bytes as a component: unchanged if they are a component, wrapped if they are a core module.
pub(super) fn of_bytes(bytes: &[u8]) -> Result<Vec<u8>, AuthorError> {
    if bytes.starts_with(COMPONENT) {
        return Ok(bytes.to_vec());
    }
    let encode = || ComponentEncoder::default().validate(true).module(bytes)?.encode();
    encode().map_err(|error| AuthorError::Componentize(format!("{error:#}")))
}

/// Reads the output of a tool and writes it as a component to the path `component`. The write is atomic, because
/// another process may be reading the component.
pub(super) fn place(made: &Path, component: &Path) -> Result<(), AuthorError> {
    let bytes = fs::read(made).map_err(AuthorError::io(made))?;
    write(&of_bytes(&bytes)?, component)
}

/// Writes a component atomically.
pub(super) fn write(bytes: &[u8], component: &Path) -> Result<(), AuthorError> {
    let beside = component.with_extension("wasm.tmp");
    fs::write(&beside, bytes).map_err(AuthorError::io(&beside))?;
    fs::rename(&beside, component).map_err(AuthorError::io(component))
}
