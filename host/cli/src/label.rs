//! `k=v` on the command line: labels of cameras, and labels that a task requires.

use easysight_protocol::Labels;

/// Parses `key=value`. The value may contain further `=`.
pub(crate) fn parse(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("expected key=value, such as site=north".to_owned()),
    }
}

/// Collects labels. Returns an error if a key has two different values.
pub(crate) fn collect(pairs: &[(String, String)]) -> anyhow::Result<Labels> {
    let mut labels = Labels::new();
    for (key, value) in pairs {
        if let Some(before) = labels.insert(key.clone(), value.clone()).filter(|before| before != value) {
            anyhow::bail!("the label {key} is given twice: as {before} and as {value}");
        }
    }
    Ok(labels)
}

/// Formats labels for people: `a=1 b=2`.
pub(crate) fn in_words(labels: &Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_an_equals_sign() {
        assert_eq!(parse("site=north"), Ok(("site".into(), "north".into())));
        assert_eq!(parse("note=a=b"), Ok(("note".into(), "a=b".into())));
        assert_eq!(parse("empty="), Ok(("empty".into(), String::new())));
    }

    #[test]
    fn what_is_no_label_is_refused() {
        for text in ["", "site", "=north", "  =north"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_key_has_one_value() {
        let north = ("site".to_owned(), "north".to_owned());
        let south = ("site".to_owned(), "south".to_owned());
        assert_eq!(in_words(&collect(&[north.clone(), north.clone()]).unwrap()), "site=north");
        assert!(collect(&[north, south]).unwrap_err().to_string().contains("given twice"));
    }
}
