//! Parsers for single values. Their errors name the values that are allowed.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr, time::Duration};

/// Parses a number within a range.
///
/// # Errors
///
/// A message that names the range.
pub fn number_in<T>(text: &str, allowed: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    text.parse()
        .ok()
        .filter(|number| allowed.contains(number))
        .ok_or_else(|| format!("expected a number from {} to {}", allowed.start(), allowed.end()))
}

/// Parses seconds within a range. Decimal fractions are allowed.
///
/// # Errors
///
/// A message that names the range.
pub fn seconds_in(text: &str, allowed: RangeInclusive<f64>) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| allowed.contains(seconds))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("expected a number of seconds from {} to {}", allowed.start(), allowed.end()))
}

/// Parses a count. It may contain underscores and end with `k`, `M` or `G` (thousand, million, billion).
///
/// # Errors
///
/// A message that names the range.
pub fn count(text: &str, allowed: RangeInclusive<u64>) -> Result<u64, String> {
    with_suffix(text, &[("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)])
        .filter(|count| allowed.contains(count))
        .ok_or_else(|| {
            let (least, most) = (allowed.start(), allowed.end());
            format!("expected a number from {least} to {most}, optionally followed by k, M or G")
        })
}

/// Parses a number of bytes. It may contain underscores and end with `KiB`, `MiB` or `GiB`.
///
/// # Errors
///
/// A message that names the range.
pub fn bytes(text: &str, allowed: RangeInclusive<u64>) -> Result<u64, String> {
    with_suffix(text, &[("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)])
        .filter(|bytes| allowed.contains(bytes))
        .ok_or_else(|| {
            let (least, most) = (allowed.start(), allowed.end());
            format!(
                "expected a number of bytes from {least} to {most}, optionally followed by KiB, MiB or GiB"
            )
        })
}

fn with_suffix(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (digits, unit) = units
        .iter()
        .find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|digits| (digits, *unit)))
        .unwrap_or((text, 1));
    digits.trim_end().replace('_', "").parse::<u64>().ok()?.checked_mul(unit)
}

/// Parses a string of 1 to `most` characters. Each character must be `allowed`; `which` describes the allowed
/// characters for the message.
///
/// # Errors
///
/// A message that names the allowed length and characters.
pub fn text_of(
    text: &str,
    most: usize,
    allowed: impl Fn(char) -> bool,
    which: &str,
) -> Result<String, String> {
    if (1..=most).contains(&text.chars().count()) && text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(format!("expected 1 to {most} characters ({which})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_bounds() {
        assert_eq!(bytes("64MiB", 1..=1 << 30), Ok(64 << 20));
        assert_eq!(bytes("64 MiB", 1..=1 << 30), Ok(64 << 20));
        assert_eq!(bytes("65_536", 1..=1 << 30), Ok(65_536));
        assert_eq!(count("2G", 1..=u64::MAX), Ok(2_000_000_000));
        for wrong in
            ["", "MiB", "-1", "1.5MiB", "64MB", "99999999999999999999", "18446744073709551615GiB", "2GiB"]
        {
            assert!(bytes(wrong, 1..=1 << 30).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_that_are_none_are_refused_with_the_range() {
        assert_eq!(number_in("3", 1..=256_u32), Ok(3));
        for wrong in ["0", "257", "three", "-1", "3.5", ""] {
            assert_eq!(number_in(wrong, 1..=256_u32), Err("expected a number from 1 to 256".into()));
        }
        assert_eq!(seconds_in("0.5", 0.1..=10.0), Ok(Duration::from_millis(500)));
        for wrong in ["nan", "inf", "-1", "11", "5s"] {
            assert!(seconds_in(wrong, 0.1..=10.0).is_err(), "{wrong}");
        }
    }
}
