//! Rejects ambiguous addresses before a picture is requested from the wrong host.

use crate::{MASK, parts, parts::Parts, secrets::secrets};

/// Why an address is rejected. No message quotes the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The user name or the password is not percent-encoded, so the address would name another host.
    #[error(
        "the user name or password in the address is not encoded, so the address would name another host; write \
         %23 for #, %3F for ?, %2F for /, %5C for \\, %40 for @ (also for an @ in the path)"
    )]
    NotEncoded,
    /// The address has no scheme.
    #[error(
        "the address does not begin with rtsp://, rtsps://, http:// or https://; for a file with this name, write \
         ./NAME"
    )]
    NoScheme,
    /// A part of the address is masked.
    #[error(
        "{MASK} in the address stands for a secret that is not shown; write the secret itself (%2A%2A%2A if the secret \
         is {MASK})"
    )]
    Masked,
}

/// Rejects an address that is ambiguous, has no scheme, or is masked. The path of a file is accepted.
///
/// # Errors
///
/// See [`AddressError`].
pub fn check(text: &str) -> Result<(), AddressError> {
    let text = text.trim();
    let Some(parts) = Parts::of(text) else {
        // A string that contains a password is an address, not the name of a file.
        let is_address = parts::lacks_scheme(text) || !secrets(text).is_empty();
        return if is_address { Err(AddressError::NoScheme) } else { Ok(()) };
    };
    if parts.is_ambiguous {
        return Err(AddressError::NotEncoded);
    }
    if !parts.scheme.eq_ignore_ascii_case("file") && is_masked(text) {
        return Err(AddressError::Masked);
    }
    Ok(())
}

/// Returns true if a secret of the address is masked.
pub(crate) fn is_masked(text: &str) -> bool {
    text.contains(MASK)
        && secrets(text).iter().any(|one| text.get(one.at.clone()).is_some_and(|s| s.contains(MASK)))
}
