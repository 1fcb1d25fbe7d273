//! Addresses of cameras as people and cameras write them: what of one is secret and is shown as `***`,
//! whether it can be told apart at all, and what `***` stands for where it comes back. Reads nothing and
//! opens nothing.

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

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// True where two addresses name the same place, whoever is let in there: a new password before the `@` is
/// no other camera.
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
