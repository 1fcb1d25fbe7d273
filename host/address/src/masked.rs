//! Masks secrets in an address, in messages of other programs, and in strings that may contain addresses.

use crate::{
    MASK,
    letters::Letters,
    secrets::{Place, secrets},
    words,
};

/// Masks the secrets of an address: `rtsp://***@camera/stream`. In a string that is not an address, the secrets that
/// can be recognised are masked. The path of a file is not changed.
#[must_use]
pub fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for secret in secrets(text) {
        shown.push_str(text.get(from..secret.at.start).unwrap_or_default());
        shown.push_str(MASK);
        from = secret.at.end;
    }
    shown.push_str(text.get(from..).unwrap_or_default());
    shown
}

/// Masks the secrets of every address in a string.
#[must_use]
pub fn masked_in(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, from) = rest.split_at(at);
        let scheme =
            before.bytes().rev().take_while(|b| b.is_ascii_alphanumeric() || b"+.-".contains(b)).count();
        let (words, scheme) = before.split_at(before.len() - scheme);
        let end =
            from.find(|c: char| c.is_whitespace() || c.is_control() || "\"'<>`，。；）」”’".contains(c));
        let (address, behind) = from.split_at(end.unwrap_or(from.len()));
        let plain = address.trim_end_matches([':', ',', '.', ')', ']', ';']);
        let (plain, stop) = if plain.len() < 3 { (address, "") } else { address.split_at(plain.len()) };
        shown.push_str(words);
        shown.push_str(&masked(&format!("{scheme}{plain}")));
        shown.push_str(stop);
        rest = behind;
    }
    shown.push_str(rest);
    shown
}

/// Masks the secrets in another program's message about an address: the secrets of this address, and the secrets of any
/// other address in the message.
#[must_use]
pub fn scrubbed(line: &str, address: &str) -> String {
    let mut line = line.replace(address, &masked(address));
    let mut values: Vec<(String, bool)> = Vec::new();
    for secret in secrets(address) {
        let value = address.get(secret.at.clone()).unwrap_or_default();
        let letters = Letters::of(value, 0);
        let decoded = letters.text(0..letters.bytes().len());
        for value in [value, &decoded] {
            match (&secret.place, value.split_once(':')) {
                (Place::User, Some((user, password))) => {
                    values.extend([(user.to_owned(), true), (password.to_owned(), false)]);
                    // A program that parses the address differently may quote only a part of the password.
                    let pieces =
                        password.split(['/', '?', '#', '\\', '@', ':']).filter(|piece| piece.len() >= 4);
                    values.extend(pieces.map(|piece| (piece.to_owned(), false)));
                }
                (Place::User, None) => values.push((value.to_owned(), true)),
                _ => values.push((value.to_owned(), words::is_user(value))),
            }
        }
    }
    values.retain(|(value, _)| !value.is_empty() && value != MASK);
    values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    for (value, is_name) in values {
        if !is_name && value.chars().count() >= 4 {
            line = line.replace(&value, MASK);
            continue;
        }
        // A short value or a user name may also be an ordinary word. Such a value is masked only next to the
        // characters that border it in an address, such as `:` and `@`.
        for (before, after) in [("", "@"), ("", ":"), ("=", ""), (":", "@"), ("/", "/")] {
            line = line.replace(&format!("{before}{value}{after}"), &format!("{before}{MASK}{after}"));
        }
    }
    masked_in(&line)
}
