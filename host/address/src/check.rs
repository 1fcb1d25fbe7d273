//! Refuses addresses whose parts cannot be told apart, before a picture is requested from the wrong host.

use crate::{MASK, parts, parts::Parts, secrets::secrets};

/// Why an address is refused. No message quotes the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The address would name a host that is not meant.
    #[error(
        "the user name or password in the address is not encoded, so that it would name another host; encode it: \
         %23 for #, %3F for ?, %2F for /, %5C for \\, %40 for @ (an @ of the path is %40 too)"
    )]
    NotEncoded,
    /// The address has no scheme.
    #[error(
        "the address does not begin with rtsp://, rtsps://, http:// or https://; a file of such a name is named as \
         ./NAME"
    )]
    NoScheme,
    /// A part of the address is masked.
    #[error(
        "{MASK} in the address stands for what is not shown; write what belongs there (%2A%2A%2A where it is {MASK} \
         itself)"
    )]
    Masked,
}

/// Refuses an address whose parts cannot be told apart, or that is masked.
///
/// # Errors
///
/// See [`AddressError`].
pub fn check(text: &str) -> Result<(), AddressError> {
    let text = text.trim();
    let Some(parts) = Parts::of(text) else {
        // A name with a password in it is an address, not a file.
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

/// True if a secret of the address is masked.
pub(crate) fn is_masked(text: &str) -> bool {
    text.contains(MASK)
        && secrets(text).iter().any(|one| text.get(one.at.clone()).is_some_and(|s| s.contains(MASK)))
}
