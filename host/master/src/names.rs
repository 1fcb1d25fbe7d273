//! The rules for names that people give, in the API and on the command line.

/// The largest number of characters in a name for people.
pub(crate) const MAX_NAME: usize = 200;
/// The largest number of groups in an area.
pub(crate) const MAX_GROUPS: usize = 64;

/// Checks a name for people.
///
/// # Errors
///
/// Returns the reason why the name is refused.
pub(crate) fn check(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    if (1..=MAX_NAME).contains(&length) && !name.contains(char::is_control) && !name.trim().is_empty() {
        return Ok(());
    }
    Err(format!("expected 1 to {MAX_NAME} characters, no control characters"))
}
