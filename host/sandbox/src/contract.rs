//! The version of the contract that this host serves, and the imports that it grants.
//!
//! Every import of a component names the contract version that the component was built for:
//! `easysight:diagnosis/video@1.0.0`. Within a major version functions and interfaces are only added. So a host
//! serves its own minor version and all earlier ones: the linker satisfies the imports of a component of 1.0 with
//! interfaces of 1.1. The linker would also accept a component of 1.1 on a host of 1.0 if every function that the
//! component uses happens to exist. So this module compares the versions themselves, and refuses a component whose
//! version is later than the host's.

use semver::Version;

use crate::LoadError;

const PACKAGE: &str = "easysight:diagnosis/";
/// The parts of WASI that are linked.
const WASI: &[&str] =
    &["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];
/// The start of every version of WASI that is linked.
const WASI_VERSIONS: &str = "0.2.";

/// A version of the contract that a host serves.
#[derive(Debug)]
pub(crate) struct Contract {
    pub(crate) version: Version,
    /// The interfaces that a plugin may import.
    pub(crate) interfaces: &'static [&'static str],
}

impl Contract {
    /// The contract in `wit/`.
    pub(crate) const CURRENT: Self =
        Self { version: Version::new(1, 2, 0), interfaces: &["types", "video", "baseline", "log"] };

    /// Returns the name under which an interface is linked.
    pub(crate) fn interface(&self, name: &str) -> String {
        format!("{PACKAGE}{name}@{}", self.version)
    }

    /// Checks one import of a component.
    ///
    /// # Errors
    ///
    /// [`LoadError::OtherContract`] or [`LoadError::ForeignImport`].
    pub(crate) fn check(&self, import: &str) -> Result<(), LoadError> {
        let foreign = || LoadError::ForeignImport(import.chars().take(200).collect());
        let (interface, version) = import.split_once('@').ok_or_else(foreign)?;
        let Some(own) = interface.strip_prefix(PACKAGE) else {
            let is_wasi = WASI.iter().any(|package| interface.starts_with(package));
            return if is_wasi && version.starts_with(WASI_VERSIONS) { Ok(()) } else { Err(foreign()) };
        };
        // The version is checked first, because an interface that is unknown here may exist in the version that
        // the plugin needs.
        self.serve(version.parse().map_err(|_| foreign())?)?;
        if self.interfaces.contains(&own) { Ok(()) } else { Err(foreign()) }
    }

    /// Returns true if the name of an export is this interface of the contract, in any version.
    pub(crate) fn is_interface(&self, export: &str, interface: &str) -> bool {
        let own = export.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix(interface));
        own.is_some_and(|rest| rest.starts_with('@'))
    }

    /// Checks the version of an export of the contract.
    ///
    /// # Errors
    ///
    /// [`LoadError::OtherContract`], or [`LoadError::WrongWorld`] if the export names no version.
    pub(crate) fn check_version(&self, export: &str) -> Result<(), LoadError> {
        let version = export.split_once('@').and_then(|(_, version)| version.parse().ok());
        self.serve(version.ok_or_else(|| LoadError::WrongWorld(export.chars().take(200).collect()))?)
    }

    fn serve(&self, needed: Version) -> Result<(), LoadError> {
        if self.serves(&needed) {
            return Ok(());
        }
        Err(LoadError::OtherContract { needed, known: self.version.clone() })
    }

    fn serves(&self, needed: &Version) -> bool {
        // A pre-release version is not compatible with any other version.
        needed.pre.is_empty() && needed.major == self.version.major && needed.minor <= self.version.minor
    }
}

#[cfg(test)]
mod tests;
