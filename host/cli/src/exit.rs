//! The program's exit codes.

/// Everything is normal.
pub(crate) const SUCCESS: u8 = 0;
/// Something is not normal.
pub(crate) const ABNORMAL: u8 = 1;
/// The arguments are wrong, or something failed.
pub(crate) const FAILED: u8 = 2;
/// The program was ended by Ctrl-C. Shells return the same code in this case.
pub(crate) const INTERRUPTED: u8 = 130;
