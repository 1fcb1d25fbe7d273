//! Replaces the secrets in addresses of cameras with `***`, rejects ambiguous addresses, and restores the secrets of an
//! address that is sent back masked. Addresses need not follow the standards: people and cameras write them in many
//! forms. This crate reads no file and opens no connection.

mod check;
mod letters;
mod masked;
mod parts;
mod restored;
mod secrets;
mod words;

pub use check::{AddressError, check};
pub use masked::{masked, masked_in, scrubbed};
pub use restored::{RestoreError, restored};

/// The text that replaces a secret.
pub const MASK: &str = "***";

/// Returns true if two addresses name the same camera: they are equal, except for the user and the password before the
/// `@`. The case of letters does not matter in scheme and host.
#[must_use]
pub fn same_place(a: &str, b: &str) -> bool {
    let place = |text| match parts::Parts::of(text) {
        Some(parts) => (parts.scheme.to_ascii_lowercase(), parts.host.to_ascii_lowercase(), parts.tail),
        None => (String::new(), String::new(), text),
    };
    place(a) == place(b)
}

#[cfg(test)]
mod tests;
