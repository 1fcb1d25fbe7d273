//! Checks a component before it is compiled: its format, its size, and whether it imports only what the contract
//! grants.

use wasmparser::{Parser, Payload};
use wasmtime::Engine;

use crate::{LoadError, contract::Contract};

/// The maximum number of bytes of a component. Components of scripting languages contain their interpreter, 12 to
/// 18 MB.
pub const MAX_COMPONENT_BYTES: usize = 64 << 20;
/// The maximum number of functions of a component, the sum of all its modules.
pub(crate) const MAX_FUNCTIONS: u64 = 200_000;
/// The maximum number of core modules and components within a component.
pub(crate) const MAX_NESTED: u64 = 200;

/// Checks a component's structure, and its imports against the contract of this host.
///
/// # Errors
///
/// An error for the first rule that the component breaks: [`LoadError::TooLarge`], [`LoadError::Precompiled`],
/// [`LoadError::CoreModule`], [`LoadError::NotAComponent`], [`LoadError::OtherContract`] or
/// [`LoadError::ForeignImport`].
pub fn vet(bytes: &[u8]) -> Result<(), LoadError> {
    vet_for(&Contract::CURRENT, bytes)
}

/// Does the same as [`vet`] for a given version of the contract.
pub(crate) fn vet_for(contract: &Contract, bytes: &[u8]) -> Result<(), LoadError> {
    imports(bytes)?.iter().try_for_each(|import| contract.check(import))
}

/// Returns the imports of a component, in the component's order. Imports that are only types are left out, because
/// they grant nothing.
///
/// # Errors
///
/// The errors of [`vet`], except [`LoadError::OtherContract`] and [`LoadError::ForeignImport`].
pub fn imports(bytes: &[u8]) -> Result<Vec<String>, LoadError> {
    bounded("bytes of the component", bytes.len() as u64, MAX_COMPONENT_BYTES as u64)?;
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(LoadError::Precompiled);
    }
    if Parser::is_core_wasm(bytes) {
        return Err(LoadError::CoreModule);
    }
    if !Parser::is_component(bytes) {
        return Err(LoadError::NotAComponent("its header is not that of a component".into()));
    }
    let (mut depth, mut nested, mut functions) = (0_u32, 0_u64, 0_u64);
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|e| damaged(&e))? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                depth += 1;
                nested += 1;
                bounded("modules within the component", nested, MAX_NESTED)?;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CodeSectionStart { count, .. } => {
                functions += u64::from(count);
                bounded("functions of the component", functions, MAX_FUNCTIONS)?;
            }
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    let import = import.map_err(|e| damaged(&e))?;
                    if !matches!(import.ty, wasmparser::ComponentTypeRef::Type(_)) {
                        names.push(import.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

fn damaged(error: &wasmparser::BinaryReaderError) -> LoadError {
    LoadError::NotAComponent(format!("{} at byte {}", error.message(), error.offset()))
}

fn bounded(what: &'static str, found: u64, granted: u64) -> Result<(), LoadError> {
    if found > granted { Err(LoadError::TooLarge { what, found, granted }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_apart_what_is_no_component() {
        assert!(matches!(vet(b""), Err(LoadError::NotAComponent(_))));
        assert!(matches!(vet(b"\0asm\x01\0\0\0"), Err(LoadError::CoreModule)));
        assert!(matches!(vet(b"\0asm\x0d\0\x01\0\xff\xff"), Err(LoadError::NotAComponent(_))));
        assert!(matches!(vet(&vec![0; MAX_COMPONENT_BYTES + 1]), Err(LoadError::TooLarge { .. })));
        assert!(vet(b"\0asm\x0d\0\x01\0").is_ok());
    }
}
