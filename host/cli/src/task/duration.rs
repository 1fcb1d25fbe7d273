//! Durations as people write them: `90s`, `5m`, `1h30m`, `7d`.

/// Each unit and its seconds, longest first.
const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
/// The longest interval that a schedule may have: 365 days.
const MAX_S: u64 = 31_536_000;

/// Parses a duration into seconds. Each number must have a unit.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let seconds = sum(text).ok_or("expected numbers with units (s, m, h, d, w), such as 90s, 5m or 1h30m")?;
    if (1..=MAX_S).contains(&seconds) { Ok(seconds) } else { Err("1s to 365d are allowed".to_owned()) }
}

/// Returns the sum of the parts of a duration, in seconds. `None` if the duration cannot be parsed. A sum that is too
/// large becomes `u64::MAX`.
fn sum(text: &str) -> Option<u64> {
    let mut seconds = 0_u64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let mut after = after.chars();
        let unit = after.next()?;
        let (_, unit_s) = UNITS.iter().find(|(name, _)| *name == unit)?;
        if number.is_empty() {
            return None;
        }
        let number = number.parse().unwrap_or(u64::MAX);
        seconds = seconds.saturating_add(unit_s.saturating_mul(number));
        rest = after.as_str();
    }
    Some(seconds)
}

/// Formats a duration as short as possible: 5400 is `1h30m`.
pub(super) fn in_words(seconds: u64) -> String {
    let mut rest = seconds;
    let mut words = String::new();
    for (name, unit_s) in UNITS {
        // People write 14d rather than 2w.
        if name != 'w' && rest >= unit_s {
            words.push_str(&format!("{}{name}", rest / unit_s));
            rest %= unit_s;
        }
    }
    if words.is_empty() { "0s".to_owned() } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_add_up() {
        for (text, seconds) in
            [("90s", 90), ("5m", 300), ("1h30m", 5_400), ("1d", 86_400), ("2w", 1_209_600), ("365d", MAX_S)]
        {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", " ", "5", "m", "5x", "-5m", "5 m", "1.5h", "5mm", "1h30", "五m"] {
            assert!(parse(text).unwrap_err().contains("units"), "{text}");
        }
    }

    #[test]
    fn what_no_schedule_allows_is_refused() {
        for text in ["0s", "366d", "99999999999999999999s", "18446744073709551615w"] {
            assert!(parse(text).unwrap_err().contains("365d"), "{text}");
        }
    }

    #[test]
    fn words_and_seconds_agree() {
        for seconds in [1, 59, 60, 61, 3_600, 5_400, 86_399, 1_209_600, MAX_S] {
            assert_eq!(parse(&in_words(seconds)), Ok(seconds));
        }
        assert_eq!(in_words(1_209_600), "14d");
    }
}
