//! Conditional requests (RFC 9110): answers about one camera or one task have an entity tag (`ETag`) of the version of its
//! definition, and requests that change it may name the versions that they expect (`If-Match`). The store compares them.

use axum::{
    Json,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use easysight_daemon::problem::Error;
use easysight_protocol::{Camera, ChangedCamera, Task};
use easysight_store::{Precondition, Version, Versions};
use serde::Serialize;
use utoipa::{
    IntoParams,
    openapi::{Object, ObjectBuilder, Type},
};

use crate::problems::tag_of;

/// Something with a version.
pub(super) trait Versioned {
    fn version(&self) -> Version;
}

impl Versioned for Task {
    fn version(&self) -> Version {
        Version::of(self.created_at, self.updated_at)
    }
}

impl Versioned for Camera {
    fn version(&self) -> Version {
        Version::of(self.created_at, self.updated_at)
    }
}

impl Versioned for ChangedCamera {
    fn version(&self) -> Version {
        self.camera.version()
    }
}

/// An answer in JSON, with the entity tag of its version.
pub(super) struct Tagged<T>(pub(super) T);

impl<T: Versioned + Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let tag = tag_of(self.0.version());
        ([(header::ETAG, tag)], Json(self.0)).into_response()
    }
}

/// The condition of a request.
pub(super) struct OnlyIf(pub(super) Precondition);

impl<S: Send + Sync> FromRequestParts<S> for OnlyIf {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Ok(Self(Precondition {
            is_among: versions(&parts.headers, &header::IF_MATCH, |tag| tag.is_strong)?,
            is_not_among: versions(&parts.headers, &header::IF_NONE_MATCH, |_| true)?,
        }))
    }
}

/// The headers of a condition, for the document of the API.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "`OnlyIf` reads the headers; this describes them")]
pub(super) struct Conditions {
    /// The change is made only if the stored version has one of these entity tags, which `ETag` of an answer contained.
    /// `*` stands for every version. Otherwise nothing is changed, the status is 412, and `ETag` has the tag of the
    /// stored version. Without this header, the change is made whatever has happened since the object was read.
    #[param(rename = "If-Match", required = false, schema_with = entity_tags)]
    if_match: Option<String>,
    /// The change is made only if the stored version has none of these entity tags. With `*`, nothing that exists is
    /// changed.
    #[param(rename = "If-None-Match", required = false, schema_with = entity_tags)]
    if_none_match: Option<String>,
}

/// The schema of both headers.
fn entity_tags() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(r#"^(\*|(W/)?"[!#-~]*"(, *(W/)?"[!#-~]*")*)$"#))
        .examples(["*", "\"19b0a4c1d2e-19b0a4c9f00\"", "\"0-0\", \"0-1\""])
        .build()
}

/// An entity tag of a request.
#[derive(Debug, PartialEq, Eq)]
struct Tag<'t> {
    /// What is between the quotation marks.
    text: &'t str,
    is_strong: bool,
}

/// Reads a header with entity tags. Tags that `counts` refuses name no version.
fn versions(
    headers: &HeaderMap,
    name: &HeaderName,
    counts: impl Fn(&Tag<'_>) -> bool,
) -> Result<Option<Versions>, Error> {
    let mut lines = headers.get_all(name).iter().peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    // Several lines of a header are one list. A tag may have bytes that are not ASCII; no version has such a tag.
    let lines: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    let list = lines.join(",");
    let parsed = match list.trim() {
        "*" => Some(Versions::Any),
        list => tags(list).map(|tags| {
            let tags = tags.into_iter().filter(|tag| counts(tag));
            Versions::These(tags.map(|tag| tag.text.to_owned()).collect())
        }),
    };
    parsed.map(Some).ok_or_else(|| {
        let detail = format!(
            "{}: expected `*`, or entity tags in quotation marks, as the header ETag of an answer has them",
            if name == header::IF_MATCH { "If-Match" } else { "If-None-Match" }
        );
        Error::new(StatusCode::BAD_REQUEST, "invalid-header", detail)
    })
}

/// Parses a list of entity tags (RFC 9110, section 8.8.3). A list may have empty elements. Returns None if something else
/// is in the list, or if there is no tag.
fn tags(list: &str) -> Option<Vec<Tag<'_>>> {
    let mut tags = Vec::new();
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if rest.is_empty() {
            return Some(tags).filter(|tags| !tags.is_empty());
        }
        let opaque = rest.strip_prefix("W/");
        let (text, after) = opaque.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        if text.contains([' ', '\t']) {
            return None;
        }
        tags.push(Tag { text, is_strong: opaque.is_none() });
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(lines: &[&str]) -> Result<Option<Versions>, Error> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::IF_MATCH, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        versions(&headers, &header::IF_MATCH, |tag| tag.is_strong)
    }

    #[test]
    fn conditions_are_read_as_the_standard_says() {
        let these = |texts: &[&str]| Versions::These(texts.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(read(&[]).unwrap(), None);
        for (lines, wanted) in [
            (&["*"][..], Versions::Any),
            (&[" * "], Versions::Any),
            (&["\"1-2\""], these(&["1-2"])),
            (&["\"1-2\" ,\t\"a,b\""], these(&["1-2", "a,b"])),
            (&[", \"1\",,\"\","], these(&["1", ""])),
            (&["\"1\"", "\"2\""], these(&["1", "2"])),
            (&["\"é\""], these(&["é"])),
            // A weak tag matches no version of `If-Match`, but is no mistake.
            (&["W/\"1\", \"2\""], these(&["2"])),
            (&["W/\"1\""], these(&[])),
        ] {
            assert_eq!(read(lines).unwrap(), Some(wanted), "{lines:?}");
        }
    }

    #[test]
    fn a_malformed_condition_is_refused() {
        for line in [
            "",
            " ",
            ",",
            "1-2",
            "\"1",
            "1\"",
            "\"1\" \"2\"",
            "*, \"1\"",
            "\"1\", *",
            "w/\"1\"",
            "\"a b\"",
            "é",
        ] {
            let detail = read(&[line]).unwrap_err().detail().to_owned();
            assert!(detail.starts_with("If-Match: expected"), "{line}: {detail}");
        }
    }
}
