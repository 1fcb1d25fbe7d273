//! Restores the secrets of a masked address that is sent back, changed or unchanged.

use std::ops::Range;

use crate::{
    MASK,
    check::is_masked,
    parts::Parts,
    secrets::{Place, Secret, secrets},
};

/// Why the secrets of a masked address cannot be restored. No message quotes the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The password would be sent to another host.
    #[error("{MASK} stands for the password of another host: write the user and password for this host")]
    OtherHost,
    /// The masked password belongs to another user.
    #[error("{MASK} stands for the password of another user: write the password of this user")]
    OtherUser,
    /// The stored address does not have this secret, or has several of this kind.
    #[error(
        "it is unclear which secret {MASK} stands for here: write the secrets themselves, or send the address unchanged"
    )]
    Unknown,
}

/// Returns the offered address with its secrets. `known` is the stored address: its secrets replace the masked
/// ones if host and user are the same.
///
/// # Errors
///
/// [`RestoreError`], if the secrets cannot be restored.
pub fn restored(offered: &str, known: &str) -> Result<String, RestoreError> {
    let offered = offered.trim();
    if !is_masked(offered) {
        return Ok(offered.to_owned());
    }
    if offered == crate::masked(known) {
        return Ok(known.to_owned());
    }
    let (Some(new), Some(old)) = (Parts::of(offered), Parts::of(known)) else {
        return Err(RestoreError::Unknown);
    };
    if !new.host_name().eq_ignore_ascii_case(old.host_name()) {
        return Err(RestoreError::OtherHost);
    }
    let (wanted, there) = (secrets(offered), secrets(known));
    let mut meant = String::with_capacity(known.len());
    let mut from = 0;
    for secret in &wanted {
        let Some(text) = offered.get(secret.at.clone()).filter(|text| text.contains(MASK)) else { continue };
        let value = if secret.place == Place::User {
            user(text, old.user.clone().and_then(|at| known.get(at)))?
        } else {
            value(text, secret, &wanted, &there, (offered, known))?
        };
        meant.push_str(offered.get(from..secret.at.start).unwrap_or_default());
        meant.push_str(value);
        from = secret.at.end;
    }
    meant.push_str(offered.get(from..).unwrap_or_default());
    Ok(meant)
}

/// Returns the user and the password before the `@` of the stored address, `known`. They replace the masked ones of the
/// offered address, `offered`, if these do not name another user.
fn user<'a>(offered: &str, known: Option<&'a str>) -> Result<&'a str, RestoreError> {
    let known = known.ok_or(RestoreError::Unknown)?;
    if offered == MASK {
        return Ok(known);
    }
    match (offered.split_once(':'), known.split_once(':')) {
        (Some((user, MASK)), Some((same, _))) if user == same || user == MASK => Ok(known),
        (Some((user, MASK)), _) if user != MASK => Err(RestoreError::OtherUser),
        _ => Err(RestoreError::Unknown),
    }
}

/// Returns the stored value of a masked parameter, or of a masked piece of the path. The offered address and the stored
/// address must each contain this parameter or piece exactly once. The text before a piece of the path must be the same
/// in both addresses.
fn value<'a>(
    text: &str,
    secret: &Secret,
    wanted: &[Secret],
    there: &[Secret],
    (offered, known): (&str, &'a str),
) -> Result<&'a str, RestoreError> {
    if text != MASK {
        return Err(RestoreError::Unknown);
    }
    let same = |all: &[Secret]| -> Vec<Range<usize>> {
        all.iter().filter(|one| one.place == secret.place).map(|one| one.at.clone()).collect()
    };
    let (new, old) = (same(wanted), same(there));
    let ([_], [old]) = (new.as_slice(), old.as_slice()) else { return Err(RestoreError::Unknown) };
    if matches!(secret.place, Place::Piece(_)) {
        // A piece of the path has no name. Only the text before the piece identifies it.
        let before = |text: &str, at: usize| {
            Parts::of(text).and_then(|parts| text.get(parts.tail_at()..at).map(str::to_owned))
        };
        let masked_before = before(&crate::masked(known), masked_at(there, old));
        if before(offered, secret.at.start) != masked_before {
            return Err(RestoreError::Unknown);
        }
    }
    known.get(old.clone()).ok_or(RestoreError::Unknown)
}

/// Returns the position of a secret in the masked address.
fn masked_at(secrets: &[Secret], at: &Range<usize>) -> usize {
    let earlier = secrets.iter().filter(|one| one.at.start < at.start);
    earlier.fold(at.start, |at, one| at + MASK.len() - one.at.len().min(at))
}
