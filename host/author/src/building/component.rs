//! Core modules become components here, without a tool: the module carries what its bindings know of the
//! contract.

use std::{fs, path::Path};

use wit_component::ComponentEncoder;

use crate::AuthorError;

/// How a component's bytes begin; a module's differ in the last four.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// The bytes as a component: as they are, or wrapped where they are a core module.
pub(super) fn of_bytes(bytes: &[u8]) -> Result<Vec<u8>, AuthorError> {
    if bytes.starts_with(COMPONENT) {
        return Ok(bytes.to_vec());
    }
    let encode = || ComponentEncoder::default().validate(true).module(bytes)?.encode();
    encode().map_err(|error| AuthorError::Componentize(format!("{error:#}")))
}

/// Puts what a tool made where the component belongs, as a component, in one step: somebody may be reading.
pub(super) fn place(made: &Path, component: &Path) -> Result<(), AuthorError> {
    let bytes = fs::read(made).map_err(AuthorError::io(made))?;
    write(&of_bytes(&bytes)?, component)
}

/// Writes a component in one step.
pub(super) fn write(bytes: &[u8], component: &Path) -> Result<(), AuthorError> {
    let beside = component.with_extension("wasm.tmp");
    fs::write(&beside, bytes).map_err(AuthorError::io(&beside))?;
    fs::rename(&beside, component).map_err(AuthorError::io(component))
}
