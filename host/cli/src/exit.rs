//! What the program's exit codes mean.

/// All is normal.
pub(crate) const SUCCESS: u8 = 0;
/// Something is not normal.
pub(crate) const ABNORMAL: u8 = 1;
/// Usage or failure.
pub(crate) const FAILED: u8 = 2;
/// Ended by Ctrl-C, as shells count it.
pub(crate) const INTERRUPTED: u8 = 130;
