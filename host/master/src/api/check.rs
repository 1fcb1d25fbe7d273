//! Checks of names, labels and other strings in requests.

use easysight_address::AddressError;
use easysight_daemon::problem::Error;
use easysight_protocol::{Labels, Password, uploaded_name};

use crate::{
    names::{self, MAX_GROUPS, MAX_NAME},
    passwords,
    problems::invalid,
};

/// The largest number of labels of one item.
const MAX_LABELS: usize = 64;
/// The largest number of characters in a source.
const MAX_SOURCE: usize = 4_096;

/// Checks the given id, or makes a new one.
pub(super) fn id_or_new(given: Option<String>) -> Result<String, Error> {
    match given {
        Some(id) => {
            id_text("/id", &id)?;
            Ok(id)
        }
        None => Ok(easysight_protocol::fresh_id().to_string()),
    }
}

pub(super) fn id_text(field: &str, id: &str) -> Result<(), Error> {
    let plain = id.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if plain && (1..=128).contains(&id.len()) && !id.starts_with('.') {
        return Ok(());
    }
    Err(invalid(field, "expected 1 to 128 letters, digits, `.`, `_` or `-`, not beginning with `.`"))
}

pub(super) fn name(field: &str, name: &str) -> Result<(), Error> {
    names::check(name).map_err(|reason| invalid(field, reason))
}

/// Checks a new password.
pub(super) fn new_password(field: &str, password: &Password) -> Result<(), Error> {
    passwords::check(password).map_err(|reason| invalid(field, reason))
}

/// Checks the secret of a link.
pub(super) fn link_secret(field: &str, secret: &Password) -> Result<(), Error> {
    let secret = secret.reveal();
    if (1..=MAX_NAME).contains(&secret.chars().count()) && !secret.contains(char::is_control) {
        return Ok(());
    }
    Err(invalid(field, format!("expected 1 to {MAX_NAME} characters, no control characters")))
}

pub(super) fn names(field: &str, names: &[String], most: usize) -> Result<(), Error> {
    if names.len() > most {
        return Err(invalid(field, format!("at most {most} are allowed")));
    }
    names.iter().enumerate().try_for_each(|(at, one)| name(&format!("{field}/{at}"), one))
}

/// Checks the groups of an area.
pub(super) fn area(field: &str, groups: &[String]) -> Result<(), Error> {
    if groups.is_empty() {
        return Err(invalid(field, "name at least one group, or leave the field out for all cameras"));
    }
    names(field, groups, MAX_GROUPS)
}

pub(super) fn labels(field: &str, labels: &Labels) -> Result<(), Error> {
    if labels.len() > MAX_LABELS {
        let error = invalid(field, format!("at most {MAX_LABELS} labels are allowed"));
        return Err(error.because("labels-too-many", [("most", MAX_LABELS.into())]));
    }
    for (key, value) in labels {
        let key_is_plain = key.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c));
        if !key_is_plain || !(1..=64).contains(&key.len()) {
            let detail = "a label's key has 1 to 64 letters, digits, `.`, `_`, `/` and `-`";
            return Err(invalid(field, detail).because("label-key", [("most", 64.into())]));
        }
        if value.contains(char::is_control) || !(1..=128).contains(&value.chars().count()) {
            let detail = "a label's value has 1 to 128 characters, no control characters";
            let error = invalid(format!("{field}/{}", key.replace('/', "~1")), detail);
            let values = [("key", key.as_str().into()), ("most", 128.into())];
            return Err(error.because("label-value", values));
        }
    }
    Ok(())
}

/// Checks a source that workers will capture.
pub(super) fn source(field: &str, source: &str) -> Result<(), Error> {
    let wrong = |code: &'static str, detail: String| Err(invalid(field, detail).because(code, []));
    if let Some(code) =
        text_fault(source, MAX_SOURCE, ["source-missing", "source-too-long", "source-invalid"])
    {
        let detail = format!("expected 1 to {MAX_SOURCE} characters, no control characters");
        return Err(invalid(field, detail).because(code, [("most", MAX_SOURCE.into())]));
    }
    if uploaded_name(source).is_some() {
        let detail = "`upload:` is reserved for clips that are uploaded with a submission";
        return wrong("source-reserved", detail.to_owned());
    }
    if let Err(error) = easysight_address::check(source) {
        let code = match error {
            AddressError::NotEncoded => "source-not-encoded",
            AddressError::NoScheme => "source-scheme",
            AddressError::Masked => "source-masked",
        };
        return wrong(code, error.to_string());
    }
    let known = ["rtsp", "rtsps", "http", "https", "file"];
    match source.split_once("://") {
        Some((scheme, rest)) if known.contains(&scheme) => {
            let taken_apart = url::Url::parse(source).is_ok_and(|url| scheme == "file" || url.has_host());
            if rest.is_empty() || !taken_apart {
                return wrong("source-invalid", "the address cannot be parsed".to_owned());
            }
            Ok(())
        }
        Some(_) => {
            let detail = "expected an rtsp://, http:// or https:// address, or the path of a file";
            wrong("source-scheme", detail.to_owned())
        }
        None => Ok(()),
    }
}

/// Returns the code of what is wrong with a text: the first one if it is empty, the second one if it has more than `most`
/// characters, the third one if it has control characters.
pub(super) fn text_fault(
    text: &str,
    most: usize,
    [empty, long, odd]: [&'static str; 3],
) -> Option<&'static str> {
    if text.is_empty() {
        return Some(empty);
    }
    if text.chars().count() > most {
        return Some(long);
    }
    text.contains(char::is_control).then_some(odd)
}

/// Checks the ids of cameras in a task. An address is refused, because it may contain a password.
pub(super) fn camera_ids(field: &str, ids: &[String]) -> Result<(), Error> {
    match ids.iter().position(|id| id.contains("://")) {
        Some(at) => Err(invalid(format!("{field}/{at}"), "expected the id of a camera, not its address")),
        None => Ok(()),
    }
}
