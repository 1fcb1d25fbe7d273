//! The look at a component's structure before anything compiles it: is it one, is it of bearable
//! size, does it import only what the contract grants?

use wasmparser::{Parser, Payload};
use wasmtime::Engine;

use crate::LoadError;

/// Bytes of a component. Those of scripting languages carry their interpreter, 12 to 18 MB.
pub const MAX_COMPONENT_BYTES: usize = 64 << 20;
/// Functions of a component, all its modules together.
const MAX_FUNCTIONS: u64 = 200_000;
/// Core modules and components within a component.
const MAX_NESTED: u64 = 200;

/// Interfaces that the contract grants, without their version, and the versions that are linked.
const GRANTED: &[(&str, &str)] = &[
    ("easysight:diagnosis/types", "1."),
    ("easysight:diagnosis/video", "1."),
    ("easysight:diagnosis/baseline", "1."),
    ("easysight:diagnosis/log", "1."),
    ("wasi:cli/", "0.2."),
    ("wasi:clocks/", "0.2."),
    ("wasi:filesystem/", "0.2."),
    ("wasi:io/", "0.2."),
    ("wasi:random/", "0.2."),
    ("wasi:sockets/", "0.2."),
];

/// Checks a component's structure.
///
/// # Errors
///
/// Names the first rule that it breaks: [`LoadError::TooLarge`], [`LoadError::Precompiled`],
/// [`LoadError::CoreModule`], [`LoadError::NotAComponent`] or [`LoadError::ForeignImport`].
pub fn vet(bytes: &[u8]) -> Result<(), LoadError> {
    match imports(bytes)?.into_iter().find(|import| !is_granted(import)) {
        Some(foreign) => Err(LoadError::ForeignImport(foreign.chars().take(200).collect())),
        None => Ok(()),
    }
}

/// What a component imports, in its own order; the names of types alone are left out, since they grant
/// nothing.
///
/// # Errors
///
/// Those of [`vet`] but for [`LoadError::ForeignImport`].
pub fn imports(bytes: &[u8]) -> Result<Vec<String>, LoadError> {
    bounded("bytes of the component", bytes.len() as u64, MAX_COMPONENT_BYTES as u64)?;
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(LoadError::Precompiled);
    }
    if Parser::is_core_wasm(bytes) {
        return Err(LoadError::CoreModule);
    }
    if !Parser::is_component(bytes) {
        return Err(LoadError::NotAComponent("it does not begin as one".into()));
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

fn is_granted(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else { return false };
    GRANTED.iter().any(|(granted, versions)| {
        let fits =
            if granted.ends_with('/') { interface.starts_with(granted) } else { interface == *granted };
        fits && version.starts_with(versions)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_the_contract_and_nothing_beside_it() {
        assert!(is_granted("easysight:diagnosis/video@1.0.0"));
        assert!(is_granted("wasi:io/poll@0.2.6"));
        for foreign in [
            "wasi:http/types@0.2.0",
            "wasi:io/poll@0.3.0",
            "wasi:io/poll",
            "easysight:diagnosis/video@2.0.0",
            "easysight:diagnosis/videos@1.0.0",
            "secrets",
        ] {
            assert!(!is_granted(foreign), "{foreign}");
        }
    }

    #[test]
    fn tells_apart_what_is_no_component() {
        assert!(matches!(vet(b""), Err(LoadError::NotAComponent(_))));
        assert!(matches!(vet(b"\0asm\x01\0\0\0"), Err(LoadError::CoreModule)));
        assert!(matches!(vet(b"\0asm\x0d\0\x01\0\xff\xff"), Err(LoadError::NotAComponent(_))));
        assert!(matches!(vet(&vec![0; MAX_COMPONENT_BYTES + 1]), Err(LoadError::TooLarge { .. })));
        assert!(vet(b"\0asm\x0d\0\x01\0").is_ok());
    }
}
